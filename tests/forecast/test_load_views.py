"""The SQL of load_hourly and free_15m over made-up quarters of an hour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import pytest

from forecast.synthetic import START
from scms.assets import asset_path
from scms.forecast.availability import availability
from scms.forecast.series import hourly_series
from scms.tables import DEVICE_15M, SERVER_15M

if TYPE_CHECKING:
    from scms.tables import Table


def quarter(number: int) -> pd.Timestamp:
    return pd.Timestamp(START) + pd.Timedelta(minutes=15 * number)


def server_row(number: int, **changes: Any) -> dict[str, Any]:
    row = {
        "server": "gpu-1",
        "starts_at": quarter(number),
        "observed_seconds": 900.0,
        "down_seconds": 0.0,
        "gpu_count": 2,
        "cpu_core_seconds_used": 450.0,
        "cpu_core_seconds_available": 1800.0,
    }
    return row | changes


def device_row(number: int, device: str, **seconds: Any) -> dict[str, Any]:
    states = dict.fromkeys(("free", "busy", "idle_held", "ghost", "faulty", "unknown"), 0.0)
    row = {f"{state}_seconds": seconds.get(state, value) for state, value in states.items()}
    row["observed_seconds"] = sum(row.values())
    return {"server": "gpu-1", "device": device, "starts_at": quarter(number)} | row


def view(
    name: str, servers: list[dict[str, Any]], devices: list[dict[str, Any]], zone: str = "UTC"
) -> pd.DataFrame:
    connection = duckdb.connect()
    connection.execute(f"SET TimeZone = '{zone}'")
    for table, rows in ((SERVER_15M, servers), (DEVICE_15M, devices)):
        _register(connection, table, rows)
    sql = (asset_path("warehouse") / "views" / f"{name}.sql").read_text(encoding="utf-8")
    answer = connection.sql(f"SELECT * FROM ({sql}) ORDER BY ALL").to_arrow_table()
    result: pd.DataFrame = answer.to_pandas()
    return result


def _register(
    connection: duckdb.DuckDBPyConnection, table: Table, rows: list[dict[str, Any]]
) -> None:
    types = {"string": "VARCHAR", "timestamp": "TIMESTAMPTZ", "float": "DOUBLE"}
    types |= {"integer": "BIGINT", "boolean": "BOOLEAN"}
    frame = pd.DataFrame(rows, columns=list(table.column_names()))
    connection.register("rows", frame)
    used = [c for c in table.columns if c.type in types]  # histograms are not read here
    columns = ", ".join(f'"{c.name}"::{types[c.type]} AS "{c.name}"' for c in used)
    name = table.name.replace("_15m", "_usage_15m")
    connection.execute(f"CREATE TABLE {name} AS SELECT {columns} FROM rows")
    connection.unregister("rows")


def hour(devices: list[dict[str, Any]], **changes: Any) -> pd.Series:
    servers = [server_row(n, **changes) for n in range(4)]
    return view("load_hourly", servers, devices).iloc[0]


def test_what_is_not_free_counts_as_busy_in_the_mean_of_the_hour():
    devices = [device_row(n, "A", busy=900.0) for n in range(4)]
    devices += [device_row(n, "B", free=450.0, idle_held=450.0) for n in range(4)]
    row = hour(devices)
    assert (row["gpus_busy"], row["gpu_count"], row["coverage_ratio"]) == (1.5, 2, 1.0)


def test_a_faulty_gpu_is_not_free():
    devices = [device_row(n, d, faulty=900.0) for n in range(4) for d in "AB"]
    assert hour(devices)["gpus_busy"] == 2.0


def test_unknown_time_is_neither_busy_nor_free_and_lowers_the_coverage():
    devices = [device_row(n, d, busy=450.0, unknown=450.0) for n in range(4) for d in "AB"]
    row = hour(devices)
    assert (row["gpus_busy"], row["coverage_ratio"]) == (2.0, 0.5)


def test_an_hour_down_has_no_load_and_no_coverage():
    row = hour([], observed_seconds=0.0, down_seconds=900.0, gpu_count=None,
               cpu_core_seconds_used=None, cpu_core_seconds_available=None)  # fmt: skip
    assert row["coverage_ratio"] == 0.0
    assert row[["gpus_busy", "gpu_count", "cpu_utilization_ratio"]].isna().all()


def test_the_cpu_is_that_of_the_time_observed():
    assert hour([], gpu_count=0)["cpu_utilization_ratio"] == 0.25


def test_a_server_without_gpus_is_covered_by_its_own_time():
    row = hour([], gpu_count=0, observed_seconds=450.0)
    assert (row["coverage_ratio"], row["gpu_count"]) == (0.5, 0)


def test_hours_are_those_of_utc_in_any_zone():
    frame = view("load_hourly", [server_row(n) for n in range(8)], [], zone="Asia/Kolkata")
    assert [t.tz_convert("UTC").minute for t in frame["ts"]] == [0, 0]


def test_the_view_feeds_the_series():
    devices = [device_row(n, d, busy=900.0) for n in range(4) for d in "AB"]
    frame = view("load_hourly", [server_row(n) for n in range(4)], devices)
    (one,) = hourly_series(frame, now=quarter(4).to_pydatetime())
    assert list(one.values) == [2.0]


def test_a_device_is_free_that_was_so_for_the_whole_slot():
    devices = [device_row(0, "A", free=900.0), device_row(0, "B", free=800.0, busy=100.0)]
    row = view("free_15m", [server_row(0)], devices).iloc[0]
    assert (row["gpus_free"], row["gpu_count"], row["observed"]) == (1, 2, True)


@pytest.mark.parametrize("state", ["idle_held", "ghost", "faulty", "unknown"])
def test_a_device_that_is_held_or_broken_or_unknown_is_not_free(state: str):
    seconds = {"free": 500.0, state: 400.0}
    row = view("free_15m", [server_row(0)], [device_row(0, "A", **seconds)]).iloc[0]
    assert row["gpus_free"] == 0


def test_a_slot_observed_for_less_than_half_is_not_observed():
    devices = [device_row(0, d, free=400.0) for d in "AB"]
    row = view("free_15m", [server_row(0, observed_seconds=400.0)], devices).iloc[0]
    assert not row["observed"]


def test_a_slot_down_is_not_observed():
    down = server_row(0, observed_seconds=0.0, down_seconds=900.0, gpu_count=None)
    row = view("free_15m", [down], []).iloc[0]
    assert not row["observed"]


def test_a_server_without_gpus_has_no_slots():
    assert view("free_15m", [server_row(0, gpu_count=0)], []).empty


def test_the_slots_feed_the_chances():
    devices = [device_row(n, d, free=900.0 * (n % 3 > 0)) for n in range(30) for d in "AB"]
    frame = view("free_15m", [server_row(n) for n in range(30)], devices)
    result = availability(frame, gpus=2, hours=1, now=quarter(30).to_pydatetime())
    assert list(result["server"]) == ["gpu-1"]


def test_a_cluster_that_has_collected_nothing_has_no_chances_and_no_error():
    now = quarter(0).to_pydatetime()
    assert availability(view("free_15m", [], []), gpus=1, hours=1, now=now).empty
    assert hourly_series(view("load_hourly", [], []), now=now) == []
