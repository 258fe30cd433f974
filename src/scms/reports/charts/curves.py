"""How use is spread and how it changed: a Lorenz curve and a waterfall."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from scms.reports.charts.style import HUE, NEUTRAL, WARN, blank, finish
from scms.reports.longtail import gini, lorenz
from scms.reports.present import hours

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd
    from bokeh.plotting import figure

_MOST_STEPS: Final = 8


def lorenz_curves(servers: pd.DataFrame, users: pd.DataFrame) -> figure:
    """Lorenz curves of use over servers and over users, beside the line of even use.

    Args:
        servers: `usage` by server; weighed by the available GPU-hours.
        users: `usage` by user; the visible ones that used anything, alike.
    """
    from bokeh.models import HoverTool, NumeralTickFormatter

    having = servers.dropna(subset=["gpu_hours_used", "gpu_hours_available"])
    people = users.dropna(subset=["user"]) if "user" in users.columns else users
    people = people[people["gpu_hours_used"].fillna(0) > 0]
    curves = {
        "servers": lorenz(
            having["gpu_hours_used"].tolist(), having["gpu_hours_available"].tolist()
        ),
        "users": lorenz(people["gpu_hours_used"].tolist()),
    }
    looks: dict[str, dict[str, Any]] = {
        "servers": {"color": HUE, "line_width": 2.5},
        "users": {"color": WARN, "line_width": 2.5, "line_dash": [7, 3]},
    }
    plot = blank(height=340, x_range=(0, 1), y_range=(0, 1))
    plot.line([0, 1], [0, 1], color=NEUTRAL, line_dash="dotted", legend_label="even use")
    for name, curve in curves.items():
        uneven = gini(curve)
        if uneven is None:
            continue
        line = plot.line(
            curve["population_ratio"].tolist(),
            curve["use_ratio"].tolist(),
            legend_label=f"{name}, Gini {uneven:.2f}",
            **looks[name],
        )
        tips = [(name, "the least used @x{0 %}"), ("did", "@y{0 %} of the work")]
        plot.add_tools(HoverTool(tooltips=tips, renderers=[line]))
    for axis in (*plot.xaxis, *plot.yaxis):
        axis.formatter = NumeralTickFormatter(format="0 %")
    plot.xaxis.axis_label = "of the servers (by GPU time) and of the users, the least used first"
    plot.yaxis.axis_label = "of the used GPU-hours"
    finish(plot)
    return plot


def waterfall(before: pd.DataFrame, servers: pd.DataFrame, names: tuple[str, str]) -> figure | None:
    """From the used GPU-hours of one period to those of the next, server by server.

    Args:
        before: `usage` by server of the earlier period; empty where it cannot be compared with.
        servers: `usage` by server of this one.
        names: Of the two periods.

    Returns:
        None where there is nothing to compare.
    """
    from bokeh.models import ColumnDataSource, FixedTicker, HoverTool, NumeralTickFormatter

    if before.empty:
        return None
    earlier = before.set_index("server")["gpu_hours_used"]
    later = servers.set_index("server")["gpu_hours_used"]
    change = later.sub(earlier, fill_value=0.0).dropna()
    if change.empty:
        return None
    most = change.reindex(change.abs().sort_values(ascending=False).index)
    steps = [(str(name), float(amount)) for name, amount in most.head(_MOST_STEPS).items()]
    if len(most) > _MOST_STEPS:
        steps.append((f"{len(most) - _MOST_STEPS} others", float(most.iloc[_MOST_STEPS:].sum())))
    start, end = float(earlier.sum()), float(later.sum())
    bars = [_bar(names[0], 0.0, start), *_steps(steps, start), _bar(names[1], 0.0, end)]
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
    plot.yaxis.axis_label = "GPU-hours used"
    plot.yaxis.formatter = NumeralTickFormatter(format="0,0.[0]")
    plot.xgrid.visible = False
    finish(plot)
    tips = [("", "@label"), ("GPU-hours", "@amount")]
    plot.add_tools(HoverTool(tooltips=tips, renderers=plot.renderers[:1]))
    return plot


def _steps(steps: Sequence[tuple[str, float]], level: float) -> Iterator[dict[str, Any]]:
    """A bar per change, each from where the one before ended."""
    for name, amount in steps:
        sign = "+" if amount >= 0 else "−"
        bar = _bar(name, min(level, level + amount), max(level, level + amount))
        look = {"amount": f"{sign}{hours(abs(amount))}", "color": HUE if amount >= 0 else WARN}
        yield bar | look
        level += amount


def _bar(label: str, bottom: float, top: float) -> dict[str, Any]:
    amount = hours(top - bottom)
    return {"label": label, "bottom": bottom, "top": top, "amount": amount, "color": NEUTRAL}
