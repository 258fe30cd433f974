"""The last hours, from the hot store: processes, events and the ticks of servers and devices.

In: the hot store and a time. Out: plain rows. No data frame is made here, because a dashboard
kernel reads this while somebody looks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from scms.hot import PROCESS_SCAN, rows_since
from scms.live.rows import Row, mean, milliseconds, moment, ratio, rows_of, total
from scms.tables import DEVICE_SAMPLE, EVENT, PROCESS_SAMPLE, SERVER_SAMPLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from scms.hot import HotStore, StoredRecord

#: CPU rows of processes come with a scan about every 10 s; older ones are not "now".
_SCAN_LOOKBACK_SECONDS: Final = 45.0
_MEMORY: Final = ("memory_used_bytes", "memory_total_bytes")
#: What the past of all servers is made of.
_HISTORY_COLUMNS: Final = {
    SERVER_SAMPLE.name: ("sampled_at", "cpu_utilization_ratio", *_MEMORY),
    DEVICE_SAMPLE.name: ("gpu_utilization_ratio", "power_watts", *_MEMORY),
}


def processes(hot: HotStore, *, now: datetime, server: str | None = None) -> list[Row]:
    """The processes of every server, or of one, now: rows of ``process_sample``.

    GPU rows are those of the newest tick, CPU rows those of the newest process scan.
    """
    since = milliseconds(now) - int(_SCAN_LOOKBACK_SECONDS * 1000)
    newest = _process_rows(hot.latest(server=server), since)
    scanned = _process_rows(hot.latest_with(PROCESS_SCAN, server=server), since)
    gpu = [row for row in newest if row["device"] is not None]
    cpu = [row for row in scanned if row["device"] is None]
    return sorted([*gpu, *cpu], key=lambda row: row["server"])


def _process_rows(stored: Iterable[StoredRecord], since_ms: int) -> list[Row]:
    fresh = [s.record for s in stored if s.record.received_at_ms >= since_ms]
    return [row for record in fresh for row in rows_of(record, PROCESS_SAMPLE)]


def events(hot: HotStore, *, since: datetime, server: str | None = None) -> list[Row]:
    """What changed since then, newest first: rows of ``event`` still in the hot store."""
    stored = hot.since(milliseconds(since), server=server)
    rows = [row for one in stored for row in rows_of(one.record, EVENT)]
    return sorted(rows, key=lambda row: row["sampled_at"], reverse=True)


def history(hot: HotStore, *, since: datetime, step_seconds: float | None = None) -> list[Row]:
    """The recent past of every server, one row per tick, oldest first.

    Args:
        hot: The hot store.
        since: Where it begins.
        step_seconds: One tick of each server in so many seconds is enough; all by default.

    Returns:
        Columns ``server, sampled_at, cpu_utilization_ratio, memory_ratio, gpu_utilization_ratio,
        gpu_memory_ratio, gpu_power_watts``. A tick that failed has null measurements: a gap.
    """
    every_ms = None if step_seconds is None else max(1, round(step_seconds * 1000))
    found = rows_since(hot, milliseconds(since), _HISTORY_COLUMNS, every_ms=every_ms)
    return [row for server, tables in found for row in _history_rows(server, tables)]


def _history_rows(server: str, tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Row]:
    devices = tables[DEVICE_SAMPLE.name]
    return [
        {
            "server": server,
            "sampled_at": moment(sample["sampled_at"]),
            "cpu_utilization_ratio": sample["cpu_utilization_ratio"],
            "memory_ratio": ratio(sample["memory_used_bytes"], sample["memory_total_bytes"]),
            "gpu_utilization_ratio": mean(devices, "gpu_utilization_ratio"),
            "gpu_memory_ratio": ratio(
                total(devices, "memory_used_bytes"), total(devices, "memory_total_bytes")
            ),
            "gpu_power_watts": total(devices, "power_watts"),
        }
        for sample in tables[SERVER_SAMPLE.name]
    ]


def device_history(
    hot: HotStore, server: str, *, since: datetime, step_seconds: float | None = None
) -> list[Row]:
    """The recent past of every GPU of a server, one row per tick and GPU, oldest first.

    Args:
        hot: The hot store.
        server: Its name.
        since: Where it begins.
        step_seconds: One tick in so many seconds is enough; all by default.

    Returns:
        Columns ``device, sampled_at, state, gpu_utilization_ratio, memory_ratio``.
    """
    every_ms = None if step_seconds is None else max(1, round(step_seconds * 1000))
    return [
        {
            "device": row["device"],
            "sampled_at": row["sampled_at"],
            "state": row["state"],
            "gpu_utilization_ratio": row["gpu_utilization_ratio"],
            "memory_ratio": ratio(row["memory_used_bytes"], row["memory_total_bytes"]),
        }
        for stored in hot.since(milliseconds(since), every_ms=every_ms, server=server)
        for row in rows_of(stored.record, DEVICE_SAMPLE)
    ]
