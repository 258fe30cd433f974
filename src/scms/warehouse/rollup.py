"""The rollups of days that are over, made of the samples by the SQL of warehouse/views.

Input: the fact tables, by way of a query function (DuckDB is not known here). Output: slices of
the rollup tables, each written in one commit with the list of days it completes. A day whose
samples changed since, because some came late, is made again; a second run finds nothing to do.
"""

from __future__ import annotations

import json
import warnings
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Protocol

from scms.warehouse import datafiles
from scms.warehouse.catalog import declared, wrapped
from scms.warehouse.read import (
    FACTS_OF,
    ROLLED_DAYS,
    day_start,
    open_days,
    state_of,
    time_range,
)
from scms.warehouse.rows import arrow_rows, sorted_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import date, datetime

    import pyarrow as pa

    from scms.tables import Table
    from scms.warehouse.store import Warehouse

#: Rows of samples that a commit takes up, and a query; rows of a rollup that are sorted at once.
RUN_ROWS: Final = 10_000_000
PART_ROWS: Final = 500_000
SLICE_ROWS: Final = 250_000
_DAY: Final = timedelta(days=1)
_QUARTER: Final = timedelta(minutes=15)


class Query(Protocol):
    """Runs a query over the views: SQL, its parameters, and the times that it is about."""

    def __call__(
        self, sql: str, params: dict[str, object], *, start: datetime, end: datetime
    ) -> pa.Table:
        """The answer as Arrow."""


def rollup(
    warehouse: Warehouse, query: Query, *, now: datetime, names: Iterable[str] = tuple(FACTS_OF)
) -> dict[str, int]:
    """Write what is missing or stale in every rollup.

    Call it after a flush: rows that are not in the warehouse yet make their day stale again.

    Args:
        warehouse: Where the tables are.
        query: `scms.views.Views.arrow`.
        now: Days that end later are not over.
        names: Some of the rollups only.

    Returns:
        How many days were written, by table.
    """
    done: dict[str, int] = {}
    for name in names:
        facts = warehouse.state(FACTS_OF[name])
        rows = facts.rows_by_day()
        days = {
            day: rows[day]
            for day in open_days(facts, warehouse.state(name))
            if day_start(day) + timedelta(days=1) <= now
        }
        done[name] = sum(_write(warehouse, query, name, run) for run in runs(days))
    return done


def runs(days: Mapping[date, int]) -> list[dict[date, int]]:
    """Sorted days and their rows in runs, each of which is one commit.

    A run has no gap, is within a month, and takes further days only while its rows are few.
    """
    result: list[dict[date, int]] = []
    for day, rows in days.items():
        last = max(result[-1]) if result else None
        if (
            last is not None
            and day - last == timedelta(days=1)
            and day.month == last.month
            and sum(result[-1].values()) + rows <= RUN_ROWS
        ):
            result[-1][day] = rows
        else:
            result.append({day: rows})
    return result


def parts(rows: Mapping[date, int]) -> list[tuple[datetime, datetime]]:
    """The time of a run in parts of whole quarters of an hour, with a bounded number of rows each.

    The memory of a query is that of its part. Files have the rows of a few minutes each until the
    day is compacted, so that parts share hardly any.
    """
    start = day_start(min(rows))
    quarters = len(rows) * _DAY // _QUARTER
    count = min(max(1, -(-sum(rows.values()) // PART_ROWS)), quarters)
    edges = [start + _QUARTER * (quarters * n // count) for n in range(count + 1)]
    return list(pairwise(edges))


def _write(warehouse: Warehouse, query: Query, name: str, rows: dict[date, int]) -> int:
    """Replace the slice of some days by what the samples give, and say so in the same commit.

    ``rows`` was counted before the query: samples that come in between make the day stale.

    Returns:
        How many days were written: 0 where another collector has made them meanwhile.
    """
    table = declared(name)
    start, end = day_start(min(rows)), day_start(max(rows)) + _DAY
    with wrapped("rolled up", warehouse.place):
        # Before the query: what another commits from here on makes our commit a conflict. Days
        # that it had made before are open in no query, and must not be replaced by nothing.
        iceberg = warehouse.table(name)
        before = state_of(table, iceberg).rolled_days()
    if any(before.get(day) == count for day, count in rows.items()):
        return 0
    floor = warehouse.state(FACTS_OF[name]).floor()
    rolled = {day: count for day, count in sorted((before | rows).items()) if day >= floor}
    with wrapped("rolled up", warehouse.place), warnings.catch_warnings():
        # A deletion even where nothing is there yet: of two collectors that make the same day,
        # the second is refused, while two appends would both be taken.
        warnings.filterwarnings("ignore", message="Delete operation did not match")
        files = [
            file
            for slice_ in _slices(query, table, rows)
            for file in datafiles.write(iceberg, table, slice_)
        ]
        with iceberg.transaction() as transaction:
            transaction.delete(time_range(table, start, end))
            datafiles.append(transaction, files)
            listed = {str(day): count for day, count in rolled.items()}
            transaction.set_properties({ROLLED_DAYS: json.dumps(listed)})
    return len(rows)


def _slices(query: Query, table: Table, rows: Mapping[date, int]) -> Iterator[pa.Table]:
    """The rows of a rollup for some days, sorted, in tables of `SLICE_ROWS` and more."""
    import pyarrow as pa

    made: list[pa.Table] = []
    for start, end in parts(rows):
        found = query(
            f"SELECT * FROM {table.name}_open WHERE starts_at >= $start AND starts_at < $end",  # noqa: S608  a declared name
            {"start": start, "end": end},
            start=start,
            end=end,
        )
        made.append(arrow_rows(table, found))
        if sum(part.num_rows for part in made) >= SLICE_ROWS:
            yield sorted_rows(table, pa.concat_tables(made))
            made = []
    if made:
        yield sorted_rows(table, pa.concat_tables(made))
