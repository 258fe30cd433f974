"""DuckDB over the warehouse and the hot store, with a view for every file of warehouse/views."""

from __future__ import annotations

import threading
import warnings
from typing import TYPE_CHECKING, Any, Final, TypeVar

from scms.assets import asset_path
from scms.errors import QueryError
from scms.tables import FACTS
from scms.views.base import BASE_RELATIONS, Moment, committed, define, tables_of
from scms.views.database import Database
from scms.views.hotrows import HotRows
from scms.views.saidrows import SaidRows
from scms.warehouse.sqlfiles import named_columns, needed, read_views
from scms.warehouse.travel import state_at

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    import pandas as pd
    import pyarrow as pa
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

    from scms.hot import HotStore
    from scms.inventory import Inventory
    from scms.warehouse import Warehouse
    from scms.warehouse.sqlfiles import ViewFile

    _Params = Mapping[str, object] | Sequence[object] | None

_T = TypeVar("_T")
#: Statements that change nothing.
_ASKING: Final = {"SELECT", "EXPLAIN"}
#: Warning filters belong to the process: two threads that change them undo each other's change.
_making_frame = threading.Lock()


class Views:
    """Every table and view of SCMS, to be asked in SQL.

    There are the tables of `scms.tables` (committed and hot rows together), ``inventory``, and the
    views of warehouse/views. A lab that has collected nothing yet gives empty results.

    Args:
        inventory: For the time zone and the relation ``inventory``.
        hot: The hot store, which need not exist yet.
        warehouse: The warehouse, which need not exist yet.
        folder: Where the SQL files are, if elsewhere.
        listed_only: See only rows of servers that the inventory lists; otherwise also those of
            servers that are gone. With an inventory of one group, everything is about that group.
    """

    def __init__(
        self,
        inventory: Inventory,
        hot: HotStore,
        warehouse: Warehouse,
        *,
        folder: Path | None = None,
        listed_only: bool = False,
    ) -> None:
        self._inventory = inventory
        self._warehouse = warehouse
        self._listed_only = listed_only
        self._folder = asset_path("warehouse") / "views" if folder is None else folder
        self._files: dict[str, ViewFile] | None = None
        self._hot = hot
        self._hot_rows = HotRows(hot, warehouse)
        self._database = Database(inventory.settings.timezone)
        self._lock = threading.RLock()

    def frame(
        self,
        sql: str,
        params: Mapping[str, object] | Sequence[object] | None = None,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        as_of: datetime | None = None,
    ) -> pd.DataFrame:
        """The answer to a query as a DataFrame; times are in the zone of the cluster.

        Args:
            sql: One SELECT. Values are parameters (``$name`` or ``?``), never formatted in.
            params: Their values.
            start: Files with earlier rows only are not read; rows are not filtered.
            end: Likewise, files with rows only at this moment or later.
            as_of: What the warehouse had at this moment, each table in its newest snapshot by
                then, and nothing that was hot: the same moment always gives the same answer.

        Raises:
            QueryError: DuckDB refuses it.
            WarehouseError: The warehouse cannot be read, or does not remember that moment.
        """
        return self._answer(_frame, sql, params, start=start, end=end, as_of=as_of)

    def arrow(
        self,
        sql: str,
        params: Mapping[str, object] | Sequence[object] | None = None,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        as_of: datetime | None = None,
    ) -> pa.Table:
        """The answer to a query as an Arrow table; otherwise as `frame`."""
        return self._answer(_arrow, sql, params, start=start, end=end, as_of=as_of)

    def relation(
        self,
        sql: str,
        params: Mapping[str, object] | Sequence[object] | None = None,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        as_of: datetime | None = None,
    ) -> DuckDBPyRelation:
        """The answer to a query as a DuckDB relation: ``.df()``, ``.to_arrow_table()``, ``.pl()``.

        It keeps seeing what there was when it was made. Arguments and errors are those of `frame`.
        """
        import duckdb

        cursor = self._ready(sql, start, end, as_of, roomy=True)
        try:
            return cursor.sql(sql, params=params)
        except duckdb.Error as error:
            raise _refused(sql, error) from error

    def _answer(
        self,
        take: Callable[[DuckDBPyConnection, str, _Params], _T],
        sql: str,
        params: Mapping[str, object] | Sequence[object] | None,
        *,
        start: datetime | None,
        end: datetime | None,
        as_of: datetime | None,
    ) -> _T:
        """What is taken of the answer: of little memory, or of more where that does not do."""
        import duckdb

        try:
            cursor = self._ready(sql, start, end, as_of)
            try:
                return take(cursor, sql, params)
            except duckdb.OutOfMemoryException:
                cursor = self._ready(sql, start, end, as_of, roomy=True)
                return take(cursor, sql, params)
        except duckdb.Error as error:
            raise _refused(sql, error) from error

    def _ready(
        self,
        sql: str,
        start: datetime | None,
        end: datetime | None,
        as_of: datetime | None,
        *,
        roomy: bool = False,
    ) -> DuckDBPyConnection:
        """A cursor with every table and view that a query names."""
        import duckdb

        check_aware(start, end, as_of)
        with self._lock:
            views, bases = needed(sql, self._view_files(), BASE_RELATIONS)
            moment = self._moment(bases) if as_of is None else self._past(bases, as_of)
            cursor = self._database.cursor(roomy=roomy)
        try:
            kinds = [statement.type.name for statement in cursor.extract_statements(sql)]
            if len(kinds) != 1 or kinds[0] not in _ASKING:
                raise _refused(sql, "it gives no rows, or not only")
            texts = [sql, *(view.select for view in views)]
            for base in sorted(bases):
                define(
                    cursor,
                    base,
                    moment,
                    self._inventory,
                    (start, end),
                    listed_only=self._listed_only,
                    columns=named_columns(base, texts),
                )
        except duckdb.Error as error:
            raise _refused(sql, error) from error
        for view in views:
            _define_view(cursor, view)
        return cursor

    def _view_files(self) -> dict[str, ViewFile]:
        if self._files is None:
            self._files = read_views(self._folder)
        return self._files

    def _moment(self, bases: set[str]) -> Moment:
        """What there is now: the hot rows first, so that a flush in between loses none."""
        names = tables_of(bases)
        if not names:
            return Moment({}, {})
        self._hot_rows.refresh()
        said = SaidRows(self._hot, names)
        states = {name: self._warehouse.state(name) for name in sorted(names)}
        identity = self._hot_rows.identity
        hot = {
            table.name: self._hot_rows.of(
                table.name, 0 if identity is None else states[table.name].watermark(identity)
            )
            for table in FACTS
            if table.name in names
        }
        for name in said.names():
            hot[name] = said.above(
                name, 0 if identity is None else states[name].watermark(identity)
            )
        return Moment(states, hot)

    def _past(self, bases: set[str], as_of: datetime) -> Moment:
        """What the warehouse had at a moment; nothing was hot."""
        names = sorted(tables_of(bases))
        states = {name: self._warehouse.state(name) for name in names}
        return committed({name: state_at(state, as_of) for name, state in states.items()})


