"""What was said and is not in the warehouse yet, as Arrow tables.

Input: a hot store. Output: rows by table. As with the records, a query takes these first and the
state of the tables afterwards, and keeps what is above the watermark of that very state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scms.tables import ALL, SAID

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

    from scms.hot import HotStore, Said


class SaidRows:
    """The entries of some tables as they were when this was made.

    Args:
        hot: The hot store, which need not exist.
        names: Tables that a query needs; those that are not of `scms.tables.SAID` are passed over.
    """

    def __init__(self, hot: HotStore, names: Iterable[str]) -> None:
        wanted = {table.name for table in SAID}.intersection(names)
        self._said: dict[str, list[Said]] = {
            name: hot.said_after(0, table=name) for name in sorted(wanted)
        }

    def above(self, name: str, watermark: int) -> pa.Table:
        """The rows of a table with numbers above its watermark."""
        from scms.warehouse.rows import arrow_rows

        rows = [row for said in self._said[name] if said.id > watermark for row in said.rows]
        return arrow_rows(ALL[name], rows)

    def names(self) -> list[str]:
        """The tables that were asked for."""
        return list(self._said)
