"""Waterfalls: levels and the steps between them in, a figure out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scms.reports.charts.style import NEUTRAL, blank, finish
from scms.reports.present import hours

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bokeh.plotting import figure


@dataclass(frozen=True, slots=True)
class Step:
    """A change on the way from one level to the next, and how it looks."""

    label: str
    amount: float
    color: str


def level(label: str, amount: float, *, color: str = NEUTRAL) -> dict[str, Any]:
    """A bar from nothing to an amount."""
    return _bar(label, 0.0, amount, color)


def steps(changes: Iterable[Step], start: float) -> Iterator[dict[str, Any]]:
    """A bar per change, each from where the one before ended."""
    at = start
    for change in changes:
        after = at + change.amount
        sign = "+" if change.amount >= 0 else "−"
        bar = _bar(change.label, min(at, after), max(at, after), change.color)
        yield bar | {"amount": f"{sign}{hours(abs(change.amount))}"}
        at = after


def stepped(bars: Sequence[dict[str, Any]], unit: str) -> figure:
    """The figure of such bars, from left to right."""
    from bokeh.models import ColumnDataSource, FixedTicker, HoverTool, NumeralTickFormatter

    columns = {name: [bar[name] for bar in bars] for name in bars[0]}
    source = ColumnDataSource({"x": list(range(len(bars))), **columns})
    labels = columns["label"]
    top = max(columns["top"])
    plot = blank(height=320, x_range=(-0.6, len(bars) - 0.4), y_range=(0, top * 1.12 or 1))
    plot.vbar(
        "x", bottom="bottom", top="top", width=0.66, source=source, color="color", line_color=None
    )
    plot.text(
        "x", "top", text="amount", source=source, text_align="center", text_baseline="bottom",
        y_offset=-3, text_font_size="11px", text_color=NEUTRAL,
    )  # fmt: skip
    plot.xaxis.ticker = FixedTicker(ticks=list(range(len(labels))))
    plot.xaxis.major_label_overrides = dict(enumerate(labels))
    plot.yaxis.axis_label = unit
    plot.yaxis.formatter = NumeralTickFormatter(format="0,0.[0]")
    plot.xgrid.visible = False
    finish(plot)
    tips = [("", "@label"), ("GPU-hours", "@amount")]
    plot.add_tools(HoverTool(tooltips=tips, renderers=plot.renderers[:1]))
    return plot


def _bar(label: str, bottom: float, top: float, color: str) -> dict[str, Any]:
    amount = hours(top - bottom)
    return {"label": label, "bottom": bottom, "top": top, "amount": amount, "color": color}