def _frame(cursor: DuckDBPyConnection, sql: str, params: _Params) -> pd.DataFrame:
    """The answer, bound once, where a relation is bound when it is made and when it is asked."""
    answer = cursor.execute(sql, params)
    with _making_frame, warnings.catch_warnings():
        # DuckDB drops a column of time zones in a way that pandas 3.1 deprecates.
        warnings.filterwarnings("ignore", "The inplace keyword", DeprecationWarning)
        frame: pd.DataFrame = answer.df()
    return frame


def _arrow(cursor: DuckDBPyConnection, sql: str, params: _Params) -> pa.Table:
    """The answer; that of `execute` would be copied once more."""
    return cursor.sql(sql, params=params).to_arrow_table()


def _define_view(cursor: DuckDBPyConnection, view: ViewFile) -> None:
    import duckdb

    try:
        cursor.execute(f"CREATE OR REPLACE TEMP {_kind(view)} {view.select}")
    except duckdb.Error as error:
        raise QueryError(
            f"warehouse/views/{view.name}.sql cannot be used: {_first_line(error)}",
            expected="one SELECT",
        ) from error


def _kind(view: ViewFile) -> str:
    """A view, or a table macro where it has parameters."""
    if view.parameters:
        return f"MACRO {view.name}({', '.join(view.parameters)}) AS TABLE"
    return f"VIEW {view.name} AS"


def _refused(sql: str, error: Any) -> QueryError:
    return QueryError(
        f"the query is refused: {_first_line(error)}",
        expected="one SELECT over the tables and views of the data dictionary",
        mend=f"the query was: {' '.join(sql.split())[:200]}",
    )


def _first_line(error: Any) -> str:
    return str(error).strip().partition("\n")[0]


def check_aware(*moments: datetime | None) -> None:
    """Refuse times without a zone."""
    for moment in moments:
        if moment is not None and moment.tzinfo is None:
            raise QueryError(
                f"{moment} has no time zone", expected="a time with its zone, such as UTC"
            )
