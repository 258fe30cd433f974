"""Room, spread, sharing, breakage and comparison, against the same made with pandas."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.rollups import START, Rollups, frame_of, made_up, query_over
from scms.reports import compare, intensity, longtail, metrics, room, sharing, sums, wear
from scms.reports.cards import tensor_tflops
from scms.reports.period import parse_period
from scms.reports.sums import asked
from scms.settings import FindingSettings, PowerSettings

if TYPE_CHECKING:
    from scms.reports.metrics import Query

UTC_ZONE = ZoneInfo("UTC")
NOW = datetime(2026, 10, 20, tzinfo=UTC)
DAY = parse_period("2026-10-05", UTC_ZONE, NOW)
LIMITS = FindingSettings()
STATES = ("busy", "idle_held", "ghost", "free", "faulty", "unknown")


def _rollups(*quarters: dict[str, list[str | None]]) -> Rollups:
    """A cluster by quarters of an hour: per server the state of each GPU; None is no reading."""
    rollups = Rollups([], [], [], [])
    sizes = {name: len(states) for quarter in quarters for name, states in quarter.items()}
    for position, name in enumerate(sizes):
        place = {"server": name, "group": name[0], "tags": [], "simulated": False}
        rollups.inventory.append({**place, "address": name, "position": position})
    for number, quarter in enumerate(quarters):
        at = START + timedelta(minutes=15 * number)
        for name, states in quarter.items():
            up = any(state is not None for state in states)
            row = {"server": name, "starts_at": at, "simulated": False, "sample_count": 1}
            row |= {"observed_seconds": 900.0 * up, "down_seconds": 900.0 * (not up)}
            rollups.servers.append({**row, "gpu_count": sizes[name] if up else None})
            rollups.devices.extend(
                _device(name, index, at, state)
                for index, state in enumerate(states)
                if state is not None
            )
    return rollups


def _device(server: str, index: int, at: datetime, state: str) -> dict[str, Any]:
    seconds = {f"{name}_seconds": 900.0 * (name == state) for name in STATES}
    # Servers in capitals have the larger cards.
    memory = 80.0 * 2**30 if server[0].isupper() else 24.0 * 2**30
    row = {"server": server, "device": f"{server}-{index}", "starts_at": at, "device_index": index}
    row |= {"device_name": "NVIDIA A100", "memory_total_bytes": memory, "sample_count": 1}
    return {**row, **seconds, "observed_seconds": 900.0}


def _servers(query: Query) -> pd.DataFrame:
    return metrics.usage(query, DAY, now=NOW)


FREE, BUSY = "free", "busy"
#: Two servers of 4 and 2 GPUs over an hour.
CROWDED = _rollups(
    {"a": [FREE, FREE, FREE, FREE], "b": [FREE, FREE]},
    {"a": [BUSY, BUSY, FREE, FREE], "b": [BUSY, BUSY]},
    {"a": [BUSY, BUSY, BUSY, BUSY], "b": [BUSY, FREE]},
    {"a": [BUSY, BUSY, BUSY, BUSY], "b": [BUSY, BUSY]},
)


def _contention(rollups: Rollups) -> pd.DataFrame:
    query = query_over(rollups)
    quarters = room.fleet(query, DAY, now=START + timedelta(hours=1))
    return room.contention(quarters, _servers(query), coverage_ratio=0.8)


def test_a_request_has_no_place_while_no_server_has_so_many_free() -> None:
    table = _contention(CROWDED).set_index("gpus_wanted")
    assert table["no_place_hours"].to_dict() == {1: 0.25, 2: 0.5, 4: 0.75}
    assert table["no_place_ratio"].to_dict() == {1: 0.25, 2: 0.5, 4: 0.75}
    assert table.loc[4, "gpus_free"] == pytest.approx((2 + 1 + 0) / 3)
    assert table.loc[4, "servers_free"] == pytest.approx((1 + 1 + 0) / 3)
    assert table["coverage_ratio"].tolist() == [1.0] * 3


def test_a_request_that_no_server_is_large_enough_for_is_left_out() -> None:
    assert 8 not in _contention(CROWDED)["gpus_wanted"].tolist()


def test_when_too_few_servers_were_read_nothing_is_told_of_contention() -> None:
    table = _contention(_rollups({"a": [BUSY], "b": [BUSY]}, {"a": [BUSY], "b": [None]}))
    assert table["coverage_ratio"].tolist() == [0.25]
    assert table["no_place_hours"].tolist() == [0.25]


def test_peaks_are_those_of_quarters_of_an_hour() -> None:
    quarters = room.fleet(query_over(CROWDED), DAY, now=START + timedelta(hours=1))
    row = room.peaks(quarters, coverage_ratio=0.8).iloc[0]
    assert row["gpus_used_mean"] == pytest.approx((0 + 4 + 5 + 6) / 4)
    assert row["gpus_used_p95"] == row["gpus_used_peak"] == 6
    assert row["peak_at"] == START + timedelta(minutes=45)
    assert row["gpus_observed"] == 6


def _waste(rollups: Rollups) -> dict[str, float]:
    query = query_over(rollups)
    table = room.waste(query, DAY, _servers(query), now=NOW)
    return dict(zip(table["server"], table["free_while_full_gpu_hours"], strict=True))


def test_free_hours_while_another_server_is_full_are_waste() -> None:
    assert _waste(CROWDED) == {"a": 0.5, "b": 0.25}


def test_no_more_is_wasted_than_the_full_servers_have() -> None:
    rollups = _rollups({"a": [BUSY], "b": [FREE, FREE, FREE], "c": [FREE]})
    assert _waste(rollups) == pytest.approx({"a": 0.0, "b": 0.25 * 3 / 4, "c": 0.25 / 4})


def test_a_smaller_card_could_not_have_stood_in_for_a_larger() -> None:
    assert _waste(_rollups({"Large": [BUSY], "small": [FREE]})) == {"Large": 0.0, "small": 0.0}
    assert _waste(_rollups({"Large": [FREE], "small": [BUSY]})) == {"Large": 0.25, "small": 0.0}


def test_quarters_with_time_down_in_a_row_are_one_outage() -> None:
    down: dict[str, list[str | None]] = {"a": [None, None]}
    up: dict[str, list[str | None]] = {"a": [BUSY, BUSY]}
    query = query_over(_rollups(up, down, down, up, down, up))
    table = wear.outages(query, DAY, _servers(query), now=START + timedelta(minutes=90))
    row = table.iloc[0]
    assert row["outage_count"] == 2
    assert row["down_hours"] == pytest.approx(0.75)
    assert row["mtbf_hours"] == pytest.approx(0.75 / 2)
    assert row["repair_hours"] == pytest.approx(0.75 / 2)
    assert row["lost_gpu_hours"] == pytest.approx(2 * 0.75)
    assert row["coverage_ratio"] == pytest.approx(1.0)


def test_a_server_that_was_never_down_has_no_outage() -> None:
    query = query_over(CROWDED)
    assert wear.outages(query, DAY, _servers(query), now=NOW).empty


def _health(**values: Any) -> pd.DataFrame:
    rollups = _rollups({"a": [BUSY, BUSY]}, {"a": [BUSY, BUSY]})
    rows = [row | (values if row["device_index"] == 1 else {}) for row in rollups.devices]
    query = query_over(replace(rollups, devices=rows))
    now = START + timedelta(minutes=30)
    return wear.health(query, DAY, _servers(query), now=now, hot_celsius=88)


def test_a_gpu_that_got_hot_is_told_with_its_hours() -> None:
    table = _health(temperature_celsius_max=91.0)
    assert table["device_index"].tolist() == [1]
    assert table["hot_hours"].tolist() == [0.5]
    assert table["throttled_hours"].isna().all()


def test_a_gpu_whose_clock_was_held_back_is_told_with_its_share() -> None:
    table = _health(throttled_seconds=90.0)
    assert table["throttled_hours"].tolist() == [pytest.approx(0.05)]
    assert table["throttled_ratio"].tolist() == [pytest.approx(0.1)]


def test_gpus_that_are_well_or_tell_nothing_are_not_listed() -> None:
    assert _health(temperature_celsius_max=60.0, throttled_seconds=0.0).empty


def _gini_by_pairs(values: list[float]) -> float:
    """The mean absolute difference of all pairs, over twice the mean."""
    array = np.asarray(values)
    pairs = np.abs(array[:, None] - array[None, :]).mean()
    return float(pairs / (2 * array.mean()))


@given(st.lists(st.floats(0.01, 1e4), min_size=1, max_size=30))
def test_gini_is_that_of_all_pairs(values: list[float]) -> None:
    got = longtail.gini(longtail.lorenz(values))
    assert got == pytest.approx(_gini_by_pairs(values), abs=1e-6)


@given(st.lists(st.tuples(st.floats(0, 1e3), st.floats(0.1, 1e3)), min_size=1, max_size=20))
def test_a_lorenz_curve_rises_below_the_diagonal(pairs: list[tuple[float, float]]) -> None:
    amounts, weights = [a for a, _ in pairs], [w for _, w in pairs]
    curve = longtail.lorenz(amounts, weights)
    if sum(amounts) == 0:
        assert curve.empty
        return
    assert (np.diff(curve["use_ratio"]) >= -1e-12).all()
    assert (curve["use_ratio"] <= curve["population_ratio"] + 1e-9).all()
    assert curve.iloc[-1].tolist() == pytest.approx([1.0, 1.0])


def test_a_server_twice_as_large_and_used_alike_is_not_more_used() -> None:
    assert longtail.gini(longtail.lorenz([10.0, 20.0], [20.0, 40.0])) == pytest.approx(0.0)


def test_what_speaks_against_a_little_used_server_is_told() -> None:
    row = {"group": "vision", "gpu_count": 1.0, "gpu_use_ratio": 0.1, "gpu_hours_free": 80.0}
    row |= {"down_hours": 0.0, "gpu_hours_observed": 100.0, "coverage_ratio": 1.0}
    row |= {"simulated": False}
    usual = {"device_name": "NVIDIA H100 80GB HBM3", "memory_total_bytes": 80 * 2**30}
    servers = pd.DataFrame(
        [
            row | {"server": "usual", "gpu_use_ratio": 0.7},
            row | {"server": "slow"},
            row | {"server": "small"},
            row | {"server": "frail", "down_hours": 10.0},
            row | {"server": "unknown"},
            row | {"server": "unseen", "coverage_ratio": 0.3},
        ]
    )
    devices = pd.DataFrame(
        [usual | {"server": name} for name in ("usual", "usual", "frail", "unknown", "unseen")]
        + [usual | {"server": "slow", "device_name": "Tesla V100-SXM2-32GB"}]
        + [usual | {"server": "small", "memory_total_bytes": 24 * 2**30}]
    )
    table = longtail.unpopular(
        servers, devices, user_counts={"unknown": 2}, people=14, limits=LIMITS
    )
    assert dict(zip(table["server"], table["reason"], strict=True)) == {
        "slow": "slow card, Tesla V100-SXM2-32GB",
        "small": "little memory (24 GiB a GPU, usual are 80)",
        "frail": "down for 10 h",
        "unknown": "nothing speaks against it; 2 of 14 users were on it",
    }


@pytest.mark.parametrize(
    ("model", "speed"),
    [
        ("NVIDIA L4", 121.0),
        ("NVIDIA L40S", 362.0),
        ("NVIDIA A10", 125.0),
        ("NVIDIA A100-PCIE-40GB", 312.0),
        ("Tesla T4", 65.0),
        (None, None),
        ("Matrox", None),
    ],
)
def test_a_card_is_known_by_its_name(model: str | None, speed: float | None) -> None:
    assert tensor_tflops(model) == speed


def test_groups_are_told_who_uses_their_servers() -> None:
    query = query_over(made_up())
    used = asked(query, "usage_by_server_and_user", DAY, now=NOW)
    groups = metrics.usage(query, DAY, "group", now=NOW)
    members = {"vision": ("ann", "cleo"), "speech": ("bob",)}
    table = sharing.sharing(used, groups, members).set_index("group")
    hours = used.groupby(["group", "user"])["gpu_hours_used"].sum()
    vision = table.loc["vision"]
    assert vision["by_own_gpu_hours"] == pytest.approx(
        hours["vision", "ann"] + hours["vision", "cleo"]
    )
    assert vision["by_others_gpu_hours"] == pytest.approx(hours["vision", "bob"])
    assert vision["elsewhere_gpu_hours"] == pytest.approx(hours["speech", "ann"])
    assert vision["user_count"] == 3


def test_without_members_nobody_is_said_to_be_of_another_group() -> None:
    query = query_over(made_up())
    used = asked(query, "usage_by_server_and_user", DAY, now=NOW)
    table = sharing.sharing(used, metrics.usage(query, DAY, "group", now=NOW), {})
    assert table[["by_own_gpu_hours", "by_others_gpu_hours"]].isna().all().all()
    assert table["gpu_hours_used"].sum() == pytest.approx(used["gpu_hours_used"].sum())


def _compared(query: Query, text: str, now: datetime = NOW) -> compare.Comparison:
    period = parse_period(text, UTC_ZONE, now)
    totals = metrics.finish(
        metrics.total(metrics.sums(query, period, by="server", now=now)), power=PowerSettings()
    )
    return compare.compare(query, period, totals, now=now, coverage_ratio=0.5)


def test_a_day_is_compared_with_the_day_before() -> None:
    rollups = made_up()
    compared = _compared(query_over(rollups), "2026-10-06")
    devices = frame_of(rollups.devices)
    day = devices["starts_at"].dt.day
    used = {n: devices.loc[day == n, "busy_seconds"].sum() / 3600 for n in (5, 6)}
    this, before, year_ago = compared.periods.to_dict("records")
    assert this["gpu_hours_used"] == pytest.approx(used[6])
    assert before["gpu_hours_used"] == pytest.approx(used[5])
    assert before["used_change_gpu_hours"] == pytest.approx(used[6] - used[5])
    assert before["used_change_ratio"] == pytest.approx(used[6] / used[5] - 1)
    assert year_ago["period"] == "6 October 2025"
    assert np.isnan(year_ago["gpu_hours_used"])
    assert year_ago["coverage_ratio"] == 0


def test_a_day_under_way_is_compared_with_as_much_of_the_day_before() -> None:
    rollups = made_up()
    noon = START + timedelta(days=1, hours=12)
    compared = _compared(query_over(rollups), "2026-10-06", noon)
    devices = frame_of(rollups.devices)
    morning = devices[devices["starts_at"] < START + timedelta(hours=12)]
    before = compared.periods.to_dict("records")[1]
    assert before["period"] == "5 October 2026, as far as this one"
    assert before["gpu_hours_used"] == pytest.approx(morning["busy_seconds"].sum() / 3600)


def test_a_period_observed_too_little_is_told_only_as_that() -> None:
    query = query_over(made_up())
    period = parse_period("2026-10-06", UTC_ZONE, NOW)
    totals = metrics.finish(metrics.total(metrics.sums(query, period, by="server", now=NOW)))
    compared = compare.compare(query, period, totals, now=NOW, coverage_ratio=0.99)
    assert compared.before.empty
    row = compared.periods.iloc[1]
    assert np.isnan(row["gpu_hours_used"])
    assert 0.5 < row["coverage_ratio"] < 0.99


def test_how_hard_a_server_worked_is_told_by_percentiles_of_all_its_gpus() -> None:
    rollups = _rollups({"a": [BUSY, BUSY]}, {"a": [BUSY, BUSY]})
    low = [450.0, 450.0, *([0.0] * 18)]
    high = [*([0.0] * 18), 450.0, 450.0]
    rows = [
        row
        | {"gpu_utilization_histogram": high if row["device_index"] else low}
        | {"gpu_utilization_ratio_max": 1.0 if row["device_index"] else 0.1}
        for row in rollups.devices
    ]
    query = query_over(replace(rollups, devices=rows))
    row = intensity.intensity(query, DAY, _servers(query), now=NOW).iloc[0]
    assert row["gpu_p50_ratio"] == pytest.approx(0.1)
    assert row["gpu_p95_ratio"] == pytest.approx(0.99)
    assert row["gpu_max_ratio"] == pytest.approx(1.0)
    assert row["server"] == "a"


def test_without_histograms_nothing_is_told_of_percentiles() -> None:
    query = query_over(CROWDED)
    assert intensity.intensity(query, DAY, _servers(query), now=NOW).empty


def test_percentiles_of_a_year_are_not_added_up() -> None:
    query = query_over(CROWDED)
    year = parse_period("2026", UTC_ZONE, NOW)
    assert intensity.intensity(query, year, _servers(query), now=NOW).empty


def test_servers_added_up_from_days_are_those_of_the_period() -> None:
    query = query_over(made_up())
    two_days = parse_period("2026-10-05..2026-10-06", UTC_ZONE, NOW)
    rows = asked(query, "usage_by_server_and_day", two_days, now=NOW)
    got = sums.by_server(asked(query, "report_servers", two_days, now=NOW), rows)
    expected = asked(query, "usage_by_server", two_days, now=NOW)
    pd.testing.assert_frame_equal(got[list(got.columns)], expected[list(got.columns)])
    assert set(sums.ADDITIVE) <= set(got.columns)
