"""What is appended is durable, numbered once, and comes back as it was."""

from __future__ import annotations

import sqlite3
import string
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scms.collect.record import Record
from scms.errors import HotStoreError
from scms.hot import PROCESS_SCAN, HotStore

if TYPE_CHECKING:
    from pathlib import Path

values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
)
rows = st.dictionaries(st.text(string.ascii_lowercase, min_size=1), values, max_size=5)
records = st.builds(
    Record,
    server=st.text(min_size=1, max_size=8),
    received_at_ms=st.integers(0, 2**48),
    tables=st.dictionaries(
        st.sampled_from(["server_sample", "device_sample", "event"]), st.lists(rows, max_size=3)
    ),
    detail=rows,
)


def record(server: str = "gpu01", at: int = 0, **tables: list[dict[str, object]]) -> Record:
    return Record(server, at, tables, {})


@pytest.fixture
def store(tmp_path: Path) -> HotStore:
    return HotStore.create(tmp_path / "data" / "hot.sqlite")


@given(batches=st.lists(st.lists(records, min_size=1, max_size=4), max_size=4))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_goes_in_comes_out(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[Record]]
) -> None:
    path = tmp_path_factory.mktemp("hot") / "hot.sqlite"
    with_writer = HotStore.create(path)
    last = [with_writer.append(batch) for batch in batches]
    with_writer.close()

    reader = HotStore.open(path)
    stored = reader.after(0)
    reader.close()

    assert [s.record for s in stored] == [r for batch in batches for r in batch]
    assert [s.id for s in stored] == list(range(1, len(stored) + 1))
    assert last == [sum(map(len, batches[: i + 1])) for i in range(len(batches))]


def test_a_batch_that_has_piled_up_comes_out_as_well(store: HotStore) -> None:
    piled = [record(f"gpu{n}", n, server_sample=[{"reason": "é" * n}]) for n in range(300)]
    store.append([*piled, record("large", 300, event=[{"detail": "x" * 100_000}])])
    assert [stored.record for stored in store.after(0, 300)] == piled
    (large,) = store.after(300)
    assert large.record.tables["event"] == [{"detail": "x" * 100_000}]
    assert len(store.latest()) == 301


def test_after_gives_a_slice_in_order(store: HotStore) -> None:
    store.append([record(at=at) for at in range(5)])
    assert [s.record.received_at_ms for s in store.after(1, limit=2)] == [1, 2]


def test_since_gives_what_was_received_from_then_on(store: HotStore) -> None:
    store.append([record(at=at) for at in (10, 20, 30)])
    assert [s.record.received_at_ms for s in store.since(20)] == [20, 30]


def test_latest_is_the_newest_of_each_server(store: HotStore) -> None:
    store.append([record("a", 1), record("b", 2), record("a", 3)])
    assert [(s.record.server, s.id) for s in store.latest()] == [("a", 3), ("b", 2)]


def test_latest_with_finds_the_newest_that_has_rows_of_a_table(store: HotStore) -> None:
    gpu_only: dict[str, object] = {"device": "GPU-1"}
    scan: dict[str, object] = {"device": None, "user": "ada"}
    store.append([record(at=1, process_sample=[gpu_only, scan])])
    store.append([record(at=2, process_sample=[gpu_only]), record(at=3, process_sample=[])])
    assert [s.id for s in store.latest_with("process_sample")] == [2]
    assert [s.id for s in store.latest_with(PROCESS_SCAN)] == [1]


def test_newest_finds_the_same_and_reads_a_record_once(store: HotStore) -> None:
    store.append([record("a", device_sample=[{"device": "x"}]), record("b"), record("c")])
    store.append([record("a"), record("c", device_sample=[{"device": "y"}])])
    newest, seen = store.newest("", "device_sample")
    assert newest == store.latest()
    assert seen == store.latest_with("device_sample")
    assert newest[2] is seen[1]
    assert store.newest("", server="b") == [store.latest(server="b")]


def test_newest_reads_again_only_what_is_new(store: HotStore) -> None:
    store.append([record("a"), record("b")])
    (before,) = store.newest("")
    store.append([record("b", at=9)])
    (after,) = store.newest("")
    assert after[0] is before[0]
    assert after == store.latest()


def test_newest_of_a_file_that_was_replaced_is_of_the_new_one(store: HotStore) -> None:
    store.append([record("a", at=1)])
    store.newest("")
    for path in store.path.parent.glob(f"{store.path.name}*"):
        path.unlink()
    HotStore.create(store.path).append([record("a", at=2)])
    ((newest,),) = store.newest("")
    assert (newest.id, newest.record.received_at_ms) == (1, 2)


