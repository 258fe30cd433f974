"""Every GPU hour by hour with its user, as Princeton's gpudash has it: rows in, a figure out."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from scms.reports.charts.heat import scale
from scms.reports.charts.style import HUE, ON_DARK, ON_LIGHT, blank, finish
from scms.reports.present import key_label, ratio, rows_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from bokeh.plotting import figure

_ROW: Final = 17
_MOST_LABELS: Final = 14
#: About so many letters fit across the page.
_LETTERS_ACROSS: Final = 170
#: From this utilisation on, letters are light on dark.
_DARK: Final = 0.45
_MOST_ROWS: Final = 120


def gpu_time_grid(rows: pd.DataFrame) -> figure:
    """GPUs over time: the darker, the better utilised; hatched where it was held without work.

    Where a GPU does not tell its utilisation, the share of its time that was used stands for it.

    Args:
        rows: From `scms.reports.pictures.gpu_grid`; without the column ``user`` nobody is named.
            Of more than 120 GPUs those with most use are drawn.
    """
    from bokeh.models import ColumnDataSource, FixedTicker, HoverTool

    frame = rows if "user" in rows.columns else rows.assign(user=None)
    devices = _drawn_devices(frame)
    place = {device: number for number, device in enumerate(devices)}
    times = sorted(frame["hour"].unique())
    spot = {time: number for number, time in enumerate(times)}
    labels = [key_label(time, "hour", with_day=len(times) > 24) for time in times]
    shown = rows_of(frame[frame["device"].isin(place) & frame["use_ratio"].notna()])
    source = ColumnDataSource(_cells(shown, spot, place, devices, labels))
    plot = blank(
        height=96 + _ROW * max(len(devices), 1),
        x_range=(-0.5, max(len(times), 1) - 0.5),
        y_range=(max(len(devices), 1) - 0.5, -0.5),
    )
    color = scale(plot, "mean utilisation")
    cells = plot.rect(
        "x", "y", width=1.0, height=0.88, source=source, fill_color=color, line_color=None
    )
    _hatch(plot, shown, spot, place)
    _name(plot, shown, spot, place, len(times))
    step = max(1, -(-len(times) // _MOST_LABELS))
    plot.xaxis.ticker = FixedTicker(ticks=list(range(0, len(times), step)))
    plot.xaxis.major_label_overrides = dict(enumerate(labels))
    plot.yaxis.ticker = FixedTicker(ticks=list(range(len(devices))))
    plot.yaxis.major_label_overrides = dict(enumerate(devices.values()))
    plot.grid.visible = False
    finish(plot)
    plot.yaxis.major_label_text_font_size = "11px"
    tips = [("", "@gpu, @when"), ("user", "@user"), ("used", "@used"), ("held idle", "@held")]
    tips.append(("mean utilisation", "@utilization"))
    plot.add_tools(HoverTool(tooltips=tips, renderers=[cells]))
    return plot


def _cells(
    shown: Sequence[dict[str, Any]],
    spot: Mapping[Any, int],
    place: Mapping[str, int],
    devices: Mapping[str, str],
    labels: Sequence[str],
) -> dict[str, list[Any]]:
    """Place, colour and tooltip of every cell."""
    return {
        "x": [spot[row["hour"]] for row in shown],
        "y": [place[row["device"]] for row in shown],
        "use": [_shade(row) for row in shown],
        "gpu": [devices[row["device"]] for row in shown],
        "when": [labels[spot[row["hour"]]] for row in shown],
        "user": [key_label(row["user"], "user") for row in shown],
        "used": [ratio(row["use_ratio"]) for row in shown],
        "held": [ratio(row["idle_held_ratio"]) for row in shown],
        "utilization": [ratio(row["utilization_ratio"]) for row in shown],
    }


def _hatch(
    plot: figure,
    shown: Sequence[dict[str, Any]],
    spot: Mapping[Any, int],
    place: Mapping[str, int],
) -> None:
    """Marks hours in which a GPU was held without work for most of the time."""
    idle = [row for row in shown if (row["idle_held_ratio"] or 0) >= 0.5]
    plot.rect(
        [spot[row["hour"]] for row in idle],
        [place[row["device"]] for row in idle],
        width=1.0,
        height=0.88,
        fill_alpha=0.0,
        line_color=None,
        hatch_pattern="/",
        hatch_color=HUE,
        hatch_alpha=0.55,
        hatch_scale=9,
        hatch_weight=1.0,
    )


def _shade(row: dict[str, Any]) -> float:
    """What a cell is coloured by: utilisation, or use where that is not told."""
    told: float | None = row["utilization_ratio"]
    used: float = row["use_ratio"]
    return used if told is None else told


def _drawn_devices(frame: pd.DataFrame) -> dict[str, str]:
    """The GPUs that are drawn with their labels, in the order of the rows."""
    order = frame.drop_duplicates("device")
    if len(order) > _MOST_ROWS:
        most = frame.groupby("device")["use_ratio"].mean().nlargest(_MOST_ROWS).index
        order = order[order["device"].isin(most)]
    return {
        str(row["device"]): row["server"]
        if row["device_index"] is None
        else f"{row['server']} {row['device_index']:.0f}"
        for row in rows_of(order)
    }


def _name(
    plot: figure,
    shown: Sequence[dict[str, Any]],
    spot: dict[Any, int],
    place: dict[str, int],
    columns: int,
) -> None:
    """Writes ``user:utilisation`` over hours in a row of one user, where there is room for it."""
    from bokeh.models import ColumnDataSource

    room = _LETTERS_ACROSS / max(columns, 1)
    texts: dict[str, list[Any]] = {"x": [], "y": [], "text": [], "color": []}
    for _, run in groupby(_numbered(shown, spot), key=lambda item: item[0]):
        rows = [row for _, row in run]
        user = rows[0]["user"]
        if user is None:
            continue
        known = [r["utilization_ratio"] for r in rows if r["utilization_ratio"] is not None]
        mean = sum(known) / len(known) if known else None
        full = user if mean is None else f"{user}:{100 * mean:.0f}"
        text = full if len(full) <= room * len(rows) else user
        if len(text) > room * len(rows):
            continue
        shade = sum(_shade(row) for row in rows) / len(rows)
        texts["x"].append((spot[rows[0]["hour"]] + spot[rows[-1]["hour"]]) / 2)
        texts["y"].append(place[rows[0]["device"]])
        texts["text"].append(text)
        texts["color"].append(ON_DARK if shade > _DARK else ON_LIGHT)
    plot.text(
        "x", "y", text="text", source=ColumnDataSource(texts), text_align="center",
        text_baseline="middle", text_font_size="10px", text_color="color",
    )  # fmt: skip


def _numbered(
    shown: Sequence[dict[str, Any]], spot: dict[Any, int]
) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    """Rows with a key that is the same for hours without a gap of one user on one GPU."""
    ordered = sorted(shown, key=lambda row: (row["device"], spot[row["hour"]]))
    keyed, run = [], 0
    last: tuple[Any, ...] = ()
    for row in ordered:
        here = (row["device"], row["user"], _shade(row) > _DARK)
        if (*here, spot[row["hour"]] - 1) != last:
            run += 1
        last = (*here, spot[row["hour"]])
        keyed.append(((run, *here), row))
    return keyed
