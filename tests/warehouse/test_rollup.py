"""Rollups are what the samples say, of days that are over, however often they are made."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from scms.errors import WarehouseError
from scms.hot import HotStore
from scms.tables import DEVICE_15M
from scms.warehouse import rollup as rollup_module
from scms.warehouse.rollup import PART_ROWS, RUN_ROWS, parts, rollup, runs
from warehouse.made import DAY, Place, every, record

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from scms.collect.record import Record

NEXT = DAY + timedelta(days=1)
STATES = ["free", "busy", "idle_held", "ghost", "faulty", "unknown"]


def made_up(start: datetime, end: datetime) -> list[Record]:
    """Records with gaps, odd intervals, nulls, and all states."""
    random.seed(7)

    def maybe(value: Any) -> Any:
        return None if random.random() < 0.1 else value

    def device(index: int) -> dict[str, Any]:
        return {
            "device": f"GPU-{index}",
            "device_index": index,
            "device_name": "A100",
            "observed_seconds": random.choice([0.0, 55.5, 60.0]),
            "state": random.choice(STATES),
            "gpu_utilization_ratio": maybe(random.random()),
            "memory_used_bytes": maybe(random.randrange(80 * 2**30)),
            "memory_total_bytes": 80 * 2**30,
            "power_watts": maybe(random.uniform(50, 400)),
            "temperature_celsius": maybe(random.uniform(30, 90)),
        }

    def process(pid: int) -> dict[str, Any]:
        gpu = random.random() < 0.5
        return {
            "user": maybe(random.choice(["ada", "bob"])),
            "pid": maybe(pid),
            "observed_seconds": random.choice([0.0, 10.0, 60.0]),
            "device": "GPU-0" if gpu else None,
            "device_state": random.choice(STATES[:3]) if gpu else None,
            "device_share_ratio": random.choice([1.0, 0.5]) if gpu else None,
            "gpu_memory_used_bytes": random.randrange(2**30) if gpu else None,
            "cpu_cores_used": None if gpu else random.uniform(0, 8),
        }

    return [
        record(
            at,
            server,
            state=random.choice(["up", "up", "degraded", "down"]),
            observed_seconds=random.choice([0.0, 55.5, 60.0]),
            cpu_count=maybe(64),
            cpu_utilization_ratio=maybe(random.random()),
            memory_used_bytes=maybe(random.randrange(2**38)),
            memory_total_bytes=2**38,
            load_1m=maybe(random.uniform(0, 64)),
            network_receive_bytes_per_second=maybe(random.uniform(0, 1e9)),
            network_transmit_bytes_per_second=maybe(random.uniform(0, 1e9)),
            gpu_count=2,
            devices=[device(0), device(1)],
            processes=[process(1), process(2), process(3)],
        )
        for server in ("gpu01", "gpu02")
        for at in every(1, start, end)
        if random.random() < 0.8
    ]


def rows_of(records: list[Record], table: str) -> pd.DataFrame:
    frame = pd.DataFrame([row for r in records for row in r.tables[table]])
    frame["starts_at"] = pd.to_datetime(frame["sampled_at"], unit="ms", utc=True).dt.floor("15min")
    return frame


def stored(place: Place, table: str, keys: list[str]) -> pd.DataFrame:
    state = place.another().state(table)
    return state.arrow(state.files).to_pandas().set_index(keys).sort_index()  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def two_hours(tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, list[Record]]:
    """A place whose day is rolled up, and what it was made of."""
    place = Place(tmp_path_factory.mktemp("rollup"))
    records = made_up(DAY + timedelta(hours=10), DAY + timedelta(hours=12))
    place.hot.append(records)
    place.rollup(NEXT)
    return place, records


def weighted(frame: pd.DataFrame, column: str, where: pd.Series | None = None) -> pd.Series:
    values = frame[column].astype(float) * frame["observed_seconds"]
    return values if where is None else values.where(where)


def test_the_device_rollup_is_what_pandas_makes_of_the_samples(
    two_hours: tuple[Place, list[Record]],
) -> None:
    place, records = two_hours
    rows = rows_of(records, "device_sample")
    keys = ["server", "device", "starts_at"]
    usable = ~rows["state"].isin(["faulty", "unknown"])
    rows["used"] = weighted(rows, "gpu_utilization_ratio", usable)
    rows["memory"] = weighted(rows, "memory_used_bytes")
    rows["energy"] = weighted(rows, "power_watts")
    for state in STATES:
        rows[state] = rows["observed_seconds"].where(rows["state"] == state, 0.0)
    groups = rows.groupby(keys)
    expected = pd.DataFrame(
        {
            "sample_count": groups.size(),
            "observed_seconds": groups["observed_seconds"].sum(),
            **{f"{state}_seconds": groups[state].sum() for state in STATES},
            "gpu_utilization_seconds": groups["used"].sum(min_count=1),
            "gpu_utilization_ratio_min": groups["gpu_utilization_ratio"].min(),
            "gpu_utilization_ratio_max": groups["gpu_utilization_ratio"].max(),
            "memory_used_byte_seconds": groups["memory"].sum(min_count=1),
            "memory_used_bytes_max": groups["memory_used_bytes"].max(),
            "energy_joules": groups["energy"].sum(min_count=1),
            "temperature_celsius_max": groups["temperature_celsius"].max(),
        }
    ).sort_index()
    found = stored(place, "device_15m", keys)
    pd.testing.assert_frame_equal(
        found[list(expected.columns)], expected, check_dtype=False, check_index_type=False
    )
    assert set(found["device_name"]) == {"A100"}
    assert list(found["device_index"].groupby("device").unique()) == [[0], [1]]


def test_the_server_rollup_is_what_pandas_makes_of_the_samples(
    two_hours: tuple[Place, list[Record]],
) -> None:
    place, records = two_hours
    rows = rows_of(records, "server_sample")
    keys = ["server", "starts_at"]
    rows["is_up"] = rows["state"] != "down"
    rows["up"] = rows["observed_seconds"].where(rows["is_up"], 0.0)
    rows["down"] = rows["observed_seconds"].where(~rows["is_up"], 0.0)
    cores = weighted(rows, "cpu_count")
    rows["cores"] = cores.where(rows["cpu_utilization_ratio"].notna())
    rows["used"] = cores * rows["cpu_utilization_ratio"].astype(float)
    for name in ("memory_used_bytes", "network_receive_bytes_per_second"):
        rows[f"sum_{name}"] = weighted(rows, name)
    groups = rows.groupby(keys)
    expected = pd.DataFrame(
        {
            "sample_count": groups["is_up"].sum(),
            "observed_seconds": groups["up"].sum(),
            "down_seconds": groups["down"].sum(),
            "cpu_core_seconds_available": groups["cores"].sum(min_count=1),
            "cpu_core_seconds_used": groups["used"].sum(min_count=1),
            "cpu_utilization_ratio_min": groups["cpu_utilization_ratio"].min(),
            "cpu_utilization_ratio_max": groups["cpu_utilization_ratio"].max(),
            "memory_used_byte_seconds": groups["sum_memory_used_bytes"].sum(min_count=1),
            "memory_used_bytes_max": groups["memory_used_bytes"].max(),
            "load_1m_max": groups["load_1m"].max(),
            "network_receive_bytes": groups["sum_network_receive_bytes_per_second"].sum(
                min_count=1
            ),
            "cpu_count": groups["cpu_count"].max(),
        }
    ).sort_index()
    found = stored(place, "server_15m", keys)
    pd.testing.assert_frame_equal(
        found[list(expected.columns)], expected, check_dtype=False, check_index_type=False
    )


def test_the_user_rollup_is_what_pandas_makes_of_the_samples(
    two_hours: tuple[Place, list[Record]],
) -> None:
    place, records = two_hours
    rows = rows_of(records, "process_sample")
    rows["user"] = rows["user"].fillna("(hidden)")
    share = weighted(rows, "device_share_ratio")
    rows["busy"] = share.where(rows["device_state"] == "busy", 0.0).fillna(0.0)
    rows["idle"] = share.where(rows["device_state"] == "idle_held", 0.0).fillna(0.0)
    rows["memory"] = weighted(rows, "gpu_memory_used_bytes").fillna(0.0)
    rows["cpu"] = weighted(rows, "cpu_cores_used").fillna(0.0)
    keys = ["server", "user", "starts_at"]
    groups = rows.groupby(keys)
    ticks = rows.groupby([*keys, "sampled_at"])["pid"].nunique()
    expected = pd.DataFrame(
        {
            "gpu_busy_seconds": groups["busy"].sum(),
            "gpu_idle_held_seconds": groups["idle"].sum(),
            "gpu_memory_byte_seconds": groups["memory"].sum(),
            "cpu_core_seconds": groups["cpu"].sum(),
            "process_count_max": ticks.groupby(keys).max(),
        }
    ).sort_index()
    state = place.another().state("user_15m")
    found = state.arrow(state.files).to_pandas()
    found["user"] = found["user"].fillna("(hidden)")
    found = found.set_index(keys).sort_index()
    pd.testing.assert_frame_equal(
        found[list(expected.columns)], expected, check_dtype=False, check_index_type=False
    )


@pytest.mark.parametrize("view", ["server_usage_15m", "device_usage_15m", "user_usage_15m"])
def test_a_view_says_the_same_of_a_live_day_and_of_the_closed_one(place: Place, view: str) -> None:
    query = f"SELECT * FROM {view} ORDER BY ALL"
    place.hot.append(made_up(DAY + timedelta(hours=10), DAY + timedelta(hours=10.5)))
    hot = place.views.frame(query)
    place.warehouse.flush(place.hot)
    committed = place.views.frame(query)
    done = place.rollup(NEXT)
    closed = place.views.frame(query)
    assert done == {"server_15m": 1, "device_15m": 1, "user_15m": 1}
    assert len(hot) > 0
    pd.testing.assert_frame_equal(hot, committed)
    pd.testing.assert_frame_equal(hot, closed)


def test_a_day_that_is_not_over_is_not_rolled_up(place: Place) -> None:
    place.hot.append([record(DAY)])
    assert place.rollup(NEXT - timedelta(seconds=1))["server_15m"] == 0
    assert place.rollup(NEXT)["server_15m"] == 1


def test_a_second_run_finds_nothing_to_do(place: Place) -> None:
    place.hot.append([record(DAY), record(NEXT)])
    place.rollup(NEXT + timedelta(days=1))
    before = place.warehouse.table("server_15m").metadata_location
    again = place.rollup(NEXT + timedelta(days=1))
    assert again == {"server_15m": 0, "device_15m": 0, "user_15m": 0}
    assert place.warehouse.table("server_15m").metadata_location == before


def test_only_what_is_missing_is_made(place: Place) -> None:
    place.hot.append([record(DAY)])
    place.rollup(NEXT)
    before = set(place.another().files("server_15m"))
    place.hot.append([record(NEXT)])
    assert place.rollup(NEXT + timedelta(days=1))["server_15m"] == 1
    assert before < set(place.another().files("server_15m"))


def test_rows_that_come_late_are_seen_at_once_and_their_day_is_made_again(
    place: Place, tmp_path: Path
) -> None:
    query = "SELECT starts_at, observed_seconds FROM server_usage_15m ORDER BY 1"
    place.hot.append([record(DAY), record(NEXT)])
    place.rollup(NEXT + timedelta(days=1))
    other = HotStore.create(tmp_path / "other.sqlite")
    other.append([record(DAY + timedelta(minutes=1)), record(DAY + timedelta(hours=1))])
    place.warehouse.flush(other)

    seen = place.views.frame(query)["observed_seconds"].tolist()
    done = place.rollup(NEXT + timedelta(days=1))
    after = place.views.frame(query)["observed_seconds"].tolist()

    assert seen == after == [120.0, 60.0, 60.0]
    assert done["server_15m"] == 1
    assert place.count("server_15m") == 3


def test_rows_that_come_late_are_folded_into_a_month_that_is_compacted(
    place: Place, tmp_path: Path
) -> None:
    """The month is in one file then, of which only the rows of that day change."""
    query = "SELECT * FROM device_usage_15m WHERE starts_at >= $next ORDER BY ALL"
    busy = [{"state": "busy", "gpu_utilization_ratio": 0.5}]
    for at in (DAY, NEXT, NEXT + timedelta(days=1)):
        place.hot.append([record(at, devices=busy)])
        place.rollup(at + timedelta(days=1))
    before = place.views.arrow(query, {"next": NEXT}).to_pylist()
    month_later = DAY + timedelta(days=40)
    place.warehouse.upkeep(now=month_later, keep_facts_seconds=90 * 86400)
    assert len(place.another().files("device_15m")) == 1

    other = HotStore.create(tmp_path / "other.sqlite")
    other.append([record(DAY + timedelta(minutes=1), devices=busy)])
    place.warehouse.flush(other)
    done = rollup(place.warehouse, place.views.arrow, now=month_later)

    assert done["device_15m"] == 1
    day = place.views.arrow("SELECT * FROM device_15m ORDER BY starts_at LIMIT 1").to_pylist()[0]
    assert (day["busy_seconds"], day["gpu_utilization_histogram"][10]) == (120.0, 120.0)
    assert place.views.arrow(query, {"next": NEXT}).to_pylist() == before


def test_hot_rows_of_a_closed_day_are_seen_too(place: Place) -> None:
    place.hot.append([record(DAY)])
    place.rollup(NEXT)
    place.hot.append([record(DAY + timedelta(minutes=1))])
    seen = place.views.frame("SELECT sum(observed_seconds) AS s FROM server_usage_15m")
    assert seen["s"].tolist() == [120.0]


def test_of_two_that_make_the_same_day_the_second_is_refused(place: Place) -> None:
    """Both found the day missing; two appends would both have been taken."""
    place.hot.append([record(DAY)])
    place.warehouse.flush(place.hot)
    slow = place.another()

    def overtaken(sql: str, params: dict[str, object], **times: Any) -> pa.Table:
        made = place.views.arrow(sql, params, **times)
        place.rollup(NEXT)
        return made

    with pytest.raises(WarehouseError, match="cannot be rolled up"):
        rollup(slow, overtaken, now=NEXT, names=["server_15m"])

    assert place.count("server_15m") == 1
    assert rollup(slow, place.views.arrow, now=NEXT)["server_15m"] == 0


def test_a_day_that_another_made_before_the_query_is_not_replaced_by_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For the query that day is closed: it finds no rows of it."""
    place.hot.append([record(DAY)])
    place.warehouse.flush(place.hot)
    slow = place.another()
    real = slow.table

    def overtaken(name: str) -> Any:
        place.rollup(NEXT)
        return real(name)

    monkeypatch.setattr(slow, "table", overtaken)
    assert rollup(slow, place.views.arrow, now=NEXT, names=["server_15m"]) == {"server_15m": 0}
    assert place.count("server_15m") == 1


