"""The rows of the hot store that the warehouse does not have yet, as Arrow tables.

Input: a hot store and the warehouse. Output: `HotRows.of`. Records are read once, as they come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scms.tables import ALL, FACTS

if TYPE_CHECKING:
    import pyarrow as pa

    from scms.hot import HotStore
    from scms.hot.codec import StoredTables
    from scms.warehouse import Warehouse

_NUMBER: Final = "_record_id"
#: Rows of tables that no query asks for are looked through when there are so many.
_MANY: Final = 200_000
#: What bounds the memory beside the rows themselves.
_READ_AT_ONCE: Final = 10_000


class HotRows:
    """The uncommitted rows of every fact table.

    A query takes what is here first and the state of the tables afterwards, and of the former only
    what is above the watermark of the latter: a flush in between moves rows from one to the other,
    and none is seen twice or missed.
    """

    def __init__(self, hot: HotStore, warehouse: Warehouse) -> None:
        self._hot = hot
        self._warehouse = warehouse
        self._tables: dict[str, pa.Table] = {}
        self._last_id = 0
        self.identity: str | None = None

    def refresh(self) -> None:
        """Read the records that came since the last time."""
        identity = self._hot.identity
        if identity != self.identity:  # made anew, or the first time
            self._tables.clear()
            self.identity = identity
            self._last_id = 0 if identity is None else min(self._marks(identity).values())
        elif identity is not None and any(len(rows) > _MANY for rows in self._tables.values()):
            for name, mark in self._marks(identity).items():
                self._forget(name, mark)
        stored = self._hot.tables_after(self._last_id, _READ_AT_ONCE)
        while stored.last_id is not None:
            self._add(stored)
            self._last_id = stored.last_id
            stored = self._hot.tables_after(self._last_id, _READ_AT_ONCE)

    def of(self, name: str, watermark: int) -> pa.Table:
        """The rows of a table that came with records above a number."""
        from scms.warehouse.rows import arrow_schema

        self._forget(name, watermark)
        rows = self._tables.get(name)
        return arrow_schema(ALL[name]).empty_table() if rows is None else rows.drop([_NUMBER])

    def _marks(self, source: str) -> dict[str, int]:
        return {table.name: self._warehouse.watermark(table.name, source) for table in FACTS}

    def _add(self, stored: StoredTables) -> None:
        import pyarrow as pa

        from scms.warehouse.storedrows import stored_rows

        for table in FACTS:
            new = stored_rows(table, stored, number=_NUMBER)
            if new.num_rows:
                old = self._tables.get(table.name)
                self._tables[table.name] = (
                    new if old is None else pa.concat_tables([old, new]).combine_chunks()
                )

    def _forget(self, name: str, watermark: int) -> None:
        import pyarrow.compute as pc

        rows = self._tables.get(name)
        if rows is not None and rows.num_rows and pc.min(rows[_NUMBER]).as_py() <= watermark:
            self._tables[name] = rows.filter(pc.greater(rows[_NUMBER], watermark))
