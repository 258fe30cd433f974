"""The base relations of a query: tables of the warehouse with the hot rows, as DuckDB views.

Input: table states, hot rows, a time range. Output: temporary views on a DuckDB cursor.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from scms.tables import ALL
from scms.warehouse.read import FACTS_OF, TableState, open_days, partition_day

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    import pyarrow as pa
    from duckdb import DuckDBPyConnection

    from scms.inventory import Inventory
    from scms.tables import Table
    from scms.warehouse.read import DataFile

#: The types of columns as DuckDB calls them.
TYPES: Final = {
    "string": "VARCHAR",
    "timestamp": "TIMESTAMPTZ",
    "float": "DOUBLE",
    "integer": "BIGINT",
    "boolean": "BOOLEAN",
    "floats": "DOUBLE[]",
    "texts": "VARCHAR[]",
}
#: Facts of the days that the rollup does not have yet, and the rollup without these days.
OPEN: Final = {f"{facts}_open": rollup for rollup, facts in FACTS_OF.items()}
CLOSED: Final = {f"{rollup}_closed": rollup for rollup in FACTS_OF}
BASE_RELATIONS: Final = (*ALL, *OPEN, *CLOSED, "inventory")
_QUARTER: Final = timedelta(minutes=15)
#: Where field ids begin that no file has.
_NOWHERE: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Moment:
    """What a query sees: the states of the tables and the hot rows above their watermarks."""

    states: dict[str, TableState]
    hot: dict[str, pa.Table]

    def open_days(self, rollup: str) -> list[date]:
        """The UTC days that are computed from samples, those with hot rows among them."""
        facts = self.states[FACTS_OF[rollup]]
        hot = days_of(self.hot[facts.table.name], facts.table.time)
        days = {*open_days(facts, self.states[rollup]), *hot}
        return sorted(day for day in days if day >= facts.floor())


def committed(states: dict[str, TableState]) -> Moment:
    """What a query sees that takes no hot rows."""
    from scms.warehouse.rows import arrow_schema

    hot = {name: arrow_schema(state.table).empty_table() for name, state in states.items()}
    return Moment(states, hot)


def tables_of(relations: Iterable[str]) -> set[str]:
    """The tables whose state is needed for these base relations."""
    names: set[str] = set()
    for relation in relations:
        rollup = OPEN.get(relation) or CLOSED.get(relation)
        if rollup is not None:
            names |= {rollup, FACTS_OF[rollup]}
        elif relation in ALL:
            names.add(relation)
    return names


def days_of(rows: pa.Table, time: str) -> set[date]:
    """The UTC days of the times in a column."""
    import pyarrow.compute as pc

    return {day.as_py() for day in pc.unique(pc.cast(rows[time], "date32"))}


def define(
    cursor: DuckDBPyConnection,
    relation: str,
    moment: Moment,
    inventory: Inventory,
    within: tuple[datetime | None, datetime | None],
    *,
    listed_only: bool = False,
    columns: Collection[str] | None = None,
) -> None:
    """Make one base relation a temporary view of the cursor.

    ``columns`` are those that the query names, if these are known; others need not be there.
    """
    if relation == "inventory":
        cursor.register("inventory", inventory_rows(inventory))
        return
    listed = listed_rows(inventory) if listed_only else ""
    if relation in OPEN:
        rollup = OPEN[relation]
        days = set(moment.open_days(rollup))
        state = moment.states[FACTS_OF[rollup]]
        _define_table(
            cursor,
            relation,
            moment,
            state,
            within,
            lambda f: partition_day(f) in days,
            where=listed,
            columns=columns,
        )
        return
    rollup = CLOSED.get(relation, relation)
    state = moment.states[rollup]
    where = ""
    if relation in CLOSED:
        days_open = ", ".join(f"DATE '{day}'" for day in moment.open_days(rollup))
        where = f"(starts_at AT TIME ZONE 'UTC')::DATE NOT IN ({days_open})" if days_open else ""
    where = " AND ".join(condition for condition in (where, listed) if condition)
    _define_table(
        cursor, relation, moment, state, within, lambda _: True, where=where, columns=columns
    )


def _define_table(
    cursor: DuckDBPyConnection,
    relation: str,
    moment: Moment,
    state: TableState,
    within: tuple[datetime | None, datetime | None],
    chosen: Callable[[DataFile], bool],
    *,
    where: str,
    columns: Collection[str] | None,
) -> None:
    table = state.table
    names = table.column_names()
    start, end = widened(*within)
    files = [file for file in state.between(start, end) if chosen(file)]
    sources: list[str] = []
    if files and all(file.plain and file.path for file in files):
        sources.append(_parquet(state, files))
    elif files:
        if columns is not None:  # these files come into memory as a whole
            always = {table.time, *(("server",) if "server" in names else ())}
            names = tuple(name for name in names if name in always or name in columns)
        cursor.register(f"_iceberg_{relation}", _through_iceberg(state, files, names))
        sources.append(f"_iceberg_{relation}")
    hot = moment.hot.get(table.name)
    if hot is not None and hot.num_rows:
        cursor.register(f"_hot_{relation}", hot)
        sources.append(f"_hot_{relation}")
    condition = f" WHERE {where}" if where else ""
    select = " UNION ALL ".join(_select(names, source) + condition for source in sources)
    cursor.execute(f"CREATE OR REPLACE TEMP VIEW {relation} AS {select or _nothing(table)}")


def listed_rows(inventory: Inventory) -> str:
    """The condition of rows of servers that the inventory lists."""
    names = ", ".join(_quoted(server.name) for server in inventory.servers)
    return f"server IN ({names or 'NULL'})"


def _through_iceberg(state: TableState, files: list[DataFile], names: Sequence[str]) -> pa.Table:
    """Some columns of files that DuckDB cannot read by itself."""
    import pyarrow as pa

    from scms.warehouse.rows import arrow_schema

    there = state.field_ids()
    rows = state.arrow(files, columns=[name for name in names if name in there])
    whole = arrow_schema(state.table)
    schema = pa.schema([whole.field(name) for name in names])
    arrays = [
        rows[field.name] if field.name in there else pa.nulls(rows.num_rows, field.type)
        for field in schema
    ]
    return pa.table(arrays, names=schema.names).cast(schema)


def _select(names: Iterable[str], source: str) -> str:
    columns = ", ".join(f'"{name}"' for name in names)
    return f"SELECT {columns} FROM {source}"  # noqa: S608  names are declared, paths are quoted


def _nothing(table: Table) -> str:
    """No rows of the right types."""
    columns = ", ".join(f'NULL::{TYPES[c.type]} AS "{c.name}"' for c in table.columns)
    return f"SELECT {columns} LIMIT 0"


def _parquet(state: TableState, files: list[DataFile]) -> str:
    """A scan by field ids, so that columns renamed or added since are read right.

    A column that is declared but not yet in the table, which an older SCMS made, is null: no file
    has a field with the number that it gets here.
    """
    paths = ", ".join(_quoted(str(file.path)) for file in files)
    ids = state.field_ids()
    schema = ", ".join(
        f"{ids.get(c.name, _NOWHERE + position)}: "
        f"{{name: {_quoted(c.name)}, type: '{TYPES[c.type]}', default_value: NULL}}"
        for position, c in enumerate(state.table.columns)
    )
    return f"read_parquet([{paths}], schema = MAP {{{schema}}})"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def inventory_rows(inventory: Inventory) -> pa.Table:
    """The relation ``inventory``."""
    import pyarrow as pa

    servers = inventory.servers
    return pa.table(
        {
            "server": pa.array([s.name for s in servers], pa.string()),
            "group": pa.array([s.group for s in servers], pa.string()),
            "tags": pa.array([list(s.tags) for s in servers], pa.list_(pa.string())),
            "simulated": pa.array([s.simulated for s in servers], pa.bool_()),
            "address": pa.array([s.target for s in servers], pa.string()),
            "position": pa.array(range(len(servers)), pa.int64()),
        }
    )


def widened(
    start: datetime | None, end: datetime | None
) -> tuple[datetime | None, datetime | None]:
    """A time range out to quarters of an hour, so that a bucket is seen whole or not at all."""
    return _floor(start), _ceiling(end)


def _floor(moment: datetime | None) -> datetime | None:
    """The start of the quarter of an hour that a moment is in."""
    if moment is None:
        return None
    seconds = moment.astimezone(UTC).timestamp()
    return datetime.fromtimestamp(seconds - seconds % _QUARTER.total_seconds(), UTC)


def _ceiling(moment: datetime | None) -> datetime | None:
    down = _floor(moment)
    return down if down is None or down == moment else down + _QUARTER
