"""Which servers the live page shows, and in which order.

In: rows of a snapshot, and what the controls say. Out: the rows shown. The page does the same in
the browser (board.js), so that typing costs the kernel nothing; only conditions such as ``gpu<5``
are judged here for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from scms.filters import parse_filter
from scms.widgets.feed import headline

if TYPE_CHECKING:
    from collections.abc import Callable

    from scms.live import Snapshot

Row = dict[str, Any]
FILTERS: Final = ("All", "Free GPUs", "Full", "Alerts", "Mine")
#: How they are shown.
VIEWS: Final = ("Cards", "Table")
ORDERS: Final = ("GPU load", "Free GPUs", "CPU load", "RAM", "Name")


def shown(
    snapshot: Snapshot,
    *,
    search: str = "",
    show: int = 0,
    order: int = 0,
    user: str = "",
    sort: str = "",
) -> list[Row]:
    """The servers that the page shows: rows of ``snapshot.servers``.

    Args:
        snapshot: The state.
        search: What to look for (see `scms.filters`).
        show: Position in `FILTERS`.
        order: Position in `ORDERS`.
        user: Whose servers "Mine" means: those where they compute on a GPU or hold one.
        sort: A word of `HEADINGS`, with ``-`` before it from the highest; goes before ``order``.

    Raises:
        FilterError: The search cannot be read (see `scms.filters`).
    """
    wanted = parse_filter(search)
    free = {row["server"]: 0 for row in snapshot.servers}
    for device in snapshot.devices:
        free[device["server"]] += headline.is_free(device)
    if FILTERS[show] == "Mine":
        own = of_user(snapshot, user)
        rows = [row for row in snapshot.servers if wanted.matches(row) and row["server"] in own]
    else:
        rows = [
            row
            for row in snapshot.servers
            if wanted.matches(row) and _passes(row, FILTERS[show], free[row["server"]], snapshot)
        ]
    rows.sort(key=lambda row: (_rank(row, ORDERS[order], free), row["server"]))
    heading = sort.removeprefix("-")
    if heading not in HEADINGS:
        return rows
    values = {row["server"]: HEADINGS[heading](row | {"free": free[row["server"]]}) for row in rows}
    rows.sort(key=lambda row: row["server"])
    known = [row for row in rows if values[row["server"]] is not None]
    known.sort(key=lambda row: values[row["server"]], reverse=sort.startswith("-"))
    return known + [row for row in rows if values[row["server"]] is None]


#: What the table is sorted by, by the word of each heading; None is not known and comes last.
HEADINGS: Final[dict[str, Callable[[Row], Any]]] = {
    "server": lambda row: row["server"],
    "state": lambda row: row["state"],
    "free": lambda row: row["free"] if row["gpus_total"] else None,
    "hardware": lambda row: (
        (row["gpus_total"], row["gpu_model"] or "") if row["gpus_total"] else None
    ),
    "gpu": lambda row: row["gpu_utilization_ratio"],
    "gpu_memory": lambda row: _share(row, "gpu_memory"),
    "cpu": lambda row: row["cpu_utilization_ratio"],
    "memory": lambda row: _share(row, "memory"),
    "load": lambda row: row["load_1m"],
    "power": lambda row: row["gpu_power_watts"],
    "users": lambda row: ", ".join(row["users"]) or None,
    "group": lambda row: row["group"],
}


def of_user(snapshot: Snapshot, user: str) -> set[str]:
    """The servers where somebody computes on a GPU or holds one; none for no name."""
    name = user.strip()
    if not name:
        return set()
    computes = {row["server"] for row in snapshot.servers if name in row["users"]}
    return computes | {row["server"] for row in snapshot.devices if row["held_by"] == name}


def _rank(row: Row, order: str, free: dict[str, int]) -> float:
    if order == "GPU load":
        return _down(row["gpu_utilization_ratio"])
    if order == "CPU load":
        return _down(row["cpu_utilization_ratio"])
    if order == "RAM":
        return _down(_share(row, "memory"))
    return -free[row["server"]] if order == "Free GPUs" else 0


def _passes(row: Row, name: str, free: int, snapshot: Snapshot) -> bool:
    if name == "Free GPUs":
        return free > 0
    if name == "Full":
        return row["gpus_total"] > 0 and free == 0 and row["gpus_unknown"] < row["gpus_total"]
    if name == "Alerts":
        return bool(headline.alerts(row, snapshot.devices))
    return True


def _hardware(row: Row) -> tuple[int, str] | None:
    return (row["gpus_total"], row["gpu_model"] or "") if row["gpus_total"] else None


def _share(row: Row, what: str) -> float | None:
    used, total = row[f"{what}_used_bytes"], row[f"{what}_total_bytes"]
    return used / total if used is not None and total else None


def _down(value: float | None) -> float:
    return 1.0 if value is None else -value
