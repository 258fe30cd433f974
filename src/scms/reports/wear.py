"""What broke: outages of servers and the health of GPUs, from the views that tell of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scms.reports.sums import Query, asked

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd

    from scms.reports.period import Period


def outages(query: Query, period: Period, servers: pd.DataFrame, *, now: datetime) -> pd.DataFrame:
    """Servers that were down, the longest first.

    Returns:
        ``server``, ``group``, ``outage_count``, ``down_hours``, ``down_ratio`` (of the time that
        is known), ``mtbf_hours`` (mean time between failures: time up over outages),
        ``repair_hours`` (mean length), ``lost_gpu_hours`` (its GPUs times the time down; null when
        they are not known), ``coverage_ratio`` (time known up or down over the elapsed time),
        ``simulated``. A server that was never seen is not in it.
    """
    rows = asked(query, "report_outages", period, now=now)
    hours = period.elapsed(now).total_seconds() / 3600
    frame = servers[["server", "group", "simulated"]].merge(rows, on="server")
    frame = frame[frame["outage_count"] > 0].copy()
    known = frame["observed_hours"] + frame["down_hours"]
    frame["down_ratio"] = frame["down_hours"] / known.where(known > 0)
    frame["mtbf_hours"] = frame["observed_hours"] / frame["outage_count"]
    frame["repair_hours"] = frame["down_hours"] / frame["outage_count"]
    frame["lost_gpu_hours"] = frame["gpu_count"].astype("float64") * frame["down_hours"]
    frame["coverage_ratio"] = (known / hours).clip(upper=1.0) if hours else None
    ordered = frame.sort_values(["down_hours", "server"], ascending=[False, True])
    return ordered[
        [
            *("server", "group", "outage_count", "down_hours", "down_ratio", "mtbf_hours"),
            *("repair_hours", "lost_gpu_hours", "coverage_ratio", "simulated"),
        ]
    ].reset_index(drop=True)


def health(
    query: Query, period: Period, servers: pd.DataFrame, *, now: datetime, hot_celsius: float
) -> pd.DataFrame:
    """GPUs that were hot, held back, faulty, or made memory errors.

    Returns:
        ``server``, ``device_index``, ``device_name``, ``hot_hours``, ``temperature_celsius_max``,
        ``throttled_hours``, ``throttled_ratio`` (of the time read), ``faulty_hours``,
        ``ecc_uncorrected_count``, ``xid_last``, ``coverage_ratio``, ``simulated``. Null is what
        the GPU does not tell. GPUs with nothing of this are not in it.
    """
    end = {"period_end": period.until(now)}
    rows = query(
        "SELECT * FROM report_health($period_start, $period_end, $hot_celsius)",
        {"period_start": period.start, "hot_celsius": hot_celsius, **end},
        start=period.start,
        end=end["period_end"],
    )
    counted = ("hot_hours", "throttled_hours", "faulty_hours", "ecc_uncorrected_count")
    for column in (*counted, "gpu_hours_observed", "xid_last"):
        rows[column] = rows[column].astype("float64")
    suffered = (rows[list(counted)].fillna(0) > 0).any(axis=1) | rows["xid_last"].notna()
    frame = servers[["server", "simulated"]].merge(rows[suffered], on="server")
    observed = frame["gpu_hours_observed"]
    frame["throttled_ratio"] = frame["throttled_hours"] / observed.where(observed > 0)
    hours = period.elapsed(now).total_seconds() / 3600
    frame["coverage_ratio"] = (observed / hours).clip(upper=1.0) if hours else None
    return frame[
        [
            *("server", "device_index", "device_name", "hot_hours", "temperature_celsius_max"),
            *("throttled_hours", "throttled_ratio", "faulty_hours", "ecc_uncorrected_count"),
            *("xid_last", "coverage_ratio", "simulated"),
        ]
    ].reset_index(drop=True)
