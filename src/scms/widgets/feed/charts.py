"""The figures of the page, without data or with it: Bokeh models.

In: names and zones, or frames of usage. Out: figures. One neutral axis colour and one hue with
alpha read on dark and on light, so that switching the theme restyles nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bokeh.models import (
    BasicTicker,
    CDSView,
    ColorBar,
    ColumnDataSource,
    DataRange1d,
    DatetimeTickFormatter,
    FixedTicker,
    GroupFilter,
    HoverTool,
    LinearColorMapper,
    NoOverlap,
    Range1d,
)
from bokeh.plotting import figure

from scms.widgets.feed.frame import HATCHES
from scms.widgets.feed.past import WINDOW_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence

AXIS: Final = "#8492a6"
BLUE: Final = "#3b82f6"
GREEN: Final = "#10b981"
AMBER: Final = "#f59e0b"
_FONT: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif"
_ALPHAS: Final = (0x12, 0x2A, 0x40, 0x58, 0x70, 0x88, 0xA0, 0xBC, 0xDC, 0xFF)
#: A single hue from faint to full: nothing to restyle when the theme changes.
RAMP: Final = tuple(f"{BLUE}{alpha:02x}" for alpha in _ALPHAS)
_TENTHS: Final = [0, 20, 40, 60, 80, 100]
_MOST_LABELS: Final = 26


def load_chart(end_ms: float) -> figure:
    """GPU, GPU memory and CPU of all servers, the last 15 minutes, in percent; source "load"."""
    window = Range1d(end_ms - WINDOW_SECONDS * 1000, end_ms)  # until the first data says better
    plot = plain_plot(280, x_axis_type="datetime", x_range=window, y_range=Range1d(0, 102))
    plot.yaxis.ticker = FixedTicker(ticks=_TENTHS)
    plot.ygrid.ticker = plot.yaxis[0].ticker
    names = ("time", "gpu", "gpu_memory", "cpu", "area")
    source = ColumnDataSource({name: [] for name in names}, name="load")
    plot.varea("time", 0, "area", source=source, fill_color=BLUE, fill_alpha=0.12)
    for column, label, colour in (
        ("gpu_memory", "GPU memory", GREEN),
        ("cpu", "CPU", AMBER),
        ("gpu", "GPU", BLUE),
    ):
        plot.line("time", column, source=source, color=colour, line_width=2, legend_label=label)
    plot.legend.items = [plot.legend.items[n] for n in (2, 0, 1)]
    legend_above(plot)
    plot.xaxis.formatter = _clock()
    tips = [("GPU", "@gpu{0}%"), ("GPU memory", "@gpu_memory{0}%"), ("CPU", "@cpu{0}%")]
    plot.add_tools(
        HoverTool(
            tooltips=[("", "@time{%H:%M:%S}"), *tips],
            formatters={"@time": "datetime"},
            mode="vline",
            renderers=plot.renderers[-1:],
        )
    )
    return plot


def heat_map(servers: Sequence[str]) -> figure:
    """Utilisation of every GPU now: servers across, GPUs up; source "heat"."""
    plot = plain_plot(
        280, x_range=DataRange1d(range_padding=0), y_range=DataRange1d(range_padding=0)
    )
    source = ColumnDataSource(
        {name: [] for name in ("server", "gpu", "use", "name", "state", "hatch")}, name="heat"
    )
    mapper = LinearColorMapper(palette=RAMP, low=0, high=100, nan_color="#00000000")
    size = {"x": "server", "y": "gpu", "width": 0.94, "height": 0.9, "line_color": None}
    filled = plot.rect(**size, source=source, fill_color={"field": "use", "transform": mapper})
    for pattern in dict.fromkeys(HATCHES.values()):
        # A drawing per pattern: BokehJS makes one of them once, and those of a column once per GPU.
        plot.rect(
            **size,
            source=source,
            view=CDSView(filter=GroupFilter(column_name="hatch", group=pattern)),
            fill_color=None,
            hatch_pattern=pattern,
            hatch_color=AXIS,
            hatch_alpha=0.75,
            hatch_scale=6,
            hatch_weight=1,
        )
    every = max(1, -(-len(servers) // _MOST_LABELS))
    ticks = list(range(0, len(servers), every))
    plot.xaxis.ticker = FixedTicker(ticks=ticks)
    plot.xaxis.major_label_overrides = {n: servers[n] for n in ticks}
    plot.xaxis.major_label_orientation = 0.7
    plot.xaxis.major_label_policy = NoOverlap()
    plot.yaxis.ticker = BasicTicker(min_interval=1, desired_num_ticks=8)
    plot.grid.visible = False
    plot.add_layout(_color_bar(mapper), "right")
    tips = [("", "@name, GPU @gpu"), ("state", "@state"), ("use", "@use{0}%")]
    plot.add_tools(HoverTool(tooltips=tips, renderers=[filled]))
    return plot


def restyle(plot: Any) -> Any:
    """Give a figure of a report the letters of the page; returns it."""
    plot.axis.major_label_text_font = _FONT
    plot.axis.axis_label_text_font = _FONT
    for legend in plot.legend:
        legend.update(label_text_font=_FONT, spacing=14, glyph_width=16, glyph_height=12)
    return plot


def plain_plot(height: int, **values: Any) -> figure:
    """An empty figure in the look of the page."""
    plot = figure(
        height=height,
        sizing_mode="stretch_width",
        toolbar_location=None,
        tools="",
        background_fill_alpha=0,
        border_fill_alpha=0,
        outline_line_color=None,
        min_border_right=12,
        output_backend="canvas",
        **values,
    )
    plot.grid.grid_line_color = AXIS
    plot.grid.grid_line_alpha = 0.22
    plot.xgrid.visible = False
    plot.axis.axis_line_color = None
    plot.axis.major_tick_line_color = None
    plot.axis.minor_tick_line_color = None
    plot.axis.major_label_text_color = AXIS
    plot.axis.major_label_text_font_size = "11px"
    plot.axis.major_label_text_font = _FONT
    return plot


def legend_above(plot: figure) -> None:
    """Put the legend of a figure above it, in one line."""
    legend = plot.legend[0]
    plot.center.remove(legend)
    plot.add_layout(legend, "above")
    legend.update(
        orientation="horizontal",
        background_fill_alpha=0,
        border_line_color=None,
        label_text_color=AXIS,
        label_text_font=_FONT,
        label_text_font_size="11.5px",
        padding=0,
        margin=2,
        spacing=14,
        glyph_width=16,
        glyph_height=12,
    )


def _clock() -> DatetimeTickFormatter:
    return DatetimeTickFormatter(
        seconds="%H:%M:%S", minsec="%H:%M:%S", minutes="%H:%M", hourmin="%H:%M", hours="%H:%M"
    )


def _color_bar(mapper: LinearColorMapper) -> ColorBar:
    return ColorBar(
        color_mapper=mapper,
        width=8,
        padding=4,
        background_fill_alpha=0,
        border_line_color=None,
        bar_line_color=None,
        major_tick_line_color=None,
        major_label_text_color=AXIS,
        major_label_text_font=_FONT,
        major_label_text_font_size="11px",
        ticker=FixedTicker(ticks=_TENTHS),
    )
