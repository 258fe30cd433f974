"""The tables and views of SCMS on a distributed engine: the same SQL over the same files.

Input: what `scms.views.Views` takes, and the address of an engine. Output: what it gives, of what
is committed: hot rows stay where they are, so an answer is as old as the last flush.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from scms.columns import SERVER
from scms.views.base import (
    BASE_RELATIONS,
    CLOSED,
    OPEN,
    TYPES,
    committed,
    inventory_rows,
    listed_rows,
    tables_of,
    widened,
)
from scms.views.connect import Engine
from scms.views.portable import Relation, spark_sql
from scms.views.views import Views, check_aware
from scms.warehouse.read import FACTS_OF, day_start
from scms.warehouse.sqlfiles import ViewFile, needed
from scms.warehouse.travel import state_at

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date, datetime

    import pyarrow as pa
    from duckdb import DuckDBPyConnection, DuckDBPyRelation
    from pyspark.sql import DataFrame

    from scms.hot import HotStore
    from scms.inventory import Inventory
    from scms.tables import Column, Table
    from scms.views.base import Moment
    from scms.warehouse import Warehouse
    from scms.warehouse.read import TableState

_T = TypeVar("_T")
_INVENTORY: Final = (
    ("server", "string"),
    ("group", "string"),
    ("tags", "texts"),
    ("simulated", "boolean"),
    ("address", "string"),
    ("position", "integer"),
)


class EngineViews(Views):
    """Every table and view of SCMS, answered by a Spark Connect server.

    Args:
        inventory: As for `scms.views.Views`.
        hot: Not read; an engine sees what is committed.
        warehouse: The tables, at URLs that the engine can read too.
        url: The address of the engine: ``sc://host:port``.
        **options: Those of `scms.views.Views`.

    Raises:
        QueryError: The address is none.
    """

    def __init__(
        self,
        inventory: Inventory,
        hot: HotStore,
        warehouse: Warehouse,
        url: str,
        **options: Any,
    ) -> None:
        super().__init__(inventory, hot, warehouse, **options)
        self._engine = Engine(url, timezone=inventory.settings.timezone)

    def relation(
        self,
        sql: str,
        params: Mapping[str, object] | Sequence[object] | None = None,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        as_of: datetime | None = None,
    ) -> DuckDBPyRelation:
        """The answer of the engine, as a DuckDB relation over the rows that came back.

        Arguments are those of `scms.views.Views.frame`.

        Raises:
            QueryError: The query cannot be put into Spark's SQL, the engine refuses it, or it
                cannot be reached.
            WarehouseError: The catalog cannot be read.
        """
        answer = self._asked(sql, params, start=start, end=end, as_of=as_of)
        return self._database.cursor(roomy=True).from_arrow(answer)

    def _asked(
        self,
        sql: str,
        params: Mapping[str, object] | Sequence[object] | None,
        *,
        start: datetime | None,
        end: datetime | None,
        as_of: datetime | None,
    ) -> pa.Table:
        check_aware(start, end, as_of)
        files = self._view_files()
        _, bases = needed(sql, files, BASE_RELATIONS)
        known = self._on_engine(bases, self._committed(bases, as_of), widened(start, end))
        statement = spark_sql(sql, files | known.views, known.relations, params)
        return self._engine.ask(statement, known.frames)

    def _answer(
        self,
        take: Callable[[DuckDBPyConnection, str, None], _T],
        sql: str,
        params: Mapping[str, object] | Sequence[object] | None,
        *,
        start: datetime | None,
        end: datetime | None,
        as_of: datetime | None,
    ) -> _T:
        cursor = self._database.cursor(roomy=True)
        answer = self._asked(sql, params, start=start, end=end, as_of=as_of)
        cursor.register("answer", answer)
        return take(cursor, "SELECT * FROM answer", None)

    def close(self) -> None:
        """End the session with the engine."""
        self._engine.close()

    def _committed(self, bases: set[str], as_of: datetime | None) -> Moment:
        states = {name: self._warehouse.state(name) for name in sorted(tables_of(bases))}
        if as_of is not None:
            states = {name: state_at(state, as_of) for name, state in states.items()}
        return committed(states)

    def _on_engine(
        self,
        bases: set[str],
        moment: Moment,
        within: tuple[datetime | None, datetime | None],
    ) -> _Known:
        known = _Known()
        if "inventory" in bases and self._inventory.servers:
            frame = self._engine.rows(inventory_rows(self._inventory))
            known.add("inventory", frame, _INVENTORY)
        elif "inventory" in bases:
            known.define("inventory", _nothing(_INVENTORY))
        for base in sorted(bases - {"inventory"}):
            facts_open, rollup = base in OPEN, CLOSED.get(base, base)
            state = moment.states[FACTS_OF[OPEN[base]] if facts_open else rollup]
            days = moment.open_days(OPEN[base] if facts_open else rollup) if base in _DAYS else []
            if not state.files or (facts_open and not days):
                known.define(base, _nothing(_columns(state.table)))
                continue
            name = f"scms_table_{state.table.name}"
            if name not in known.relations:
                frame = self._engine.table(state)
                known.add(name, frame, _there(state, self._engine.columns(frame)))
            conditions = _conditions(state.table, within)
            if self._listed_only:
                conditions.append(listed_rows(self._inventory))
            if days:
                conditions.append(f"{'' if facts_open else 'NOT '}({_on(state.table, days)})")
            known.define(base, _select(state.table, known.relations[name], conditions))
        return known


_DAYS: Final = {*OPEN, *CLOSED}


@dataclass(slots=True)
class _Known:
    """What a statement can name: tables on the engine, and base relations made of them."""

    relations: dict[str, Relation] = field(default_factory=dict)
    frames: dict[str, DataFrame] = field(default_factory=dict)
    views: dict[str, ViewFile] = field(default_factory=dict)

    def add(self, name: str, frame: DataFrame, columns: Sequence[tuple[str, str]]) -> None:
        """A table that the engine has."""
        key = name if name.startswith("scms_") else f"scms_table_{name}"
        self.relations[name] = Relation(key, tuple(columns))
        self.frames[key] = frame

    def define(self, name: str, select: str) -> None:
        """A base relation as a query."""
        self.views[name] = ViewFile(name, "", "", (), (), select)


def _columns(table: Table) -> list[tuple[str, str]]:
    return [(column.name, column.type) for column in table.columns]


def _there(state: TableState, names: Sequence[str]) -> list[tuple[str, str]]:
    """The declared columns that a snapshot has: others were added since."""
    return [(name, kind) for name, kind in _columns(state.table) if name in names]


def _select(table: Table, relation: Relation, conditions: list[str]) -> str:
    there = dict(relation.columns)
    columns = ", ".join(_column(column, known=column.name in there) for column in table.columns)
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT {columns} FROM {relation.name}{where}"  # noqa: S608  names are declared


def _column(column: Column, *, known: bool) -> str:
    """A column as the views know it; what is done to it here changes nothing on Spark.

    Sail takes the days and hours of a time in the zone that its type names, which in a file is
    UTC; the cast names the zone of the session. And it fails to group a union of columns whose
    comments differ, as all but that of the server's name may. A function has no comment; names
    that are never null are never empty either.
    """
    name = f'"{column.name}"'
    missing = "''" if column.required else "NULL"
    if not known:
        return f"CAST(NULL AS {TYPES[column.type]}) AS {name}"
    if column.type == "timestamp":
        return f"CAST({name} AS {TYPES[column.type]}) AS {name}"
    if column == SERVER or (column.required and column.type != "string"):
        return name
    return f"{'nullif' if column.required else 'coalesce'}({name}, {missing}) AS {name}"


def _nothing(columns: Sequence[tuple[str, str]]) -> str:
    """No rows of the right types."""
    nulls = ", ".join(f'CAST(NULL AS {TYPES[kind]}) AS "{name}"' for name, kind in columns)
    return f"SELECT {nulls} WHERE FALSE"


def _conditions(table: Table, within: tuple[datetime | None, datetime | None]) -> list[str]:
    start, end = within
    found = []
    if start is not None:
        found.append(f"{table.time} >= {_time(start)}")
    if end is not None:
        found.append(f"{table.time} < {_time(end)}")
    return found


def _on(table: Table, days: Sequence[date]) -> str:
    """That a row is of one of these UTC days, which are in order; days side by side are one."""
    spans: list[list[date]] = []
    for day in days:
        if spans and day - spans[-1][1] == timedelta(days=1):
            spans[-1][1] = day
        else:
            spans.append([day, day])
    return " OR ".join(
        f"({table.time} >= {_time(day_start(first))} "
        f"AND {table.time} < {_time(day_start(last + timedelta(days=1)))})"
        for first, last in spans
    )


def _time(moment: datetime) -> str:
    return f"TIMESTAMPTZ '{moment.isoformat(sep=' ')}'"
