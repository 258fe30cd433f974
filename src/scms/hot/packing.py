"""Rows of a fact table as one run of numbers and a few texts: quick to write and to read.

In: the rows that one tick made, with the columns of their table in order. Out: numbers and texts,
of many records as `Packed`. How the numbers lie there is said by a `Layout`, a line that is the
same for tick after tick, so that the numbers of many records make one matrix
(`scms.warehouse.storedrows`). Most columns of the eight GPUs of a server have one value, which is
stored once, and no name of a column is stored: they are known by their place, since columns are
only ever added at the end of a table.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from itertools import repeat
from math import isfinite, nan
from struct import Struct, error
from typing import TYPE_CHECKING, Any, Final

from scms.tables import FACTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from scms.collect.record import Row

#: How a column is stored: the same null, float, integer or text (anything else that JSON has) of
#: all rows, or that of each row.
NULL, FLOAT, INTEGER, TEXT = "n", "f", "i", "t"
FLOATS, INTEGERS, TEXTS = "F", "I", "T"
#: Floats or nulls, which are NaN here; integers or nulls, which are `NULL_INTEGER`.
FLOATS_OR_NULLS, INTEGERS_OR_NULLS = "G", "H"
NULL_INTEGER: Final = -(2**63)
#: For structs: how a number is stored, and whether each row has one.
_CODES: Final = {
    FLOAT: ("d", False),
    INTEGER: ("q", False),
    FLOATS: ("d", True),
    FLOATS_OR_NULLS: ("d", True),
    INTEGERS: ("q", True),
    INTEGERS_OR_NULLS: ("q", True),
}
#: Values of these classes are of a kind, in which a number stands for null.
_KNOWN: Final = {
    frozenset({float}): (FLOATS, nan),
    frozenset({float, None.__class__}): (FLOATS_OR_NULLS, nan),
    frozenset({int, None.__class__}): (INTEGERS_OR_NULLS, NULL_INTEGER),
}
_INTEGERS_ONLY: Final = frozenset({int})
_FLOATS: Final = {t.name: [column.type == "float" for column in t.columns] for t in FACTS}
_NAMES: Final = {table.name: table.column_names() for table in FACTS}
_LAYOUTS_KEPT: Final = 8192


class UnpackableError(ValueError):
    """Rows that have other columns, or integers beyond 64 bits."""


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """How the rows of a table lie in what is stored; equal ones are mostly the same object.

    Attributes:
        table: Its name.
        count: How many rows there are.
        kinds: For each column, by its place, how it is stored.
        text: All this, as it is stored.
        numbers: The numbers of all columns, one after the other.
    """

    table: str
    count: int
    kinds: str
    text: str
    numbers: Struct


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """What is stored of many records whose rows of a table have one layout.

    Attributes:
        ids: The numbers of the records.
        numbers: Of each the numbers of its rows, 64 bits each.
        texts: Of each the texts of its rows, as a JSON array.
    """

    ids: list[int] = field(default_factory=list)
    numbers: list[bytes] = field(default_factory=list)
    texts: list[bytes] = field(default_factory=list)


@lru_cache(_LAYOUTS_KEPT)
def layout_of(table: str, count: int, kinds: str) -> Layout:
    """The layout of so many rows."""
    codes = (_CODES[kind] for kind in kinds if kind in _CODES)
    numbers = Struct("<" + "".join(f"{count if each else 1}{code}" for code, each in codes))
    return Layout(table, count, kinds, f"{table} {count} {kinds}", numbers)


@lru_cache(_LAYOUTS_KEPT)
def layouts_of(texts: bytes) -> tuple[tuple[Layout, ...], int]:
    """The layouts of the tables of a record, of their texts with ``;`` between them.

    Returns:
        The layouts, and how many bytes the numbers of all take.
    """
    parts = (text.split(" ") for text in texts.decode("ascii").split(";") if text)
    found = tuple(layout_of(table, int(count), kinds) for table, count, kinds in parts)
    return found, sum(layout.numbers.size for layout in found)


def pack(table: str, rows: Sequence[Row]) -> tuple[Layout, bytes, list[Any]]:
    """The rows as they are stored: their layout, numbers and texts.

    Raises:
        UnpackableError: They cannot be stored in this form.
    """
    names = _NAMES.get(table)
    if names is None or [row for row in rows if tuple(row) != names]:
        raise UnpackableError(f"rows of {table} with other columns")
    numbers: list[Any] = []
    texts: list[Any] = []
    if len(rows) == 1:
        kinds = [
            NULL if value is None else _one(value, numbers, texts) for value in rows[0].values()
        ]
    else:
        columns = zip(*[row.values() for row in rows], strict=True)
        kinds = [
            (NULL if values[0] is None else _one(values[0], numbers, texts))
            if values[0] == values[-1] and values.count(values[0]) == len(values)
            else _each(values, numbers, texts, floats=floats)
            for values, floats in zip(columns, _FLOATS[table], strict=False)
        ]
    layout = layout_of(table, len(rows), "".join(kinds))
    try:
        return layout, layout.numbers.pack(*numbers), texts
    except error as beyond:
        raise UnpackableError(str(beyond)) from None


def _one(value: Any, numbers: list[Any], texts: list[Any]) -> str:
    """Store the value of all rows, which is not null."""
    kind = value.__class__
    if kind is float and isfinite(value):
        numbers.append(value)
        return FLOAT
    if kind is int and value != NULL_INTEGER:
        numbers.append(value)
        return INTEGER
    texts.append(value)
    return TEXT


def _each(values: tuple[Any, ...], numbers: list[Any], texts: list[Any], *, floats: bool) -> str:
    """Store the values of the rows; in a column of floats integers become floats."""
    if floats:
        try:
            if isfinite(sum(values)):
                numbers += values
                return FLOATS
        except (TypeError, OverflowError):
            pass  # nulls and others are among them
    classes = frozenset(map(type, values))
    if classes == _INTEGERS_ONLY and NULL_INTEGER not in values:
        numbers += values
        return INTEGERS
    if classes in _KNOWN and _storable([value for value in values if value is not None]):
        kind, null = _KNOWN[classes]
        numbers += [null if value is None else value for value in values]
        return kind
    texts += values
    return TEXTS


def _storable(values: list[Any]) -> bool:
    """Whether none of these floats or integers is what stands for something else."""
    if values[0].__class__ is int:
        return NULL_INTEGER not in values
    return all(map(isfinite, values))


def unpack(layout: Layout, numbers: Sequence[Any], texts: Sequence[Any]) -> list[Row]:
    """The rows that `pack` was given, of the values of its numbers and its texts."""
    names = _NAMES[layout.table]
    columns: list[Iterable[Any]] = []
    number = text = 0
    count = layout.count
    for kind in layout.kinds:
        if kind == NULL:
            columns.append(repeat(None, count))
        elif kind in "FIGH":
            values = numbers[number : number + count]
            columns.append(values if kind in "FI" else _with_nulls(values))
            number += count
        elif kind in "fi":
            columns.append(repeat(numbers[number], count))
            number += 1
        elif kind == TEXT:
            columns.append(repeat(texts[text], count))
            text += 1
        else:
            columns.append(texts[text : text + count])
            text += count
    return [dict(zip(names, row, strict=False)) for row in zip(*columns, strict=True)]


def _with_nulls(values: Iterable[Any]) -> list[Any]:
    return [None if v != v or v == NULL_INTEGER else v for v in values]  # noqa: PLR0124  NaN


def places(layout: Layout) -> list[tuple[str, list[int]]]:
    """For each column its kind, and for each row where its number or text is; none for nulls."""
    found: list[tuple[str, list[int]]] = []
    number = text = 0
    count = layout.count
    for kind in layout.kinds:
        if kind in _CODES:
            wide = count if _CODES[kind][1] else 1
            found.append((kind, _rows(number, wide, count)))
            number += wide
        elif kind == NULL:
            found.append((kind, []))
        else:
            wide = count if kind == TEXTS else 1
            found.append((kind, _rows(text, wide, count)))
            text += wide
    return found


def _rows(first: int, wide: int, count: int) -> list[int]:
    return [*range(first, first + wide)] if wide == count else [first] * count
