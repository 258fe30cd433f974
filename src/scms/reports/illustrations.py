"""The pictures of a report on paper: tables and pages in, drawings out.

Use over time, servers over time, the hours of the week, and who and what was used most.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from scms.reports import drawing, present, ruled
from scms.reports.drawing import Box, Layer
from scms.reports.printing import MARGIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from scms.reports.document import Report
    from scms.reports.printing import Pages

_MOST_BARS: Final = 24
#: As many as a page has room for.
_MOST_ROWS: Final = 26
_TALL: Final = 62.0
_LOW: Final = 42.0
_GPU_LAYERS: Final[tuple[tuple[str, str, drawing.Fill], ...]] = (
    ("gpu_hours_used", "used", "dark"),
    ("gpu_hours_idle_held", "held without work", "hatched"),
    ("gpu_hours_free", "free", "light"),
)
_CPU_LAYERS: Final[tuple[tuple[str, str, drawing.Fill], ...]] = (
    ("cpu_hours_used", "CPU-hours used", "dark"),
)


def draw(pages: Pages, report: Report) -> None:
    """Every picture that the report has rows for."""
    _over_time(pages, report)
    for by, few in (("server", "the most used"), ("user", "who used most")):
        _ranking(pages, report.tables[by], by, few)
    _servers_over_time(pages, report)
    _hours_of_the_week(pages, report)


def _over_time(pages: Pages, report: Report) -> None:
    by = report.time_dimension
    frame = report.tables[by]
    layers, unit = _layers(frame)
    if not layers:
        return
    # On the first page where what is said there leaves some room for it.
    pages.need(_LOW + 10)
    height = min(max(pages.room - 12, _LOW), _TALL)
    ruled.title(pages, f"{unit} by {by}", "what was not observed is left out")
    top = pages.y
    labels = [present.key_label(key, by) for key in frame[by]]
    drawing.columns(pages, Box(MARGIN, top, pages.epw, height), labels, layers)
    pages.set_y(top + height + 5)


def _ranking(pages: Pages, frame: pd.DataFrame, by: str, few: str) -> None:
    """Bars per server or user, the first of the table."""
    drawable = frame[frame[_first_known(frame)].notna()]
    if drawable[by].isna().all():
        return  # nobody is known by name: there is nothing to compare
    shown = drawable.head(_MOST_BARS)
    layers, unit = _layers(shown)
    if not layers:
        return
    height = 7 + 6.0 * len(shown)
    pages.need(height + 12)
    remark = f"{few} of {len(drawable)}" if len(drawable) > len(shown) else ""
    ruled.title(pages, f"{unit} by {by}", remark)
    top = pages.y
    labels = [_label(row, by) for row in present.rows_of(shown)]
    drawing.bars(pages, Box(MARGIN, top, pages.epw, height), labels, layers)
    pages.set_y(top + height + 5)


def _servers_over_time(pages: Pages, report: Report) -> None:
    """A row per server, a column per hour, day or week: the darker, the more was used."""
    rows = report.pictures.get("time")
    if rows is None or rows.empty:
        return
    by = "hour" if "hour" in rows.columns else "day"
    step = by
    if report.time_dimension == "month":
        day = rows["day"]
        rows, step = rows.assign(week=day - day.dt.dayofweek.map(_some_days)), "week"
    servers = report.tables["server"]
    servers = servers[servers["gpu_hours_available"].notna()]
    shown = servers.head(_MOST_ROWS)
    if shown.empty:
        return
    times = sorted(rows[step].unique())
    values = _shares(rows, "server", list(shown["server"]), step, times)
    heads = [present.key_label(time, by) for time in times]
    labels = [_label(row, "server") for row in present.rows_of(shown)]
    some = f", the {len(shown)} most used of {len(servers)}" if len(servers) > len(shown) else ""
    _grid(pages, f"Use of servers by {step}", some, labels, heads, values)


def _hours_of_the_week(pages: Pages, report: Report) -> None:
    """All servers together: weekdays over the hours of the day."""
    rows = report.pictures.get("week")
    if rows is None or rows.empty or not rows["gpu_hours_available"].notna().any():
        return
    frame = rows.assign(
        weekday=rows["hour_of_week"] // 24 + 1, hour_of_day=rows["hour_of_week"] % 24
    )
    days, hours = [float(day) for day in range(1, 8)], [float(hour) for hour in range(24)]
    values = _shares(frame, "weekday", days, "hour_of_day", hours)
    labels = [present.key_label(day, "weekday") for day in days]
    heads = [present.key_label(hour, "hour_of_day") for hour in hours]
    _grid(pages, "Use by hour of the week", "", labels, heads, values)


def _grid(
    pages: Pages,
    title: str,
    some: str,
    labels: Sequence[str],
    heads: Sequence[str],
    values: list[list[float | None]],
) -> None:
    height = 5 + 6.0 * len(labels)
    pages.need(height + 12)
    ruled.title(pages, title, f"of the available time: white none, black all, × unknown{some}")
    top = pages.y
    drawing.heat(pages, Box(MARGIN, top, pages.epw, height), labels, heads, values)
    pages.set_y(top + height + 5)


def _shares(
    rows: pd.DataFrame, over: str, keys: Sequence[Any], step: str, times: Sequence[Any]
) -> list[list[float | None]]:
    """The share of the available time that was used, per key and time; None where unknown."""
    sums = rows.groupby([over, step])[["gpu_hours_used", "gpu_hours_available"]].sum(min_count=1)
    available = sums["gpu_hours_available"]
    share = (sums["gpu_hours_used"] / available.where(available > 0)).to_dict()
    cells = [[share.get((key, time)) for time in times] for key in keys]
    return [[None if present.unknown(value) else value for value in row] for row in cells]


def _some_days(count: int) -> timedelta:
    return timedelta(days=count)


def _label(row: dict[str, Any], by: str) -> str:
    mark = present.simulated_mark(row, by)
    return present.key_label(row[by], by) + (f" ({mark})" if mark else "")


def _first_known(frame: pd.DataFrame) -> str:
    return "gpu_hours_used" if frame["gpu_hours_used"].notna().any() else "cpu_hours_used"


def _layers(frame: pd.DataFrame) -> tuple[list[Layer], str]:
    """The layers that have anything in them: GPU time, or CPU time where there is no GPU."""
    chosen, unit = _GPU_LAYERS, "GPU-hours"
    if not frame["gpu_hours_used"].notna().any():
        chosen, unit = _CPU_LAYERS, "CPU-hours"
    rows = present.rows_of(frame)
    layers = [
        Layer(name, fill, [row[column] for row in rows])
        for column, name, fill in chosen
        if column in frame.columns and frame[column].notna().any()
    ]
    return layers, unit
