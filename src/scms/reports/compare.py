"""A period beside the one before and the same one a year ago: a query in, a table and changes out.

An earlier period is looked at as far as this one has passed, so that half a month is compared with
half a month.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scms.reports import metrics

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd

    from scms.reports.period import Period
    from scms.settings import PowerSettings

_COMPARED: Final = (
    "gpu_hours_available",
    "gpu_hours_used",
    "gpu_hours_idle_held",
    "gpu_hours_free",
    "gpu_use_ratio",
    "gpu_utilization_ratio",
    "cpu_hours_used",
    "cpu_utilization_ratio",
    "energy_kwh",
    "energy_cost",
    "carbon_kilograms",
)


@dataclass(frozen=True, eq=False)
class Comparison:
    """A period and two earlier ones.

    Attributes:
        periods: This period, the one before, the one a year ago, each a row: ``period`` (its
            title), `METRICS` that can be compared, ``used_change_gpu_hours`` and
            ``used_change_ratio`` (how much more was used in this one than in that of the row) and
            ``coverage_ratio``. Of one that was observed too little only the coverage is told.
        before: `usage` by server of the period before; empty where it was observed too little.
    """

    periods: pd.DataFrame
    before: pd.DataFrame


def compare(
    query: metrics.Query,
    period: Period,
    totals: pd.DataFrame,
    *,
    now: datetime,
    coverage_ratio: float,
    power: PowerSettings | None = None,
) -> Comparison:
    """Put a period beside two earlier ones.

    Args:
        query: Runs SQL over the views.
        period: The period.
        totals: Its finished total.
        now: The clock; aware.
        coverage_ratio: An earlier period that was observed less is not compared with.
        power: What energy costs and emits.
    """
    import pandas as pd

    elapsed = period.elapsed(now)
    rows = [_row(period.title, totals)]
    before = pd.DataFrame()
    for earlier in (period.previous(), period.year_ago()):
        until = min(earlier.start + elapsed, earlier.end)
        summed = metrics.sums(query, earlier, by="server", now=until)
        partial = "" if until == earlier.end else ", as far as this one"
        told = metrics.finish(metrics.total(summed), power=power)
        known = bool(told["coverage_ratio"].fillna(0).item() >= coverage_ratio)
        if not known:
            told = told.assign(**dict.fromkeys(_COMPARED))
        rows.append(_row(f"{earlier.title}{partial}", told))
        if len(rows) == 2 and known:
            before = metrics.finish(summed, by="server", power=power)
    frame = pd.concat(rows, ignore_index=True)
    kind = "gpu" if frame["gpu_hours_used"].notna().any() else "cpu"
    used = frame[f"{kind}_hours_used"]
    change = (used.iloc[0] - used).where(frame.index > 0)
    frame[f"used_change_{kind}_hours"] = change
    frame["used_change_ratio"] = change / used.where(used > 0)
    columns = ["period", *_COMPARED, f"used_change_{kind}_hours", "used_change_ratio"]
    told = frame[columns].dropna(axis="columns", how="all")
    return Comparison(told.assign(coverage_ratio=frame["coverage_ratio"]), before)


def _row(title: str, totals: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    row = totals[[*_COMPARED, "coverage_ratio"]].astype("float64").reset_index(drop=True)
    return pd.concat([pd.DataFrame({"period": [title]}), row], axis="columns")
