"""The past of a server as a chart to look closer at: an overview below chooses what is seen above.

In: a table of ``lab.load``. Out: a Bokeh layout. Means are lines; the lowest and highest of all
ticks are drawn too, at every scale, so that a spike is seen from afar.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bokeh.layouts import column
from bokeh.models import (
    BoxZoomTool,
    ColumnDataSource,
    DatetimeTickFormatter,
    FixedTicker,
    HoverTool,
    Range1d,
    RangeTool,
    ResetTool,
)

from scms.widgets.feed.charts import AMBER, AXIS, BLUE, legend_above, plain_plot

if TYPE_CHECKING:
    import pandas as pd
    from bokeh.models import LayoutDOM
    from bokeh.plotting import figure

_QUARTER_MS: Final = 900_000
_TENTHS: Final = [0, 20, 40, 60, 80, 100]


def server_load(load: pd.DataFrame) -> LayoutDOM:
    """Load of a server: the mean of each quarter of an hour, and the range of all its ticks.

    Args:
        load: A table of ``lab.load``. Drag across either chart to look closer.
    """
    data = local_percent(load)
    source = ColumnDataSource(data)
    shown = [("gpu", "GPU", BLUE), ("cpu", "CPU", AMBER)]
    if all(value is None for value in data["gpu_mean"]):
        shown = shown[1:]
    times = data["time"]
    ends = (times[0] - _QUARTER_MS, times[-1] + _QUARTER_MS) if times else (0, 1)
    window = Range1d(*ends, bounds=ends)
    plot = _closer(source, shown, window)
    if not times:
        return plot
    return column(plot, _overview(source, shown, window, ends), sizing_mode="stretch_width")


def _closer(source: ColumnDataSource, shown: list[tuple[str, str, str]], window: Range1d) -> figure:
    plot = plain_plot(250, x_axis_type="datetime", x_range=window, y_range=Range1d(0, 102))
    plot.yaxis.ticker = FixedTicker(ticks=_TENTHS)
    plot.ygrid.ticker = plot.yaxis[0].ticker
    for name, label, colour in shown:
        _range_and_line(plot, source, name, colour, legend_label=label)
    legend_above(plot)
    _dates(plot)
    tips = [(label, f"@{c}_mean{{0}}% (@{c}_min{{0}} to @{c}_max{{0}}%)") for c, label, _ in shown]
    plot.add_tools(
        HoverTool(
            tooltips=[("", "@time{%d %b %H:%M}"), *tips],
            formatters={"@time": "datetime"},
            mode="vline",
            renderers=plot.renderers[-1:],
        )
    )
    closer = BoxZoomTool(dimensions="width")
    plot.add_tools(closer, ResetTool())
    plot.toolbar.active_drag = closer
    plot.toolbar_location = "right"
    plot.toolbar.logo = None
    plot.toolbar.autohide = True
    return plot


def _overview(
    source: ColumnDataSource,
    shown: list[tuple[str, str, str]],
    window: Range1d,
    ends: tuple[float, float],
) -> figure:
    """All of it, small: the window that is seen above is moved, widened and drawn here."""
    plot = plain_plot(
        64, x_axis_type="datetime", x_range=Range1d(*ends, bounds=ends), y_range=Range1d(0, 102)
    )
    plot.yaxis.visible = False
    plot.ygrid.visible = False
    plot.min_border_left = 24
    _dates(plot)
    for name, _, colour in shown:
        _range_and_line(plot, source, name, colour)
    brush = RangeTool(x_range=window, start_gesture="pan")
    brush.overlay.update(
        fill_color=BLUE, fill_alpha=0.1, line_color=AXIS, line_alpha=0.9, line_dash="solid"
    )
    plot.add_tools(brush)
    return plot


def _range_and_line(
    plot: figure, source: ColumnDataSource, name: str, colour: str, **line: Any
) -> None:
    # A range that is not known has no height, and would otherwise bridge the gap.
    plot.vbar(
        "time",
        width=_QUARTER_MS,
        bottom=f"{name}_min",
        top=f"{name}_max",
        source=source,
        fill_color=colour,
        fill_alpha=0.14,
        line_color=None,
    )
    # From afar a bar is thinner than a pixel and all but gone; this line is not.
    plot.line("time", f"{name}_max", source=source, color=colour, line_width=1, line_alpha=0.45)
    plot.line("time", f"{name}_mean", source=source, color=colour, line_width=2, **line)


def _dates(plot: figure) -> None:
    plot.xaxis.formatter = DatetimeTickFormatter(
        hours="%H:%M", hourmin="%H:%M", minutes="%H:%M", days="%d %b", months="%b %Y"
    )


def local_percent(load: pd.DataFrame) -> dict[str, list[Any]]:
    """Columns in percent over local milliseconds; a quarter without a row is a gap."""
    import pandas as pd

    columns = [c for c in load.columns if c != "starts_at"]
    if load.empty:
        return {"time": [], **{c: [] for c in columns}}
    zone = load["starts_at"].dt.tz
    table = load.set_index(load["starts_at"].dt.tz_convert("UTC"))[columns].astype(float)
    table = table.groupby(level=0).first().asfreq("15min") * 100
    local = pd.DatetimeIndex(table.index).tz_convert(zone).tz_localize(None)
    middle = local.astype("datetime64[ms]").astype("int64") + _QUARTER_MS // 2
    known = table.astype(object).where(table.notna(), None)
    return {"time": middle.tolist(), **{c: known[c].tolist() for c in columns}}
