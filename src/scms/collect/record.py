"""What the collector hands on: the rows that one tick, or one failed try, made of a server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scms.tables import FACTS

if TYPE_CHECKING:
    from scms.tables import Table

#: A row as it is stored: strings, numbers, booleans and None; times in epoch milliseconds.
Row = dict[str, object]
_BLANK: Final[dict[str, Row]] = {table.name: dict.fromkeys(table.column_names()) for table in FACTS}


@dataclass(frozen=True)
class Record:
    """One tick of one server, as rows of the fact tables.

    Attributes:
        server: Its name in the inventory.
        received_at_ms: When the collector received it, milliseconds since the epoch.
        tables: Rows by the name of their table, complete in its columns; timestamps in
            milliseconds since the epoch.
        detail: What has no column in the facts, for the live page and the dimensions: host name,
            kernel, file systems and the like.
    """

    server: str
    received_at_ms: int
    tables: dict[str, list[Row]]
    detail: Row


def complete(table: Table, **values: object) -> Row:
    """A row of a fact table with every column of it, in order: what is not given is None.

    Raises:
        KeyError: A value is given for a column that the table does not have.
    """
    row = _BLANK[table.name] | values
    if len(row) != len(_BLANK[table.name]):
        unknown = next(name for name in values if name not in _BLANK[table.name])
        raise KeyError(f"{table.name} has no column {unknown}")
    return row
