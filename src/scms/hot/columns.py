"""Rows of a fact table as the second form of records had them: by columns, as JSON.

In: how many there are, and for each column one value where all rows have it, else a list; or the
rows themselves, as the first form and odd records have them. Out: the rows.
"""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Any, Final

from scms.tables import FACTS

if TYPE_CHECKING:
    from scms.collect.record import Row

_NAMES: Final = {table.name: table.column_names() for table in FACTS}


def unpacked(table: str, stored: list[Any]) -> list[Row]:
    """The rows, of ``[number of rows, [value or values of each column]]`` or of the rows."""
    if not stored or stored[0].__class__ is not int:
        return stored
    count, columns = stored
    names = _NAMES[table][: len(columns)]
    values = (v if v.__class__ is list else repeat(v, count) for v in columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]
