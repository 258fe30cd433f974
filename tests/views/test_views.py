"""What SQL sees: every row once, hot or committed, with the types and times that were promised."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from scms.assets import asset_path
from scms.errors import QueryError
from scms.hot import HotStore
from scms.tables import SERVER_SAMPLE
from scms.views import Views, hotrows
from scms.warehouse import Warehouse
from scms.warehouse.read import TableState
from scms.warehouse.sqlfiles import named_columns, read_views
from views.calls import call
from warehouse.made import DAY, Place, every, record, row

if TYPE_CHECKING:
    from pathlib import Path

NEXT = DAY + timedelta(days=1)


def minutes(
    place: Place, sql: str = "SELECT sampled_at FROM server_sample ORDER BY 1"
) -> list[float]:
    """The minutes of the day that have rows."""
    frame = place.views.frame(sql)
    return [(at - DAY).total_seconds() / 60 for at in frame["sampled_at"]]


def at(minute: float) -> datetime:
    return DAY + timedelta(minutes=minute)


def test_hot_and_committed_rows_are_one_table(place: Place) -> None:
    place.hot.append([record(at(0)), record(at(1))])
    place.warehouse.flush(place.hot)
    place.hot.append([record(at(2))])
    assert minutes(place) == [0, 1, 2]


def test_new_rows_and_new_snapshots_are_seen_by_the_next_query(place: Place) -> None:
    seen = []
    for minute in range(3):
        place.hot.append([record(at(minute))])
        seen.append(minutes(place))
        place.another().flush(place.hot)
        seen.append(minutes(place))
    assert seen == [[0], [0], [0, 1], [0, 1], [0, 1, 2], [0, 1, 2]]


def test_a_flush_between_the_two_reads_moves_rows_and_none_is_seen_twice(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worst moment: hot rows are read, then they are committed and purged."""
    place.hot.append([record(at(0)), record(at(1))])
    minutes(place)
    place.hot.append([record(at(2))])
    real = Warehouse.state

    def state(self: Warehouse, name: str) -> object:
        monkeypatch.setattr(Warehouse, "state", real)
        flushed = place.another().flush(place.hot)
        place.hot.purge(flushed.committed_id, older_than_ms=2**60)
        return real(self, name)

    monkeypatch.setattr(Warehouse, "state", state)
    assert minutes(place) == [0, 1, 2]
    assert minutes(place) == [0, 1, 2]


def test_a_join_sees_one_state_of_both_tables(place: Place) -> None:
    place.hot.append([record(at(minute), devices=[{}]) for minute in range(5)])
    place.warehouse.flush(place.hot)
    place.hot.append([record(at(5), devices=[{}])])
    sql = "SELECT count(*) AS n FROM server_sample JOIN device_sample USING (server, sampled_at)"
    assert place.views.frame(sql)["n"].tolist() == [6]


@pytest.mark.slow
def test_a_query_during_flushes_counts_every_row_once(place: Place) -> None:
    """A writer appends and flushes as fast as it can; the count never jumps back or doubles."""
    written = 0
    ended = threading.Event()

    def write() -> None:
        nonlocal written
        writer = place.another()
        for minute in range(6):
            place.hot.append([record(at(minute))])
            written = minute + 1
            flushed = writer.flush(place.hot)
            place.hot.purge(flushed.committed_id, older_than_ms=2**60)
        ended.set()

    thread = threading.Thread(target=write)
    thread.start()
    counts = []
    while not ended.is_set():
        low = written
        count = int(place.views.frame("SELECT count(*) AS n FROM server_sample")["n"][0])
        counts.append((low, count, written + 1))
    thread.join()
    assert len(counts) > 1
    assert all(low <= count <= high for low, count, high in counts)


def test_committed_rows_of_tables_that_nobody_asks_for_are_forgotten(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hotrows, "_MANY", 3)
    for minute in range(4):
        place.hot.append([record(at(minute), devices=[{}])])
        minutes(place)
    place.warehouse.flush(place.hot)
    minutes(place)
    kept = {name: len(rows) for name, rows in place.views._hot_rows._tables.items()}
    assert kept == {"server_sample": 0, "device_sample": 0}


def test_a_hot_store_made_anew_is_noticed(place: Place) -> None:
    place.hot.append([record(at(0)), record(at(1))])
    minutes(place)
    place.hot.close()
    for file in place.hot.path.parent.glob("hot.sqlite*"):
        file.unlink()
    place.hot.append([record(at(2))])
    assert minutes(place) == [2]


