"""Promised against kept as a figure: on the diagonal, what was promised is what came.

In: bins of chances. Out: a Bokeh figure; a dot is a bin, its area the number of cases.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from bokeh.models import ColumnDataSource, FixedTicker, HoverTool, NumeralTickFormatter, Range1d

from scms.widgets.feed.charts import AXIS, BLUE, GREEN, legend_above, plain_plot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bokeh.plotting import figure

_TENTHS: Final = [0, 20, 40, 60, 80, 100]
_LOOKS: Final = ((BLUE, "circle"), (GREEN, "square"))
_LEAST_SIZE, _MOST_SIZE = 7.0, 34.0


def reliability_chart(series: Mapping[str, Sequence[Mapping[str, Any]]]) -> figure:
    """Promised (across) against kept (up), in percent.

    Args:
        series: By name, the bins: ``promised, kept`` (0 to 1) and ``cases``.
    """
    plot = plain_plot(390, x_range=Range1d(-3, 103), y_range=Range1d(-3, 108))
    for axis in (plot.xaxis, plot.yaxis):
        axis.ticker = FixedTicker(ticks=_TENTHS)
        axis.formatter = NumeralTickFormatter(format="0")
        axis.axis_label_text_color = AXIS
        axis.axis_label_text_font_style = "normal"
        axis.axis_label_text_font_size = "11.5px"
    plot.xgrid.visible = True
    plot.xaxis.axis_label = "promised, %"
    plot.yaxis.axis_label = "came true, %"
    plot.line([0, 100], [0, 100], color=AXIS, line_dash="5 4", legend_label="as promised")
    most = max((one["cases"] for bins in series.values() for one in bins), default=1)
    drawn = []
    for (name, bins), (colour, marker) in zip(series.items(), _LOOKS, strict=False):
        source = ColumnDataSource(_columns(bins, most))
        plot.line("promised", "kept", source=source, color=colour, line_alpha=0.5)
        dots = plot.scatter(
            "promised",
            "kept",
            size="size",
            marker=marker,
            source=source,
            fill_color=colour,
            fill_alpha=0.55,
            line_color=colour,
            legend_label=name,
        )
        drawn.append(dots)
    legend_above(plot)
    tips = [("promised", "@promised{0.0}%"), ("came true", "@kept{0.0}%"), ("cases", "@cases")]
    plot.add_tools(HoverTool(tooltips=tips, renderers=drawn))
    return plot


def _columns(bins: Sequence[Mapping[str, Any]], most: int) -> dict[str, list[float]]:
    span = _MOST_SIZE - _LEAST_SIZE
    return {
        "promised": [100 * one["promised"] for one in bins],
        "kept": [100 * one["kept"] for one in bins],
        "cases": [one["cases"] for one in bins],
        "size": [_LEAST_SIZE + span * math.sqrt(one["cases"] / most) for one in bins],
    }