def test_a_rollup_of_no_rows_is_complete(place: Place) -> None:
    """A day with samples but no processes has an empty user rollup, and is not tried for ever."""
    place.hot.append([record(DAY)])
    assert place.rollup(NEXT) == {"server_15m": 1, "device_15m": 0, "user_15m": 0}
    assert place.count(DEVICE_15M.name) == 0


def test_runs_are_without_gap_and_within_a_month() -> None:
    days = [date(2026, 1, 30), date(2026, 1, 31), date(2026, 2, 1), date(2026, 2, 3)]
    found = runs(dict.fromkeys(days, 10))
    assert [list(run) for run in found] == [days[:2], days[2:3], days[3:]]


def test_a_run_takes_more_days_only_while_its_rows_are_few() -> None:
    days = [date(2026, 1, day) for day in range(1, 6)]
    rows = dict(zip(days, [RUN_ROWS // 2, RUN_ROWS // 2, 1, RUN_ROWS * 3, 1], strict=True))
    assert [list(run) for run in runs(rows)] == [days[:2], days[2:3], days[3:4], days[4:]]


@pytest.mark.parametrize(("rows", "count"), [(1, 1), (PART_ROWS * 5, 5), (PART_ROWS * 1000, 96)])
def test_parts_cover_a_day_in_whole_quarters(rows: int, count: int) -> None:
    found = parts({DAY.date(): rows})
    assert len(found) == count
    assert (found[0][0], found[-1][1]) == (DAY, NEXT)
    assert all(end == start for (_, end), (start, _) in pairwise(found))
    assert all((end - DAY) % timedelta(minutes=15) == timedelta(0) for _, end in found)


def test_a_day_made_in_parts_is_the_same(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    query = "SELECT * FROM device_usage_15m ORDER BY ALL"
    place.hot.append(made_up(DAY, DAY + timedelta(hours=3)))
    place.warehouse.flush(place.hot)
    whole = place.views.frame(query)
    monkeypatch.setattr(rollup_module, "PART_ROWS", 50)
    monkeypatch.setattr(rollup_module, "SLICE_ROWS", 20)
    rollup(place.warehouse, place.views.arrow, now=NEXT)
    assert len(place.warehouse.state("device_15m").files) > 1
    pd.testing.assert_frame_equal(place.views.frame(query), whole)
