"""Rows of a fact table by columns: what makes a record small, and quick to write and to read.

In: the rows that one tick made, with the columns of their table in order. Out: how many there are,
and for each column one value where all rows have it, else a list. Most columns of the eight GPUs of
a server are of the first kind, and no name of a column is stored: they are known by their place,
since columns are only ever added at the end of a table.
"""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Any, Final

from scms.tables import FACTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scms.collect.record import Row

#: As stored: ``[number of rows, [value or values of each column]]``; or the rows themselves, where
#: they have other columns or are of a file from before there was this form.
Stored = list[Any]
_NAMES: Final = {table.name: table.column_names() for table in FACTS}


def packed(table: str, rows: list[Row]) -> Stored:
    """The rows as they are stored."""
    names = _NAMES.get(table)
    if not rows or any(tuple(row) != names for row in rows):
        return rows
    if len(rows) == 1:
        return [1, [[v] if isinstance(v, list | tuple) else v for v in rows[0].values()]]
    return [len(rows), [_one(v) for v in zip(*(row.values() for row in rows), strict=True)]]


def _one(values: tuple[object, ...]) -> object:
    first = values[0]
    if first != values[-1] or values.count(first) < len(values) or isinstance(first, list | tuple):
        return values
    return first


def unpacked(table: str, stored: Stored) -> list[Row]:
    """The rows that `packed` was given."""
    if not by_columns(stored):
        return stored
    count, columns = stored
    names = _NAMES[table][: len(columns)]
    values = (v if v.__class__ is list else repeat(v, count) for v in columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]


def by_columns(stored: Stored) -> bool:
    """Whether rows are stored by columns."""
    return bool(stored) and stored[0].__class__ is int


def same_columns(parts: Sequence[Stored]) -> bool:
    """Whether all are stored by the same columns, so that these can be put together."""
    return all(by_columns(part) for part in parts) and len({len(part[1]) for part in parts}) == 1
