"""Drop what is older than it is to be kept, by whole days or months.

Input: a table, the present and how long to keep. Nothing is dropped that the clock alone calls old:
a clock that is a year ahead would empty the warehouse in one round.
"""

from __future__ import annotations

import math
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Final

from scms.tables import FACTS
from scms.warehouse.catalog import wrapped
from scms.warehouse.read import FACTS_OF, FLOOR, day_start, open_days, partition_range

if TYPE_CHECKING:
    from datetime import date, datetime

    from scms.tables import Table
    from scms.warehouse.store import Warehouse

_DAY: Final = timedelta(days=1)


def drop_old(warehouse: Warehouse, table: Table, *, now: datetime, keep_seconds: float) -> int:
    """Delete what ended longer ago than it is to be kept.

    Returns:
        How many partitions (days of samples, months of what was said) were dropped.
    """
    before = now - timedelta(seconds=keep_seconds)
    keep_days = math.ceil(keep_seconds / _DAY.total_seconds())
    if table in FACTS:
        return drop_facts(warehouse, table, before=before, keep_days=keep_days)
    return _drop_months(warehouse, table, before=before, keep=math.ceil(keep_days / 28) + 1)


def drop_facts(warehouse: Warehouse, table: Table, *, before: datetime, keep_days: int = 0) -> int:
    """Delete whole days of samples that ended before a moment.

    Days that are not rolled up stay, and so do the newest ``keep_days`` that have samples.
    """
    state = warehouse.state(table.name)
    floor = before.astimezone(UTC).date()
    for rollup, facts in FACTS_OF.items():
        if facts == table.name:
            floor = min([floor, *open_days(state, warehouse.state(rollup))])
    there = sorted(state.rows_by_day())
    days = [day for day in there[: max(0, len(there) - keep_days)] if day < floor]
    if days:
        first_kept = days[-1] + _DAY
        _delete(warehouse, table, first_kept, {FLOOR: str(max(first_kept, state.floor()))})
    return len(days)


def _drop_months(warehouse: Warehouse, table: Table, *, before: datetime, keep: int) -> int:
    there = sorted({file.partition for file in warehouse.state(table.name).files})
    ends = [partition_range(table, month)[1] for month in there[: max(0, len(there) - keep)]]
    old = [end for end in ends if end <= before]
    if old:
        _delete(warehouse, table, old[-1].date(), {})
    return len(old)


def _delete(warehouse: Warehouse, table: Table, first_kept: date, notes: dict[str, str]) -> None:
    iceberg = warehouse.table(table.name)
    with wrapped("cut", warehouse.place), iceberg.transaction() as transaction:
        transaction.delete(f"{table.time} < '{day_start(first_kept).isoformat()}'")
        if notes:
            transaction.set_properties(notes)
