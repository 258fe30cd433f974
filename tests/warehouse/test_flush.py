"""Every row reaches the warehouse once, whatever happens on the way."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pyiceberg.catalog.sql import SqlCatalog

from scms.errors import WarehouseError
from scms.hot import HotStore
from scms.tables import FACTS
from scms.warehouse import flush as flush_module
from warehouse.made import DAY, Place, record

if TYPE_CHECKING:
    from pathlib import Path

    from scms.collect.record import Record


class Crash(Exception):  # noqa: N818  it is no error
    """The process ends here."""


def tick(count: int) -> Record:
    """A record with rows for every table, told apart by a number in each."""
    at = DAY + timedelta(seconds=count)
    return record(
        at,
        uptime_seconds=float(count),
        devices=[{"device_index": count}],
        processes=[{"pid": count}],
        events=[{"detail": f"{count:04}"}],
    )


def seen(place: Place) -> list[list[Any]]:
    return [
        place.values("server_sample", "uptime_seconds"),
        place.values("device_sample", "device_index"),
        place.values("process_sample", "pid"),
        [int(detail) for detail in place.values("event", "detail")],
    ]


def test_rows_of_all_tables_arrive_and_the_watermark_with_them(place: Place) -> None:
    place.hot.append([tick(count) for count in range(5)])
    flushed = place.warehouse.flush(place.hot)
    identity = place.hot.identity
    assert identity is not None
    assert flushed.rows == dict.fromkeys((t.name for t in FACTS), 5)
    assert seen(place) == [[0, 1, 2, 3, 4]] * 4
    assert [place.another().watermark(t.name, identity) for t in FACTS] == [5] * 4


def test_a_second_flush_writes_nothing(place: Place) -> None:
    place.hot.append([tick(0)])
    place.warehouse.flush(place.hot)
    again = place.another().flush(place.hot)
    assert sum(again.rows.values()) == 0
    assert seen(place) == [[0]] * 4


def test_a_flush_of_nothing_commits_nothing(place: Place) -> None:
    place.hot.append([tick(0)])
    place.warehouse.flush(place.hot)
    before = place.warehouse.table("server_sample").metadata_location
    place.warehouse.flush(place.hot)
    assert place.warehouse.table("server_sample").metadata_location == before


def test_a_flush_ends_though_records_keep_coming(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes while it commits is left for the next one: else it would never end."""
    place.hot.append([tick(0)])
    real = place.warehouse.append

    def append(*args: Any) -> int:
        place.hot.append([tick(9)])
        return real(*args)

    monkeypatch.setattr(place.warehouse, "append", append)
    assert place.warehouse.flush(place.hot).committed_id == 1


# Two batches of four tables: eight commits, each of which may be the last thing that happens.
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("commit", range(1, 9))
def test_a_crash_around_any_commit_loses_and_repeats_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch, commit: int, when: str
) -> None:
    monkeypatch.setattr(flush_module, "BATCH_RECORDS", 3)
    place.warehouse.ensure_tables()
    place.hot.append([tick(count) for count in range(5)])
    real = SqlCatalog.commit_table
    commits = 0

    def commit_table(self: SqlCatalog, *args: Any) -> Any:
        nonlocal commits
        commits += 1
        if commits == commit and when == "before":
            raise Crash
        response = real(self, *args)
        if commits == commit:
            raise Crash
        return response

    with monkeypatch.context() as patch:
        patch.setattr(SqlCatalog, "commit_table", commit_table)
        with pytest.raises(Crash):
            place.warehouse.flush(place.hot)
    place.another().flush(place.hot)

    assert seen(place) == [[0, 1, 2, 3, 4]] * 4


def test_a_table_without_rows_is_told_once_in_a_flush_of_many_batches(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flush_module, "BATCH_RECORDS", 1)
    place.warehouse.ensure_tables()
    place.hot.append([record(DAY + timedelta(seconds=count)) for count in range(4)])
    committed: list[str] = []
    real = SqlCatalog.commit_table

    def commit_table(self: SqlCatalog, table: Any, *args: Any) -> Any:
        committed.append(table.name()[-1])
        return real(self, table, *args)

    monkeypatch.setattr(SqlCatalog, "commit_table", commit_table)
    flushed = place.warehouse.flush(place.hot)
    identity = place.hot.identity
    assert identity is not None
    assert {name: committed.count(name) for name in ("server_sample", "event")} == {
        "server_sample": 4,
        "event": 1,
    }
    assert flushed.committed_id == place.another().watermark("event", identity) == 4


def test_a_crash_between_flush_and_purge_repeats_nothing(place: Place) -> None:
    place.hot.append([tick(0), tick(1)])
    flushed = place.warehouse.flush(place.hot)
    place.another().flush(place.hot)
    place.hot.purge(flushed.committed_id, older_than_ms=2**60)
    place.hot.append([tick(2)])
    place.another().flush(place.hot)
    assert seen(place) == [[0, 1, 2]] * 4


def test_a_hot_store_made_anew_starts_its_own_watermark(place: Place) -> None:
    place.hot.append([tick(0), tick(1)])
    place.warehouse.flush(place.hot)
    place.hot.close()
    for file in place.hot.path.parent.glob("hot.sqlite*"):
        file.unlink()
    place.hot.append([tick(2)])
    place.warehouse.flush(place.hot)
    assert seen(place) == [[0, 1, 2]] * 4


