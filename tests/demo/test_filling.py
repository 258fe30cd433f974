from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from demo.labs import DAY
from scms.collect.record import Record
from scms.demo import backfill
from scms.errors import UnknownServer
from scms.hot import FILE_NAME, HotStore
from scms.inventory import Inventory
from scms.warehouse import Warehouse

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime.fromtimestamp(DAY + 40000, UTC)


def cluster(path: Path, *names: str) -> tuple[Inventory, Warehouse]:
    servers = [{"name": name, "simulated": True} for name in names]
    inventory = Inventory.from_mapping(
        {"servers": [*servers, {"name": "real"}]}, base=path, source="test"
    )
    return inventory, Warehouse.open(inventory)


def times(warehouse: Warehouse, table: str = "server_sample") -> list[datetime]:
    iceberg = warehouse.table(table)
    return sorted(
        iceberg.scan(selected_fields=("sampled_at",)).to_arrow()["sampled_at"].to_pylist()
    )


def test_it_writes_a_row_per_quarter_of_an_hour(tmp_path: Path) -> None:
    inventory, warehouse = cluster(tmp_path, "gpu-v02")
    done = backfill(inventory, warehouse, now=NOW, days=0.5)
    found = times(warehouse)
    assert done.rows["server_sample"] == len(found) == 48
    assert {b - a for a, b in itertools.pairwise(found)} == {timedelta(minutes=15)}


def test_a_second_run_finds_nothing_to_do(tmp_path: Path) -> None:
    inventory, warehouse = cluster(tmp_path, "gpu-v02")
    backfill(inventory, warehouse, now=NOW, days=0.5)
    assert sum(backfill(inventory, warehouse, now=NOW, days=0.5).rows.values()) == 0


def test_a_longer_past_adds_only_what_is_missing(tmp_path: Path) -> None:
    inventory, warehouse = cluster(tmp_path, "gpu-v02")
    backfill(inventory, warehouse, now=NOW, days=0.25)
    backfill(inventory, warehouse, now=NOW + timedelta(hours=2), days=1)
    found = times(warehouse)
    assert {b - a for a, b in itertools.pairwise(found)} == {timedelta(minutes=15)}


def test_a_run_that_was_broken_off_is_completed(tmp_path: Path) -> None:
    class Stop(Exception):  # noqa: N818  no error
        pass

    def stop(share: float) -> None:
        raise Stop

    inventory, warehouse = cluster(tmp_path / "a", "gpu-t02", "cpu-01")
    with pytest.raises(Stop):
        backfill(inventory, warehouse, now=NOW, days=4, progress=stop)
    assert 0 < len(times(warehouse)) < 2 * 4 * 96
    backfill(inventory, warehouse, now=NOW, days=4)
    other = cluster(tmp_path / "b", "gpu-t02", "cpu-01")
    backfill(*other, now=NOW, days=4)
    for table in ("server_sample", "device_sample", "process_sample"):
        assert times(warehouse, table) == times(other[1], table)


def test_a_table_that_missed_a_commit_is_completed_without_repeating_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inventory, warehouse = cluster(tmp_path, "gpu-t02")
    append = Warehouse.append

    def broken(self: Warehouse, name: str, *args: Any) -> int:
        if name == "process_sample":
            raise OSError("the disk is full")
        return append(self, name, *args)

    monkeypatch.setattr(Warehouse, "append", broken)
    with pytest.raises(OSError, match="full"):
        backfill(inventory, warehouse, now=NOW, days=0.5)
    monkeypatch.undo()
    backfill(inventory, warehouse, now=NOW, days=1)
    assert len(times(warehouse)) == len(set(times(warehouse))) == 96
    first = times(warehouse, "process_sample")[0]
    assert first < NOW - timedelta(hours=23)


def test_what_a_collector_wrote_is_left_alone(tmp_path: Path) -> None:
    inventory, warehouse = cluster(tmp_path, "gpu-v02")
    start = NOW - timedelta(hours=3)
    minutes = [int(start.timestamp() * 1000) + 60_000 * n for n in range(120)]
    hot = HotStore.create(inventory.directory / FILE_NAME)
    hot.append([Record("gpu-v02", at, {}, {}) for at in minutes])
    hot.close()
    backfill(inventory, warehouse, now=NOW, days=0.5)
    inside = [t for t in times(warehouse) if start < t < start + timedelta(hours=2)]
    assert inside == []


@pytest.mark.slow
def test_several_processes_make_the_same_rows(tmp_path: Path) -> None:
    one = cluster(tmp_path / "one", "gpu-t02", "gpu-r03", "cpu-01")
    two = cluster(tmp_path / "two", "gpu-t02", "gpu-r03", "cpu-01")
    backfill(*one, now=NOW, days=0.3, processes=1)
    backfill(*two, now=NOW, days=0.3, processes=2)
    for table in ("server_sample", "device_sample", "process_sample", "event"):
        keys = [(key, "ascending") for key in ("server", "sampled_at")]
        a, b = (w.table(table).scan().to_arrow().sort_by(keys) for _, w in (one, two))
        assert a.num_rows == b.num_rows
        assert a["sampled_at"].to_pylist() == b["sampled_at"].to_pylist()


def test_progress_goes_up_to_one(tmp_path: Path) -> None:
    inventory, warehouse = cluster(tmp_path, "gpu-v02")
    seen: list[float] = []
    backfill(inventory, warehouse, now=NOW, days=3, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(1)


def test_the_newest_days_come_first(tmp_path: Path) -> None:
    inventory, warehouse = cluster(tmp_path, "gpu-v02")
    spans = backfill(inventory, warehouse, now=NOW, days=5).spans
    assert spans[0][1] == NOW.timestamp()
    assert spans[0][0] > spans[1][0]


def test_servers_that_are_not_simulated_are_left_alone(tmp_path: Path) -> None:
    inventory, warehouse = cluster(tmp_path)
    assert backfill(inventory, warehouse, now=NOW, days=1).spans == ()


def test_a_simulated_server_that_is_none_of_the_labs_is_an_error(tmp_path: Path) -> None:
    inventory, warehouse = cluster(tmp_path, "mine")
    with pytest.raises(UnknownServer, match="mine"):
        backfill(inventory, warehouse, now=NOW, days=1)
