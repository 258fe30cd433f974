"""What a query takes of memory, and where it goes on when that does not do."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from scms.errors import QueryError
from scms.hot import HotStore
from scms.inventory import Inventory
from scms.views import Views, database
from scms.warehouse import Warehouse

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

#: More groups than the frugal memory holds.
MANY_GROUPS = "SELECT count(*) AS n FROM (SELECT i, count(*) FROM range(5000000) t (i) GROUP BY i)"
#: A list is one value, and no value is spilled.
LONG_LIST = "SELECT len(list(i)) AS n FROM range(25000000) t (i)"


def setting(cursor: DuckDBPyConnection, name: str) -> Any:
    """What a setting is."""
    return cursor.execute("SELECT current_setting(?)", [name]).fetchall()[0][0]


@pytest.fixture
def views(tmp_path: Path) -> Views:
    """The views of a lab that has collected nothing."""
    inventory = Inventory.from_mapping(
        {"timezone": "Europe/Berlin", "servers": [{"name": "a"}]}, base=tmp_path, source="test"
    )
    return Views(inventory, HotStore.open(tmp_path / "hot.sqlite"), Warehouse.open(inventory))


def test_a_frugal_database_takes_little_memory_and_few_threads() -> None:
    cursor = database.Database("UTC").cursor()
    assert setting(cursor, "memory_limit") == "160.0 MiB"
    assert setting(cursor, "threads") <= database.FRUGAL_THREADS


def test_both_databases_have_the_zone_of_the_cluster() -> None:
    made = database.Database("Europe/Berlin")
    zones = [setting(made.cursor(roomy=roomy), "TimeZone") for roomy in (False, True)]
    assert zones == ["Europe/Berlin", "Europe/Berlin"]


def test_no_two_databases_spill_into_one_folder() -> None:
    made = [database.Database("UTC") for _ in range(2)]
    folders = {
        setting(one.cursor(roomy=r), "temp_directory") for one in made for r in (True, False)
    }
    assert len(folders) == 4


def test_nobody_else_sees_what_is_spilled() -> None:
    folder = Path(setting(database.Database("UTC").cursor(), "temp_directory"))
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700


def test_what_does_not_fit_goes_on_on_the_disk(
    views: Views, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_more(*_: object, **__: object) -> None:
        raise AssertionError("asked for more memory")

    made = views._database.cursor
    monkeypatch.setattr(
        views._database,
        "cursor",
        lambda *, roomy=False: no_more() if roomy else made(),
    )
    assert views.frame(MANY_GROUPS)["n"].item() == 5_000_000


def test_what_fits_neither_there_has_more_memory(views: Views) -> None:
    assert views.frame(LONG_LIST)["n"].item() == 25_000_000


def test_an_arrow_table_too_has_more_memory(views: Views) -> None:
    assert views.arrow(LONG_LIST)["n"].to_pylist() == [25_000_000]


def test_a_query_too_large_for_all_memory_is_refused(
    views: Views, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = views._database.cursor
    monkeypatch.setattr(views._database, "cursor", lambda **_: made())
    with pytest.raises(QueryError, match="Out of Memory") as caught:
        views.frame(LONG_LIST)
    assert isinstance(caught.value.__cause__, duckdb.OutOfMemoryException)
