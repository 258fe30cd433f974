"""The same warehouse on every kind of catalog and storage, on servers that really run."""

from __future__ import annotations

import socket
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from scms.errors import WarehouseError
from scms.tables import ALL
from scms.warehouse import reach
from servers.databases import PASSWORD, USER, mariadb, postgresql
from servers.objectstore import object_store
from servers.restcatalog import rest_catalog
from warehouse.made import DAY, Place, every, record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scms.collect.record import Record
    from servers.databases import DatabaseServer

NEXT = DAY + timedelta(days=1)
KINDS = ("sqlite", "postgresql", "mariadb", "rest", "s3")
USE = (
    "SELECT server, starts_at, sample_count, observed_seconds, load_1m_max FROM server_usage_15m "
    "ORDER BY 1, 2"
)


@dataclass
class Backend:
    """Settings of a warehouse, and the environment that it needs."""

    warehouse: dict[str, str]
    environment: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def postgresql_server(postgresql_programs: Path) -> Iterator[DatabaseServer]:
    with postgresql(postgresql_programs) as server:
        yield server


@pytest.fixture(scope="module")
def mariadb_server(mariadb_programs: tuple[str, str]) -> Iterator[DatabaseServer]:
    with mariadb(*mariadb_programs) as server:
        yield server


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with object_store(tmp_path_factory.mktemp("s3"), "lab") as environment:
        yield environment


@pytest.fixture
def backend(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Backend]:
    """One kind of warehouse, empty."""
    with ExitStack() as stack:
        made = _backend(request, tmp_path, stack)
        for name, value in made.environment.items():
            monkeypatch.setenv(name, value)
        yield made


def _backend(request: pytest.FixtureRequest, folder: Path, stack: ExitStack) -> Backend:
    kind: str = request.param
    location = f"file://{folder}/files"
    if kind == "sqlite":
        return Backend({"catalog": f"sqlite:///{folder}/shared.db", "location": location})
    if kind in {"postgresql", "mariadb"}:
        server: DatabaseServer = request.getfixturevalue(f"{kind}_server")
        url = server.database(f"lab{abs(hash(folder))}")
        secrets = {"SCMS_CATALOG_USER": USER, "SCMS_CATALOG_PASSWORD": PASSWORD}
        return Backend({"catalog": url, "location": location}, secrets)
    if kind == "rest":
        url = stack.enter_context(rest_catalog(folder, token="let-me-in"))
        return Backend({"catalog": url, "location": location}, {"SCMS_CATALOG_TOKEN": "let-me-in"})
    catalog = f"sqlite:///{folder}/shared.db"
    bucket = f"s3://lab/{abs(hash(folder))}"
    return Backend({"catalog": catalog, "location": bucket}, request.getfixturevalue("s3"))


def collected(server: str, load: float) -> list[Record]:
    """A tick every five minutes of an hour, on two days."""
    return [
        record(at, server, load_1m=load, observed_seconds=300.0, devices=[{"power_watts": load}])
        for start in (DAY, NEXT)
        for at in every(5, start, start + timedelta(hours=1))
    ]


def of_lab(folder: Path, server: str, warehouse: dict[str, str]) -> Place:
    """A collector with an inventory of its own, in a warehouse that others use too."""
    return Place(folder / server, servers=[{"name": server}], collector=server, warehouse=warehouse)


def run(place: Place, server: str, load: float) -> None:
    """Flush in many small steps, as ten minutes apart, and roll up the first day."""
    ticks = collected(server, load)
    for first in range(0, len(ticks), 4):
        place.hot.append(ticks[first : first + 4])
        place.warehouse.flush(place.hot)
    place.rollup(NEXT)


def use(place: Place) -> list[Any]:
    rows: list[Any] = place.views.frame(USE).values.tolist()
    return rows


@pytest.mark.parametrize("backend", KINDS, indirect=True)
def test_two_collectors_in_one_warehouse_see_what_a_local_one_would(
    backend: Backend, tmp_path: Path
) -> None:
    """Flush, rollup, views and upkeep: all answers are those of SQLite and a directory."""
    labs = [of_lab(tmp_path, name, backend.warehouse) for name in ("east", "west")]
    alone = Place(tmp_path / "alone", servers=[{"name": "east"}, {"name": "west"}])
    for load, (name, lab) in enumerate(zip(("east", "west"), labs, strict=True), start=1):
        run(lab, name, load)
        run(alone, name, load)
    before = [use(lab) for lab in labs]

    later = NEXT + timedelta(days=3)
    done = labs[0].warehouse.upkeep(now=later, keep_facts_seconds=90 * 86400)
    labs[1].rollup(later)

    assert len(before[0]) == 16
    assert before[0] == before[1] == use(alone)
    assert done["partitions_compacted"] > 0
    assert [use(lab) for lab in labs] == before
    assert len(labs[0].another().state("device_sample").files) == 2


@pytest.mark.parametrize("backend", ["postgresql", "mariadb", "rest"], indirect=True)
def test_a_catalog_is_empty_until_the_first_writer_comes(backend: Backend, tmp_path: Path) -> None:
    lab = of_lab(tmp_path, "east", backend.warehouse)
    assert use(lab) == []
    run(lab, "east", 1.0)
    assert len(use(lab)) == 8


