"""One metric of a table of use as bars: a table and the name of a column in, a figure out.

Times stand from left to right, everything else from top to bottom. What is unknown has no bar.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scms.reports.charts.bars import key_labels
from scms.reports.charts.style import HUE, blank, finish
from scms.reports.sums import TIMES

if TYPE_CHECKING:
    import pandas as pd
    from bokeh.plotting import figure

    from scms.reports.present import Column

_MOST_LABELS = 16


def metric_by(frame: pd.DataFrame, column: Column, *, height: int = 300) -> figure:
    """Bars of one metric.

    Args:
        frame: A table of use; its first column is the key.
        column: The metric; its unit stands at the axis. Ratios are drawn as percentages.
        height: In pixels, of a chart over time; the others are as high as their rows need.
    """
    from bokeh.models import ColumnDataSource, HoverTool

    key = str(frame.columns[0])
    labels = key_labels(frame)
    share = column.name.endswith("_ratio")
    values = (frame[column.name].astype("float64") * (100 if share else 1)).tolist()
    known = [(n, value) for n, value in enumerate(values) if value == value]  # noqa: PLR0124  NaN
    source = ColumnDataSource(
        {
            "position": [n for n, _ in known],
            "value": [value for _, value in known],
            "label": [labels[n] for n, _ in known],
            "text": [column.write(frame[column.name].iloc[n]) for n, _ in known],
        }
    )
    unit = "%" if share else column.unit
    over_time = key in TIMES
    plot = _upright(source, height) if over_time else _lying(source, len(labels))
    _axes(plot, labels, f"{column.heading}, {unit}" if unit else column.heading, upright=over_time)
    finish(plot)
    tips = [(key, "@label"), (column.heading, "@text")]
    mode = "vline" if over_time else "hline"
    plot.add_tools(HoverTool(tooltips=tips, mode=mode, renderers=plot.renderers[:1]))
    return plot


def _upright(source: Any, height: int) -> figure:
    plot = blank(height=height)
    plot.vbar("position", top="value", width=0.74, source=source, color=HUE, line_color=None)
    return plot


def _lying(source: Any, count: int) -> figure:
    plot = blank(height=50 + 26 * max(count, 1), y_range=(max(count, 1) - 0.4, -0.6))
    plot.hbar("position", right="value", height=0.62, source=source, color=HUE, line_color=None)
    return plot


def _axes(plot: figure, labels: list[str], title: str, *, upright: bool) -> None:
    from bokeh.models import FixedTicker, NumeralTickFormatter

    keys, amounts = (plot.xaxis, plot.yaxis) if upright else (plot.yaxis, plot.xaxis)
    step = max(1, -(-len(labels) // _MOST_LABELS)) if upright else 1
    keys.ticker = FixedTicker(ticks=list(range(0, len(labels), step)))
    keys.major_label_overrides = dict(enumerate(labels))
    (plot.xgrid if upright else plot.ygrid).visible = False
    amounts.axis_label = title
    amounts.formatter = NumeralTickFormatter(format="0,0.[0]")
    (plot.y_range if upright else plot.x_range).start = 0
