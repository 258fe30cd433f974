"""From the hot store to the warehouse, every row exactly once.

The rows of a batch and the number of its last record are committed to a table in one transaction.
After a crash anywhere, what is at or below that number is there, and the rest is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scms.errors import WarehouseError
from scms.tables import ALL, FACTS
from scms.warehouse.read import WATERMARK

if TYPE_CHECKING:
    import pyarrow as pa

    from scms.hot import HotStore
    from scms.warehouse.store import Warehouse

#: Records a commit takes at most, as Arrow, and records that are read at once, of which memory has
#: two copies for a moment; they bound the memory after a long time without a warehouse.
BATCH_RECORDS: Final = 40_000
CHUNK_RECORDS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Flushed:
    """What a flush did: the last number that all tables have, and rows written by table."""

    committed_id: int
    rows: dict[str, int]


def flush(warehouse: Warehouse, hot: HotStore) -> Flushed:
    """Commit to every fact table the records it does not have yet, in batches.

    The watermark bears the identity of the file: a store made anew counts from 1 again, and must
    not find its records committed already.
    """
    source = hot.identity
    if source is None:
        raise WarehouseError(f"{hot.path} does not exist", expected="a hot store to flush")
    marks = {table.name: warehouse.watermark(table.name, source) for table in FACTS}
    last_id = hot.last_id()
    if max(marks.values()) > last_id:
        # The file was put back from a copy: numbers given since must not be given again.
        hot.skip_to(max(marks.values()))
    rows = dict.fromkeys(marks, 0)
    behind: set[str] = set()  # tables with no rows in the last batches: one commit will do
    while min(marks.values()) < last_id:  # not until nothing is new: something always is
        upto, batch = _batch(hot, marks)
        if upto is None:
            break
        for name, new in batch.items():
            marks[name] = upto
            if new.num_rows:
                rows[name] += warehouse.append(name, new, {WATERMARK + source: str(upto)})
                behind.discard(name)
            else:
                behind.add(name)
    for name in behind:
        warehouse.append(name, [], {WATERMARK + source: str(marks[name])})
    return Flushed(min(marks.values()), rows)


def _batch(hot: HotStore, marks: dict[str, int]) -> tuple[int | None, dict[str, pa.Table]]:
    """The next records as rows of the tables that lack them, and the number of the last one."""
    import pyarrow as pa

    from scms.warehouse.rows import arrow_schema
    from scms.warehouse.storedrows import stored_rows

    upto = first = min(marks.values())
    parts: dict[str, list[pa.Table]] = {name: [] for name in marks}
    for _ in range(0, BATCH_RECORDS, CHUNK_RECORDS):
        others = min((mark for mark in marks.values() if mark > upto), default=None)
        stored = hot.tables_after(upto, min(CHUNK_RECORDS, BATCH_RECORDS), upto=others)
        for name in [name for name, mark in marks.items() if mark <= upto]:
            new = stored_rows(ALL[name], stored)
            if new.num_rows:
                parts[name].append(new)
        reached = others if stored.last_id is None else stored.last_id
        if reached is None:
            break
        upto = reached
    if upto == first:
        return None, {}
    return upto, {
        name: pa.concat_tables([arrow_schema(ALL[name]).empty_table(), *found])
        for name, found in parts.items()
        if marks[name] < upto
    }
