"""All is there once, whatever happens: crashes, a catalog that fails, a disk that is full.

And two processes at once, a clock that steps, and days without a warehouse.
"""

from __future__ import annotations

import errno
import itertools
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import CommitFailedException
from sqlalchemy.exc import OperationalError

from scms.collect.record import Record
from scms.errors import WarehouseError
from scms.hot import HotStore
from scms.tables import FACTS
from scms.warehouse import flush as flush_module
from warehouse.crashing import crashing
from warehouse.made import DAY, Place, milliseconds, record

LAST_MOMENT = 400


def tick(number: int, server: str = "gpu01") -> Record:
    """A record with a row for every table, told apart by a number in each."""
    return record(
        DAY + timedelta(seconds=number),
        server,
        uptime_seconds=float(number),
        devices=[{"device_index": number}],
        processes=[{"pid": number}],
        events=[{"detail": str(number)}],
    )


def numbers(place: Place) -> dict[str, list[int]]:
    """The numbers that each table has in the warehouse."""
    columns = {
        "server_sample": "uptime_seconds",
        "device_sample": "device_index",
        "process_sample": "pid",
        "event": "detail",
    }
    return {
        name: sorted(int(value) for value in place.values(name, column))
        for name, column in columns.items()
    }


def in_all(expected: list[int]) -> dict[str, list[int]]:
    return {table.name: expected for table in FACTS}


@pytest.mark.slow
def test_a_crash_at_each_step_of_a_flush_loses_and_repeats_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One crash after another, each a step later, and each into what the last one left."""
    monkeypatch.setattr(flush_module, "BATCH_RECORDS", 3)
    handed = itertools.count()
    given: list[int] = []
    for moment in range(LAST_MOMENT):
        new = [next(handed) for _ in range(2)]
        place.hot.append([tick(number) for number in new])
        given += new
        with crashing(moment) as countdown:
            place.another().flush(place.hot)
        if countdown.left >= 0:
            break
    assert 50 < moment < LAST_MOMENT - 1, "hardly any moments, or more than were tried"
    assert numbers(place) == in_all(given)


class Collectors(RuleBasedStateMachine):
    """Two collectors in one warehouse collect, flush, crash, purge and tidy up as they like."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="scms-crash-")
        self.place = Place(Path(self.folder.name))
        self.stores = [
            HotStore.create(Path(self.folder.name) / f"{name}.sqlite") for name in ("east", "west")
        ]
        self.given: list[int] = []
        self.moved = [0, 0]
        self.hours = 0

    which = st.integers(0, 1)

    @rule(which=which, count=st.integers(1, 4))
    def collect(self, which: int, count: int) -> None:
        new = [len(self.given) + number for number in range(count)]
        self.stores[which].append([tick(number, f"gpu0{which}") for number in new])
        self.given += new

    @rule(which=which)
    def flush(self, which: int) -> None:
        done = self.place.another().flush(self.stores[which])
        self.moved[which] = done.committed_id

    @rule(which=which, moment=st.integers(0, 120))
    def crash(self, which: int, moment: int) -> None:
        with crashing(moment):
            self.place.another().flush(self.stores[which])
        self.stores[which].close()

    @precondition(lambda self: any(self.moved))
    @rule(which=which)
    def purge(self, which: int) -> None:
        self.stores[which].purge(self.moved[which], 2**60)

    @rule(moment=st.none() | st.integers(0, 60))
    def tidy(self, moment: int | None) -> None:
        self.hours += 30
        now = DAY + timedelta(days=1, hours=self.hours)
        with crashing(LAST_MOMENT * 100 if moment is None else moment):
            self.place.another().upkeep(now=now, keep_facts_seconds=10**9)

    @invariant()
    def nothing_is_there_twice(self) -> None:
        for name, found in numbers(self.place).items():
            assert len(set(found)) == len(found), name

    def teardown(self) -> None:
        for store in self.stores:
            self.place.another().flush(store)
            store.close()
        found = numbers(self.place)
        self.folder.cleanup()
        assert found == in_all(sorted(self.given))


