"""The level of one server as a figure: what was seen, what is expected, and its range.

In: columns over milliseconds that read as local time. Out: a Bokeh figure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bokeh.models import (
    ColumnDataSource,
    DatetimeTickFormatter,
    HoverTool,
    NumeralTickFormatter,
    Range1d,
    Span,
)

from scms.widgets.feed.charts import AXIS, BLUE, GREEN, legend_above, plain_plot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bokeh.plotting import figure

_HOUR_MS = 3_600_000


def level_chart(
    *, capacity: float, past: Mapping[str, Any], ahead: Mapping[str, Any], unit: str
) -> figure:
    """Past and expected level of one server.

    Args:
        capacity: The highest possible value.
        past: ``time, level``; an hour that was not observed is a gap.
        ahead: ``time, mean, lower, upper``.
        unit: Said behind numbers.
    """
    plot = plain_plot(250, x_axis_type="datetime", y_range=Range1d(0, capacity * 1.04))
    plot.yaxis.formatter = NumeralTickFormatter(format="0")
    plot.yaxis.ticker.update(min_interval=1, desired_num_ticks=5)
    seen = ColumnDataSource(dict(past))
    told = ColumnDataSource(dict(ahead))
    bars = plot.vbar(
        "time",
        width=_HOUR_MS,
        bottom="lower",
        top="upper",
        source=told,
        fill_color=BLUE,
        fill_alpha=0.2,
        line_color=None,
        legend_label="range",
    )
    plot.line("time", "level", source=seen, color=AXIS, line_width=2, legend_label="as seen")
    plot.line(
        "time", "mean", source=told, color=BLUE, line_width=2.4, legend_label="expected",
    )  # fmt: skip
    plot.legend.items = [plot.legend.items[n] for n in (1, 2, 0)]
    legend_above(plot)
    if ahead["time"]:
        now = ahead["time"][0] - _HOUR_MS / 2
        plot.add_layout(Span(location=now, dimension="height", line_color=GREEN, line_dash="4 3"))
    plot.xaxis.formatter = DatetimeTickFormatter(
        hours="%H:%M", hourmin="%H:%M", minutes="%H:%M", days="%d %b", months="%b %Y"
    )
    tips = [("expected", f"@mean{{0.0}}{unit}"), ("range", f"@lower{{0.0}} to @upper{{0.0}}{unit}")]
    plot.add_tools(
        HoverTool(
            tooltips=[("", "@time{%a %d %b %H:00}"), *tips],
            formatters={"@time": "datetime"},
            mode="vline",
            renderers=[bars],
        )
    )
    return plot
