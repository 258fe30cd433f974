"""Counters of two ticks become rates and ratios. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from scms.collect.message import Tick

#: Kernels count I/O wait by a rule of thumb, so that it can run backwards by a little.
_BACKWARDS_SECONDS: Final = 2.0


def kernel_columns(
    previous: Tick | None, tick: Tick, elapsed: float | None
) -> dict[str, float | None]:
    """Columns of ``server_sample`` that every tick has of the kernel."""
    kernel, before = tick.kernel, None if previous is None else previous.kernel
    swap = (None, None) if before is None else before.swap
    operations = (None, None) if before is None else before.disk_operations
    errors = None if before is None else before.network_errors
    cores, pressure = kernel.core_utilization_ratios, kernel.pressure
    return {
        "cpu_core_utilization_ratio_max": max(cores) if cores else None,
        "cpu_pressure_ratio": pressure.cpu_ratio,
        "memory_pressure_ratio": pressure.memory_ratio,
        "memory_pressure_full_ratio": pressure.memory_full_ratio,
        "io_pressure_ratio": pressure.io_ratio,
        "io_pressure_full_ratio": pressure.io_full_ratio,
        "memory_cached_bytes": kernel.memory_cached_bytes,
        "swap_in_bytes_per_second": rate(swap[0], kernel.swap[0], elapsed),
        "swap_out_bytes_per_second": rate(swap[1], kernel.swap[1], elapsed),
        "disk_reads_per_second": rate(operations[0], kernel.disk_operations[0], elapsed),
        "disk_writes_per_second": rate(operations[1], kernel.disk_operations[1], elapsed),
        "network_errors_per_second": rate(errors, kernel.network_errors, elapsed),
        "zombie_process_count": kernel.zombie_count,
        "blocked_process_count": kernel.blocked_count,
    }


def cpu_ratios(previous: Tick | None, tick: Tick) -> dict[str, float]:
    """Columns of ``server_sample``: shares of CPU time since the tick before."""
    if previous is None or previous.cpu is None or tick.cpu is None:
        return {}
    steps = [now - before for before, now in zip(previous.cpu, tick.cpu, strict=True)]
    if min(steps) < -_BACKWARDS_SECONDS:
        return {}  # the counters began anew
    user, nice, system, idle, iowait, irq, softirq, steal = (max(step, 0.0) for step in steps)
    total = user + nice + system + idle + iowait + irq + softirq + steal
    if total <= 0:
        return {}
    return {
        "cpu_utilization_ratio": max(0.0, 1 - (idle + iowait) / total),
        "cpu_user_ratio": user / total,
        "cpu_nice_ratio": nice / total,
        "cpu_system_ratio": system / total,
        "cpu_iowait_ratio": iowait / total,
        "cpu_irq_ratio": (irq + softirq) / total,
        "cpu_steal_ratio": steal / total,
    }


def rate(before: int | None, now: int | None, elapsed: float | None) -> float | None:
    """What a counter counted per second; None where it began anew."""
    if before is None or now is None or elapsed is None or elapsed <= 0 or now < before:
        return None
    return (now - before) / elapsed
