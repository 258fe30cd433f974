"""The look that all figures share: colours, axes, legends.

Colours read on dark and light, in grey and with any colour vision: one hue that gets darker for
what was used, hatched where it was held without work, neutral for what was free and for axes; the
background is transparent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from bokeh.plotting import figure

HUE: Final = "#3b82f6"
NEUTRAL: Final = "#8391a5"
#: Letters on a page that is read in the light or printed.
INK: Final = "#475569"
WARN: Final = "#d97706"
#: From nothing to everything, each step darker than the one before.
SCALE: Final = (
    *("#edf3fe", "#d6e4fd", "#bcd3fb", "#9cbef8", "#78a5f4", "#558bee"),
    *("#3a70df", "#2b59c3", "#2246a0", "#1b377e", "#152a60"),
)
#: The same for a page that may be dark or light: one hue that shows more and more of itself.
VEIL: Final = tuple(f"{HUE}{alpha:02x}" for alpha in range(0x14, 0x100, 0x17))
#: Letters on light and on dark cells of a figure, and those that read on both grounds.
ON_LIGHT: Final = "#1e293b"
ON_DARK: Final = "#ffffff"
ON_BOTH: Final = "#7587a0"
USED: Final[dict[str, Any]] = {"fill_color": HUE, "fill_alpha": 1.0}
HELD: Final[dict[str, Any]] = {
    "fill_color": HUE,
    "fill_alpha": 0.28,
    "hatch_pattern": "/",
    "hatch_color": HUE,
    "hatch_alpha": 0.75,
    "hatch_scale": 7,
    "hatch_weight": 1.5,
}
REST: Final[dict[str, Any]] = {"fill_color": NEUTRAL, "fill_alpha": 0.20}
FAULTY: Final[dict[str, Any]] = {
    "fill_color": WARN,
    "fill_alpha": 0.25,
    "hatch_pattern": "x",
    "hatch_color": WARN,
    "hatch_alpha": 0.8,
    "hatch_scale": 7,
    "hatch_weight": 1.2,
}
DOWN: Final[dict[str, Any]] = {
    "fill_alpha": 0.0,
    "hatch_pattern": ".",
    "hatch_color": NEUTRAL,
    "hatch_alpha": 0.9,
    "hatch_scale": 6,
    "line_alpha": 0.0,
}


def blank(**options: Any) -> figure:
    """A figure without anything: as wide as its container, transparent."""
    from bokeh.plotting import figure

    return figure(
        sizing_mode="stretch_width",
        toolbar_location=None,
        tools="",
        background_fill_alpha=0,
        border_fill_alpha=0,
        outline_line_color=None,
        **options,
    )


def finish(plot: figure) -> None:
    """Neutral axes, and a legend above what is drawn."""
    from bokeh.models import Legend, NoOverlap

    for axis in (*plot.xaxis, *plot.yaxis):
        axis.axis_line_color = None
        axis.major_tick_line_color = None
        axis.minor_tick_line_color = None
        axis.major_label_text_color = NEUTRAL
        axis.major_label_text_font_size = "12px"
        axis.axis_label_text_color = NEUTRAL
        axis.axis_label_text_font_style = "normal"
    plot.xaxis.major_label_policy = NoOverlap(min_distance=8)
    for grid in (*plot.xgrid, *plot.ygrid):
        grid.grid_line_color = NEUTRAL
        grid.grid_line_alpha = 0.18
    legend = plot.legend[0] if plot.legend else Legend()
    legend.orientation = "horizontal"
    legend.background_fill_alpha = 0
    legend.border_line_color = None
    legend.label_text_color = NEUTRAL
    legend.label_text_font_size = "12px"
    legend.padding, legend.margin, legend.spacing = 0, 4, 14
    if plot.legend:
        plot.add_layout(legend, "above")


def inked(plot: figure) -> figure:
    """The figure with letters dark enough for paper; returns it."""
    from bokeh.models import ColorBar, Text

    for axis in (*plot.xaxis, *plot.yaxis):
        axis.major_label_text_color = INK
        axis.axis_label_text_color = INK
    for legend in plot.legend:
        legend.label_text_color = INK
    for glyph in plot.select({"type": Text}):
        if glyph.text_color == NEUTRAL:
            glyph.text_color = INK
    for bar in plot.select({"type": ColorBar}):
        bar.major_label_text_color = INK
        bar.title_text_color = INK
    return plot


def themed(plot: figure) -> figure:
    """The figure with colours for a page that may turn dark or light under it; returns it."""
    from bokeh.models import LinearColorMapper, Text

    for mapper in plot.select({"type": LinearColorMapper}):
        mapper.palette = list(VEIL)
    for renderer in plot.renderers:
        glyph, data = getattr(renderer, "glyph", None), getattr(renderer, "data_source", None)
        if isinstance(glyph, Text) and data is not None and "color" in data.data:
            seen = {ON_LIGHT: ON_BOTH}
            data.data["color"] = [seen.get(color, color) for color in data.data["color"]]
    return plot
