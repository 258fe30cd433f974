"""Bars of use: a table of `scms.reports.metrics.usage` in, a figure out.

What was not observed is a gap.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from scms.reports.charts.style import DOWN, FAULTY, HELD, REST, USED, blank, finish
from scms.reports.present import hours, key_label, ratio, rows_of, simulated_mark

if TYPE_CHECKING:
    import pandas as pd
    from bokeh.models import ColumnDataSource
    from bokeh.plotting import figure

_MOST_LABELS: Final = 16


@dataclass(frozen=True, slots=True)
class _Part:
    """One layer of a stacked bar."""

    column: str
    legend: str
    style: dict[str, Any]


_GPU_PARTS: Final = (
    _Part("gpu_hours_used", "used", USED),
    _Part("gpu_hours_idle_held", "held without work", HELD),
    _Part("gpu_hours_free", "free", REST),
    _Part("gpu_hours_faulty", "faulty or unreadable", FAULTY),
    _Part("gpu_hours_down", "down", DOWN),
)
_CPU_PARTS: Final = (
    _Part("cpu_hours_used", "used", USED),
    _Part("cpu_hours_unused", "unused", REST),
)


def usage_over_time(frame: pd.DataFrame, *, height: int = 300) -> figure:
    """Bars over time: hours used, held without work and free, stacked.

    Args:
        frame: A table of use whose key is ``hour``, ``day`` or ``month``, in order.
        height: In pixels; the width is that of its container.

    Returns:
        A figure in GPU-hours, or in CPU-hours where there is no GPU.
    """
    from bokeh.models import FixedTicker, NumeralTickFormatter

    key = str(frame.columns[0])
    parts, unit, data = _layers(frame)
    labels = key_labels(frame)
    source = _source(data, labels, frame)
    plot = blank(height=height, x_range=(-0.6, max(len(labels), 1) - 0.4))
    lower = [0.0] * len(labels)
    for part in parts:
        upper = [base + amount for base, amount in zip(lower, data[part.column], strict=True)]
        source.data[f"{part.column}_from"], source.data[f"{part.column}_to"] = lower, upper
        plot.vbar(
            x="position",
            width=0.74,
            bottom=f"{part.column}_from",
            top=f"{part.column}_to",
            source=source,
            legend_label=part.legend,
            line_color=None,
            **part.style,
        )
        lower = upper
    step = math.ceil(len(labels) / _MOST_LABELS)
    plot.xaxis.ticker = FixedTicker(ticks=list(range(0, len(labels), max(step, 1))))
    plot.xaxis.major_label_overrides = dict(enumerate(labels))
    plot.xgrid.visible = False
    plot.y_range.start = 0
    plot.yaxis.axis_label = unit
    plot.yaxis.formatter = NumeralTickFormatter(format="0,0.[0]")
    finish(plot)
    _tell(plot, parts, key, mode="vline")
    return plot


def usage_by(frame: pd.DataFrame, *, height: int | None = None) -> figure:
    """Bars per server, user, group, model or device: hours used, held without work and free.

    Args:
        frame: A table of use; its first column is the key. Rows come from top to bottom.
        height: In pixels; by default what the rows need.

    Returns:
        A figure in GPU-hours, or in CPU-hours where there is no GPU.
    """
    from bokeh.models import FixedTicker, NumeralTickFormatter

    key = str(frame.columns[0])
    parts, unit, data = _layers(frame)
    labels = key_labels(frame)
    count = len(labels)
    source = _source(data, labels, frame)
    plot = blank(height=height or 76 + 26 * max(count, 1), y_range=(max(count, 1) - 0.4, -0.6))
    left = [0.0] * count
    for part in parts:
        right = [base + amount for base, amount in zip(left, data[part.column], strict=True)]
        source.data[f"{part.column}_from"], source.data[f"{part.column}_to"] = left, right
        plot.hbar(
            y="position",
            height=0.62,
            left=f"{part.column}_from",
            right=f"{part.column}_to",
            source=source,
            legend_label=part.legend,
            line_color=None,
            **part.style,
        )
        left = right
    plot.yaxis.ticker = FixedTicker(ticks=list(range(count)))
    plot.yaxis.major_label_overrides = dict(enumerate(labels))
    plot.ygrid.visible = False
    plot.x_range.start = 0
    plot.xaxis.axis_label = unit
    plot.xaxis.formatter = NumeralTickFormatter(format="0,0.[0]")
    finish(plot)
    _tell(plot, parts, key, mode="hline")
    return plot


def resource(frame: pd.DataFrame) -> str:
    """What a chart of the table is about: GPU, or CPU where there is no GPU."""
    return "GPU" if frame["gpu_hours_used"].notna().any() else "CPU"


def drawable(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows that have a bar: those of which something is known."""
    return frame.loc[frame[f"{resource(frame).lower()}_hours_used"].notna()]


def key_labels(frame: pd.DataFrame) -> list[str]:
    """What to write beside each row: the key for people, marked where it is simulated."""
    key = str(frame.columns[0])
    several_days = key == "hour" and len(set(frame[key].dt.date)) > 1
    labels = []
    for row in rows_of(frame):
        mark = simulated_mark(row, key)
        label = key_label(row[key], key, with_day=several_days)
        labels.append(f"{label} ({mark})" if mark else label)
    return labels


def _layers(frame: pd.DataFrame) -> tuple[tuple[_Part, ...], str, dict[str, list[float]]]:
    """The parts that a bar has, their unit, and their heights (a gap has none)."""
    has_gpu = resource(frame) == "GPU"
    if has_gpu and "gpu_hours_observed" in frame.columns:
        faulty = frame["gpu_hours_observed"] - frame["gpu_hours_available"]
        table = frame.assign(gpu_hours_faulty=faulty)
    else:
        table = frame if has_gpu else frame.assign(cpu_hours_unused=_unused(frame))
    chosen = _GPU_PARTS if has_gpu else _CPU_PARTS
    # What there is none of needs no entry in the legend, the three that matter apart.
    parts = tuple(
        part
        for number, part in enumerate(chosen)
        if part.column in table.columns and (number < 3 or table[part.column].fillna(0).sum() > 0)
    )
    unit = f"{resource(frame)}-hours"
    return parts, unit, {part.column: table[part.column].fillna(0).tolist() for part in parts}


def _unused(frame: pd.DataFrame) -> pd.Series:
    if "cpu_hours_available" not in frame.columns:
        return frame["cpu_hours_used"] * 0
    return frame["cpu_hours_available"] - frame["cpu_hours_used"]


def _source(
    data: dict[str, list[float]], labels: list[str], frame: pd.DataFrame
) -> ColumnDataSource:
    from bokeh.models import ColumnDataSource

    columns: dict[str, list[Any]] = {"position": list(range(len(labels))), "label": list(labels)}
    for name, amounts in data.items():
        known = frame[name] if name in frame.columns else amounts
        columns[f"{name}_text"] = [hours(amount) for amount in known]
    columns["coverage_text"] = [ratio(value) for value in frame["coverage_ratio"]]
    return ColumnDataSource(data=columns)


def _tell(plot: figure, parts: tuple[_Part, ...], key: str, *, mode: str) -> None:
    """A tooltip with numbers and coverage."""
    from bokeh.models import HoverTool

    tips = [(key, "@label"), *((part.legend, f"@{part.column}_text") for part in parts)]
    tips.append(("observed", "@coverage_text"))
    plot.add_tools(HoverTool(tooltips=tips, mode=mode, renderers=plot.renderers[:1]))
