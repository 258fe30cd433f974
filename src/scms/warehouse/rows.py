"""Rows as the collector makes them, as Arrow tables of the declared columns.

Input: dictionaries with timestamps in milliseconds, or Arrow tables. Output: Arrow, sorted as the
table is. A value that cannot be held becomes null, and a row that lacks a required value is left
out and logged: one odd row of one server never stops the others.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from scms.errors import WarehouseError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scms.tables import Column, Table

_logger = logging.getLogger(__name__)
_TYPES: Final = {
    "string": pa.string(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "float": pa.float64(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    # Named as Iceberg names it, or rows of two origins would not be of one type.
    "floats": pa.list_(pa.field("element", pa.float64())),
    "texts": pa.list_(pa.field("element", pa.string())),
}

#: As what a value comes that is kept as something else.
_SAID_AS: Final = {"timestamp": pa.timestamp("ms", tz="UTC")}


def arrow_schema(table: Table) -> pa.Schema:
    """The columns of a table as an Arrow schema, required ones not nullable."""
    return pa.schema(
        [pa.field(c.name, _TYPES[c.type], nullable=not c.required) for c in table.columns]
    )


def arrow_rows(table: Table, rows: Sequence[dict[str, object]] | pa.Table) -> pa.Table:
    """Rows as Arrow, in the order of the declared columns; unsorted."""
    if isinstance(rows, pa.Table):
        return _conformed(table, rows)
    return complete_rows(table, _columns(table, rows)).cast(arrow_schema(table))


def numbered_rows(
    table: Table, rows: Sequence[tuple[int, dict[str, object]]], number: str
) -> pa.Table:
    """The same with a first column that holds a number for each row."""
    columns = {number: pa.array([n for n, _ in rows], pa.int64())}
    columns.update(_columns(table, [row for _, row in rows]))
    schema = arrow_schema(table).insert(0, pa.field(number, pa.int64()))
    return complete_rows(table, columns).cast(schema)


def sorted_rows(table: Table, rows: pa.Table) -> pa.Table:
    """The rows in the order that files of the table have."""
    if _in_order(rows, table.sort):  # to see this takes a tenth of the time of sorting
        return rows
    return rows.sort_by([(name, "ascending") for name in table.sort])


def _in_order(rows: pa.Table, names: Sequence[str]) -> bool:
    """Whether rows are sorted already; not where values to compare are null."""
    if rows.num_rows < 2:
        return True
    before, after = rows.slice(0, rows.num_rows - 1), rows.slice(1)
    in_order = pc.equal(1, 1)
    for name in reversed(names):
        less, same = pc.less(before[name], after[name]), pc.equal(before[name], after[name])
        in_order = pc.or_(less, pc.and_(same, in_order))
    return bool(pc.all(in_order, skip_nulls=False).as_py())


def _columns(table: Table, rows: Sequence[dict[str, object]]) -> dict[str, pa.Array]:
    names = table.column_names()
    kinds = [_SAID_AS.get(column.type, _TYPES[column.type]) for column in table.columns]
    try:  # all columns in one pass takes a fifth of the time of one after another
        whole = pa.array(rows, pa.struct([*zip(names, kinds, strict=True)]))
        return {
            column.name: array.cast(_TYPES[column.type])
            for column, array in zip(table.columns, whole.flatten(), strict=True)
        }
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        return {c.name: arrow_array(c, [row.get(c.name) for row in rows]) for c in table.columns}


def complete_rows(table: Table, columns: dict[str, pa.Array]) -> pa.Table:
    """The rows that have every required value; the others are said."""
    rows = kept = pa.table(columns)
    for name in (c.name for c in table.columns if c.required):
        if kept[name].null_count:
            kept = kept.filter(pc.is_valid(kept[name]))
    if kept.num_rows < rows.num_rows:
        left_out = rows.num_rows - kept.num_rows
        _logger.warning("%s: %d rows lack a required value, left out", table.name, left_out)
    return kept


def _conformed(table: Table, rows: pa.Table) -> pa.Table:
    schema = arrow_schema(table)
    unknown = set(rows.column_names) - set(schema.names)
    missing = {c.name for c in table.columns if c.required} - set(rows.column_names)
    if unknown or missing:
        raise WarehouseError(
            f"rows for {table.name} have columns {sorted(rows.column_names)}",
            expected=f"columns of {table.name}, {sorted(missing)} among them"
            if missing
            else f"no columns {sorted(unknown)}",
        )
    arrays = [
        rows[field.name] if field.name in rows.column_names else pa.nulls(len(rows), field.type)
        for field in schema
    ]
    try:
        return pa.table(arrays, names=schema.names).cast(schema)
    except (pa.ArrowException, ValueError) as error:
        raise WarehouseError(
            f"rows for {table.name} cannot be used: {error}", expected="the declared types"
        ) from error


def arrow_array(column: Column, values: Sequence[Any]) -> pa.Array:
    """The values of a column; null where one cannot be held."""
    kind = _TYPES[column.type]
    try:
        if column.type == "timestamp":
            return pa.array(values, pa.timestamp("ms", tz="UTC")).cast(kind)
        return pa.array(values, kind)
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        return pa.array([_value(column, value, kind) for value in values], kind)


def _value(column: Column, value: Any, kind: pa.DataType) -> Any:
    """One value as Arrow takes it; None where it cannot be held."""
    if isinstance(value, str) and column.type == "string":
        return value.encode("utf-8", "replace").decode("utf-8")  # lone surrogates
    if column.type == "timestamp" and not isinstance(value, datetime):
        value = None if value is None else pa.scalar(value, pa.timestamp("ms", tz="UTC"))
    try:
        return pa.scalar(value, kind) if not isinstance(value, pa.Scalar) else value.cast(kind)
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        return None