def test_a_relation_keeps_seeing_what_there_was(place: Place) -> None:
    place.hot.append([record(at(0))])
    relation = place.views.relation("SELECT count(*) AS n FROM server_sample")
    place.hot.append([record(at(1))])
    place.views.frame("SELECT * FROM server_sample", start=at(600))
    assert relation.fetchall() == [(1,)]


def test_start_and_end_choose_files(place: Place) -> None:
    for day in range(3):
        place.warehouse.append("event", [row("event", DAY + timedelta(days=day))])
    count = "SELECT count(*) AS n FROM event"
    one = place.views.frame(count, start=NEXT, end=NEXT + timedelta(days=1))
    rest = place.views.frame(count, start=NEXT)
    assert (one["n"][0], rest["n"][0]) == (1, 2)


def test_a_bucket_at_the_edge_is_seen_whole(place: Place) -> None:
    """The quarter of 10:00 is in two files; asking from 10:10 on must not halve it."""
    for minute in (600, 612):
        place.warehouse.append("server_sample", [row("server_sample", at(minute))])
    frame = place.views.frame("SELECT * FROM server_usage_15m", start=at(610), end=at(613))
    assert frame["observed_seconds"].tolist() == [120.0]


def test_parameters_by_name_and_by_position(place: Place) -> None:
    place.hot.append([record(at(0), "gpu01"), record(at(0), "gpu02")])
    named = place.views.frame("SELECT server FROM server_sample WHERE server = $s", {"s": "gpu02"})
    placed = place.views.frame("SELECT server FROM server_sample WHERE server = ?", ["gpu01"])
    assert (named["server"].tolist(), placed["server"].tolist()) == (["gpu02"], ["gpu01"])


def test_times_are_in_the_zone_of_the_cluster(tmp_path: Path) -> None:
    place = Place(tmp_path, timezone="Europe/Berlin")
    place.hot.append([record(datetime(2026, 1, 1, 12, tzinfo=UTC))])
    frame = place.views.frame("SELECT sampled_at, hour(sampled_at) AS h FROM server_sample")
    assert str(frame["sampled_at"].dtype) == "datetime64[us, Europe/Berlin]"
    assert frame["h"].tolist() == [13]


def test_the_inventory_is_a_relation(place: Place) -> None:
    frame = place.views.frame('SELECT server, "group", tags, simulated, position FROM inventory')
    assert frame["server"].tolist() == ["gpu01", "gpu02"]
    assert frame["group"].tolist()[0] == "vision"
    assert frame["position"].tolist() == [0, 1]


VIEWS = sorted(path.stem for path in (asset_path("warehouse") / "views").glob("*.sql"))


@pytest.mark.parametrize("name", VIEWS)
def test_every_view_answers_on_an_empty_lab_with_the_columns_of_its_header(
    tmp_path: Path, repository: Path, name: str
) -> None:
    place = Place(tmp_path, servers=[])
    view = read_views(repository / "warehouse" / "views")[name]
    frame = place.views.frame(*call(view, DAY, NEXT))
    promised = [column.name for column in view.columns if "*" not in column.name]
    assert [name for name in promised if name not in frame.columns] == []


def test_empty_answers_have_types(tmp_path: Path) -> None:
    place = Place(tmp_path)
    frame = place.views.frame("SELECT sampled_at, uptime_seconds, cpu_count FROM server_sample")
    assert [str(kind) for kind in frame.dtypes] == ["datetime64[us, UTC]", "float64", "int64"]
    assert frame.empty


