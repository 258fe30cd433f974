"""The rollups of days that are over, made of the samples by the SQL of warehouse/views.

Input: the fact tables, by way of a query function (DuckDB is not known here). Output: slices of
the rollup tables, each written in one commit with the list of days it completes. A day whose
samples changed since, because some came late, is made again; a second run finds nothing to do.
"""

from __future__ import annotations

import json
import warnings
from datetime import date, timedelta
from typing import TYPE_CHECKING, Protocol

from scms.warehouse import datafiles
from scms.warehouse.catalog import declared, wrapped
from scms.warehouse.read import FACTS_OF, ROLLED_DAYS, day_start, open_days, time_range
from scms.warehouse.rows import arrow_rows, sorted_rows

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    import pyarrow as pa

    from scms.warehouse.store import Warehouse


class Query(Protocol):
    """Runs a query over the views: SQL, its parameters, and the times that it is about."""

    def __call__(
        self, sql: str, params: dict[str, object], *, start: datetime, end: datetime
    ) -> pa.Table:
        """The answer as Arrow."""


def rollup(warehouse: Warehouse, query: Query, *, now: datetime) -> dict[str, int]:
    """Write what is missing or stale in every rollup.

    Call it after a flush: rows that are not in the warehouse yet make their day stale again.

    Args:
        warehouse: Where the tables are.
        query: `scms.views.Views.arrow`.
        now: Days that end later are not over.

    Returns:
        How many days were written, by table.
    """
    done: dict[str, int] = {}
    for name, facts_name in FACTS_OF.items():
        facts = warehouse.state(facts_name)
        rows = facts.rows_by_day()
        days = [
            day
            for day in open_days(facts, warehouse.state(name))
            if day_start(day) + timedelta(days=1) <= now
        ]
        for run in runs(days):
            _write(warehouse, query, name, {day: rows[day] for day in run})
        done[name] = len(days)
    return done


def runs(days: Iterable[date]) -> list[list[date]]:
    """Sorted days in runs without a gap and within a month, each of which is one commit."""
    result: list[list[date]] = []
    for day in days:
        last = result[-1][-1] if result else None
        if last is not None and day - last == timedelta(days=1) and day.month == last.month:
            result[-1].append(day)
        else:
            result.append([day])
    return result


def _write(warehouse: Warehouse, query: Query, name: str, rows: dict[date, int]) -> None:
    """Replace the slice of some days by what the samples give, and say so in the same commit.

    ``rows`` was counted before the query: samples that come in between make the day stale.
    """
    table = declared(name)
    start = day_start(min(rows))
    end = day_start(max(rows)) + timedelta(days=1)
    made = query(
        f"SELECT * FROM {name}_open WHERE starts_at >= $start AND starts_at < $end",  # noqa: S608  a declared name
        {"start": start, "end": end},
        start=start,
        end=end,
    )
    slice_ = sorted_rows(table, arrow_rows(table, made))
    iceberg = warehouse.table(name)
    rolled = {**warehouse.state(name).rolled_days(), **rows}
    floor = warehouse.state(FACTS_OF[name]).floor()
    listed = {str(day): count for day, count in sorted(rolled.items()) if day >= floor}
    with wrapped("rolled up", warehouse.place), warnings.catch_warnings():
        # A deletion even where nothing is there yet: of two collectors that make the same day,
        # the second is refused, while two appends would both be taken.
        warnings.filterwarnings("ignore", message="Delete operation did not match")
        files = [*datafiles.write(iceberg, table, slice_)]
        with iceberg.transaction() as transaction:
            transaction.delete(time_range(table, start, end))
            datafiles.append(transaction, files)
            transaction.set_properties({ROLLED_DAYS: json.dumps(listed)})
