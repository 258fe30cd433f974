"""The SQL files, run by DuckDB over made-up rollups, against the same sums made with pandas."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from reports.rollups import MACHINES, Rollups, frame_of, made_up, query_over
from scms.errors import QueryError
from scms.reports.metrics import DIMENSIONS, METRICS, USER_METRICS, finish, sums, total, usage
from scms.reports.period import parse_period
from scms.tables import DEVICE_15M

UTC_ZONE = ZoneInfo("UTC")
LATER = datetime(2026, 10, 20, tzinfo=UTC)
TWO_DAYS = parse_period("2026-10-05..2026-10-06", UTC_ZONE, LATER)
ELAPSED_HOURS = 48.0


@pytest.fixture(scope="module")
def rollups() -> Rollups:
    return made_up()


@pytest.fixture(scope="module")
def tables(rollups: Rollups) -> dict[str, pd.DataFrame]:
    query = query_over(rollups)
    return {by: usage(query, TWO_DAYS, by, now=LATER) for by in DIMENSIONS}


@pytest.fixture(scope="module")
def devices(rollups: Rollups) -> pd.DataFrame:
    """Hours per row of device_15m, defined a second time."""
    frame: pd.DataFrame = frame_of(rollups.devices)
    frame["available"] = (
        frame["free_seconds"]
        + frame["busy_seconds"]
        + frame["idle_held_seconds"]
        + frame["ghost_seconds"]
    ) / 3600
    frame["used"] = frame["busy_seconds"] / 3600
    frame["idle_held"] = (frame["idle_held_seconds"] + frame["ghost_seconds"]) / 3600
    frame["free"] = frame["free_seconds"] / 3600
    return frame


@pytest.mark.parametrize("by", ["server", "device", "group", "model", "hour", "day"])
@pytest.mark.parametrize("part", ["available", "used", "idle_held", "free"])
def test_gpu_hours_by_anything_add_up_to_those_of_the_rows(
    tables: dict[str, pd.DataFrame], devices: pd.DataFrame, by: str, part: str
) -> None:
    assert tables[by][f"gpu_hours_{part}"].sum() == pytest.approx(devices[part].sum())


@pytest.mark.parametrize("part", ["used", "idle_held"])
def test_users_and_nobody_together_have_all_the_time_of_the_devices(
    tables: dict[str, pd.DataFrame], devices: pd.DataFrame, part: str
) -> None:
    assert tables["user"][f"gpu_hours_{part}"].sum() == pytest.approx(devices[part].sum())


def test_a_user_has_the_share_of_the_rollup(
    tables: dict[str, pd.DataFrame], rollups: Rollups
) -> None:
    expected = frame_of(rollups.users).groupby("user")["gpu_busy_seconds"].sum() / 3600
    got = tables["user"].dropna(subset="user").set_index("user")["gpu_hours_used"]
    pd.testing.assert_series_equal(
        got.sort_index(), expected.sort_index(), check_names=False, check_index_type=False
    )


def test_time_without_a_visible_process_is_a_row_without_user(
    tables: dict[str, pd.DataFrame], devices: pd.DataFrame
) -> None:
    nobody = tables["user"].loc[tables["user"]["user"].isna()]
    assert nobody["gpu_hours_used"].item() == pytest.approx(devices["used"].sum() / 10)
    assert nobody["gpu_hours_idle_held"].item() == pytest.approx(
        devices["ghost_seconds"].sum() / 3600
    )


def test_each_server_has_its_own_hours(
    tables: dict[str, pd.DataFrame], devices: pd.DataFrame
) -> None:
    expected = devices.groupby("server")["used"].sum()
    got = tables["server"].set_index("server")["gpu_hours_used"].dropna()
    assert got.to_dict() == pytest.approx(expected.to_dict())


def test_hours_of_the_day_are_those_of_the_rows(
    tables: dict[str, pd.DataFrame], devices: pd.DataFrame
) -> None:
    expected = devices.groupby(devices["starts_at"].dt.floor("h"))["used"].sum()
    got = tables["hour"].set_index("hour")["gpu_hours_used"]
    assert list(got.index) == list(expected.index)
    assert list(got) == pytest.approx(list(expected))


def test_utilisation_is_the_mean_over_available_time_with_a_reading(
    tables: dict[str, pd.DataFrame], devices: pd.DataFrame
) -> None:
    metered = devices.dropna(subset="gpu_utilization_seconds")
    expected = metered.groupby("device_name")[["gpu_utilization_seconds", "available"]].sum()
    ratio = expected["gpu_utilization_seconds"] / 3600 / expected["available"]
    got = tables["model"].set_index("model")["gpu_utilization_ratio"]
    assert got.to_dict() == pytest.approx(ratio.to_dict())


def test_energy_is_in_kilowatt_hours(
    tables: dict[str, pd.DataFrame], devices: pd.DataFrame
) -> None:
    expected = devices["energy_joules"].sum() / 1000 / 3600
    assert tables["server"]["energy_kwh"].sum() == pytest.approx(expected)


def test_a_server_without_gpu_has_unknown_gpu_hours_not_none(
    tables: dict[str, pd.DataFrame],
) -> None:
    row = tables["server"].set_index("server").loc["dove"]
    assert row.filter(like="gpu_hours").isna().all()
    assert row["cpu_hours_available"] == pytest.approx(ELAPSED_HOURS * 32)


def test_a_server_that_was_never_seen_is_a_row_that_says_so(
    tables: dict[str, pd.DataFrame],
) -> None:
    row = tables["server"].set_index("server").loc["flint"]
    assert row["coverage_ratio"] == 0
    assert row[["gpu_hours_available", "cpu_hours_used", "energy_kwh"]].isna().all()


def test_a_server_that_died_is_neither_free_nor_covered(
    tables: dict[str, pd.DataFrame],
) -> None:
    row = tables["server"].set_index("server").loc["crow"]
    assert row["coverage_ratio"] == pytest.approx(9 / ELAPSED_HOURS)
    assert row["down_hours"] == pytest.approx(ELAPSED_HOURS - 9)
    assert row["gpu_hours_available"] < 2 * 9


def test_coverage_of_a_group_counts_every_server_of_it(tables: dict[str, pd.DataFrame]) -> None:
    speech = tables["group"].set_index("group").loc["speech"]
    assert speech["coverage_ratio"] == pytest.approx((9 + 48 + 0) / (3 * ELAPSED_HOURS))


def test_coverage_of_a_period_under_way_is_of_the_part_that_has_passed(rollups: Rollups) -> None:
    noon = datetime(2026, 10, 5, 12, tzinfo=UTC)
    frame = usage(query_over(rollups), TWO_DAYS, "server", now=noon).set_index("server")
    assert frame.loc["atlas", "coverage_ratio"] == pytest.approx(1.0)
    assert frame.loc["crow", "coverage_ratio"] == pytest.approx(9 / 12)


def test_a_period_that_has_not_begun_knows_nothing(rollups: Rollups) -> None:
    future = parse_period("2027-01", UTC_ZONE, LATER)
    frame = usage(query_over(rollups), future, "server", now=LATER)
    assert len(frame) == len(MACHINES)
    assert frame[list(METRICS)].drop(columns="down_hours").isna().all(axis=None)


def test_simulated_server_count_are_marked(tables: dict[str, pd.DataFrame]) -> None:
    marked = {by: set(frame.loc[frame["simulated"], by]) for by, frame in tables.items()}
    assert marked["server"] == {"echo"}
    assert marked["device"] == {"GPU-echo-0"}
    assert marked["model"] == {"NVIDIA L40S"}
    assert "sim" in marked["user"]


def test_the_total_makes_its_ratios_of_sums(rollups: Rollups, devices: pd.DataFrame) -> None:
    row = finish(total(sums(query_over(rollups), TWO_DAYS, by="server", now=LATER))).iloc[0]
    assert row["gpu_use_ratio"] == pytest.approx(devices["used"].sum() / devices["available"].sum())
    assert row["coverage_ratio"] == pytest.approx((48 * 4 + 9) / (48 * 6))


def test_totals_by_server_and_by_day_agree(rollups: Rollups) -> None:
    query = query_over(rollups)
    by_server = finish(total(sums(query, TWO_DAYS, by="server", now=LATER)))
    by_day = finish(total(sums(query, TWO_DAYS, by="day", now=LATER)))
    pd.testing.assert_frame_equal(by_server[list(METRICS)], by_day[list(METRICS)])


def test_columns_begin_with_the_key_and_the_metrics(tables: dict[str, pd.DataFrame]) -> None:
    for by, frame in tables.items():
        metrics = USER_METRICS if by == "user" else METRICS
        assert tuple(frame.columns[: len(metrics) + 1]) == (by, *metrics)
        assert frame.columns[-1] == "simulated"


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", "2026-10-25", 25),
        ("Europe/Berlin", "2026-03-29", 23),
        ("Asia/Kolkata", "2026-10-25", 24),
        ("Asia/Beirut", "2026-03-29", 23),
    ],
)
def test_every_hour_of_a_long_or_short_day_is_there_once(zone: str, day: str, hours: int) -> None:
    period = parse_period(day, ZoneInfo(zone), LATER)
    rollups = made_up(days=3, start=period.start - timedelta(days=1))
    after = period.end + timedelta(days=2)
    frame = usage(query_over(rollups, zone), period, "hour", now=after)
    assert len(frame) == hours
    assert frame["hour"].iloc[0] == period.start
    assert (frame["gpu_hours_observed"].dropna() <= 9.001).all()


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kolkata", "Asia/Beirut"])
def test_days_are_those_of_the_zone(zone: str) -> None:
    period = parse_period("2026-03", ZoneInfo(zone), LATER)
    rollups = made_up(days=3, start=datetime(2026, 3, 28, tzinfo=UTC))
    frame = usage(query_over(rollups, zone), period, "day", now=LATER)
    assert [stamp.date() for stamp in frame["day"]] == list(period.days())
    rows = frame_of(rollups.devices)
    expected = rows.groupby(rows["starts_at"].dt.tz_convert(zone).dt.date)["busy_seconds"].sum()
    got = frame.dropna(subset="gpu_hours_used").set_index("day")["gpu_hours_used"]
    assert list(got) == pytest.approx(list(expected / 3600)[: len(got)])


def test_a_cluster_without_a_server_gives_empty_tables() -> None:
    query = query_over(Rollups([], [], [], []))
    frames = {by: usage(query, TWO_DAYS, by, now=LATER) for by in DIMENSIONS}
    assert {by: len(frame) for by, frame in frames.items()} == dict.fromkeys(DIMENSIONS, 0)


def test_a_server_without_a_row_has_gaps(rollups: Rollups) -> None:
    query = query_over(Rollups([], [], [], rollups.inventory[:1]))
    days = usage(query, TWO_DAYS, "day", now=LATER)
    assert len(days) == 2
    assert days["gpu_hours_used"].isna().all()
    assert days["coverage_ratio"].tolist() == [0.0, 0.0]


def test_a_dimension_that_does_not_exist_is_refused_with_the_nearest(rollups: Rollups) -> None:
    with pytest.raises(QueryError, match='did you mean "server"'):
        usage(query_over(rollups), TWO_DAYS, "server_count", now=LATER)


def test_the_rows_of_the_tests_have_columns_of_the_rollup(rollups: Rollups) -> None:
    assert set(frame_of(rollups.devices).columns) <= set(DEVICE_15M.column_names())
