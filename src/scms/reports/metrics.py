"""The metrics of use: a query function and a period in, tables of hours and ratios out.

What can be added up (hours, energy) comes from warehouse/views/usage_by_*.sql; what cannot (the
ratios) is made of it here, in one place, so that a row and the total of many rows agree. Defined
in words in docs/reference/metrics.md.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, Final, Protocol

from scms.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import pandas as pd

    from scms.reports.period import Period

#: What a table of use can have one row per.
DIMENSIONS: Final = ("server", "device", "user", "group", "model", "hour", "day")

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
)
USER_METRICS: Final = ("gpu_hours_used", "gpu_hours_idle_held", "cpu_hours_used", "coverage_ratio")

#: What stands beside the metrics: what a row is made of.
_FACTS: Final = (
    *("server", "group", "device_index", "device_name"),
    *("gpu_count", "server_count", "simulated_server_count"),
)

#: Columns that can be added up over rows.
_ADDITIVE: Final = (
    "server_count",
    "simulated_server_count",
    "gpu_count",
    "observed_hours",
    "down_hours",
    "expected_hours",
    "gpu_hours_observed",
    "gpu_hours_available",
    "gpu_hours_used",
    "gpu_hours_idle_held",
    "gpu_hours_free",
    "gpu_hours_utilized",
    "gpu_hours_measured",
    "energy_kwh",
    "cpu_hours_available",
    "cpu_hours_used",
)
#: ratio: (numerator, denominator). Null where the denominator is null or nothing.
_RATIOS: Final = {
    "gpu_use_ratio": ("gpu_hours_used", "gpu_hours_available"),
    "gpu_utilization_ratio": ("gpu_hours_utilized", "gpu_hours_measured"),
    "cpu_utilization_ratio": ("cpu_hours_used", "cpu_hours_available"),
    "coverage_ratio": ("observed_hours", "expected_hours"),
}


class Query(Protocol):
    """Runs SQL over the views and returns a frame, as `scms.views.Views.frame` does."""

    def __call__(
        self,
        sql: str,
        params: Mapping[str, Any] | None = None,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> pd.DataFrame:
        """Rows of ``sql``; ``start`` and ``end`` say which time it is about."""


def usage(query: Query, period: Period, by: str = "server", *, now: datetime) -> pd.DataFrame:
    """Use in a period.

    Args:
        query: Runs SQL over the views.
        period: What to look at; of one that has not ended, the part that has passed.
        by: One row per ``server``, ``device``, ``user``, ``group``, ``model``, ``hour`` or ``day``.
        now: The clock; aware.

    Returns:
        The key, named as ``by`` (hours and days as their start in the period's zone; a null user
        is time that no visible user answers for), then `METRICS` or `USER_METRICS`, then what the
        row is made of, such as ``group`` and ``gpu_count``, and ``simulated``: true when any
        server in it is simulated. Hours are GPU-hours, CPU-hours or hours; unknown is null.

    Raises:
        QueryError: ``by`` is none of these.
    """
    return finish(sums(query, period, by=by, now=now), by=by)


def sums(query: Query, period: Period, *, by: str, now: datetime) -> pd.DataFrame:
    """What `usage` is made of: the key and columns that can be added up, as the SQL gives them."""
    if by not in DIMENSIONS:
        near = difflib.get_close_matches(by, DIMENSIONS, n=1)
        raise QueryError(
            f"use cannot be had by {by!r}",
            expected=f"one of {', '.join(DIMENSIONS)}",
            mend=f'did you mean "{near[0]}"?' if near else None,
        )
    bounds = {"period_start": period.start, "period_end": period.until(now)}
    frame = query(
        f"SELECT * FROM usage_by_{by}($period_start, $period_end)",  # noqa: S608  one of seven
        bounds,
        start=bounds["period_start"],
        end=bounds["period_end"],
    )
    for column in set(_ADDITIVE) & set(frame.columns):
        frame[column] = frame[column].astype("float64")
    if by in {"hour", "day"}:
        frame[by] = frame[by].dt.tz_convert(period.zone)
    return frame


def total(summed: pd.DataFrame) -> pd.DataFrame:
    """One row that adds up the rows of `sums`: null where every row is null."""
    columns = [column for column in _ADDITIVE if column in summed.columns]
    return summed[columns].sum(min_count=1).to_frame().T.drop(columns="server_count")


def finish(summed: pd.DataFrame, *, by: str | None = None) -> pd.DataFrame:
    """The table for people from `sums` or `total`: ratios made, columns in order.

    Args:
        summed: Rows of `sums` or `total`.
        by: Their key; None for a total, which has none.
    """
    frame = summed.copy()
    for ratio, (part, whole) in _RATIOS.items():
        if part in frame.columns and whole in frame.columns:
            parts, wholes = frame[part], frame[whole]
            frame[ratio] = (parts / wholes.where(wholes > 0)).clip(upper=1.0)
    frame["simulated"] = frame["simulated_server_count"].fillna(0) > 0
    keys = [] if by is None else [by]
    metrics = USER_METRICS if by == "user" else METRICS
    one_server = {"server_count", "simulated_server_count"} if by in {"server", "device"} else set()
    left_out = {*keys, *one_server}
    facts = [name for name in _FACTS if name in frame.columns and name not in left_out]
    return frame.reindex(columns=[*keys, *metrics, *facts, "simulated"])


def by_month(days: pd.DataFrame) -> pd.DataFrame:
    """`sums` by month from those by day; the key is the start of the month in the same zone."""
    columns = [column for column in _ADDITIVE if column in days.columns]
    month = days["day"].dt.tz_localize(None).dt.to_period("M").rename("month")
    summed = days[columns].groupby(month).sum(min_count=1)
    # The same servers stand behind every day: they are counted, not added up.
    for column in ("server_count", "simulated_server_count"):
        summed[column] = days[column].groupby(month).max()
    frame = summed.reset_index()
    frame["month"] = frame["month"].dt.to_timestamp().dt.tz_localize(days["day"].dt.tz)
    return frame
