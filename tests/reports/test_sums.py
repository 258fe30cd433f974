"""Some servers, one user, the most: the same numbers as of all, where all are meant."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from reports.rollups import MACHINES, frame_of, made_up, query_over
from scms.errors import FilterError, QueryError
from scms.reports.metrics import DIMENSIONS, TIMES, usage
from scms.reports.period import parse_period

NOW = datetime(2026, 10, 20, tzinfo=UTC)
PERIOD = parse_period("2026-10-05..2026-10-06", ZoneInfo("UTC"), NOW)
ROLLUPS = made_up()
QUERY = query_over(ROLLUPS)
EVERYTHING = " or ".join(machine.name for machine in MACHINES)
DEVICES = frame_of(ROLLUPS.devices)
USERS = frame_of(ROLLUPS.users)


@pytest.mark.parametrize("by", DIMENSIONS)
def test_a_filter_that_means_all_changes_nothing(by: str) -> None:
    whole = usage(QUERY, PERIOD, by, now=NOW).set_index(by).sort_index()
    some = usage(QUERY, PERIOD, by, now=NOW, where=EVERYTHING).set_index(by).sort_index()
    pd.testing.assert_frame_equal(some, whole, check_dtype=False, check_index_type=False)


@pytest.mark.parametrize("by", [by for by in DIMENSIONS if by != "tag"])
def test_a_filter_adds_up_the_servers_that_it_means(by: str) -> None:
    used = usage(QUERY, PERIOD, by, now=NOW, where="group:vision")["gpu_hours_used"].sum()
    rows = DEVICES[DEVICES["server"].isin(["atlas", "borg"])]
    assert used == pytest.approx(rows["busy_seconds"].sum() / 3600)


@pytest.mark.parametrize(
    ("where", "servers"),
    [
        ("atlas", ["atlas"]),
        ("tag:nvlink", ["atlas", "borg"]),
        ("tag:nvlink not tag:new", ["borg"]),
        ("model:A100", ["borg", "crow"]),
        ("gpus>=4", ["atlas"]),
        ("user:cleo", ["borg"]),
        ("group:speech", ["crow", "dove", "flint"]),
        ("nowhere", []),
    ],
)
def test_servers_are_chosen_by_what_is_known_of_them(where: str, servers: list[str]) -> None:
    assert usage(QUERY, PERIOD, now=NOW, where=where)["server"].tolist() == servers


@pytest.mark.parametrize("where", ["gpu<5", "state:up"])
def test_a_filter_on_this_moment_is_refused(where: str) -> None:
    with pytest.raises(FilterError, match="known of this moment only"):
        usage(QUERY, PERIOD, now=NOW, where=where)


@pytest.mark.parametrize("by", ["server", "group", "user", *TIMES])
def test_one_user_has_the_same_hours_by_anything(by: str) -> None:
    expected = USERS.loc[USERS["user"] == "ann", "gpu_busy_seconds"].sum() / 3600
    table = usage(QUERY, PERIOD, by, now=NOW, user="ann")
    assert table["gpu_hours_used"].sum() == pytest.approx(expected)


def test_an_hour_without_the_user_is_nothing_and_one_without_a_watcher_unknown() -> None:
    table = usage(QUERY, PERIOD, "hour", now=NOW, user="ann", where="crow")
    assert table["gpu_hours_used"].notna().sum() == 9
    nobody = usage(QUERY, PERIOD, "hour", now=NOW, user="zoe", where="crow")
    assert nobody["gpu_hours_used"].dropna().tolist() == [0.0] * 9


@pytest.mark.parametrize("by", ["device", "model"])
def test_a_user_cannot_be_told_by_device(by: str) -> None:
    with pytest.raises(QueryError, match="added up per server"):
        usage(QUERY, PERIOD, by, now=NOW, user="ann")


def test_the_top_are_those_with_most_hours() -> None:
    whole = usage(QUERY, PERIOD, "device", now=NOW)
    top = usage(QUERY, PERIOD, "device", now=NOW, top=3)
    assert top["gpu_hours_used"].tolist() == whole["gpu_hours_used"].nlargest(3).tolist()


def test_a_tag_has_the_hours_of_the_servers_that_have_it() -> None:
    table = usage(QUERY, PERIOD, "tag", now=NOW).set_index("tag")
    busy = DEVICES.groupby("server")["busy_seconds"].sum() / 3600
    assert table.loc["new", "gpu_hours_used"] == pytest.approx(busy["atlas"])
    assert table.loc["nvlink", "gpu_hours_used"] == pytest.approx(busy["atlas"] + busy["borg"])
    assert table.loc["nvlink", "server_count"] == 2


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "Europe/Berlin", "America/St_Johns"])
def test_hours_of_the_week_are_those_of_the_clock_on_the_wall(zone: str) -> None:
    place = ZoneInfo(zone)
    period = parse_period("2026-10-05..2026-10-06", place, NOW)
    table = usage(query_over(ROLLUPS, zone), period, "hour_of_week", now=NOW)
    local = DEVICES["starts_at"].dt.tz_convert(place)
    inside = (local >= period.start) & (local < period.end)
    hour = (local.dt.day_of_week * 24 + local.dt.hour)[inside]
    expected = (DEVICES["busy_seconds"][inside] / 3600).groupby(hour).sum()
    got = table.set_index("hour_of_week")["gpu_hours_used"].dropna()
    assert got.to_dict() == pytest.approx(expected.to_dict())


@pytest.mark.parametrize(("day", "expected"), [("2026-10-25", 25.0), ("2026-03-29", 23.0)])
def test_the_hours_of_a_day_on_which_clocks_change_are_all_expected(
    day: str, expected: float
) -> None:
    period = parse_period(day, ZoneInfo("Europe/Berlin"), NOW.replace(month=12))
    table = usage(
        query_over(ROLLUPS, "Europe/Berlin"), period, "hour_of_day", now=NOW.replace(month=12)
    )
    assert len(table) == (24 if expected == 25 else 23)
    weekday = usage(
        query_over(ROLLUPS, "Europe/Berlin"), period, "weekday", now=NOW.replace(month=12)
    )
    assert weekday["weekday"].tolist() == [7]
