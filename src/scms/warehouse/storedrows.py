"""Rows as the hot store keeps them, as Arrow tables of the declared columns.

In: what `scms.hot.columns` made of the rows of many records. Out: Arrow, as `scms.warehouse.rows`.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from scms.hot.columns import same_columns, unpacked
from scms.warehouse.rows import arrow_array, arrow_rows, arrow_schema, complete_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scms.hot.columns import Stored
    from scms.tables import Column, Table


def stored_rows(table: Table, parts: Sequence[Stored]) -> pa.Table:
    """The rows of many records, in the order of the declared columns; unsorted."""
    if not same_columns(parts):  # an odd one, or of two versions of SCMS
        return arrow_rows(table, [row for part in parts for row in unpacked(table.name, part)])
    counts = [part[0] for part in parts]
    spread = None
    if max(counts) > 1:
        spread = pa.array(np.repeat(np.arange(len(counts)), counts))
    found = {
        column.name: _column(column, values, counts, spread)
        for column, values in zip(
            table.columns, zip(*(p[1] for p in parts), strict=True), strict=False
        )
    }
    for column in table.columns[len(found) :]:
        found[column.name] = arrow_array(column, [None] * sum(counts))
    return complete_rows(table, found).cast(arrow_schema(table))


def _column(
    column: Column, values: Sequence[Any], counts: list[int], spread: pa.Array | None
) -> pa.Array:
    """One column of all rows.

    Args:
        column: Its declaration.
        values: For each record one value of all its rows, or a list.
        counts: How many rows each record has.
        spread: For each row the place of its record; None where each has one.
    """
    lists = [value.__class__ is list for value in values]
    if not any(lists):
        array = arrow_array(column, values)
        return array if spread is None else array.take(spread)
    if not all(lists):
        values = [
            value if is_list else [value] * count
            for value, is_list, count in zip(values, lists, counts, strict=True)
        ]
    return arrow_array(column, list(chain.from_iterable(values)))
