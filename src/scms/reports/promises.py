"""What was said in a period and what came of it: recommendations and holds, from their views."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import pandas as pd

if TYPE_CHECKING:
    from datetime import datetime

    from scms.reports.period import Period
    from scms.reports.sums import Query

ADVICE_COLUMNS: Final = (
    "choice", "answer_count", "promised_ratio", "kept_ratio", "asked_hours", "kept_hours",
)  # fmt: skip
HOLD_COLUMNS: Final = ("user", "hold_count", "kept_count", "returned_count", "lapsed_count")
#: What was recommended at the end of a period is judged by what came after it, so far at most.
_AFTERWARDS: Final = timedelta(days=7)


def advice(query: Query, period: Period, *, now: datetime) -> pd.DataFrame:
    """Whether recommendations came true.

    Returns:
        One row for first choices and one for the other candidates: ``choice``, ``answer_count``
        (whose hours are over and were observed), ``promised_ratio`` (mean chance told),
        ``kept_ratio`` (share that stayed free, or in the asker's use, all the time),
        ``asked_hours``, ``kept_hours``. Empty where nothing was recommended.
    """
    end = period.until(now)
    span = {"period_start": period.start, "period_end": end}
    said = query(
        "SELECT count(*) AS said FROM recommendation "
        "WHERE said_at >= $period_start AND said_at < $period_end",
        span,
        start=period.start,
        end=end,
    )
    if not said["said"].iloc[0]:  # to judge means to look at every quarter of an hour
        return pd.DataFrame(columns=list(ADVICE_COLUMNS))
    rows = query(
        "SELECT * FROM report_advice($period_start, $period_end)",
        span,
        start=period.start - timedelta(hours=1),  # what was free just before
        end=min(now, end + _AFTERWARDS),
    )
    return rows[list(ADVICE_COLUMNS)]


def holds(query: Query, period: Period, *, now: datetime) -> pd.DataFrame:
    """Whether holds were kept, by user.

    Returns:
        ``user``, ``hold_count`` (taken in the period, one per GPU), ``kept_count`` (renewed
        because a process of the user ran there), ``returned_count`` (given back without that),
        ``lapsed_count`` (ran out without that). Empty where nobody held anything.
    """
    end = period.until(now)
    rows = query(
        "SELECT * FROM report_holds($period_start, $period_end)",
        {"period_start": period.start, "period_end": end},
        start=period.start,
        # Its renewals and its end come later.
        end=min(now, end + _AFTERWARDS),
    )
    return rows[list(HOLD_COLUMNS)]
