"""The service keeps collecting whatever happens behind it, and ends tidily."""

from __future__ import annotations

import logging
import os
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from scms.errors import HotStoreError
from scms.hot import FILE_NAME, HotStore
from scms.service import WAREHOUSE_PROBLEM, CollectorLock, Service
from scms.service import writer as writer_module
from scms.service.mover import Mover
from scms.service.writer import Writer
from scms.warehouse import Warehouse
from service.ticking import SERVERS, eventually, inventory_of, ticking
from warehouse.made import DAY, record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from scms.inventory import Inventory


def hot_of(inventory: Inventory) -> HotStore:
    return HotStore.open(inventory.directory / FILE_NAME)


def committed(inventory: Inventory) -> int:
    return sum(file.rows for file in Warehouse.open(inventory).state("server_sample").files)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Any]:
    """Starts services and stops them in the end."""
    services: list[Service] = []

    def start(inventory: Inventory, **options: Any) -> Service:
        service = Service(inventory, ticking(), **options)
        service.start()
        services.append(service)
        return service

    yield start
    for service in services:
        service.stop()


def test_what_was_said_by_another_process_is_in_the_warehouse_after_stop(
    tmp_path: Path, started: Any
) -> None:
    inventory = inventory_of(tmp_path)
    service = started(inventory, flush_seconds=3600)
    row = {"hold_id": "a", "action": "taken", "server": "s", "device": "d", "user": "ada"}
    hot = hot_of(inventory)
    eventually(lambda: hot.last_id() > 0)
    hot.say("hold", [row | {"said_at": 0, "expires_at": 1}])
    service.stop()
    assert sum(f.rows for f in Warehouse.open(inventory).state("hold").files) == 1
    assert hot.said_after(0) == []


def test_records_are_in_the_hot_store_at_once_and_in_the_warehouse_after_stop(
    tmp_path: Path, started: Any
) -> None:
    inventory = inventory_of(tmp_path)
    service = started(inventory, flush_seconds=3600)
    hot = hot_of(inventory)
    eventually(lambda: {s.record.server for s in hot.latest()} == set(SERVERS))
    service.stop()
    assert committed(inventory) == hot.last_id() > 0
    assert hot.meta(WAREHOUSE_PROBLEM) is None


def test_rows_move_while_it_runs(tmp_path: Path, started: Any) -> None:
    inventory = inventory_of(tmp_path)
    started(inventory, flush_seconds=0.2)
    first = eventually(lambda: committed(inventory))
    eventually(lambda: committed(inventory) > first)


def test_a_second_collector_of_a_directory_is_refused(tmp_path: Path, started: Any) -> None:
    inventory = inventory_of(tmp_path)
    started(inventory)
    with pytest.raises(HotStoreError, match=rf"already writes to .* \(process {os.getpid()}\)"):
        Service(inventory, ticking()).start()


def test_another_may_start_when_the_first_has_stopped(tmp_path: Path, started: Any) -> None:
    inventory = inventory_of(tmp_path)
    started(inventory).stop()
    started(inventory).stop()


def test_stop_without_start_and_twice_does_nothing(tmp_path: Path, started: Any) -> None:
    Service(inventory_of(tmp_path), ticking()).stop()
    service = started(inventory_of(tmp_path))
    service.stop()
    service.stop()
    assert not CollectorLock(tmp_path).taken


def test_a_directory_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "scms-data").write_text("a file where the directory should be")
    with pytest.raises(HotStoreError, match="cannot be written"):
        Service(inventory_of(tmp_path), ticking()).start()


def test_a_hot_store_that_cannot_be_used_frees_the_directory(tmp_path: Path) -> None:
    inventory = inventory_of(tmp_path)
    inventory.directory.mkdir()
    (inventory.directory / FILE_NAME).write_text("no database" * 100)
    with pytest.raises(HotStoreError, match="not a database"):
        Service(inventory, ticking()).start()
    lock = CollectorLock(inventory.directory)
    lock.take()
    lock.release()


def test_run_until_an_event(tmp_path: Path) -> None:
    inventory = inventory_of(tmp_path)
    ended = threading.Event()
    service = Service(inventory, ticking())
    thread = threading.Thread(target=service.run_until, args=(ended,))
    thread.start()
    eventually(lambda: hot_of(inventory).last_id())
    ended.set()
    thread.join(30)
    assert not thread.is_alive()
    assert committed(inventory) == hot_of(inventory).last_id()


