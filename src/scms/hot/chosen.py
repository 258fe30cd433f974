"""Some columns of many stored records: what the charts of a page need of a quarter of an hour.

In: the hot store, a moment, and which columns of which tables. Out: the rows with these columns
alone. The rest is never made into objects, which is most of what reading a record takes.
"""

from __future__ import annotations

import json
from functools import lru_cache
from itertools import repeat
from struct import Struct
from typing import TYPE_CHECKING, Any, Final

from scms.hot.codec import decode_tables
from scms.hot.packing import (
    FLOATS_OR_NULLS,
    INTEGERS_OR_NULLS,
    NULL,
    NULL_INTEGER,
    TEXT,
    TEXTS,
    places,
)
from scms.tables import FACTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from scms.collect.record import Row
    from scms.hot.codec import StoredTables
    from scms.hot.packing import Layout
    from scms.hot.store import HotStore

_NAMES: Final = {table.name: table.column_names() for table in FACTS}
_FLOAT_KINDS: Final = "fFG"
#: Records are read a few at a time: a kernel that once took memory for all of them would keep it.
_AT_ONCE: Final = 500


def rows_since(
    hot: HotStore,
    received_at_ms: int,
    columns: Mapping[str, Sequence[str]],
    *,
    every_ms: int | None = None,
) -> Iterator[tuple[str, dict[str, list[Row]]]]:
    """A few columns of the records received at a moment or later, in order.

    Args:
        hot: The hot store.
        received_at_ms: The moment.
        columns: Names of tables, and of the columns of each.
        every_ms: Only the last record of each server in each stretch of so many milliseconds.

    Yields:
        For each record its server, and its rows by table.

    Raises:
        HotStoreError: The file cannot be read.
    """
    some = "id" if every_ms is None else f"server, received_at_ms / {int(every_ms)}"
    found = hot.query(
        f"SELECT max(id) FROM record WHERE received_at_ms >= ? GROUP BY {some} ORDER BY 1",  # noqa: S608  an integer
        (received_at_ms,),
    )
    numbers = [number for (number,) in found]
    for n in range(0, len(numbers), _AT_ONCE):
        yield from _read(hot, numbers[n : n + _AT_ONCE], columns)


def _read(
    hot: HotStore, numbers: Sequence[int], columns: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, dict[str, list[Row]]]]:
    rows = hot.query(
        "SELECT id, body, server FROM record "  # noqa: S608  only question marks
        f"WHERE id IN ({', '.join('?' * len(numbers))}) ORDER BY id",
        numbers,
    )
    stored = decode_tables([(row[0], row[1]) for row in rows])
    found = {name: chosen_rows(stored, name, chosen) for name, chosen in columns.items()}
    for number, _, server in rows:
        yield server, {name: of_table.get(number, []) for name, of_table in found.items()}


def chosen_rows(tables: StoredTables, table: str, columns: Sequence[str]) -> dict[int, list[Row]]:
    """The rows of a table by the number of their record, with these columns alone."""
    found: dict[int, list[Row]] = {}
    for layout, packed in tables.packed.items():
        if layout.table != table:
            continue
        plan = _plan(layout, tuple(columns))
        for number, numbers, texts in zip(packed.ids, packed.numbers, packed.texts, strict=True):
            values = (_values(kind, where, layout.count, numbers, texts) for kind, where in plan)
            found[number] = [
                dict(zip(columns, row, strict=True)) for row in zip(*values, strict=True)
            ]
    for number, row in tables.odd.get(table, []):
        found.setdefault(number, []).append({name: row.get(name) for name in columns})
    return found


@lru_cache(8192)
def _plan(layout: Layout, columns: tuple[str, ...]) -> list[tuple[str, tuple[int, ...]]]:
    """For each column its kind and where its values are; columns that came since are null."""
    there = places(layout)
    names = _NAMES[layout.table]
    return [
        (there[at][0], tuple(there[at][1])) if at < len(there) else (NULL, ())
        for at in map(names.index, columns)
    ]


def _values(
    kind: str, where: tuple[int, ...], count: int, numbers: bytes, texts: bytes
) -> Iterable[Any]:
    if kind == NULL:
        return repeat(None, count)
    if kind in {TEXT, TEXTS}:
        told = json.loads(texts.decode("ascii"))
        return [told[at] for at in where]
    wide = 1 if where[0] == where[-1] else count
    values = _reader(where[0], wide, "d" if kind in _FLOAT_KINDS else "q").unpack_from(numbers)
    if kind == FLOATS_OR_NULLS:
        return [None if value != value else value for value in values]  # noqa: PLR0124  NaN
    if kind == INTEGERS_OR_NULLS:
        return [None if value == NULL_INTEGER else value for value in values]
    return values if wide == count else repeat(values[0], count)


@lru_cache(8192)
def _reader(first: int, wide: int, code: str) -> Struct:
    return Struct(f"<{8 * first}x{wide}{code}")
