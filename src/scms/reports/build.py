"""Makes a report of a period: a query function in, a `Report` out.

The findings and headlines are made of the tables that the report shows, never of anything else, so
that what is left out of the tables (names, for one audience) cannot come back in a sentence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scms.reports import findings, metrics, present
from scms.reports.document import Headline, Report
from scms.reports.privacy import SHOWN

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd

    from scms.reports.period import Period
    from scms.reports.privacy import Veil

#: Up to so many days a report shows hours, up to so many days, above months.
_MOST_DAYS_BY_HOUR: Final = 2
_MOST_DAYS_BY_DAY: Final = 100


def build_report(
    query: metrics.Query,
    period: Period,
    *,
    name: str,
    now: datetime,
    thresholds: findings.Thresholds | None = None,
    veil: Veil = SHOWN,
) -> Report:
    """Make the report of a period.

    Args:
        query: Runs SQL over the views.
        period: What to report on.
        name: Of the cluster.
        now: The clock; aware.
        thresholds: From where on a finding is worth saying.
        veil: What of names is shown.
    """
    query = veil.query(query)
    summed = {
        by: metrics.sums(query, period, by=by, now=now)
        for by in ("server", "user", "group", "model", "device")
    }
    tables = {by: metrics.finish(frame, by=by) for by, frame in summed.items()}
    tables |= _over_time(query, period, now=now)
    for by in ("server", "user", "group", "model"):
        # The most used first; what is unknown last, in the order of the inventory.
        tables[by] = tables[by].sort_values(
            _rank(tables[by]), ascending=False, na_position="last", kind="stable"
        )
        tables[by] = tables[by].reset_index(drop=True)
    totals = metrics.finish(metrics.total(summed["server"]))
    tables = veil.tables(tables)
    return Report(
        name=name,
        period=period,
        made_at=now,
        tables=tables,
        totals=totals,
        headlines=_headlines(totals, tables["server"]),
        findings=findings.find(tables["server"], tables["user"], totals, thresholds=thresholds),
    )


def _rank(table: pd.DataFrame) -> str:
    return "gpu_hours_used" if table["gpu_hours_used"].notna().any() else "cpu_hours_used"


def _over_time(query: metrics.Query, period: Period, *, now: datetime) -> dict[str, pd.DataFrame]:
    """The table over time, in steps that make a readable chart."""
    days = sum(1 for _ in period.days())
    by = "hour" if days <= _MOST_DAYS_BY_HOUR else "day"
    summed = metrics.sums(query, period, by=by, now=now)
    if days > _MOST_DAYS_BY_DAY:
        summed, by = metrics.by_month(summed), "month"
    return {by: metrics.finish(summed, by=by)}


def _headlines(totals: pd.DataFrame, servers: pd.DataFrame) -> tuple[Headline, ...]:
    row = totals.iloc[0]
    used, available, held = (
        row[f"gpu_hours_{part}"] for part in ("used", "available", "idle_held")
    )
    observed = Headline(
        "Observed",
        present.ratio(row["coverage_ratio"]),
        f"of the time of {len(servers)} server{'s' if len(servers) != 1 else ''}",
    )
    share, all_of_it = row["cpu_utilization_ratio"], row["cpu_hours_available"]
    cpu = Headline(
        "CPU-hours used",
        present.hours(row["cpu_hours_used"]),
        f"{present.ratio(share)} of {present.hours(all_of_it)} available",
    )
    if present.unknown(available):
        return cpu, observed
    return (
        Headline(
            "GPU-hours used",
            present.hours(used),
            f"{present.ratio(row['gpu_use_ratio'])} of {present.hours(available)} available",
        ),
        Headline(
            "Held without work",
            present.hours(held),
            f"GPU-hours, {present.ratio(held / available if available else None)} of those "
            "available",
        ),
        Headline("Free", present.hours(row["gpu_hours_free"]), "GPU-hours nobody took"),
        Headline(
            "Mean utilisation",
            present.ratio(row["gpu_utilization_ratio"]),
            "of GPUs, over available time",
        ),
        Headline("GPU energy", f"{present.hours(row['energy_kwh'])} kWh", "drawn by the boards"),
        cpu,
        observed,
    )
