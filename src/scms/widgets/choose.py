"""Which servers the live page shows, and in which order.

In: rows of a snapshot, and what the controls say. Out: the rows shown. The page does the same in
the browser (board.js), so that typing costs the kernel nothing; only conditions such as ``gpu<5``
are judged here for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from scms.filters import parse_filter
from scms.widgets import headline

if TYPE_CHECKING:
    from scms.live import Snapshot

Row = dict[str, Any]
FILTERS: Final = ("All", "Free GPUs", "Full", "Alerts")
ORDERS: Final = ("GPU load", "Free GPUs", "CPU load", "RAM", "Name")


def shown(snapshot: Snapshot, *, search: str = "", show: int = 0, order: int = 0) -> list[Row]:
    """The servers that the page shows: rows of ``snapshot.servers``.

    Raises:
        FilterError: The search cannot be read (see `scms.filters`).
    """
    wanted = parse_filter(search)
    free = {row["server"]: 0 for row in snapshot.servers}
    for device in snapshot.devices:
        free[device["server"]] += headline.is_free(device)
    rows = [
        row
        for row in snapshot.servers
        if wanted.matches(row) and _passes(row, FILTERS[show], free[row["server"]], snapshot)
    ]
    return sorted(rows, key=lambda row: (_rank(row, ORDERS[order], free), row["server"]))


def _rank(row: Row, order: str, free: dict[str, int]) -> float:
    if order == "GPU load":
        return _down(row["gpu_utilization_ratio"])
    if order == "CPU load":
        return _down(row["cpu_utilization_ratio"])
    if order == "RAM":
        return _down(_memory(row))
    return -free[row["server"]] if order == "Free GPUs" else 0


def _passes(row: Row, name: str, free: int, snapshot: Snapshot) -> bool:
    if name == "Free GPUs":
        return free > 0
    if name == "Full":
        return row["gpus_total"] > 0 and free == 0 and row["gpus_unknown"] < row["gpus_total"]
    if name == "Alerts":
        return bool(headline.alerts(row, snapshot.devices))
    return True


def _memory(row: Row) -> float | None:
    used, total = row["memory_used_bytes"], row["memory_total_bytes"]
    return used / total if used is not None and total else None


def _down(value: float | None) -> float:
    return 1.0 if value is None else -value
