"""Heat maps: the share of the time that was used, by server and time; rows in, a figure out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from scms.reports.charts.style import NEUTRAL, SCALE, blank, finish
from scms.reports.present import hours, key_label, ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from bokeh.plotting import figure

_ROW: Final = 19
_MOST_LABELS: Final = 14
_MARGIN: Final = 92
#: The longest day; of more hours each is named with its day.
_HOURS_OF_A_DAY: Final = 25


def heat_over_time(rows: pd.DataFrame, by: str, servers: Sequence[str]) -> figure:
    """Use of each server over time.

    Args:
        rows: Of ``usage_by_server_and_hour`` or ``…_day``.
        by: ``hour``, ``day``, or ``week`` to add days up to weeks.
        servers: From top to bottom.
    """
    frame = rows
    if by == "week":
        day = rows["day"].dt.tz_localize(None)
        frame = rows.assign(week=day - day.dt.day_of_week.map(_days))
    cells = _cells(frame, ["server", by])
    times = sorted(cells[by].unique())
    step = "day" if by == "week" else by
    labels = [key_label(time, step, with_day=len(times) > _HOURS_OF_A_DAY) for time in times]
    return _drawn(cells, servers, "server", times, by, labels)


def heat_of_week(rows: pd.DataFrame, servers: Sequence[str]) -> figure:
    """Use of each server by hour of the week.

    Args:
        rows: Of ``usage_by_server_and_hour_of_week``.
        servers: From top to bottom.
    """
    cells = _cells(rows, ["server", "hour_of_week"])
    times = [float(hour) for hour in range(168)]
    labels = [key_label(hour, "hour_of_week") for hour in times]
    return _drawn(cells, servers, "server", times, "hour_of_week", labels, every=24)


def heat_of_hours(rows: pd.DataFrame) -> figure:
    """Use of all servers together, days of the week over hours of the day."""
    frame = rows.assign(
        weekday=rows["hour_of_week"] // 24 + 1, hour_of_day=rows["hour_of_week"] % 24
    )
    cells = _cells(frame, ["weekday", "hour_of_day"])
    days = [key_label(day, "weekday") for day in range(1, 8)]
    cells["weekday"] = cells["weekday"].map(lambda day: key_label(day, "weekday"))
    times = [float(hour) for hour in range(24)]
    labels = [key_label(hour, "hour_of_day") for hour in times]
    return _drawn(cells, days, "weekday", times, "hour_of_day", labels, row=26)


def _days(count: int) -> Any:
    import pandas as pd

    return pd.Timedelta(days=count)


def _cells(frame: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """One row per cell with its share of use, and the words of its tooltip."""
    columns = ["gpu_hours_used", "gpu_hours_available", "gpu_hours_idle_held", "gpu_hours_free"]
    cells = frame.groupby(keys)[columns].sum(min_count=1).reset_index()
    watched = frame.groupby(keys)[["observed_hours", "expected_hours"]].sum().reset_index()
    available = cells["gpu_hours_available"]
    cells["use_ratio"] = cells["gpu_hours_used"] / available.where(available > 0)
    expected = watched["expected_hours"]
    cells["coverage_ratio"] = watched["observed_hours"] / expected.where(expected > 0)
    return cells


def _drawn(
    cells: pd.DataFrame,
    rows: Sequence[str],
    over: str,
    times: Sequence[Any],
    by: str,
    labels: Sequence[str],
    *,
    every: int | None = None,
    row: int = _ROW,
) -> figure:
    from bokeh.models import ColumnDataSource, FixedTicker, HoverTool

    place = {name: number for number, name in enumerate(rows)}
    spot = {time: number for number, time in enumerate(times)}
    known = cells[cells[over].isin(place) & cells["use_ratio"].notna()]
    source = ColumnDataSource(
        _columns(known, known[by].map(spot), known[over].map(place), labels, over)
    )
    plot = blank(
        height=_MARGIN + row * max(len(rows), 1),
        x_range=(-0.5, max(len(times), 1) - 0.5),
        y_range=(max(len(rows), 1) - 0.5, -0.5),
    )
    color = scale(plot)
    cells_drawn = plot.rect(
        "x", "y", width=0.96, height=0.9, source=source, fill_color=color, line_color=None
    )
    step = every or max(1, -(-len(times) // _MOST_LABELS))
    plot.xaxis.ticker = FixedTicker(ticks=list(range(0, len(times), step)))
    plot.xaxis.major_label_overrides = dict(enumerate(labels))
    plot.yaxis.ticker = FixedTicker(ticks=list(range(len(rows))))
    plot.yaxis.major_label_overrides = dict(enumerate(rows))
    plot.grid.visible = False
    finish(plot)
    tips = [("", "@row, @when"), ("used", "@use_text of the available time")]
    tips += [("held idle", "@held GPU-h"), ("free", "@free GPU-h"), ("observed", "@observed")]
    plot.add_tools(HoverTool(tooltips=tips, renderers=[cells_drawn]))
    return plot


def _columns(
    known: pd.DataFrame, x: pd.Series, y: pd.Series, labels: Sequence[str], over: str
) -> dict[str, list[Any]]:
    """Place, colour and tooltip of every cell."""
    return {
        "x": x.tolist(),
        "y": y.tolist(),
        "use": known["use_ratio"].round(4).tolist(),
        "row": known[over].tolist(),
        "when": [labels[number] for number in x],
        "use_text": [ratio(value) for value in known["use_ratio"]],
        "held": [hours(value) for value in known["gpu_hours_idle_held"]],
        "free": [hours(value) for value in known["gpu_hours_free"]],
        "observed": [ratio(value) for value in known["coverage_ratio"]],
    }


def scale(plot: figure, title: str = "used, of the available time") -> Any:
    """Adds the scale of colours above a figure; returns what makes a column ``use`` a colour."""
    from bokeh.models import ColorBar, FixedTicker, LinearColorMapper
    from bokeh.transform import transform

    mapper = LinearColorMapper(palette=list(SCALE), low=0.0, high=1.0)
    bar = ColorBar(
        color_mapper=mapper,
        orientation="horizontal",
        height=8,
        width=220,
        padding=2,
        margin=0,
        title=title,
        title_standoff=4,
        ticker=FixedTicker(ticks=[0, 0.25, 0.5, 0.75, 1]),
        major_label_overrides={0: "0", 0.25: "25", 0.5: "50", 0.75: "75", 1: "100 %"},
        background_fill_alpha=0,
        major_tick_line_color=None,
        major_label_text_color=NEUTRAL,
        title_text_color=NEUTRAL,
        title_text_font_style="normal",
        title_text_font_size="12px",
    )
    plot.add_layout(bar, "above")
    return transform("use", mapper)
