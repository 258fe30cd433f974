"""Whether work would have found a place: the views of room in, contention, peaks and waste out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from scms.reports.sums import Query, asked

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd

    from scms.reports.period import Period

#: Requests that are looked at: so many GPUs on one server.
REQUESTS: Final = (1, 2, 4, 8)


def fleet(query: Query, period: Period, *, now: datetime) -> pd.DataFrame:
    """The rows of ``report_fleet_15m``, times in the zone of the period."""
    frame = _by_month(query, "report_fleet_15m", period, now=now)
    return frame.assign(starts_at=frame["starts_at"].dt.tz_convert(period.zone))


def _by_month(query: Query, relation: str, period: Period, *, now: datetime) -> pd.DataFrame:
    """The rows of a relation, asked month by month, which takes a twelfth of the memory of a year.

    The months are those of UTC: rollups are partitioned by them, so each file is read once.
    """
    import pandas as pd

    edges = [period.start]
    while (following := _next_month(edges[-1])) < period.until(now):
        edges.append(following)
    parts = [
        asked(query, relation, replace(period, start=start, end=end), now=now)
        for start, end in pairwise([*edges, period.end])
    ]
    return pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]


def _next_month(moment: datetime) -> datetime:
    """When the month of UTC after that of a moment begins."""
    first = moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1)


def contention(
    quarters: pd.DataFrame, servers: pd.DataFrame, *, coverage_ratio: float
) -> pd.DataFrame:
    """How long a request would have met no place anywhere.

    Args:
        quarters: From `fleet`.
        servers: `usage` by server.
        coverage_ratio: Of a quarter of an hour in which a smaller share of the servers with GPUs
            was read, nothing is said: there could have been a place.

    Returns:
        One row per request that some server is large enough for: ``request``, ``gpus_wanted``,
        ``no_place_hours``, ``no_place_ratio`` (of the time that can be told), and meanwhile, on
        the average, ``gpus_free`` and ``servers_free`` (too few on each); ``coverage_ratio`` is
        the share of the time that can be told.
    """
    import pandas as pd

    sizes = servers["gpu_count"].dropna()
    expected = int((sizes > 0).sum())
    if expected == 0 or quarters.empty:
        return pd.DataFrame()
    told = quarters[quarters["servers_observed"] >= max(1.0, coverage_ratio * expected)]
    hours = float(told["hours"].sum())
    rows = []
    for wanted in REQUESTS:
        if wanted > sizes.max():
            continue
        refused = told[told["most_gpus_free"] < wanted]
        refused_hours = float(refused["hours"].sum())
        rows.append(
            {
                "request": f"{wanted} GPU{'s' if wanted > 1 else ''} on one server",
                "gpus_wanted": wanted,
                "no_place_hours": refused_hours if hours else None,
                "no_place_ratio": refused_hours / hours if hours else None,
                "gpus_free": _mean(refused, "gpus_free"),
                "servers_free": _mean(refused, "servers_free"),
                "coverage_ratio": hours / float(quarters["hours"].sum()),
            }
        )
    return pd.DataFrame(rows)


def _mean(quarters: pd.DataFrame, column: str) -> float | None:
    hours = float(quarters["hours"].sum())
    return float((quarters[column] * quarters["hours"]).sum()) / hours if hours else None


def peaks(quarters: pd.DataFrame, *, coverage_ratio: float) -> pd.DataFrame:
    """How many GPUs were busy at once: one row, or none when nobody watched.

    Returns:
        ``gpus_observed`` (most that were read), ``gpus_used_mean``, ``gpus_used_p95`` (what 95 %
        of the observed time stays at or below, quarters of an hour being means), ``gpus_used_peak``
        and ``peak_at``, and ``coverage_ratio``: the share of the time in which at least
        ``coverage_ratio`` of the most servers was read; only that counts.
    """
    import pandas as pd

    most = quarters["servers_observed"].max() if len(quarters) else 0
    told = quarters[quarters["servers_observed"] >= max(1.0, coverage_ratio * most)]
    told = told.dropna(subset=["gpus_used"])
    if told.empty:
        return pd.DataFrame()
    ordered = told.sort_values("gpus_used")
    within = ordered["hours"].cumsum() >= 0.95 * ordered["hours"].sum()
    peak = told.nlargest(1, "gpus_used")
    return pd.DataFrame(
        {
            "gpus_observed": [float(told["gpus_observed"].max())],
            "gpus_used_mean": [_mean(told, "gpus_used")],
            "gpus_used_p95": [float(ordered.loc[within, "gpus_used"].iloc[0])],
            "gpus_used_peak": [float(peak["gpus_used"].item())],
            "peak_at": peak["starts_at"].tolist(),
            "coverage_ratio": [float(told["hours"].sum() / quarters["hours"].sum())],
        }
    )


def waste(query: Query, period: Period, servers: pd.DataFrame, *, now: datetime) -> pd.DataFrame:
    """Free GPU-hours of each server while another one, with GPUs no larger, was full.

    Returns:
        ``server``, ``group``, ``gpu_hours_free``, ``free_while_full_gpu_hours``,
        ``free_while_full_ratio`` (of its available time), ``full_hours`` (in which it was full
        itself), ``coverage_ratio``, ``simulated``; the most first.
    """
    months = _by_month(query, "report_free_while_full", period, now=now)
    rows = months.groupby("server", as_index=False).sum(min_count=1)
    rows = rows.rename(columns={"gpu_hours_free_while_full": "free_while_full_gpu_hours"})
    facts = servers[["server", "group", "gpu_hours_available", "coverage_ratio", "simulated"]]
    frame = facts.merge(rows, on="server").dropna(subset=["gpu_hours_available"])
    available = frame["gpu_hours_available"]
    frame["free_while_full_ratio"] = (
        frame["free_while_full_gpu_hours"] / available.where(available > 0)
    ).clip(upper=1.0)
    ordered = frame.sort_values("free_while_full_gpu_hours", ascending=False, ignore_index=True)
    return ordered[
        [
            *("server", "group", "gpu_hours_free", "free_while_full_gpu_hours"),
            *("free_while_full_ratio", "full_hours", "coverage_ratio", "simulated"),
        ]
    ]
