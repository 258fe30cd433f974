"""A query as a tree: parsed from DuckDB's SQL, with its values in it.

Input: SQL and values of parameters. Output: the tree of sqlglot. Values become literals, quoted by
sqlglot, because an engine is given one statement that stands for itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from scms.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlglot import exp
    from sqlglot.dialects.dialect import Dialect


@cache
def dialect() -> type[Dialect]:
    """DuckDB's SQL, with the numbers of elements as they stand.

    sqlglot counts elements from 0 where it sees that a number is one, and leaves others: nobody
    could tell afterwards what was counted from where.
    """
    from sqlglot.dialects.duckdb import DuckDB

    class Counted(DuckDB):
        INDEX_OFFSET = 0

    return Counted


def parsed(query: str) -> exp.Query:
    """The one SELECT that a text has.

    Raises:
        QueryError: It has none, or more.
        sqlglot.errors.ParseError: It is no SQL.
    """
    import sqlglot
    from sqlglot import exp

    statements = [tree for tree in sqlglot.parse(query, dialect=dialect()) if tree is not None]
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise QueryError(
            f"the query is refused: {' '.join(query.split())[:200]!r} gives no rows",
            expected="one SELECT over the tables and views of the data dictionary",
        )
    return statements[0]


def with_values(
    tree: exp.Query, params: Mapping[str, object] | Sequence[object] | None
) -> exp.Query:
    """A tree with values in the place of ``$name`` and ``?``.

    Raises:
        QueryError: A value is missing, or of a type that SQL does not have.
    """
    from sqlglot import exp

    named: dict[str, object] = {}
    if isinstance(params, Mapping):
        named = {str(name): value for name, value in params.items()}
    elif params is not None:
        named = {str(number): value for number, value in enumerate(params, start=1)}
    count = 0

    def put(node: exp.Expr) -> exp.Expr:
        nonlocal count
        if not isinstance(node, (exp.Parameter, exp.Placeholder)):
            return node
        key = node.name
        if isinstance(node, exp.Placeholder) and not key:
            count += 1
            key = str(count)
        if key not in named:
            raise QueryError(f"the query is refused: no value is given for {node.sql(dialect())}")
        return _literal(named[key])

    return tree.transform(put).assert_is(exp.Query)


def _literal(value: Any) -> exp.Expr:
    from sqlglot import exp

    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise QueryError(f"{value} has no time zone", expected="a time with its zone")
        return exp.cast(exp.Literal.string(value.isoformat(sep=" ")), "TIMESTAMPTZ")
    if isinstance(value, date):
        return exp.cast(exp.Literal.string(value.isoformat()), "DATE")
    if value is None or isinstance(value, (bool, int, float, str)):
        return exp.convert(value)
    if isinstance(value, (list, tuple)):
        return exp.array(*(_literal(part) for part in value))
    raise QueryError(
        f"{type(value).__name__} cannot be a value of a query on an engine",
        expected="text, a number, true or false, a date, a time, or a list of these",
    )
