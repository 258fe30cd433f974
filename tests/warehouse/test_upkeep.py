"""Upkeep makes the warehouse smaller and changes no answer."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from scms.tables import ALL
from scms.warehouse import upkeep as upkeep_module
from scms.warehouse.garbage import collect_garbage, referenced
from scms.warehouse.read import partition_range, time_range
from scms.warehouse.retention import drop_facts, drop_old
from scms.warehouse.upkeep import compact
from warehouse.made import DAY, Place, record, row

NEXT = DAY + timedelta(days=1)
SAMPLE = ALL["server_sample"]


def scatter(place: Place, commits: int = 4, servers: tuple[str, ...] = ("b", "a")) -> None:
    """A day in several files, none of them sorted as a whole."""
    for minute in range(commits):
        at = DAY + timedelta(minutes=minute)
        place.warehouse.append(
            "server_sample", [row("server_sample", at, server=server) for server in servers]
        )


def contents(place: Place) -> pa.Table:
    state = place.another().state("server_sample")
    return state.arrow(state.files).sort_by([("server", "ascending"), ("sampled_at", "ascending")])


def old(place: Place) -> None:
    """Make every file look two days old."""
    past = (datetime.now().astimezone() - timedelta(days=2)).timestamp()
    for path in place.inventory.directory.rglob("*"):
        os.utime(path, (past, past))


def files(place: Place, table: str) -> set[str]:
    directory = place.inventory.directory / "warehouse/files/scms" / table
    return {str(path) for path in directory.rglob("*") if path.is_file()}


def test_a_closed_day_becomes_one_sorted_file(place: Place) -> None:
    scatter(place)
    before = contents(place)
    done = compact(place.warehouse, SAMPLE, now=NEXT)
    state = place.another().state("server_sample")
    assert done == 1
    assert [file.rows for file in state.files] == [8]
    assert state.arrow(state.files)["server"].to_pylist() == ["a"] * 4 + ["b"] * 4
    assert contents(place).equals(before)


def test_an_open_day_is_left_alone(place: Place) -> None:
    scatter(place)
    assert compact(place.warehouse, SAMPLE, now=NEXT - timedelta(seconds=1)) == 0
    assert len(place.another().state("server_sample").files) == 4


def test_a_compacted_day_is_not_compacted_again(place: Place) -> None:
    scatter(place)
    compact(place.warehouse, SAMPLE, now=NEXT)
    assert compact(place.warehouse, SAMPLE, now=NEXT) == 0


def test_a_day_too_large_for_memory_is_compacted_server_by_server(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep_module, "CHUNK_ROWS", 8)
    scatter(place, commits=8, servers=("c", "a", "b"))
    before = contents(place)
    assert compact(place.warehouse, SAMPLE, now=NEXT) == 0  # 8 files are what 24 rows may need
    monkeypatch.setattr(upkeep_module, "CHUNK_ROWS", 16)
    assert compact(place.warehouse, SAMPLE, now=NEXT) == 1
    assert sorted(f.rows for f in place.another().state("server_sample").files) == [8, 16]
    assert contents(place).equals(before)


def test_rows_appended_while_a_day_is_compacted_are_never_lost(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    scatter(place)
    real = upkeep_module._rewrite

    def rewrite(*args: Any) -> None:
        late = row("server_sample", DAY + timedelta(hours=1), server="late")
        place.another().append("server_sample", [late])
        real(*args)

    monkeypatch.setattr(upkeep_module, "_rewrite", rewrite)
    assert compact(place.warehouse, SAMPLE, now=NEXT) == 0
    assert contents(place)["server"].to_pylist() == ["a"] * 4 + ["b"] * 4 + ["late"]


def test_compaction_makes_no_rollup_stale(place: Place) -> None:
    place.hot.append([record(DAY)])
    place.warehouse.flush(place.hot)
    place.hot.append([record(DAY + timedelta(minutes=1))])
    place.rollup(NEXT)
    compact(place.warehouse, SAMPLE, now=NEXT)
    assert place.rollup(NEXT)["server_15m"] == 0


def test_upkeep_deletes_what_nothing_refers_to_any_more(place: Place) -> None:
    scatter(place)
    before = contents(place)
    day_later = datetime.now().astimezone() + timedelta(days=1, hours=1)
    place.warehouse.upkeep(now=day_later, keep_facts_seconds=10**9)
    kept = set(referenced(place.warehouse.table("server_sample")))
    assert files(place, "server_sample") == {url.removeprefix("file://") for url in kept}
    assert len([path for path in files(place, "server_sample") if path.endswith("parquet")]) == 1
    assert contents(place).equals(before)


def test_young_files_without_a_reference_stay(place: Place) -> None:
    scatter(place)
    stray = Path(next(iter(files(place, "server_sample")))).with_name("stray.parquet")
    yesterday = datetime.now().astimezone() - timedelta(days=1)
    stray.write_bytes(b"of a commit that is under way")
    collect_garbage(place.warehouse.table("server_sample"), before=yesterday)
    assert stray.exists()
    old(place)
    collect_garbage(place.warehouse.table("server_sample"), before=yesterday)
    assert not stray.exists()


def test_snapshots_of_the_last_day_can_still_be_read(place: Place) -> None:
    scatter(place, commits=2)
    first = place.warehouse.table("server_sample").metadata.snapshots[0].snapshot_id
    place.warehouse.upkeep(now=NEXT, keep_facts_seconds=10**9)
    rows = place.warehouse.table("server_sample").scan(snapshot_id=first).to_arrow()
    assert rows.num_rows == 2


def test_old_facts_are_dropped_by_whole_days_and_rollups_stay(place: Place) -> None:
    days = [DAY + timedelta(days=count) for count in range(4)]
    place.hot.append([record(day) for day in days])
    place.rollup(DAY + timedelta(days=4))
    query = "SELECT starts_at FROM server_usage_15m ORDER BY 1"
    before = place.views.frame(query)["starts_at"].tolist()
    dropped = drop_facts(place.warehouse, SAMPLE, before=DAY + timedelta(days=2, hours=5))
    assert dropped == 2
    assert place.values("server_sample", "sampled_at") == days[2:]
    assert place.views.frame(query)["starts_at"].tolist() == before == days
    assert place.rollup(DAY + timedelta(days=4))["server_15m"] == 0


def test_facts_that_are_not_rolled_up_are_never_dropped(place: Place) -> None:
    place.hot.append([record(DAY), record(NEXT)])
    place.warehouse.flush(place.hot)
    assert drop_facts(place.warehouse, SAMPLE, before=DAY + timedelta(days=30)) == 0


def test_a_clock_that_is_a_year_ahead_drops_nothing(place: Place) -> None:
    """What is kept is counted in days that have samples, too."""
    days = [DAY + timedelta(days=count) for count in range(4)]
    place.hot.append([record(day) for day in days])
    place.rollup(DAY + timedelta(days=4))
    ahead = DAY + timedelta(days=365)
    assert drop_old(place.warehouse, SAMPLE, now=ahead, keep_seconds=4 * 86400) == 0
    assert drop_old(place.warehouse, SAMPLE, now=ahead, keep_seconds=3 * 86400) == 1
    assert place.values("server_sample", "sampled_at") == days[1:]


def test_what_was_said_is_dropped_by_months(place: Place) -> None:
    for month in range(1, 8):
        said = datetime(2026, month, 15, tzinfo=DAY.tzinfo)
        place.warehouse.append(
            "hold", [row("hold", said, hold_id="h", action="taken", user="ada", expires_at=said)]
        )
    now = datetime(2026, 8, 1, tzinfo=DAY.tzinfo)
    assert drop_old(place.warehouse, ALL["hold"], now=now, keep_seconds=60 * 86400) == 3
    assert [moment.month for moment in place.values("hold", "said_at")] == [4, 5, 6, 7]


def test_a_table_may_be_kept_shorter_than_the_others(place: Place) -> None:
    for count in range(4):
        day = DAY + timedelta(days=count)
        place.hot.append([record(day, events=[{}], processes=[{"user": "ada"}])])
    later = DAY + timedelta(days=40)
    place.rollup(later)
    place.warehouse.upkeep(
        now=later, keep_facts_seconds=90 * 86400, keep={"process_sample": 86400.0}
    )
    assert place.count("process_sample") == 1
    assert place.count("server_sample") == place.count("event") == 4


def test_a_row_of_a_day_that_was_dropped_does_not_spoil_its_rollup(place: Place) -> None:
    place.hot.append([record(DAY), record(DAY + timedelta(minutes=1))])
    place.rollup(NEXT)
    drop_facts(place.warehouse, SAMPLE, before=NEXT)
    place.hot.append([record(DAY + timedelta(minutes=2))])
    place.rollup(NEXT)
    seen = place.views.frame("SELECT sum(observed_seconds) AS s FROM server_usage_15m")
    assert seen["s"].tolist() == [120.0]


def test_months_of_rollups_are_compacted_once_they_are_over(place: Place) -> None:
    for count in range(3):
        place.hot.append([record(DAY + timedelta(days=count))])
        place.rollup(DAY + timedelta(days=count + 1))
    table = ALL["server_15m"]
    assert compact(place.warehouse, table, now=DAY + timedelta(days=10)) == 0
    assert compact(place.warehouse, table, now=DAY + timedelta(days=40)) == 1
    assert [file.rows for file in place.another().state("server_15m").files] == [3]


@pytest.mark.parametrize(
    ("table", "partition", "start", "end"),
    [
        ("server_sample", 0, "1970-01-01", "1970-01-02"),
        ("server_sample", 20667, "2026-08-02", "2026-08-03"),
        ("server_15m", 0, "1970-01-01", "1970-02-01"),
        ("server_15m", 56 * 12 + 11, "2026-12-01", "2027-01-01"),
    ],
)
def test_partition_range(table: str, partition: int, start: str, end: str) -> None:
    found = partition_range(ALL[table], partition)
    assert [moment.date().isoformat() for moment in found] == [start, end]


def test_time_range_is_half_open(place: Place) -> None:
    place.warehouse.append("event", [row("event", DAY), row("event", NEXT)])
    within = time_range(ALL["event"], DAY, NEXT)
    rows = place.warehouse.table("event").scan(row_filter=within).to_arrow()
    assert rows["sampled_at"].to_pylist() == [DAY]


def test_a_reader_that_is_reading_keeps_its_files_through_upkeep(place: Place) -> None:
    """It planned before the compaction; its files are deleted a day later, not under its hands."""
    scatter(place)
    before = contents(place)
    reader = place.another().state("server_sample")
    first = reader.arrow(reader.files[:1])
    now = datetime.now().astimezone()
    place.warehouse.upkeep(now=now, keep_facts_seconds=10**9)
    assert [file.rows for file in place.another().state("server_sample").files] == [8]

    rest = reader.arrow(reader.files[1:])
    order = [("server", "ascending"), ("sampled_at", "ascending")]
    assert pa.concat_tables([first, rest]).sort_by(order).equals(before)

    day_later = now + timedelta(days=1, minutes=1)
    assert place.warehouse.upkeep(now=day_later, keep_facts_seconds=10**9)["files_deleted"] >= 4
    assert not any(Path(str(file.path)).exists() for file in reader.files)


def test_flushes_between_all_steps_of_upkeep_lose_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A collector commits before and after those of upkeep, which have to try again."""
    scatter(place)
    place.warehouse.append("event", [row("event", DAY)])
    flushed = iter(range(1000))
    committing = False
    real = SqlCatalog.commit_table

    def late() -> None:
        nonlocal committing
        committing = True
        number = next(flushed)
        at = datetime(2026, 10, 20, tzinfo=DAY.tzinfo) + timedelta(seconds=number)
        place.another().append("server_sample", [row("server_sample", at, server="late")])
        committing = False

    attempts = itertools.count()

    def commit_table(self: SqlCatalog, *args: Any) -> Any:
        if committing or next(attempts) % 2:  # every other attempt succeeds
            return real(self, *args)
        late()
        response = real(self, *args)
        late()
        return response

    monkeypatch.setattr(SqlCatalog, "commit_table", commit_table)
    day_later = datetime.now().astimezone() + timedelta(days=1, hours=1)
    for _ in range(3):
        place.warehouse.upkeep(now=day_later, keep_facts_seconds=10**9)
    monkeypatch.undo()
    seen = contents(place)["server"].to_pylist()
    assert Counter(seen) == {"a": 4, "b": 4, "late": next(flushed)}
    assert place.another().state("server_sample").files[0].rows == 8