def test_asking_an_empty_lab_makes_nothing(tmp_path: Path) -> None:
    place = Place(tmp_path)
    views = Views(place.inventory, HotStore.open(tmp_path / "hot.sqlite"), place.warehouse)
    views.frame("SELECT * FROM usage_daily")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT nonsense FROM server_sample", 'the query is refused: .*"nonsense" not found'),
        ("SELEC 1", "syntax error"),
        ("SELECT * FROM nowhere", "Table with name nowhere does not exist"),
        ("SELECT 1 / $x", "refused"),
        ("-- nothing", "gives no rows"),
        ("CREATE TABLE mine (a INTEGER)", "gives no rows"),
        ("COPY (SELECT 1) TO '/dev/null'", "or not only"),
        ("SELECT 1; SELECT 2", "or not only"),
        ("SELECT error('at run time') FROM range(3)", "at run time"),
    ],
)
def test_a_query_that_is_refused_says_why(place: Place, sql: str, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        place.views.frame(sql)


def test_a_time_without_a_zone_is_refused(place: Place) -> None:
    with pytest.raises(QueryError, match="has no time zone"):
        place.views.frame("SELECT 1", start=datetime(2026, 1, 1))  # noqa: DTZ001  the point


def test_a_view_that_is_no_sql_names_its_file_and_spoils_no_other(
    place: Place, tmp_path: Path
) -> None:
    folder = tmp_path / "views"
    folder.mkdir()
    (folder / "bad.sql").write_text("-- grain: one row\nSELECT FROM")
    (folder / "good.sql").write_text("-- grain: one row\nSELECT 42 AS answer")
    views = Views(place.inventory, place.hot, place.warehouse, folder=folder)
    assert views.frame("SELECT * FROM good")["answer"].tolist() == [42]
    with pytest.raises(QueryError, match=r"warehouse/views/bad\.sql cannot be used"):
        views.frame("SELECT * FROM bad")


def test_files_with_rows_deleted_by_another_engine_are_read_through_iceberg(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pyiceberg writes no delete files; what is not plain must take the other way."""
    from dataclasses import replace

    place.warehouse.append("event", [row("event", at(minute)) for minute in range(3)])
    state = place.warehouse.state("event")
    marked = replace(state, files=tuple(replace(file, plain=False) for file in state.files))
    monkeypatch.setattr(place.warehouse, "state", lambda _name: marked)
    assert minutes(place, "SELECT sampled_at FROM event ORDER BY 1") == [0, 1, 2]


def test_a_relation_is_refused_as_a_frame_is(place: Place) -> None:
    with pytest.raises(QueryError, match="or not only"):
        place.views.relation("DROP TABLE server_sample")


def test_of_files_that_come_into_memory_only_named_columns_are_read(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Object stores and files with deleted rows go through Iceberg."""
    from dataclasses import replace

    place.hot.append([record(at(minute), load_1m=1.0) for minute in range(3)])
    place.warehouse.flush(place.hot)
    state = place.warehouse.state("server_sample")
    elsewhere = replace(state, files=tuple(replace(file, plain=False) for file in state.files))
    monkeypatch.setattr(place.warehouse, "state", lambda _name: elsewhere)
    read: list[Any] = []
    real = TableState.arrow

    def arrow(self: TableState, files: Any, **options: Any) -> object:
        read.append(options["columns"])
        return real(self, files, **options)

    monkeypatch.setattr(TableState, "arrow", arrow)
    place.hot.append([record(at(3), load_1m=5.0)])
    frame = place.views.frame("SELECT max(load_1m) AS load, count(*) AS n FROM server_sample")
    assert (frame["load"][0], frame["n"][0]) == (5.0, 4)
    whole = place.views.frame("SELECT * FROM server_sample")
    assert read[0] == ["server", "sampled_at", "load_1m"]
    assert list(whole.columns) == list(SERVER_SAMPLE.column_names())


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("SELECT a, count(*) FROM event WHERE b > 2 * c", True),
        ("SELECT * FROM event", False),
        ("SELECT e.* FROM event AS e", False),
        ("SELECT DISTINCT * FROM event", False),
        ("SELECT count(*), * FROM event", False),
        ("FROM event", False),
        ("SELECT a FROM (FROM event)", False),
        ("SUMMARIZE event", False),
        ("SELECT a FROM event NATURAL JOIN server_sample", False),
        ("SELECT COLUMNS('a.*') FROM event", False),
        ("SELECT a, '*' AS star FROM event -- SELECT *", True),
        ("SELECT * FROM server_sample", True),
    ],
)
def test_whether_a_query_names_the_columns_it_takes(sql: str, named: bool) -> None:
    found = named_columns("event", [sql])
    assert (found is not None) is named


def test_two_threads_may_ask_at_once(place: Place) -> None:
    place.hot.append([record(moment) for moment in every(1, DAY, at(60))])
    answers: list[int] = []

    def ask() -> None:
        answers.extend(len(minutes(place)) for _ in range(5))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [60] * 20


def test_importing_views_imports_neither_duckdb_nor_iceberg_nor_pandas() -> None:
    code = (
        "import sys, scms.views, scms.warehouse, scms.hot\n"
        "print([m for m in ('duckdb', 'pyiceberg', 'pyarrow', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