@pytest.mark.parametrize("backend", ["postgresql", "mariadb", "rest"], indirect=True)
def test_a_wrong_secret_is_an_error_that_names_where_it_goes(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SCMS_CATALOG_PASSWORD", "SCMS_CATALOG_TOKEN"):
        monkeypatch.setenv(name, "a-wrong-one")
    lab = of_lab(tmp_path, "east", backend.warehouse)
    with pytest.raises(WarehouseError) as caught:
        lab.warehouse.ensure_tables()
    assert "SCMS_CATALOG_PASSWORD" in str(caught.value.mend)
    assert "a-wrong-one" not in str(caught.value)


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_database_that_goes_away_loses_nothing(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server: DatabaseServer = request.getfixturevalue(f"{kind}_server")
    monkeypatch.setenv("SCMS_CATALOG_USER", USER)
    monkeypatch.setenv("SCMS_CATALOG_PASSWORD", PASSWORD)
    lab = of_lab(
        tmp_path,
        "east",
        {"catalog": server.database("away"), "location": f"file://{tmp_path}/files"},
    )
    ticks = collected("east", 1.0)
    lab.hot.append(ticks[:12])
    lab.warehouse.flush(lab.hot)
    lab.hot.append(ticks[12:])

    server.stop()
    with pytest.raises(WarehouseError, match="the warehouse at"):
        lab.warehouse.flush(lab.hot)
    server.start()

    lab.warehouse.flush(lab.hot)  # by the connections of before, which are dead
    assert lab.count("server_sample") == len(ticks)


def test_a_warehouse_that_is_moved_answers_as_before(tmp_path: Path, repository: Path) -> None:
    """By the very lines that the how-to gives."""
    old = of_lab(tmp_path, "east", {"location": str(tmp_path / "before")})
    run(old, "east", 1.0)
    settings = {"catalog": f"sqlite:///{tmp_path}/shared.db", "location": str(tmp_path / "after")}
    new = of_lab(tmp_path, "east", settings)
    page = (repository / "docs/how-to/shared-warehouse.md").read_text()
    lines = page.partition("for table in ALL:")[2].partition("```")[0]
    exec(f"for table in ALL:{lines}", {"ALL": ALL, "old": old.warehouse, "new": new.warehouse})

    new.rollup(NEXT)
    assert use(new) == use(old)
    assert new.count("server_sample") == 24
    assert sum(new.warehouse.flush(new.hot).rows.values()) == 0


def test_a_driver_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg2", None)
    lab = of_lab(tmp_path, "east", {"catalog": "postgresql://db.example/scms"})
    with pytest.raises(WarehouseError) as caught:
        lab.warehouse.ensure_tables()
    assert caught.value.mend == "pip install 'scms[postgresql]'"


@pytest.mark.parametrize("url", ["nonsense", "postgresql//host"])
def test_a_url_that_is_none_is_an_error_with_examples(url: str, tmp_path: Path) -> None:
    lab = of_lab(tmp_path, "east", {"catalog": url})
    with pytest.raises(WarehouseError, match="postgresql://host/database"):
        lab.warehouse.ensure_tables()


def test_a_rest_catalog_that_is_silent_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scms.warehouse.rest.ANSWER_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        lab = of_lab(tmp_path, "east", {"catalog": f"http://127.0.0.1:{silent.getsockname()[1]}"})
        with pytest.raises(WarehouseError, match="timed out"):
            lab.warehouse.ensure_tables()


def test_a_rest_catalog_that_is_no_catalog_is_an_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    lab = of_lab(tmp_path, "east", {"catalog": f"http://127.0.0.1:{port}"})
    with pytest.raises(WarehouseError, match="the warehouse at"):
        lab.warehouse.ensure_tables()


def test_hdfs_without_its_client_says_what_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("JAVA_HOME", "HADOOP_HOME", "ARROW_LIBHDFS_DIR"):
        monkeypatch.setenv(name, str(tmp_path))
    lab = of_lab(tmp_path, "east", {"location": "hdfs://namenode:8020/scms"})
    with pytest.raises(WarehouseError) as caught:
        lab.warehouse.ensure_tables()
    assert "JAVA_HOME" in str(caught.value.mend)


def test_a_bucket_that_is_not_there_is_an_error(
    s3: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3.items():
        monkeypatch.setenv(name, value)
    lab = of_lab(tmp_path, "east", {"location": "s3://no-such-bucket/scms"})
    with pytest.raises(WarehouseError, match="no-such-bucket"):
        lab.warehouse.ensure_tables()


@pytest.mark.parametrize(
    ("given", "driver"),
    [
        ("postgresql://db/scms", "postgresql+psycopg2"),
        ("postgres://db/scms", "postgresql+psycopg2"),
        ("mysql://db/scms", "mysql+pymysql"),
        ("mariadb://db/scms", "mariadb+pymysql"),
        ("postgresql+psycopg://db/scms", "postgresql+psycopg"),
    ],
)
def test_the_driver_of_a_url(given: str, driver: str) -> None:
    assert reach.database_url(given, {}).drivername == driver


def test_a_user_of_the_url_goes_before_that_of_the_environment() -> None:
    told = {"SCMS_CATALOG_USER": "someone", "SCMS_CATALOG_PASSWORD": "p@ss/word"}
    url = reach.database_url("postgresql://ada@db/scms", told)
    assert (url.username, url.password) == ("ada", "p@ss/word")


def test_time_limits_of_the_url_go_before_ours() -> None:
    url = reach.database_url("mysql://db/scms?read_timeout=5", {})
    assert (url.query["read_timeout"], url.query["connect_timeout"]) == ("5", "10")