def test_a_hot_store_put_back_from_a_copy_gives_numbers_above_the_watermark(place: Place) -> None:
    place.hot.append([tick(0)])
    place.hot.close()
    copy = place.hot.path.read_bytes()
    place.hot.append([tick(1), tick(2)])
    place.warehouse.flush(place.hot)
    place.hot.close()
    for file in place.hot.path.parent.glob("hot.sqlite*"):
        file.unlink()
    place.hot.path.write_bytes(copy)

    place.warehouse.flush(place.hot)
    place.hot.append([tick(3)])
    place.warehouse.flush(place.hot)

    assert seen(place) == [[0, 1, 2, 3]] * 4


def test_two_collectors_share_a_warehouse(place: Place, tmp_path: Path) -> None:
    other = HotStore.create(tmp_path / "other.sqlite")
    place.hot.append([tick(0)])
    other.append([tick(1)])
    place.warehouse.flush(place.hot)
    place.another().flush(other)
    place.hot.append([tick(2)])
    place.warehouse.flush(place.hot)
    assert seen(place) == [[0, 1, 2]] * 4


def test_a_commit_that_loses_a_race_is_tried_again_with_its_watermark(place: Place) -> None:
    """Both handles are loaded before either commits."""
    from scms.tables import EVENT
    from scms.warehouse.rows import arrow_rows

    handles = [place.warehouse.table("event"), place.another().table("event")]
    for number, handle in enumerate(handles):
        rows = arrow_rows(EVENT, tick(number).tables["event"])
        with handle.transaction() as transaction:
            transaction.append(rows)
            transaction.set_properties({f"scms.watermark.{number}": "7"})
    assert place.values("event", "detail") == ["0000", "0001"]
    assert [place.another().watermark("event", str(n)) for n in (0, 1)] == [7, 7]


def test_properties_alone_are_set_though_another_commits_first(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch without events still moves the watermark of the table of events."""
    stale = place.warehouse.table("event")
    place.another().append("event", tick(0).tables["event"])
    handles = iter([stale])
    real = place.warehouse.table
    monkeypatch.setattr(place.warehouse, "table", lambda name: next(handles, None) or real(name))
    place.warehouse.append("event", [], {"scms.watermark.x": "3"})
    assert place.another().watermark("event", "x") == 3
    assert place.values("event", "detail") == ["0000"]


def test_collectors_that_flush_at_the_same_time_all_succeed(place: Place, tmp_path: Path) -> None:
    place.warehouse.ensure_tables()

    def collect(worker: int) -> None:
        hot = HotStore.create(tmp_path / f"{worker}.sqlite")
        warehouse = place.another()
        for count in range(4):
            hot.append([tick(10 * worker + count)])
            warehouse.flush(hot)

    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(collect, worker) for worker in range(3)]:
            done.result()
    assert seen(place) == [[0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23]] * 4


def test_text_that_is_no_unicode_and_numbers_that_do_not_fit_stop_nothing(place: Place) -> None:
    place.hot.append([record(DAY, reason="bad \ud800", process_count=2**70, load_1m=1)])
    place.warehouse.flush(place.hot)
    assert place.values("server_sample", "reason") == ["bad ?"]
    assert place.values("server_sample", "load_1m") == [1.0]
    state = place.warehouse.state("server_sample")
    assert state.arrow(state.files)["process_count"].to_pylist() == [None]


def test_a_row_without_a_required_value_is_left_out_and_said(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    place.hot.append([record(DAY, state=None), record(DAY)])
    place.warehouse.flush(place.hot)
    assert place.count("server_sample") == 1
    assert "1 rows lack a required value" in caplog.text


def test_a_warehouse_that_cannot_be_reached_says_so(tmp_path: Path) -> None:
    place = Place(tmp_path, warehouse={"catalog": "sqlite:////no/such/directory/catalog.db"})
    place.hot.append([tick(0)])
    with pytest.raises(WarehouseError, match="unable to open database file"):
        place.warehouse.flush(place.hot)


def test_a_shared_catalog_is_empty_until_the_first_writer_makes_its_tables(tmp_path: Path) -> None:
    place = Place(tmp_path, warehouse={"catalog": f"sqlite:///{tmp_path}/shared.db"})
    before = place.another().state("server_sample").files
    place.hot.append([tick(0)])
    place.warehouse.flush(place.hot)
    assert before == ()
    assert seen(place) == [[0]] * 4


def test_files_that_cannot_be_written_say_so(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where the directory should be")
    place = Place(tmp_path, warehouse={"location": f"file://{tmp_path}/taken/files"})
    place.hot.append([tick(0)])
    with pytest.raises(WarehouseError, match="the warehouse at file://"):
        place.warehouse.flush(place.hot)


def test_the_password_of_a_catalog_is_not_told(tmp_path: Path) -> None:
    place = Place(tmp_path, warehouse={"catalog": "nosuch://ada:secret@host/db"})
    with pytest.raises(WarehouseError) as caught:
        place.warehouse.ensure_tables()
    assert "secret" not in str(caught.value)
    assert "nosuch://ada@host/db" in str(caught.value)


def test_a_directory_with_odd_characters(tmp_path: Path) -> None:
    place = Place(tmp_path / "Jörg's 100% lab #1")
    place.hot.append([tick(0)])
    place.warehouse.flush(place.hot)
    assert place.views.frame("SELECT uptime_seconds FROM server_sample").values.tolist() == [[0.0]]
