"""How use is spread and how it changed: a Lorenz curve and a waterfall."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from scms.reports.charts.steps import Step, level, stepped, steps
from scms.reports.charts.style import HUE, NEUTRAL, WARN, blank, finish
from scms.reports.longtail import gini, lorenz

if TYPE_CHECKING:
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
    change = changes(before, servers)
    if change.empty:
        return None
    changed = [(str(name), float(amount)) for name, amount in change.head(_MOST_STEPS).items()]
    if len(change) > _MOST_STEPS:
        others = f"{len(change) - _MOST_STEPS} others"
        changed.append((others, float(change.iloc[_MOST_STEPS:].sum())))
    start, end = float(before["gpu_hours_used"].sum()), float(servers["gpu_hours_used"].sum())
    looks = [Step(name, amount, HUE if amount >= 0 else WARN) for name, amount in changed]
    bars = [level(names[0], start), *steps(looks, start), level(names[1], end)]
    return stepped(bars, "GPU-hours used")


def changes(before: pd.DataFrame, servers: pd.DataFrame) -> pd.Series:
    """How many more GPU-hours each server was used than before, the largest change first.

    Arguments are those of `waterfall`; empty where there is nothing to compare.
    """
    import pandas as pd

    if before.empty:
        return pd.Series(dtype="float64")
    earlier = before.set_index("server")["gpu_hours_used"]
    later = servers.set_index("server")["gpu_hours_used"]
    change = later.sub(earlier, fill_value=0.0).dropna()
    return change.reindex(change.abs().sort_values(ascending=False).index)
