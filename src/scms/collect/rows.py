"""Ticks become rows: the differences of counters, the states of devices, shares and users.

In: a tick, the one before it, and what the session knows. Out: rows of the tables of
`scms.tables`. Pure: nothing is remembered here.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scms.collect.measures import cpu_ratios, kernel_columns, rate
from scms.collect.record import Row, complete
from scms.states import DeviceState, ServerState, device_state
from scms.tables import DEVICE_SAMPLE, PROCESS_SAMPLE, SERVER_SAMPLE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scms.collect.message import Device, DeviceFacts, Filesystem, GpuProcess, Tick

#: A tick stands for the time since the one before it, but for no more than this many intervals.
MAX_INTERVALS: Final = 3
#: Processes are scanned about this often, or every tick where the interval is longer.
SCAN_SECONDS: Final = 10.0


#: The slow facts of a GPU that have a column; the others are detail.
FACT_COLUMNS: Final = (
    *("fan_speed_ratio", "ecc_corrected_count", "ecc_uncorrected_count"),
    *("ecc_corrected_lifetime_count", "ecc_uncorrected_lifetime_count", "retired_page_count"),
    *("remapped_row_count", "pcie_generation", "pcie_width", "pcie_replay_count"),
    *("nvlink_active_count", "nvlink_error_count"),
)


@dataclass(frozen=True, slots=True)
class Watch:
    """What is the same for every record of one server."""

    server: str
    interval_seconds: float
    collector: str = "main"
    simulated: bool = False
    commands: bool = True


@dataclass(frozen=True, slots=True)
class Reading:
    """A device of a tick with the state it is in."""

    device: Device
    state: DeviceState
    reason: str


def observed_seconds(previous: Tick | None, tick: Tick, interval: float) -> float:
    """The time a tick stands for: since the one before it, at most 3 intervals, else 0."""
    if previous is None or tick.monotonic <= previous.monotonic:
        return 0.0
    return min(tick.monotonic - previous.monotonic, MAX_INTERVALS * interval)


def server_row(
    watch: Watch,
    at: int,
    tick: Tick,
    previous: Tick | None,
    *,
    filesystems: Sequence[Filesystem] | None,
    **known: object,
) -> Row:
    """The row of ``server_sample``; ``known`` are its state, reason, boot id and clock offset."""
    memory, swap = tick.memory_total_bytes, tick.swap_total_bytes
    available = _within(tick.memory_available_bytes, memory)
    elapsed = None if previous is None else tick.monotonic - previous.monotonic
    disk = (None, None) if previous is None else previous.disk
    network = (None, None) if previous is None else previous.network
    return complete(
        SERVER_SAMPLE,
        server=watch.server,
        sampled_at=at,
        observed_seconds=observed_seconds(previous, tick, watch.interval_seconds),
        collector=watch.collector,
        simulated=watch.simulated,
        interval_seconds=watch.interval_seconds,
        uptime_seconds=tick.uptime_seconds,
        cpu_count=tick.cpu_count,
        load_1m=tick.load[0],
        load_5m=tick.load[1],
        load_15m=tick.load[2],
        memory_total_bytes=memory,
        memory_used_bytes=_minus(memory, available),
        memory_available_bytes=available,
        swap_total_bytes=swap,
        swap_used_bytes=_minus(swap, _within(tick.swap_free_bytes, swap)),
        disk_read_bytes_per_second=rate(disk[0], tick.disk[0], elapsed),
        disk_write_bytes_per_second=rate(disk[1], tick.disk[1], elapsed),
        network_receive_bytes_per_second=rate(network[0], tick.network[0], elapsed),
        network_transmit_bytes_per_second=rate(network[1], tick.network[1], elapsed),
        process_count=tick.process_count,
        users_logged_in=tick.users_logged_in,
        gpu_count=_answering(tick),
        gpu_driver_version=tick.gpu_driver,
        gpu_problem=tick.gpu_problem,
        gpu_cuda_version=tick.gpu_cuda,
        **cpu_ratios(previous, tick),
        **kernel_columns(previous, tick, elapsed),
        **_space(filesystems),
        **known,
    )


def _answering(tick: Tick) -> int | None:
    return None if tick.devices is None else sum(d.fault is None for d in tick.devices)


def _space(filesystems: Sequence[Filesystem] | None) -> dict[str, int | None]:
    if not filesystems:
        return {}
    free = [f.free_bytes for f in filesystems if f.free_bytes is not None]
    return {
        "filesystem_total_bytes": _sum([f.total_bytes for f in filesystems]),
        "filesystem_used_bytes": _sum([f.used_bytes for f in filesystems]),
        "scratch_free_bytes": max(free) if free else None,
    }


def read_devices(tick: Tick, idle_seconds: Mapping[str, float | None]) -> list[Reading]:
    """The devices of a tick, each with its state; ``idle_seconds`` by UUID."""
    readings: list[Reading] = []
    for device in tick.devices or ():
        state, reason = device_state(
            utilization_ratio=device.utilization_ratio,
            memory_used_bytes=device.memory_used_bytes,
            process_count=None if device.processes is None else len(device.processes),
            idle_seconds=idle_seconds.get(device.uuid),
            fault=device.fault,
            divided=bool(device.mig) and device.parent is None,
        )
        readings.append(Reading(device, state, reason))
    return readings


def device_row(
    watch: Watch, at: int, observed: float, reading: Reading, facts: DeviceFacts | None = None
) -> Row:
    """The row of ``device_sample``; ``facts`` as they were last read."""
    device = reading.device
    return complete(
        DEVICE_SAMPLE,
        server=watch.server,
        device=device.uuid,
        sampled_at=at,
        observed_seconds=observed,
        device_index=device.index,
        device_name=device.name,
        state=str(reading.state),
        state_reason=reading.reason,
        gpu_utilization_ratio=device.utilization_ratio,
        memory_bandwidth_utilization_ratio=device.memory_bandwidth_ratio,
        memory_total_bytes=device.memory_total_bytes,
        memory_used_bytes=_within(device.memory_used_bytes, device.memory_total_bytes),
        power_watts=device.power_watts,
        power_limit_watts=device.power_limit_watts,
        temperature_celsius=device.temperature_celsius,
        sm_clock_hertz=device.sm_clock_hertz,
        process_count=None if device.processes is None else len(device.processes),
        user=_main_user(device.processes or ()),
        parent_device=device.parent,
        memory_temperature_celsius=device.memory_temperature_celsius,
        memory_clock_hertz=device.memory_clock_hertz,
        encoder_utilization_ratio=device.encoder_utilization_ratio,
        decoder_utilization_ratio=device.decoder_utilization_ratio,
        energy_counter_joules=device.energy_joules,
        performance_state=device.performance_state,
        throttle_reasons=_listed(device.throttle_reasons),
        xid=device.xid,
        **({} if facts is None else {name: getattr(facts, name) for name in FACT_COLUMNS}),
    )


def _listed(words: Sequence[str] | None) -> str | None:
    return None if words is None else ", ".join(words)


def _main_user(processes: Sequence[GpuProcess]) -> str | None:
    held: Counter[str] = Counter()
    for process in processes:
        if process.user is not None:
            held[process.user] += process.memory_used_bytes or 0
    return held.most_common(1)[0][0] if held else None


def gpu_process_rows(watch: Watch, at: int, observed: float, reading: Reading) -> list[Row]:
    """Rows of ``process_sample`` for the processes on a device.

    Users share the device equally, and so do the processes of one user; those whose owner is
    hidden count as one user. The shares of a device sum to 1.
    """
    processes = reading.device.processes or ()
    per_user = Counter(process.user for process in processes)
    return [
        complete(
            PROCESS_SAMPLE,
            server=watch.server,
            sampled_at=at,
            observed_seconds=observed,
            user=process.user,
            pid=process.pid,
            command=process.command if watch.commands else None,
            device=reading.device.uuid,
            device_state=str(reading.state),
            device_share_ratio=1 / (len(per_user) * per_user[process.user]),
            gpu_memory_used_bytes=process.memory_used_bytes,
            started_at=_milliseconds(process.started_at),
            sm_utilization_ratio=process.sm_utilization_ratio,
            container=process.container,
        )
        for process in processes
    ]


def cpu_process_rows(watch: Watch, at: int, tick: Tick) -> list[Row]:
    """Rows of ``process_sample`` for the last process scan, where this tick has one."""
    if tick.scan is None or tick.scan_seconds is None:
        return []
    longest = MAX_INTERVALS * max(SCAN_SECONDS, watch.interval_seconds)
    return [
        complete(
            PROCESS_SAMPLE,
            server=watch.server,
            sampled_at=at,
            observed_seconds=min(tick.scan_seconds, longest),
            user=process.user,
            pid=process.pid,
            command=process.command if watch.commands else None,
            cpu_cores_used=process.cpu_cores_used,
            memory_used_bytes=process.memory_used_bytes,
            started_at=_milliseconds(process.started_at),
        )
        for process in tick.scan
    ]


def down_row(watch: Watch, at: int, observed: float, reason: str) -> Row:
    """The row of ``server_sample`` of a try that failed: every measurement is null."""
    return complete(
        SERVER_SAMPLE,
        server=watch.server,
        sampled_at=at,
        observed_seconds=observed,
        state=str(ServerState.DOWN),
        reason=reason,
        collector=watch.collector,
        simulated=watch.simulated,
        interval_seconds=watch.interval_seconds,
    )


def _within(part: int | None, whole: int | None) -> int | None:
    """A part that is larger than its whole was misread."""
    return None if part is not None and whole is not None and part > whole else part


def _minus(total: int | None, rest: int | None) -> int | None:
    return None if total is None or rest is None else total - rest


def _sum(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)
