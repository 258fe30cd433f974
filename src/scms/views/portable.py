"""A query in DuckDB's SQL and the views it needs, as one statement of Spark's SQL.

Input: a SELECT, the view files, the columns of the base relations, values of parameters. Output: a
statement that stands for itself: views are common table expressions of it, calls of views with
parameters one each. Here, in `parse` and in `spark` is the only home of sqlglot.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scms.errors import QueryError
from scms.views.base import TYPES
from scms.views.parse import dialect, parsed, with_values
from scms.views.spark import spark_node

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlglot import exp

    from scms.warehouse.sqlfiles import ViewFile


@dataclass(frozen=True, slots=True)
class Relation:
    """What is there already: its name on the engine, and its columns with their types."""

    name: str
    columns: tuple[tuple[str, str], ...]


def spark_sql(
    query: str,
    views: Mapping[str, ViewFile],
    relations: Mapping[str, Relation],
    params: Mapping[str, object] | Sequence[object] | None = None,
) -> str:
    """The statement for Spark.

    Args:
        query: One SELECT in DuckDB's SQL.
        views: The view files by name; those that it needs become a part of the statement.
        relations: The base relations that it may need.
        params: Values of ``$name`` or ``?``.

    Raises:
        QueryError: It cannot be parsed, a value is missing, or a name has no meaning.
    """
    from sqlglot import exp
    from sqlglot.errors import SqlglotError
    from sqlglot.optimizer.qualify import qualify

    try:
        tree = with_values(parsed(query), params)
        expansion = _Expansion(views, relations)
        tree = expansion.whole(tree)
        expansion.visit(tree)
        tree = expansion.attached(tree)
        schema: dict[str, object] = {
            relation.name: {name: TYPES[kind] for name, kind in relation.columns}
            for relation in relations.values()
        }
        tree = qualify(
            tree, schema=schema, dialect=dialect(), validate_qualify_columns=False
        ).assert_is(exp.Query)
        _name_groups(tree)
        return _by_position(tree).transform(spark_node).sql(dialect="spark")
    except SqlglotError as error:
        first = str(error).strip().partition("\n")[0]
        raise QueryError(
            f"the query cannot be put into Spark's SQL: {first}",
            expected="one SELECT over the tables and views of the data dictionary",
            mend=f"the query was: {' '.join(query.split())[:200]}",
        ) from error


@dataclass(slots=True)
class _Expansion:
    """Views as common table expressions, in an order in which each follows what it needs."""

    views: Mapping[str, ViewFile]
    relations: Mapping[str, Relation]
    made: dict[str, exp.Query] = field(default_factory=dict)
    keys: dict[tuple[str, ...], str] = field(default_factory=dict)

    def whole(self, tree: exp.Query) -> exp.Query:
        """The view itself where a query is no more than SELECT * of it: it keeps its order."""
        from sqlglot import exp

        source = tree.args.get("from_")
        table = None if source is None else source.this
        others = [key for key, value in tree.args.items() if value and key != "from_"]
        if (
            not isinstance(table, exp.Table)
            or _called(table) not in self.views
            or others != ["expressions"]
            or not isinstance(tree.selects[0], exp.Star)
        ):
            return tree
        return self._body(_called(table), table)

    def visit(self, tree: exp.Query, mark: str = "") -> None:
        """Let every table in a tree name a base relation or an expression made for a view.

        Args:
            tree: It is changed.
            mark: What the names of its own common table expressions end with from now on: Spark
                gets all of them side by side, where two views may not use one name.
        """
        from sqlglot import exp

        tables = [(table, _called(table)) for table in tree.find_all(exp.Table)]
        local = {id(table) for table, name in tables if _is_local(table, name)}
        for table, name in tables:
            if table.db:
                continue
            if id(table) in local:
                _point(table, name + mark)
            elif name in self.views:
                _point(table, self._view(name, table))
            elif name in self.relations:
                _point(table, self.relations[name].name)
        for cte in tree.find_all(exp.CTE):
            cte.args["alias"].set("this", exp.to_identifier(cte.alias.lower() + mark))

    def attached(self, tree: exp.Query) -> exp.Query:
        """A tree with the expressions it needs before its own."""
        from sqlglot import exp

        own = tree.args.get("with_")
        first = [
            exp.CTE(this=body, alias=exp.TableAlias(this=exp.to_identifier(name)))
            for name, body in self.made.items()
        ]
        rest = [] if own is None else own.expressions
        if first or rest:
            tree.set("with_", exp.With(expressions=[*first, *rest]))
        return tree

    def _view(self, name: str, table: exp.Table) -> str:
        """The name of the expression for a view, which is made when it is first used."""
        use = (name, *(argument.sql(dialect()) for argument in table.this.expressions))
        if use not in self.keys:
            key = f"scms_{len(self.keys)}_{name}"
            self.keys[use] = key
            body = self._body(name, table)
            self.visit(body, f"_of_{key}")
            self.made[key] = body
        return self.keys[use]

    def _body(self, name: str, table: exp.Table) -> exp.Query:
        """What a view is, with the values it is called with."""
        view = self.views[name]
        arguments = table.this.expressions if view.parameters else []
        if len(arguments) != len(view.parameters):
            raise QueryError(
                f"the view {name} is given {len(arguments)} values",
                expected=f"{len(view.parameters)}: {', '.join(view.parameters)}",
            )
        given = dict(zip(view.parameters, arguments, strict=True))
        return _with_arguments(parsed(view.select), given)


def _called(table: exp.Table) -> str:
    """The name of a table, or of the view that is called with values."""
    return str(table.name or table.this.name).lower()


def _point(table: exp.Table, target: str) -> None:
    from sqlglot import exp

    name = _called(table)
    table.set("this", exp.to_identifier(target))
    if not table.alias:
        table.set("alias", exp.TableAlias(this=exp.to_identifier(name)))


def _is_local(table: exp.Table, name: str) -> bool:
    """Whether a name is a common table expression of a query around it."""
    from sqlglot import exp

    around = table.parent
    while around is not None:
        clause = around.args.get("with_") if isinstance(around, exp.Query) else None
        if clause is not None and any(cte.alias.lower() == name for cte in clause.expressions):
            return True
        around = around.parent
    return False


def _with_arguments(tree: exp.Query, given: Mapping[str, exp.Expr]) -> exp.Query:
    from sqlglot import exp

    def put(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Column) and not node.table and node.name in given:
            return given[node.name].copy()
        return node

    return tree.transform(put).assert_is(exp.Query) if given else tree


def _name_groups(tree: exp.Query) -> None:
    """GROUP BY ALL as the columns that it means: those without an aggregate."""
    from sqlglot import exp

    for group in list(tree.find_all(exp.Group)):
        select = group.parent
        if group.args.get("all") and isinstance(select, exp.Select):
            keys = [c.unalias().copy() for c in select.selects if not c.find(exp.AggFunc)]
            select.set("group", exp.Group(expressions=keys) if keys else None)


def _by_position(tree: exp.Query) -> exp.Query:
    """UNION BY NAME as a union by position: every column of both sides is named by now."""
    from sqlglot import exp

    for union in list(tree.find_all(exp.SetOperation)):
        if not union.args.get("by_name"):
            continue
        left, right = union.left, union.right
        names = [
            *left.named_selects,
            *(n for n in right.named_selects if n not in left.named_selects),
        ]
        for side in (left, right):
            there = {column.alias_or_name: column for column in side.selects}
            side.set(
                "expressions",
                [there[name] if name in there else exp.alias_(exp.null(), name) for name in names],
            )
        union.set("by_name", None)
    return tree
