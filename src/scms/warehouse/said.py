"""What we said, from the hot store to the warehouse, every row exactly once.

As in `scms.warehouse.flush`, the rows and the number of the last entry that is in a table are
committed in one transaction, under the identity of the hot store. Entries are numbered apart from
records, and a table takes only its own: one without news has nothing to commit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scms.errors import WarehouseError
from scms.tables import SAID
from scms.warehouse.read import WATERMARK

if TYPE_CHECKING:
    from scms.hot import HotStore
    from scms.warehouse.store import Warehouse

#: Entries a commit takes at most; bounds the memory after a long time without a warehouse.
BATCH_ENTRIES: Final = 100


def flush_said(warehouse: Warehouse, hot: HotStore) -> dict[str, int]:
    """Commit what was said, and remove it from the hot store.

    Returns:
        Rows written, by table.
    """
    source = hot.identity
    if source is None:
        raise WarehouseError(f"{hot.path} does not exist", expected="a hot store to flush")
    marks = {table.name: warehouse.watermark(table.name, source) for table in SAID}
    last_id = hot.last_said_id()
    if max(marks.values()) > last_id:
        # The file was put back from a copy: numbers given since must not be given again.
        hot.skip_said_to(max(marks.values()))
    return {name: _flush(warehouse, hot, name, mark, last_id) for name, mark in marks.items()}


def _flush(warehouse: Warehouse, hot: HotStore, name: str, mark: int, last_id: int) -> int:
    """Commit one table's entries above a mark; rows written."""
    source = hot.identity
    rows = 0
    while mark < last_id:
        batch = hot.said_after(mark, BATCH_ENTRIES, table=name)
        if not batch:
            break
        mark = batch[-1].id
        new = [row for said in batch for row in said.rows]
        rows += warehouse.append(name, new, {f"{WATERMARK}{source}": str(mark)})
    hot.purge_said(name, mark)
    return rows
