"""The metrics of use: a query function and a period in, tables of hours and ratios out.

What can be added up (hours, energy) comes from warehouse/views/usage_by_*.sql; what cannot (the
ratios) is made of it here, in one place, so that a row and the total of many rows agree. Defined
in words in docs/reference/metrics.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scms.reports.sums import ADDITIVE, DIMENSIONS, TIMES, Query, sums

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd

    from scms.reports.period import Period
    from scms.settings import PowerSettings

__all__ = [
    "DIMENSIONS",
    "METRICS",
    "TIMES",
    "USER_METRICS",
    "Query",
    "finish",
    "sums",
    "top_rows",
    "total",
    "usage",
]

#: The metrics of a table of use, in order. A user has those of `USER_METRICS`.
METRICS: Final = (
    "gpu_hours_available",
    "gpu_hours_used",
    "gpu_hours_idle_held",
    "gpu_hours_free",
    "gpu_use_ratio",
    "gpu_utilization_ratio",
    "energy_kwh",
    "cpu_hours_available",
    "cpu_hours_used",
    "cpu_utilization_ratio",
    "coverage_ratio",
    "gpu_hours_observed",
    "down_hours",
    "gpu_hours_utilized",
    "gpu_hours_memory_held",
    "gpu_hours_down",
    "energy_cost",
    "carbon_kilograms",
)
USER_METRICS: Final = ("gpu_hours_used", "gpu_hours_idle_held", "cpu_hours_used", "coverage_ratio")

#: What stands beside the metrics: what a row is made of.
_FACTS: Final = (
    *("server", "group", "device_index", "device_name"),
    *("gpu_count", "memory_total_bytes", "server_count", "simulated_server_count"),
)

#: ratio: (numerator, denominator). Null where the denominator is null or nothing.
_RATIOS: Final = {
    "gpu_use_ratio": ("gpu_hours_used", "gpu_hours_available"),
    "gpu_utilization_ratio": ("gpu_hours_utilized", "gpu_hours_measured"),
    "cpu_utilization_ratio": ("cpu_hours_used", "cpu_hours_available"),
    "coverage_ratio": ("observed_hours", "expected_hours"),
}


def usage(
    query: Query,
    period: Period,
    by: str = "server",
    *,
    now: datetime,
    where: str = "",
    user: str | None = None,
    top: int | None = None,
    power: PowerSettings | None = None,
) -> pd.DataFrame:
    """Use in a period.

    Args:
        query: Runs SQL over the views.
        period: What to look at; of one that has not ended, the part that has passed.
        by: One row per ``server``, ``device``, ``user``, ``group``, ``tag``, ``model``, ``hour``,
            ``day``, ``month``, ``weekday``, ``hour_of_day`` or ``hour_of_week``.
        now: The clock; aware.
        where: Only servers that this filter means, such as ``group:vision not tag:old``
            (see `scms.filters`): by name, group, tag, model, users or gpus.
        user: Only what this user used; not by device or model.
        top: Only so many rows, those with most GPU-hours used (CPU-hours without GPUs) first.
        power: What energy costs and emits.

    Returns:
        The key, named as ``by`` (hours and days as their start in the period's zone; a null user
        is time that no visible user answers for), then `METRICS` or `USER_METRICS`, then what the
        row is made of, such as ``group`` and ``gpu_count``, and ``simulated``: true when any
        server in it is simulated. Hours are GPU-hours, CPU-hours or hours; unknown is null.

    Raises:
        QueryError: ``by`` is none of these.
        FilterError: ``where`` cannot be read.
    """
    summed = sums(query, period, by=by, now=now, where=where, user=user)
    frame = finish(summed, by=by, power=power)
    return frame if top is None else top_rows(frame, top)


def top_rows(frame: pd.DataFrame, count: int, *, rank: str | None = None) -> pd.DataFrame:
    """The rows with most hours used, or with most of another metric, the most first."""
    used = "gpu_hours_used" if frame["gpu_hours_used"].notna().any() else "cpu_hours_used"
    ordered = frame.sort_values(rank or used, ascending=False, na_position="last", kind="stable")
    return ordered.head(count).reset_index(drop=True)


def total(summed: pd.DataFrame) -> pd.DataFrame:
    """One row that adds up the rows of `sums`: null where every row is null."""
    columns = [column for column in ADDITIVE if column in summed.columns]
    return summed[columns].sum(min_count=1).to_frame().T.drop(columns="server_count")


def finish(
    summed: pd.DataFrame, *, by: str | None = None, power: PowerSettings | None = None
) -> pd.DataFrame:
    """The table for people from `sums` or `total`: ratios made, columns in order.

    Args:
        summed: Rows of `sums` or `total`.
        by: Their key; None for a total, which has none.
        power: What energy costs and emits; null where it is not known.
    """
    frame = summed.copy()
    if power is not None and "energy_kwh" in frame.columns:
        if power.price_per_kwh is not None:
            frame["energy_cost"] = frame["energy_kwh"] * power.price_per_kwh
        if power.carbon_grams_per_kwh is not None:
            frame["carbon_kilograms"] = frame["energy_kwh"] * power.carbon_grams_per_kwh / 1000
    for ratio, (part, whole) in _RATIOS.items():
        if part in frame.columns and whole in frame.columns:
            parts, wholes = frame[part], frame[whole]
            frame[ratio] = (parts / wholes.where(wholes > 0)).clip(upper=1.0)
    frame["simulated"] = frame["simulated_server_count"].fillna(0) > 0
    keys = [] if by is None else [by]
    metrics = METRICS if "gpu_hours_available" in frame.columns else USER_METRICS
    one_server = {"server_count", "simulated_server_count"} if by in {"server", "device"} else set()
    left_out = {*keys, *one_server}
    facts = [name for name in _FACTS if name in frame.columns and name not in left_out]
    return frame.reindex(columns=[*keys, *metrics, *facts, "simulated"])