Collectors.TestCase.settings = settings(
    max_examples=12,
    stateful_step_count=10,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    print_blob=True,
)
test_whatever_two_collectors_do_nothing_is_lost_or_there_twice = pytest.mark.slow(
    Collectors.TestCase
)


FLUSHING = """
import sys
from pathlib import Path
from warehouse.made import Place
from warehouse.test_flush_crashes import tick
from scms.hot import HotStore

folder, name, first, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
place, hot = Place(folder), HotStore.create(folder / f"{name}.sqlite")
for number in range(first, first + count):
    hot.append([tick(number, name)])
    place.warehouse.flush(hot)
"""


def started(folder: Path, name: str, first: int, count: int) -> subprocess.Popen[bytes]:
    """A collector in a process of its own, which flushes after each tick."""
    return subprocess.Popen(
        [sys.executable, "-c", FLUSHING, str(folder), name, str(first), str(count)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )


@pytest.mark.slow
def test_two_processes_that_flush_into_one_table_at_once(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.warehouse.ensure_tables()
    processes = [started(tmp_path, "east", 0, 12), started(tmp_path, "west", 100, 12)]
    assert [process.wait(240) for process in processes] == [0, 0]
    assert numbers(place) == in_all([*range(12), *range(100, 112)])


@pytest.mark.slow
def test_a_process_that_is_killed_beside_another_that_flushes(tmp_path: Path) -> None:
    """Killed at several moments, and started again, while the other never notices."""
    place = Place(tmp_path)
    place.warehouse.ensure_tables()
    other = started(tmp_path, "west", 1000, 25)
    hot = HotStore.open(tmp_path / "east.sqlite")
    for first in range(0, 300, 100):
        killed = started(tmp_path, "east", first, 100)
        seen = hot.last_id()
        deadline = time.monotonic() + 120
        while hot.last_id() < seen + 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        killed.kill()
        killed.wait(60)
    assert other.wait(240) == 0

    kept = [int(stored.record.tables["event"][0]["detail"]) for stored in hot.after(0)]  # type: ignore[call-overload]
    place.another().flush(hot)
    assert numbers(place) == in_all([*sorted(kept), *range(1000, 1025)])


ERRORS = (
    OperationalError("UPDATE iceberg_tables", {}, Exception("server closed the connection")),
    TimeoutError("timed out"),
    CommitFailedException("Table has been updated by another process"),
    OSError(errno.EIO, "Input/output error"),
)


@pytest.mark.parametrize(
    ("error", "landed"),
    [
        (error, landed)
        for error in ERRORS
        for landed in (False, True)
        # A conflict says that nothing was committed.
        if not (landed and isinstance(error, CommitFailedException))
    ],
)
def test_a_catalog_that_fails_now_and_then_loses_and_repeats_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch, error: Exception, landed: bool
) -> None:
    """Also when the commit is there, and only the answer is lost."""
    real, calls = SqlCatalog.commit_table, itertools.count()

    def commit_table(self: SqlCatalog, *args: Any) -> Any:
        fails = next(calls) % 3 == 1
        if fails and not landed:
            raise error
        response = real(self, *args)
        if fails:
            raise error
        return response

    place.warehouse.ensure_tables()
    monkeypatch.setattr(SqlCatalog, "commit_table", commit_table)
    failed = 0
    for number in range(8):
        place.hot.append([tick(number)])
        try:
            place.warehouse.flush(place.hot)
        except WarehouseError:
            failed += 1
    monkeypatch.undo()
    place.warehouse.flush(place.hot)
    assert numbers(place) == in_all(list(range(8)))
    assert failed > 0 or isinstance(error, CommitFailedException)


FILLING = """
import resource, signal, sys
from pathlib import Path
from warehouse.made import Place
from scms.errors import WarehouseError

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
place = Place(Path(sys.argv[1]))
place.hot.last_id()  # opens it: it is the disk of the warehouse that is full
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    place.warehouse.flush(place.hot)
except WarehouseError as error:
    print(error)
"""


@pytest.mark.parametrize("limit", [1, 2_000, 8_000, 20_000, 60_000])
def test_a_disk_that_is_full_is_an_error_and_loses_nothing(tmp_path: Path, limit: int) -> None:
    """Files end after so many bytes: data files, manifests, metadata or the catalog itself."""
    place = Place(tmp_path)
    place.warehouse.ensure_tables()
    place.hot.append([tick(number) for number in range(40)])
    place.hot.close()
    said = subprocess.run(
        [sys.executable, "-c", FILLING, str(tmp_path), str(limit)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    ).stdout
    seen = numbers(place)
    assert all(found in ([], list(range(40))) for found in seen.values())
    assert "the warehouse at" in said or seen == in_all(list(range(40)))
    place.another().flush(place.hot)
    assert numbers(place) == in_all(list(range(40)))


def test_the_smallest_of_these_limits_really_fills_the_disk(tmp_path: Path) -> None:
    """Else the test above would say nothing."""
    place = Place(tmp_path)
    place.warehouse.ensure_tables()
    place.hot.append([tick(number) for number in range(40)])
    place.hot.close()
    arguments = [sys.executable, "-c", FILLING, str(tmp_path), "2000"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    said = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=True)
    assert "File too large" in said.stdout or "disk" in said.stdout


@pytest.mark.parametrize("step", [timedelta(days=-400), timedelta(days=400)], ids=["back", "on"])
def test_a_clock_that_steps_loses_and_repeats_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch, step: timedelta
) -> None:
    """The clock of the collector, of its records, of Iceberg's snapshots and of upkeep."""
    real, off = time.time, timedelta(0)
    monkeypatch.setattr(time, "time", lambda: real() + off.total_seconds())
    now = datetime.now(UTC)
    for number in range(6):
        off = step if number in {2, 3} else timedelta(0)
        at = now + off + timedelta(seconds=number)
        place.hot.append(
            [
                Record("gpu01", milliseconds(at), tick(number).tables, {}),
            ]
        )
        flushed = place.warehouse.flush(place.hot)
        place.warehouse.rollup(place.views.arrow, now=at)
        place.warehouse.upkeep(now=at, keep_facts_seconds=90 * 86400)
        place.hot.purge(flushed.committed_id, milliseconds(at - timedelta(hours=2)))
    assert numbers(place) == in_all(list(range(6)))
    frame = place.views.frame("SELECT sum(sample_count) AS n FROM server_usage_15m")
    assert frame["n"].tolist() == [6]


def test_days_without_a_warehouse_are_held_and_then_moved(tmp_path: Path) -> None:
    """Three days of a tick a minute: nothing is purged, the size is what the records take."""
    away = tmp_path / "away"
    place = Place(tmp_path, warehouse={"catalog": f"sqlite:///{away}/catalog.db"})
    sizes = []
    for day in range(3):
        for hour in range(24):  # a writer that is not behind, which takes the time to compress
            first = (day * 24 + hour) * 60
            place.hot.append([tick(first + number) for number in range(60)])
        with pytest.raises(WarehouseError):
            place.warehouse.flush(place.hot)
        place.hot.query("PRAGMA wal_checkpoint(TRUNCATE)")
        sizes.append(place.hot.path.stat().st_size)
    assert sizes[2] - sizes[1] == pytest.approx(sizes[1] - sizes[0], rel=0.1)
    assert sizes[2] / (3 * 1440) < 2000  # bytes of a record of this size

    away.mkdir()
    flushed = place.warehouse.flush(place.hot)
    assert numbers(place) == in_all(list(range(3 * 1440)))
    place.hot.purge(flushed.committed_id, 2**60)
    place.hot.query("PRAGMA wal_checkpoint(TRUNCATE)")
    assert place.hot.path.stat().st_size < sizes[2] / 10
