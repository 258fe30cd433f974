"""What the collector hands on: the rows that one tick, or one failed try, made of a server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scms.tables import Table

#: A row as it is stored: strings, numbers, booleans and None; times in epoch milliseconds.
Row = dict[str, object]


@dataclass(frozen=True)
class Record:
    """One tick of one server, as rows of the fact tables.

    Attributes:
        server: Its name in the inventory.
        received_at_ms: When the collector received it, milliseconds since the epoch.
        tables: Rows by the name of their table, complete in its columns; timestamps in
            milliseconds since the epoch.
        detail: What only the live page shows: host name, kernel, file systems and the like.
    """

    server: str
    received_at_ms: int
    tables: dict[str, list[Row]]
    detail: Row


def complete(table: Table, **values: object) -> Row:
    """A row of ``table`` with every column of it, in order: what is not given is None.

    Raises:
        KeyError: A value is given for a column that the table does not have.
    """
    row: Row = dict.fromkeys(table.column_names())
    for name, value in values.items():
        if name not in row:
            raise KeyError(f"{table.name} has no column {name}")
        row[name] = value
    return row
