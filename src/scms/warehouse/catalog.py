"""The Iceberg catalog of a cluster: where it is, its tables, and its errors as ours."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from scms.errors import ScmsError, WarehouseError
from scms.tables import ALL
from scms.warehouse import reach

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table as IcebergTable

    from scms.inventory import Inventory
    from scms.tables import Table

NAMESPACE: Final = "scms"
_FOREIGN: Final = {
    "pyiceberg",
    "pyiceberg_core",
    "sqlalchemy",
    "pyarrow",
    "requests",
    "urllib3",
    "pydantic_core",  # an answer of a REST catalog, or metadata, that is none
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where the catalog and the files are.

    Attributes:
        catalog: SQLAlchemy URL or URL of a REST catalog.
        location: URL of the directory or bucket for the files.
        file: The file of an embedded catalog, which may not exist yet; None for a shared one.
    """

    catalog: str
    location: str
    file: Path | None


def place_of(inventory: Inventory) -> Place:
    """Where the settings put the warehouse: by default below the data directory."""
    chosen = inventory.settings.warehouse
    directory = inventory.directory / "warehouse"
    location = chosen.location
    if location is None:
        location = _local(directory / "files")
    elif "://" not in location:
        location = _local((inventory.directory / location).resolve())
    if chosen.catalog is not None:
        return Place(chosen.catalog, location, None)
    file = directory / "catalog.db"
    return Place(f"sqlite:///{file}?timeout=30", location, file)


def _local(path: Path) -> str:
    """A directory as Iceberg takes it: a URL, or the bare path where a URL would be misread."""
    return str(path) if any(sign in str(path) for sign in "%#?") else f"file://{path}"


def connect(place: Place, *, create: bool) -> Catalog | None:
    """The catalog; None where an embedded one has not been made yet and is not to be."""
    if place.file is not None and not place.file.exists():
        if not create:
            return None
        place.file.parent.mkdir(parents=True, exist_ok=True)
    with wrapped("opened", place):
        from pyiceberg.utils.config import Config

        from scms.warehouse.sharing import share_past

        share_past()
        told: dict[str, Any] = {
            **(Config().get_catalog_config(NAMESPACE) or {}),
            **reach.properties(place.catalog, place.location, os.environ),
        }
        if reach.is_rest(place.catalog):
            from scms.warehouse.rest import PatientRestCatalog

            return PatientRestCatalog(NAMESPACE, **told)
        from pyiceberg.catalog.sql import SqlCatalog

        init = "true" if create else "false"
        return SqlCatalog(NAMESPACE, **told, init_catalog_tables=init)


def ensure(catalog: Catalog, table: Table) -> IcebergTable:
    """The table, made where it is missing, with columns that were declared since added."""
    from pyiceberg.exceptions import NoSuchTableError

    from scms.warehouse import evolution, schema

    name = f"{NAMESPACE}.{table.name}"
    try:
        there = catalog.load_table(name)
    except NoSuchTableError:
        catalog.create_namespace_if_not_exists(NAMESPACE)
        there = catalog.create_table_if_not_exists(
            name,
            schema=schema.iceberg_schema(table),
            partition_spec=schema.partition_spec(table),
            sort_order=schema.sort_order(table),
            properties=evolution.properties(table),
        )
    return evolution.upgraded(there, table)


def load(catalog: Catalog, name: str) -> IcebergTable | None:
    """The table; None where it, or the whole catalog, has not been made yet."""
    from pyiceberg.exceptions import NoSuchTableError
    from sqlalchemy.exc import OperationalError, ProgrammingError

    try:
        return catalog.load_table(f"{NAMESPACE}.{name}")
    except NoSuchTableError:
        return None
    except (OperationalError, ProgrammingError) as error:
        if "iceberg_tables" in str(error.orig):  # a database without the catalog's own tables
            return None
        raise


def location(catalog: Catalog, name: str) -> str | None:
    """Where the newest metadata of a table is, asked without reading it.

    None where only reading tells: the table is not there, or the catalog is no SQL database.
    """
    from pyiceberg.catalog.sql import IcebergTables, SqlCatalog
    from sqlalchemy import select
    from sqlalchemy.exc import DatabaseError

    if not isinstance(catalog, SqlCatalog):
        return None
    query = select(IcebergTables.metadata_location).where(
        IcebergTables.catalog_name == catalog.name,
        IcebergTables.table_namespace == NAMESPACE,
        IcebergTables.table_name == name,
    )
    try:
        with catalog.engine.connect() as connection:
            found: str | None = connection.execute(query).scalar()
    except DatabaseError:  # said better by who reads the table then
        return None
    return found


def declared(name: str) -> Table:
    """The declaration of a table, by its name."""
    table = ALL.get(name)
    if table is None:
        raise WarehouseError(f"no table is called {name!r}", expected=f"one of {', '.join(ALL)}")
    return table


@contextmanager
def wrapped(done: str, place: Place) -> Iterator[None]:
    """Errors of Iceberg, the catalog and the file system, as `WarehouseError`."""
    try:
        yield
    except ScmsError:
        raise
    except Exception as error:
        home = type(error).__module__.partition(".")[0]
        if home not in _FOREIGN and not isinstance(error, (OSError, ValueError, ImportError)):
            raise
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
        known = reach.mend(error, place.location)
        raise WarehouseError(
            f"the warehouse at {place.location} cannot be {done}: {first_line}",
            expected=f"an Iceberg catalog at {reach.without_password(place.catalog)}",
            mend="collected samples stay in the hot store until it can" if known is None else known,
        ) from error
