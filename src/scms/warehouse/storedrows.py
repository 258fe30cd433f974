"""Rows as the hot store keeps them, as Arrow tables of the declared columns.

In: what `scms.hot.packing` made of the rows of many records. Out: Arrow, as `scms.warehouse.rows`,
in any order. Records of one layout make one matrix of numbers, so that no number is ever a Python
object; texts are read once where records have the same.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from scms.errors import HotStoreError
from scms.hot.packing import NULL_INTEGER, places, unpack
from scms.tables import ALL
from scms.warehouse.rows import (
    arrow_array,
    arrow_rows,
    arrow_schema,
    complete_rows,
    numbered_rows,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from scms.hot.codec import StoredTables
    from scms.hot.packing import Layout, Packed
    from scms.tables import Column, Table

#: Types of columns, and the kinds of `scms.hot.packing` in which their values mostly come.
_FITTING: Final = {
    "float": "nfFGiI",
    "integer": "niIH",
    "timestamp": "niIH",
    "string": "ntT",
    "boolean": "ntT",
}
_NUMBERS: Final = ("float", "integer", "timestamp")
_MILLISECONDS: Final = pa.timestamp("ms", tz="UTC")
#: What stands after the numbers of a record: null as a float, and as an integer.
_NULLS: Final = np.array([np.array(np.nan).view(np.int64), NULL_INTEGER])


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """How the rows of a layout are taken from its numbers and texts.

    Attributes:
        numbers: The places of the numbers of all rows and columns; nulls stand after the last.
        whole: The places of integers that are in columns of floats.
        texts: For each column that is no number the places of its texts; the last is a null.
    """

    numbers: NDArray[np.intp]
    whole: NDArray[np.intp]
    texts: tuple[tuple[int, ...], ...]


@lru_cache(8192)
def _plan(layout: Layout) -> _Plan | None:
    """None where a column has values of a kind that it should not have."""
    columns = ALL[layout.table].columns
    found = places(layout)[: len(columns)]
    found += [("n", [])] * (len(columns) - len(found))  # columns that came since
    if any(kind not in _FITTING[c.type] for c, (kind, _) in zip(columns, found, strict=True)):
        return None
    count, last = layout.count, layout.numbers.size // 8
    numbers: list[list[int]] = []
    texts: list[tuple[int, ...]] = []
    whole: set[int] = set()
    for column, (kind, where) in zip(columns, found, strict=True):
        if column.type not in _NUMBERS:
            texts.append(tuple(where) if where else (-1,) * count)
            continue
        null = last if column.type == "float" else last + 1
        numbers.append(where or [null] * count)
        if column.type == "float" and kind in "iI":
            whole.update(where)
    return _Plan(
        np.array(numbers, np.intp).reshape(-1, count).T.ravel(),
        np.array(sorted(whole), np.intp),
        tuple(texts),
    )


def stored_rows(table: Table, stored: StoredTables, *, number: str | None = None) -> pa.Table:
    """The rows of a table in many records, with the declared columns; in any order.

    Args:
        table: The table.
        stored: The records.
        number: The name of a first column, that has the number of the record.
    """
    odd = [*stored.odd.get(table.name, ())]
    fitting: dict[Layout, Packed] = {}
    for layout, packed in stored.packed.items():
        if layout.table != table.name or not layout.count:
            continue
        if _plan(layout) is None:
            odd += _unpacked(layout, packed)
        else:
            fitting[layout] = packed
    found = [_fitting_rows(table, fitting, number)] if fitting else []
    if odd or not found:
        found.append(_odd_rows(table, odd, number))
    return pa.concat_tables(found)


def _odd_rows(
    table: Table, rows: Sequence[tuple[int, dict[str, Any]]], number: str | None
) -> pa.Table:
    if number is None:
        return arrow_rows(table, [row for _, row in rows])
    return numbered_rows(table, rows, number)


def _unpacked(layout: Layout, packed: Packed) -> list[tuple[int, dict[str, Any]]]:
    """The rows, each with the number of its record."""
    return [
        (record_id, row)
        for record_id, numbers, texts in zip(packed.ids, packed.numbers, packed.texts, strict=True)
        for row in unpack(layout, layout.numbers.unpack(numbers), _loaded(layout, texts))
    ]


def _loaded(layout: Layout, texts: bytes) -> list[Any]:
    try:
        found: list[Any] = json.loads(texts.decode("ascii"))
    except ValueError as error:
        raise HotStoreError(
            f"texts of {layout.table} in the hot store are damaged: {error}",
            expected="a JSON array",
        ) from error
    return found


def _fitting_rows(table: Table, groups: dict[Layout, Packed], number: str | None) -> pa.Table:
    """The rows of records of some layouts that fit."""
    columns = [column for column in table.columns if column.type in _NUMBERS]
    cells = np.concatenate([_cells(layout, packed) for layout, packed in groups.items()])
    try:
        found = {
            column.name: _numbers(column, np.ascontiguousarray(cells[:, place]))
            for place, column in enumerate(columns)
        }
    except pa.ArrowException:  # a time that is too far away: null for that one
        rows = [row for layout, packed in groups.items() for row in _unpacked(layout, packed)]
        return _odd_rows(table, rows, number)
    found |= _text_columns(table, groups)
    ordered = {name: found[name] for name in table.column_names()}
    schema = arrow_schema(table)
    if number is not None:
        of_rows = [np.repeat(packed.ids, layout.count) for layout, packed in groups.items()]
        ordered = {number: pa.array(np.concatenate(of_rows), pa.int64())} | ordered
        schema = schema.insert(0, pa.field(number, pa.int64()))
    return complete_rows(table, ordered).cast(schema)


def _cells(layout: Layout, packed: Packed) -> NDArray[np.int64]:
    """The numbers of the rows of one layout, all as 64 bits: (rows, columns of numbers)."""
    plan = _plan(layout)
    assert plan is not None
    wide, records = layout.numbers.size // 8, len(packed.ids)
    cells = np.empty((records, wide + len(_NULLS)), np.int64)
    cells[:, :wide] = np.frombuffer(b"".join(packed.numbers), "<i8").reshape(records, wide)
    cells[:, wide:] = _NULLS
    if len(plan.whole):
        cells[:, plan.whole] = cells[:, plan.whole].astype(np.float64).view(np.int64)
    return cells[:, plan.numbers].reshape(records * layout.count, -1)


def _numbers(column: Column, cells: NDArray[np.int64]) -> pa.Array:
    if column.type == "float":
        return pa.array(cells.view(np.float64), from_pandas=True)  # NaN is null
    nulls = cells == NULL_INTEGER
    values = pa.array(cells, mask=nulls if nulls.any() else None)
    if column.type == "integer":
        return values
    return values.cast(_MILLISECONDS).cast(pa.timestamp("us", tz="UTC"))


def _text_columns(table: Table, groups: dict[Layout, Packed]) -> dict[str, pa.Array]:
    """The columns that are no numbers: their different values, spread over the rows."""
    columns = [column for column in table.columns if column.type not in _NUMBERS]
    values: list[list[Any]] = [[] for _ in columns]
    spread: list[NDArray[np.int64]] = []
    for layout, packed in groups.items():
        plan = _plan(layout)
        assert plan is not None
        known: dict[bytes, int] = {}
        for texts in packed.texts:
            if texts not in known:
                known[texts] = len(values[0])
                loaded = [*_loaded(layout, texts), None]
                for column, where in zip(values, plan.texts, strict=True):
                    column += [loaded[place] for place in where]
        starts = np.array([known[texts] for texts in packed.texts])
        spread.append((starts[:, np.newaxis] + np.arange(layout.count)).ravel())
    index = pa.array(np.concatenate(spread))
    return {
        column.name: arrow_array(column, found).take(index)
        for column, found in zip(columns, values, strict=True)
    }
