"""The rows behind pictures that no table shows: queries in, long frames out."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from scms.reports.sums import Query, asked

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd

    from scms.reports.period import Period

#: A longer period has no picture of every GPU hour by hour.
MOST_HOURS: Final = 8 * 24
_GRID: Final = (
    "server",
    "device_index",
    "hour",
    "use_ratio",
    "idle_held_ratio",
    "utilization_ratio",
    "observed_ratio",
    "user",
)


def gpu_grid(query: Query, period: Period, *, now: datetime) -> pd.DataFrame:
    """What each GPU did hour by hour and for whom; no rows for periods over eight days.

    Returns:
        ``server``, ``device_index``, ``device``, ``hour`` (in the zone of the period),
        ``use_ratio`` and ``idle_held_ratio`` (of its available time), ``utilization_ratio``,
        ``observed_ratio`` (of the hour), ``user`` (who had most of it; null when nobody visible).
    """
    import pandas as pd

    if period.end - period.start > timedelta(hours=MOST_HOURS):
        return pd.DataFrame(columns=["device", *_GRID])
    rows = asked(query, "report_device_and_hour", period, now=now)
    people = asked(query, "report_device_user_hour", period, now=now).dropna(subset=["user"])
    people = people.sort_values("gpu_hours", ascending=False, kind="stable")
    first = people.drop_duplicates(["device", "hour"])[["device", "hour", "user"]]
    frame = rows.merge(first, on=["device", "hour"], how="left")
    available = frame["gpu_hours_available"].where(frame["gpu_hours_available"] > 0)
    measured = frame["gpu_hours_measured"].where(frame["gpu_hours_measured"] > 0)
    frame["use_ratio"] = frame["gpu_hours_used"] / available
    frame["idle_held_ratio"] = frame["gpu_hours_idle_held"] / available
    frame["utilization_ratio"] = (frame["gpu_hours_utilized"] / measured).clip(upper=1.0)
    frame["observed_ratio"] = frame["gpu_hours_observed"].clip(upper=1.0)
    return frame[["device", *_GRID]]
