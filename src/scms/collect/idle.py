"""Since when devices are held without work, as the rows of an earlier collector tell. Pure.

In: rows of ``device_sample``, in order of time. Out: epoch milliseconds by UUID, with which an
`scms.collect.assemble.Assembler` goes on counting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from scms.states import (
    HELD_MEMORY_BYTES,
    IDLE_HELD_SECONDS,
    WORKING_UTILIZATION_RATIO,
    DeviceState,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_IDLE_HELD_MS: Final = round(IDLE_HELD_SECONDS * 1000)


def idle_since(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """The moment of the last work of each device, or since when it is known to do none."""
    since: dict[str, int] = {}
    for row in rows:
        device, at = str(row["device"]), int(row["sampled_at"])
        if row["gpu_utilization_ratio"] is None:
            continue
        if row["state"] == DeviceState.IDLE_HELD:  # whoever wrote it saw every tick before
            since[device] = min(since.get(device, at), at - _IDLE_HELD_MS)
        elif works_or_is_free(row):
            since[device] = at
        else:
            since.setdefault(device, at)
    return since


def works_or_is_free(row: Mapping[str, Any]) -> bool:
    """Whether a row of ``device_sample`` is of a device that works, or that nobody holds."""
    memory, use = row["memory_used_bytes"], row["gpu_utilization_ratio"]
    held = bool(row["process_count"]) or (memory is not None and memory > HELD_MEMORY_BYTES)
    return not held or (use is not None and use >= WORKING_UTILIZATION_RATIO)