def test_purge_removes_what_is_committed_and_old(store: HotStore) -> None:
    store.append([record(at=at) for at in (10, 20, 30, 40)])
    removed = store.purge(3, older_than_ms=30)
    assert removed == 2
    assert [s.record.received_at_ms for s in store.after(0)] == [30, 40]


def test_purge_keeps_the_newest_of_each_server(store: HotStore) -> None:
    store.append([record("gone", 1), record("here", 2), record("here", 3)])
    store.purge(3, older_than_ms=100)
    assert [s.record.server for s in store.after(0)] == ["gone", "here"]


def test_numbers_are_not_used_again_after_a_purge(store: HotStore) -> None:
    store.append([record("a", 1), record("b", 2)])
    with store.transaction() as connection:
        connection.execute("DELETE FROM record")
    assert store.append([record("a", 3)]) == 3


@pytest.mark.parametrize("before", [0, 2])
def test_skip_to_makes_numbers_start_above(store: HotStore, before: int) -> None:
    for _ in range(before):
        store.append([record()])
    store.skip_to(100)
    assert store.append([record()]) == 101


def test_skip_to_never_goes_back(store: HotStore) -> None:
    store.skip_to(100)
    store.skip_to(50)
    assert store.last_id() == 100


def test_a_transaction_that_fails_leaves_nothing(store: HotStore) -> None:
    def half_done() -> None:
        with store.transaction() as connection:
            connection.execute("INSERT INTO meta VALUES ('key', 'value')")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half_done()
    assert store.meta("key") is None


def test_a_record_that_json_cannot_hold_keeps_the_whole_batch_out(store: HotStore) -> None:
    with pytest.raises(HotStoreError, match="record of gpu01 cannot be stored"):
        store.append([record(), record(event=[{"detail": object()}])])
    assert store.last_id() == 0


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_unknown(store: HotStore, value: float) -> None:
    store.append([record(event=[{"detail": value, "kind": "up"}])])
    assert store.latest()[0].record.tables["event"] == [{"detail": None, "kind": "up"}]


def test_a_reader_of_a_missing_file_is_empty_and_picks_it_up(tmp_path: Path) -> None:
    path = tmp_path / "hot.sqlite"
    reader = HotStore.open(path)
    assert (reader.latest(), reader.last_id(), reader.meta("x")) == ([], 0, None)
    assert not path.exists()
    HotStore.create(path).append([record()])
    assert [s.id for s in reader.latest()] == [1]


def test_a_reader_notices_that_the_file_was_replaced(tmp_path: Path) -> None:
    path = tmp_path / "hot.sqlite"
    first = HotStore.create(path)
    first.append([record("old")])
    reader = HotStore.open(path)
    before = (reader.identity, reader.latest()[0].record.server)
    first.close()
    for file in tmp_path.iterdir():
        file.unlink()
    HotStore.create(path).append([record("new")])
    assert before[1] == "old"
    assert reader.latest()[0].record.server == "new"
    assert reader.identity != before[0]


def test_a_reader_sees_an_empty_file_as_not_there_yet(tmp_path: Path) -> None:
    path = tmp_path / "hot.sqlite"
    path.touch()
    assert HotStore.open(path).latest() == []


def test_a_write_by_a_reader_without_a_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(HotStoreError, match="start one with: scms up"):
        HotStore.open(tmp_path / "hot.sqlite").set_meta("a", "b")


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "hot.sqlite"
    HotStore.create(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(HotStoreError, match=r"newer SCMS \(schema 99\)"):
        HotStore.open(path).latest()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "hot.sqlite"
    path.write_text("not a database, but longer than the header of one" * 10)
    with pytest.raises(HotStoreError, match="file is not a database"):
        HotStore.create(path)


def test_remarks_are_kept_and_removed(store: HotStore) -> None:
    store.set_meta("warehouse_problem", "disk full")
    before = store.meta("warehouse_problem")
    store.set_meta("warehouse_problem", None)
    assert before == "disk full"
    assert store.meta("warehouse_problem") is None


def test_appenders_of_two_connections_and_many_threads_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "hot.sqlite"
    stores = [HotStore.create(path), HotStore.create(path)]

    def run(worker: int) -> None:
        for count in range(15):
            stores[worker % 2].append([record(f"s{worker}", count)])

    threads = [threading.Thread(target=run, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = HotStore.open(path).after(0)
    assert [s.id for s in stored] == list(range(1, 61))
    seen = {(s.record.server, s.record.received_at_ms) for s in stored}
    assert seen == {(f"s{worker}", count) for worker in range(4) for count in range(15)}


def test_the_files_are_synced_before_append_returns(store: HotStore) -> None:
    assert store.query("PRAGMA synchronous") == [(2,)]
    assert store.query("PRAGMA journal_mode") == [("wal",)]