def test_a_warehouse_that_fails_stops_nothing_and_is_said_once(
    tmp_path: Path, started: Any, caplog: pytest.LogCaptureFixture
) -> None:
    shared = tmp_path / "shared"
    catalog = {"catalog": f"sqlite:///{shared}/catalog.db"}
    inventory = inventory_of(tmp_path, warehouse=catalog)
    with caplog.at_level(logging.ERROR):
        started(inventory, flush_seconds=0.05)
        hot = hot_of(inventory)
        problem = eventually(lambda: hot.meta(WAREHOUSE_PROBLEM))
        before = hot.last_id()
        eventually(lambda: hot.last_id() > before + 10)
    assert "unable to open database file" in problem
    assert caplog.text.count("unable to open database file") == 1

    shared.mkdir()
    eventually(lambda: hot.meta(WAREHOUSE_PROBLEM) is None)
    eventually(lambda: committed(inventory) > before)


def test_a_mistake_of_ours_in_the_warehouse_stops_nothing(
    tmp_path: Path, started: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Warehouse.flush
    failures = iter([ZeroDivisionError("a mistake")] * 2)

    def flush(self: Warehouse, hot: HotStore) -> Any:
        failure = next(failures, None)
        if failure is not None:
            raise failure
        return real(self, hot)

    monkeypatch.setattr(Warehouse, "flush", flush)
    inventory = inventory_of(tmp_path)
    started(inventory, flush_seconds=0.1)
    eventually(lambda: committed(inventory))
    assert next(failures, None) is None


def test_the_writer_waits_for_a_disk_that_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(writer_module, "_REFUSED_SECONDS", 0.05)
    hot = HotStore.create(tmp_path / FILE_NAME)
    real = hot.append
    failures = iter([HotStoreError("no space left")] * 3)

    def append(records: Any) -> int:
        failure = next(failures, None)
        if failure is not None:
            raise failure
        return real(records)

    monkeypatch.setattr(hot, "append", append)
    writer = Writer(hot)
    writer.start()
    writer.put(record(DAY))
    eventually(lambda: hot.last_id() == 1)
    assert writer.stop(10)
    assert caplog.text.count("no space left") == 1


def test_the_sink_never_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The thread is not started: nothing takes from the queue."""
    monkeypatch.setattr(writer_module, "_QUEUE_RECORDS", 3)
    writer = Writer(HotStore.create(tmp_path / FILE_NAME))
    for _ in range(5):
        writer.put(record(DAY))
    assert caplog.text.count("records are lost") == 1


def test_what_was_taken_is_written_before_the_writer_ends(tmp_path: Path) -> None:
    hot = HotStore.create(tmp_path / FILE_NAME)
    writer = Writer(hot)
    for _ in range(1200):
        writer.put(record(DAY))
    writer.start()
    assert writer.stop(30)
    assert hot.last_id() == 1200


def mover(inventory: Inventory, hot: HotStore, now: datetime) -> Mover:
    return Mover(inventory, hot, every_seconds=3600, now=lambda: now)


def moved(inventory: Inventory, hot: HotStore, now: datetime) -> None:
    """One round of the mover."""
    thread = mover(inventory, hot, now)
    thread.start()
    eventually(lambda: committed(inventory) and thread.stop(60))


def test_committed_rows_leave_the_hot_store_when_they_are_old(tmp_path: Path) -> None:
    inventory = inventory_of(tmp_path, retention={"hot": "1h"})
    hot = HotStore.create(inventory.directory / FILE_NAME)
    hot.append([record(DAY + timedelta(minutes=minute)) for minute in (0, 30, 90)])
    moved(inventory, hot, now=DAY + timedelta(minutes=91))
    assert [s.id for s in hot.after(0)] == [3]
    assert committed(inventory) == 3


def test_the_day_before_is_rolled_up(tmp_path: Path) -> None:
    inventory = inventory_of(tmp_path)
    hot = HotStore.create(inventory.directory / FILE_NAME)
    hot.append([record(DAY), record(DAY + timedelta(days=1))])
    thread = mover(inventory, hot, now=DAY + timedelta(days=1, hours=1))
    thread.start()
    eventually(lambda: Warehouse.open(inventory).state("server_15m").files)
    assert thread.stop(60)
    rolled = Warehouse.open(inventory).state("server_15m").rolled_days()
    assert rolled == {DAY.date(): 1}
