"""Rows as the hot store keeps them, as Arrow tables of the declared columns.

In: what `scms.hot.packing` made of the rows of many records. Out: Arrow, as `scms.warehouse.rows`,
in any order. Records of one layout make one matrix of numbers, so that no number is ever a Python
object; texts are read once where records have the same.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from scms.errors import HotStoreError
from scms.hot.packing import NULL_INTEGER, Packed, places, unpack
from scms.tables import ALL
from scms.warehouse.rows import arrow_array, arrow_rows, arrow_schema, complete_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from scms.hot.columns import Rows
    from scms.hot.packing import Layout
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


def stored_rows(table: Table, parts: Sequence[Packed | Rows]) -> pa.Table:
    """The rows of many records, with the declared columns; in any order."""
    fitting: defaultdict[Layout, list[Packed]] = defaultdict(list)
    odd: list[dict[str, Any]] = []
    for part in parts:
        if not isinstance(part, Packed):
            odd += part
        elif not part.layout.count:
            continue
        elif _plan(part.layout) is None:
            odd += _unpacked(part)
        else:
            fitting[part.layout].append(part)
    found = [] if not fitting else [_fitting_rows(table, fitting)]
    return pa.concat_tables([*found, arrow_rows(table, odd)] if odd or not found else found)


def _unpacked(part: Packed) -> list[dict[str, Any]]:
    return unpack(part.layout, part.layout.numbers.unpack(part.numbers), _texts(part))


def _texts(part: Packed) -> list[Any]:
    try:
        found: list[Any] = json.loads(part.texts.decode("ascii"))
    except ValueError as error:
        raise HotStoreError(
            f"texts of {part.layout.table} in the hot store are damaged: {error}",
            expected="a JSON array",
        ) from error
    return found


def _fitting_rows(table: Table, groups: dict[Layout, list[Packed]]) -> pa.Table:
    """The rows of records of some layouts that fit."""
    columns = [column for column in table.columns if column.type in _NUMBERS]
    cells = np.concatenate([_cells(layout, parts) for layout, parts in groups.items()])
    try:
        numbers = {
            column.name: _numbers(column, np.ascontiguousarray(cells[:, place]))
            for place, column in enumerate(columns)
        }
    except pa.ArrowException:  # a time that is too far away: null for that one
        return arrow_rows(
            table, [row for parts in groups.values() for part in parts for row in _unpacked(part)]
        )
    found = numbers | _text_columns(table, groups)
    return complete_rows(table, {name: found[name] for name in table.column_names()}).cast(
        arrow_schema(table)
    )


def _cells(layout: Layout, parts: Sequence[Packed]) -> NDArray[np.int64]:
    """The numbers of the rows of one layout, all as 64 bits: (rows, columns of numbers)."""
    plan = _plan(layout)
    assert plan is not None
    wide = layout.numbers.size // 8
    cells = np.empty((len(parts), wide + len(_NULLS)), np.int64)
    joined = b"".join([part.numbers for part in parts])
    cells[:, :wide] = np.frombuffer(joined, "<i8").reshape(len(parts), wide)
    cells[:, wide:] = _NULLS
    if len(plan.whole):
        cells[:, plan.whole] = cells[:, plan.whole].astype(np.float64).view(np.int64)
    return cells[:, plan.numbers].reshape(len(parts) * layout.count, -1)


def _numbers(column: Column, cells: NDArray[np.int64]) -> pa.Array:
    if column.type == "float":
        return pa.array(cells.view(np.float64), from_pandas=True)  # NaN is null
    nulls = cells == NULL_INTEGER
    values = pa.array(cells, mask=nulls if nulls.any() else None)
    if column.type == "integer":
        return values
    return values.cast(_MILLISECONDS).cast(pa.timestamp("us", tz="UTC"))


def _text_columns(table: Table, groups: dict[Layout, list[Packed]]) -> dict[str, pa.Array]:
    """The columns that are no numbers: their different values, spread over the rows."""
    columns = [column for column in table.columns if column.type not in _NUMBERS]
    values: list[list[Any]] = [[] for _ in columns]
    spread: list[NDArray[np.int64]] = []
    for layout, parts in groups.items():
        plan = _plan(layout)
        assert plan is not None
        known: dict[bytes, int] = {}
        for part in parts:
            if part.texts not in known:
                known[part.texts] = len(values[0])
                texts = [*_texts(part), None]
                for column, where in zip(values, plan.texts, strict=True):
                    column += [texts[place] for place in where]
        starts = np.array([known[part.texts] for part in parts])
        spread.append((starts[:, np.newaxis] + np.arange(layout.count)).ravel())
    index = pa.array(np.concatenate(spread))
    return {
        column.name: arrow_array(column, found).take(index)
        for column, found in zip(columns, values, strict=True)
    }
