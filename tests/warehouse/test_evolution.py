"""A warehouse of the release before is read, written and rolled up; a later one is only read."""

from __future__ import annotations

import json
import sqlite3
import tarfile
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from scms.errors import WarehouseError
from scms.tables import ALL
from scms.warehouse.dimensions import keep_dimensions
from scms.warehouse.evolution import SCHEMA_VERSION, VERSION, version_of
from scms.warehouse.rollup import rollup
from warehouse.made import DAY, Place, record, row

if TYPE_CHECKING:
    from pathlib import Path

#: What tests/recorded/warehouse_0_1.py wrote to; a path of the same length takes its place.
BASE = "/var/tmp/scms_0_1".ljust(200, "_")
NEXT = DAY + timedelta(days=1)
LATER = NEXT + timedelta(days=1)


def unpacked(recorded: Path, directory: Path) -> Path:
    """The recorded warehouse, in a directory whose path is as long as the one it knows."""
    base = directory / ("w" * (len(BASE) - len(str(directory)) - 1))
    with tarfile.open(recorded) as tar:
        tar.extractall(base, filter="data")
    for path in base.rglob("*"):
        if path.suffix in {".json", ".avro"}:
            path.write_bytes(path.read_bytes().replace(BASE.encode(), str(base).encode()))
    with closing(sqlite3.connect(base / "scms-data/warehouse/catalog.db")) as catalog, catalog:
        for column in ("metadata_location", "previous_metadata_location"):
            sql = f"UPDATE iceberg_tables SET {column} = replace({column}, ?, ?)"
            catalog.execute(sql, (BASE, str(base)))
    return base


@pytest.fixture
def older(repository: Path, tmp_path: Path) -> Place:
    return Place(unpacked(repository / "tests/recorded/warehouse_0_1.tar.xz", tmp_path))


def answers(place: Place) -> dict[str, Any]:
    """Queries, and what the release before answered."""
    path = place.inventory.directory.parent / "answers.json"
    return dict(json.loads(path.read_text("utf-8")))


def answer(place: Place, query: str) -> pd.DataFrame:
    found = place.views.frame(query).to_json(orient="records", date_format="iso")
    return pd.DataFrame(json.loads(found))


def assert_as_before(place: Place) -> None:
    for query, rows in answers(place).items():
        pd.testing.assert_frame_equal(answer(place, query), pd.DataFrame(rows))


def files_of(place: Place, name: str) -> set[str]:
    return set(place.another().files(name))


def test_every_query_has_the_answer_it_had(older: Place) -> None:
    """Nothing has been written yet: what a reader sees who is upgraded before the collector."""
    assert len(answers(older)) == 5
    assert_as_before(older)


def test_opening_to_write_adds_columns_and_tables_and_rewrites_nothing(older: Place) -> None:
    before = {name: files_of(older, name) for name in ALL}
    assert version_of(older.warehouse._loaded("device_15m")) == 1  # type: ignore[arg-type]
    older.warehouse.ensure_tables()
    for name, table in ALL.items():
        iceberg = older.warehouse.table(name)
        assert tuple(f.name for f in iceberg.schema().fields) == table.column_names()
        assert [f.doc for f in iceberg.schema().fields] == [c.doc for c in table.columns]
        assert iceberg.properties[VERSION] == str(SCHEMA_VERSION)
        assert files_of(older, name) == before[name]
    assert_as_before(older)


def test_a_second_opening_writes_nothing(older: Place) -> None:
    older.warehouse.ensure_tables()
    before = [older.another().table(name).metadata_location for name in ALL]
    older.another().ensure_tables()
    assert [older.another().table(name).metadata_location for name in ALL] == before


def test_what_is_still_hot_is_moved_and_the_next_day_rolled_up(older: Place) -> None:
    older.warehouse.flush(older.hot)
    keep_dimensions(older.warehouse, older.hot, older.inventory, now=LATER)
    assert rollup(older.warehouse, older.views.arrow, now=LATER)["device_15m"] == 1
    assert_as_before(older)
    days = older.views.frame("SELECT * FROM device_utilization_daily ORDER BY starts_at, device")
    first, second = days[days["starts_at"] == DAY], days[days["starts_at"] == NEXT]
    # The first day was rolled up when there were no histograms: the peak is known all the same.
    assert first["gpu_utilization_ratio_p95"].isna().all()
    assert first["gpu_utilization_ratio_max"].between(0, 1).all()
    assert second["gpu_utilization_ratio_p95"].between(0, 1).all()


def test_old_rows_and_new_ones_are_compacted_together(older: Place) -> None:
    late = row("device_sample", DAY, device="GPU-gpu01", throttle_reasons="power limit")
    older.warehouse.append("device_sample", [late])
    older.warehouse.upkeep(now=LATER, keep_facts_seconds=90 * 86400)
    older.rollup(LATER)
    sql = "SELECT count(*) AS n, sum(throttled_seconds) AS s FROM device_usage_15m"
    assert older.views.arrow(sql).to_pylist() == [{"n": 54, "s": 60.0}]


def test_a_hot_store_of_before_takes_what_is_said(older: Place) -> None:
    values = {"hold_id": "a", "action": "taken", "server": "gpu01", "device": "d", "user": "ada"}
    older.hot.say("hold", [values | {"said_at": 0, "expires_at": 1}])
    older.hot.append([record(LATER)])
    assert older.views.arrow("SELECT hold_id FROM hold").to_pylist() == [{"hold_id": "a"}]


def test_two_that_upgrade_at_once_both_succeed(
    older: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scms.warehouse import evolution

    real, other = evolution._upgrade, older.another()

    def overtaken(*arguments: Any) -> None:
        monkeypatch.setattr(evolution, "_upgrade", real)
        other.table("device_15m")
        real(*arguments)

    monkeypatch.setattr(evolution, "_upgrade", overtaken)
    mine = older.warehouse.table("device_15m")
    theirs = other.table("device_15m")
    assert mine.metadata_location == theirs.metadata_location
    assert tuple(f.name for f in mine.schema().fields) == ALL["device_15m"].column_names()


def test_a_warehouse_of_a_later_version_can_be_read_but_not_written(place: Place) -> None:
    place.warehouse.append("event", [row("event", DAY)], {VERSION: str(SCHEMA_VERSION + 1)})
    with pytest.raises(WarehouseError, match=r"event was written by a newer SCMS .* upgrade"):
        place.warehouse.append("event", [row("event", DAY)])
    assert place.views.arrow("SELECT server FROM event").to_pylist() == [{"server": "gpu01"}]


def test_a_column_that_a_later_version_added_is_passed_over(place: Place) -> None:
    place.warehouse.append("event", [row("event", DAY)])
    with place.warehouse.table("event").update_schema() as update:
        update.add_column("severity", place.warehouse.table("event").schema().find_type("detail"))
    place.warehouse.append("event", [row("event", DAY)])
    assert place.views.arrow("SELECT * FROM event").num_rows == 2
