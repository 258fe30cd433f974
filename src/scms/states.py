"""What state a device or a server is in: two pure functions and their words.

A state comes from several signals, never from utilisation alone: an idle GPU whose memory is
held is not free, and a GPU that nobody can read is not idle.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

#: Memory below this is what a driver or a display server keeps; nobody holds the device.
HELD_MEMORY_BYTES: Final = 256 * 1024**2
#: Utilisation from which a device counts as working (nvitop's "light" begins at zero).
WORKING_UTILIZATION_RATIO: Final = 0.03
#: How long a held device may do nothing before it counts as idle-held.
IDLE_HELD_SECONDS: Final = 15 * 60.0


class DeviceState(StrEnum):
    """The state of one GPU."""

    FREE = "free"
    BUSY = "busy"
    IDLE_HELD = "idle_held"
    GHOST = "ghost"
    FAULTY = "faulty"
    UNKNOWN = "unknown"


class ServerState(StrEnum):
    """The state of one server."""

    UP = "up"
    DEGRADED = "degraded"
    STALE = "stale"
    DOWN = "down"
    UNKNOWN = "unknown"


def device_state(  # noqa: PLR0911  a table of rules, one return each
    *,
    utilization_ratio: float | None,
    memory_used_bytes: float | None,
    process_count: int | None,
    idle_seconds: float | None,
    fault: str | None = None,
    divided: bool = False,
) -> tuple[DeviceState, str]:
    """The state of a GPU from one fresh reading, with the reason in plain words.

    Args:
        utilization_ratio: Share of the tick in which a kernel ran, or None.
        memory_used_bytes: Memory held by processes, without what the driver reserves.
        process_count: Processes that NVML names on the device; None where it cannot tell.
        idle_seconds: For how long no work has been seen on it; None when never seen working.
        fault: What is wrong with the device (lost, ECC, XID, hung driver), if anything.
        divided: It is a whole GPU in MIG mode, on which nothing can run but on parts of it.

    Returns:
        The state and the reason. The first rule that applies wins, in the order
        faulty, unknown, busy, ghost, idle_held, busy (recently active), free.
    """
    if fault is not None:
        return DeviceState.FAULTY, fault
    if divided:
        return DeviceState.UNKNOWN, "in MIG mode, and no part of it can be seen"
    if utilization_ratio is None and memory_used_bytes is None:
        return DeviceState.UNKNOWN, "neither utilisation nor memory can be read"
    if utilization_ratio is not None and utilization_ratio >= WORKING_UTILIZATION_RATIO:
        return DeviceState.BUSY, f"working at {utilization_ratio:.0%}"
    held = memory_used_bytes is not None and memory_used_bytes > HELD_MEMORY_BYTES
    if held and process_count == 0:
        return DeviceState.GHOST, "memory held by no visible process"
    if held or process_count:
        if idle_seconds is not None and idle_seconds >= IDLE_HELD_SECONDS:
            return DeviceState.IDLE_HELD, f"memory held, no work for {idle_seconds / 60:.0f} min"
        return DeviceState.BUSY, "held, worked recently"
    return DeviceState.FREE, "no work, no memory held"


def stale_after_seconds(interval_seconds: float) -> float:
    """How long a healthy server may be silent: three ticks and five seconds."""
    return 3 * interval_seconds + 5


def server_state(
    last_state: str | None, *, age_seconds: float | None, interval_seconds: float
) -> ServerState:
    """The state of a server now, from its last record.

    Args:
        last_state: ``up``, ``degraded`` or ``down`` as the last record has it; None without one.
        age_seconds: How old that record is.
        interval_seconds: The tick it is expected at.

    Returns:
        ``stale`` where a healthy server has been silent for three ticks and five seconds.
        A server that was down stays ``down`` for ten minutes after its last record (the collector
        waits between tries), then nobody knows.
    """
    if last_state is None or age_seconds is None:
        return ServerState.UNKNOWN
    if last_state == ServerState.DOWN:
        return ServerState.DOWN if age_seconds <= 600 else ServerState.UNKNOWN
    if age_seconds > stale_after_seconds(interval_seconds):
        return ServerState.STALE
    return ServerState(last_state)
