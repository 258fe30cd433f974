"""Room and waste over the edges of months, which are asked one month at a time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from reports.rollups import made_up, query_over
from scms.reports import metrics, room
from scms.reports.period import parse_period
from scms.reports.sums import asked

#: Where the months of UTC begin at half past five in the morning.
ZONE: Final = ZoneInfo("Asia/Kolkata")
FIRST: Final = datetime(2026, 10, 30, tzinfo=UTC)
NOW: Final = datetime(2026, 11, 20, tzinfo=UTC)
PERIOD: Final = parse_period("2026-10-30..2026-11-03", ZONE, NOW)
QUERY: Final = query_over(made_up(days=4, start=FIRST, seed=1), "Asia/Kolkata")


def test_quarters_of_an_hour_are_those_of_the_whole_period() -> None:
    whole = asked(QUERY, "report_fleet_15m", PERIOD, now=NOW)
    whole["starts_at"] = whole["starts_at"].dt.tz_convert(ZONE)
    pd.testing.assert_frame_equal(room.fleet(QUERY, PERIOD, now=NOW), whole)


def test_what_is_free_while_others_are_full_is_that_of_the_whole_period() -> None:
    whole = asked(QUERY, "report_free_while_full", PERIOD, now=NOW).set_index("server")
    servers = metrics.usage(QUERY, PERIOD, now=NOW)
    found = room.waste(QUERY, PERIOD, servers, now=NOW).set_index("server")
    ours = found[["gpu_hours_free", "free_while_full_gpu_hours", "full_hours"]]
    assert whole["gpu_hours_free_while_full"].sum() > 0
    theirs = whole.loc[ours.index].rename(
        columns={"gpu_hours_free_while_full": "free_while_full_gpu_hours"}
    )[list(ours.columns)]
    pd.testing.assert_frame_equal(ours, theirs, rtol=1e-12)


@pytest.mark.parametrize(
    ("now", "months"), [(NOW, 2), (datetime(2026, 11, 1, tzinfo=UTC), 1), (FIRST, 1)]
)
def test_months_that_have_not_begun_are_not_asked(now: datetime, months: int) -> None:
    asked_for: list[str] = []

    def counted(sql: str, *args: Any, **options: Any) -> pd.DataFrame:
        asked_for.append(sql)
        return QUERY(sql, *args, **options)

    room.fleet(counted, PERIOD, now=now)
    assert len(asked_for) == months
