"""GPU × time: what each GPU of a server did hour by hour, and who used it.

In: a table of ``lab.device_hours``. Out: a grid with a row per GPU and a column per hour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import traitlets

from scms.widgets.base.part import Part, asset, module

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import pandas as pd

Row = dict[str, Any]
_HOUR_MS: Final = 3_600_000
#: Of the time that was observed: all but this much free is free.
_NEARLY: Final = 0.999


class DeviceHours(Part):
    """The grid; a cell is coloured by use, its words say who and between what."""

    _esm = module("hours.js")
    _css = asset("hours.css")
    #: See `grid`.
    grid = traitlets.Dict().tag(sync=True)


def grid(table: pd.DataFrame, *, hours: int, now: datetime, zone: str) -> Row:
    """The grid of the last hours: an item per GPU with an item per hour, oldest first.

    Args:
        table: Of ``lab.device_hours``.
        hours: How many columns, the present hour being the last.
        now: The time.
        zone: In which the page shows it.

    Returns:
        ``start`` (milliseconds), ``hours``, ``zone`` and ``devices``; of each ``title``, ``name``
        and ``cells``: ``state, mean, low, high, users``, or None where nothing was observed.
    """
    last = int(now.timestamp() * 1000) // _HOUR_MS
    devices: dict[str, Row] = {}
    for row in table.to_dict("records"):
        at = hours - 1 - (last - int(row["ts"].timestamp() * 1000) // _HOUR_MS)
        device = devices.setdefault(row["device"], {"cells": [None] * hours})
        device |= {"title": f"GPU {_plain(row['device_index'])}", "name": row["device_name"]}
        if 0 <= at < hours and row["observed_seconds"]:
            device["cells"][at] = _cell(row)
    start = (last - hours + 1) * _HOUR_MS
    return {"start": start, "hours": hours, "zone": zone, "devices": list(devices.values())}


def _cell(row: Mapping[Any, Any]) -> list[Any]:
    numbers = [_ratio(row[f"utilization_{name}"]) for name in ("mean", "min", "max")]
    return [_state(row), *numbers, list(row["users"])]


def _state(row: Mapping[Any, Any]) -> str:
    """What an hour mostly was; partly busy is busy, its colour says how much."""
    seen = row["observed_seconds"]
    if row["free_seconds"] >= seen * _NEARLY:
        return "free"
    if row["faulty_seconds"] * 2 > seen:
        return "faulty"
    if row["held_seconds"] > row["busy_seconds"]:
        return "idle_held"
    return "unknown" if row["busy_seconds"] + row["free_seconds"] == 0 else "busy"


def _ratio(value: Any) -> float | None:
    return None if value is None or value != value else round(float(value), 3)  # noqa: PLR0124  NaN


def _plain(index: Any) -> str:
    return "–" if index is None or index != index else str(int(index))  # noqa: PLR0124  NaN
