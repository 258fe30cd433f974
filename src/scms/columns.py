"""What a table and a column are, for the declarations of `scms.tables`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

#: ``floats`` is a list of numbers without nulls in it, ``texts`` a list of strings.
ColumnType = Literal["string", "timestamp", "float", "integer", "boolean", "floats", "texts"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column. Its unit is in its name; ``required`` columns are never null."""

    name: str
    type: ColumnType
    doc: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the warehouse.

    ``time`` is the column it is partitioned by, ``partition`` the size of a partition (None: the
    table is small and has none), ``sort`` the order of the rows in a file. Iceberg numbers the
    columns as they are added, so columns are only ever added at the end.
    """

    name: str
    doc: str
    grain: str
    time: str
    partition: Literal["day", "month"] | None
    sort: tuple[str, ...]
    columns: tuple[Column, ...]

    def column_names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(column.name for column in self.columns)


SERVER: Final = Column("server", "string", "name of the server in the inventory", required=True)
