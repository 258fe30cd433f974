"""What we said, on its way to the warehouse: rows of forecasts, recommendations and holds.

Whoever may write to the hot store says; the collector's mover commits the rows to the warehouse
and removes them here. Numbers are those of SQLite's AUTOINCREMENT: never given twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from scms.errors import HotStoreError
from scms.hot.codec import compressed, decompressed
from scms.tables import SAID

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from scms.tables import Table

#: Rows that are stored as one, at most.
ROWS_TOGETHER: Final = 2000
_TABLES: Final = {table.name: table for table in SAID}


@dataclass(frozen=True, slots=True)
class Said:
    """Rows that were said at once, of one table; numbers grow and are never used again."""

    id: int
    table: str
    rows: list[dict[str, Any]]


def insert(connection: sqlite3.Connection, name: str, rows: Sequence[dict[str, object]]) -> None:
    """Write rows of a table of `scms.tables.SAID`, in the transaction that is open."""
    table = _TABLES.get(name)
    if table is None:
        raise HotStoreError(
            f"rows of {name!r} are not what we say", expected=f"one of {', '.join(_TABLES)}"
        )
    checked = [_checked(table, row) for row in rows]
    for start in range(0, len(checked), ROWS_TOGETHER):
        body = compressed(checked[start : start + ROWS_TOGETHER], f"a row of {name}")
        connection.execute("INSERT INTO said (name, body) VALUES (?, ?)", (name, body))


def decode(row: tuple[int, str, bytes]) -> Said:
    """What was said, of a row (id, name, body)."""
    number, name, body = row
    return Said(number, name, decompressed(body, None, f"what was said as number {number}"))


def _checked(table: Table, row: dict[str, object]) -> dict[str, object]:
    """The row, complete in the columns of its table."""
    unknown = set(row).difference(table.column_names())
    missing = [c.name for c in table.columns if c.required and row.get(c.name) is None]
    if unknown or missing:
        raise HotStoreError(
            f"a row for {table.name} has columns {', '.join(sorted(row))}",
            expected=f"{', '.join(missing)} too" if missing else f"no {', '.join(sorted(unknown))}",
        )
    return {name: row.get(name) for name in table.column_names()}
