"""Where the GPU-hours of a period went: the total of a report in, a waterfall out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scms.reports.charts.steps import Step, level, stepped, steps
from scms.reports.charts.style import HUE, NEUTRAL, WARN
from scms.reports.present import rows_of

if TYPE_CHECKING:
    import pandas as pd
    from bokeh.plotting import figure


def where_hours_went(totals: pd.DataFrame) -> figure:
    """From all GPU-hours, through those that nobody could use or did use, to those that computed.

    Args:
        totals: The finished total of a report, one row. Time in which nobody watched a server is
            in none of the bars. Pauses are time in which a GPU was used and no kernel ran.
    """
    row = rows_of(totals)[0]
    lost = [Step(label, -amount, color) for label, amount, color in losses(row) if amount > 0]
    used = row["gpu_hours_used"] or 0.0
    start = used - sum(step.amount for step in lost)
    bars = [level("all", start), *steps(lost, start), level("used", used, color=HUE)]
    computed = row["gpu_hours_utilized"]
    if computed is not None and computed <= used:
        waiting = Step("pauses", computed - used, NEUTRAL)
        bars += [*steps([waiting], used), level("computing", computed, color=HUE)]
    return stepped(bars, "GPU-hours")


def losses(row: dict[str, float | None]) -> list[tuple[str, float, str]]:
    """What was not used and why: words, GPU-hours, colour."""
    known = {name: row[f"gpu_hours_{name}"] or 0.0 for name in ("down", "free", "idle_held")}
    faulty = (row["gpu_hours_observed"] or 0.0) - (row["gpu_hours_available"] or 0.0)
    return [
        ("down", known["down"], WARN),
        ("faulty", faulty, WARN),
        ("free", known["free"], NEUTRAL),
        ("held idle", known["idle_held"], WARN),
    ]
