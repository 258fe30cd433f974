"""A warehouse that was written when the facts had fewer columns keeps working."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from scms.tables import ALL
from warehouse.made import DAY, Place, every, record, row

if TYPE_CHECKING:
    from pathlib import Path

#: The columns that these tables had at first.
FIRST = {"server_sample": 39, "device_sample": 18, "process_sample": 13}
NEXT = DAY + timedelta(days=1)


@pytest.fixture
def older(tmp_path: Path) -> Place:
    """A day of facts, written and rolled up with the first columns; then the day after."""
    place = Place(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        for name, count in FIRST.items():
            patch.setitem(ALL, name, replace(ALL[name], columns=ALL[name].columns[:count]))
        for at in every(60, DAY, NEXT):
            devices = [{"gpu_utilization_ratio": 0.5, "state": "busy"}]
            place.hot.append([record(at, devices=devices, cpu_utilization_ratio=0.25)])
        place.warehouse.flush(place.hot)
    return place


def rows(place: Place, sql: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = place.views.arrow(sql).to_pylist()
    return found


def test_columns_that_came_later_are_null_in_what_was_there(older: Place) -> None:
    sql = "SELECT count(*) AS n, count(cpu_pressure_ratio) AS known FROM server_sample"
    assert rows(older, sql) == [{"n": 24, "known": 0}]


def test_new_and_old_rows_are_read_together(older: Place) -> None:
    at = NEXT + timedelta(hours=1)
    older.hot.append([record(at, cpu_utilization_ratio=0.5, cpu_pressure_ratio=0.125)])
    sql = (
        "SELECT count(*) AS n, max(cpu_pressure_ratio) AS pressure,"
        " min(cpu_utilization_ratio) AS cpu FROM server_sample"
    )
    expected = [{"n": 25, "pressure": 0.125, "cpu": 0.25}]
    assert rows(older, sql) == expected
    older.warehouse.flush(older.hot)
    assert rows(older, sql) == expected


def test_field_ids_go_on_where_they_ended(older: Place) -> None:
    older.warehouse.append("server_sample", [row("server_sample", NEXT)])
    fields = older.warehouse.table("server_sample").schema().fields
    assert [(f.field_id, f.name) for f in fields] == list(
        enumerate(ALL["server_sample"].column_names(), start=1)
    )


def test_old_and_new_days_are_rolled_up_and_used(older: Place) -> None:
    for at in every(60, NEXT, NEXT + timedelta(days=1)):
        devices = [{"gpu_utilization_ratio": 0.5, "state": "busy"}]
        older.hot.append([record(at, devices=devices, cpu_pressure_ratio=0.5)])
    older.rollup(NEXT + timedelta(days=2))
    sql = "SELECT count(*) AS n, sum(busy_seconds) AS busy FROM device_usage_15m"
    assert rows(older, sql) == [{"n": 48, "busy": 48 * 60.0}]


def test_old_files_are_compacted_with_new_ones(older: Place) -> None:
    older.warehouse.append("server_sample", [row("server_sample", DAY, cpu_pressure_ratio=0.5)])
    older.warehouse.upkeep(now=NEXT + timedelta(days=2), keep_facts_seconds=90 * 86400)
    sql = "SELECT count(*) AS n, count(cpu_pressure_ratio) AS known FROM server_sample"
    assert rows(older, sql) == [{"n": 25, "known": 1}]
