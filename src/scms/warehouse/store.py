"""The warehouse as a whole: open it, append to its tables, read their state, keep it up."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, Self

from scms.tables import ALL
from scms.warehouse.catalog import (
    Place,
    connect,
    declared,
    ensure,
    load,
    location,
    place_of,
    wrapped,
)
from scms.warehouse.read import WATERMARK, TableState, state_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import pyarrow as pa
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table as IcebergTable

    from scms.hot import HotStore
    from scms.inventory import Inventory
    from scms.warehouse.flush import Flushed
    from scms.warehouse.rollup import Query

_PROPERTY_TRIES: Final = 10


class Warehouse:
    """The Iceberg tables of a cluster.

    Opening touches nothing and imports nothing: readers find empty tables until a writer has
    made them.

    Raises:
        WarehouseError: In every method: the catalog or the files cannot be used.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self._catalog: Catalog | None = None
        self._may_create = False
        self._states: dict[str, tuple[str, TableState]] = {}
        self._lock = threading.RLock()

    @classmethod
    def open(cls, inventory: Inventory) -> Self:
        """The warehouse of a cluster, where its settings put it."""
        return cls(place_of(inventory))

    def ensure_tables(self) -> None:
        """Make the tables that are missing, and add columns that were declared since."""
        for name in ALL:
            self.table(name)

    def table(self, name: str) -> IcebergTable:
        """A fresh handle of a table, which is made where it is missing."""
        with wrapped("opened", self.place):
            catalog = self._connected(create=True)
            assert catalog is not None
            return ensure(catalog, declared(name))

    def state(self, name: str) -> TableState:
        """The files and properties of a table now; empty where there is none yet."""
        table = declared(name)
        with self._lock, wrapped("read", self.place):
            known = self._states.get(name)
            if known is not None and known[0] == self._location(name):
                return known[1]
            iceberg = self._loaded(name)
            if iceberg is None:
                return TableState(table)
            if known is None or known[0] != iceberg.metadata_location:
                known = (iceberg.metadata_location, state_of(table, iceberg))
                self._states[name] = known
            return known[1]

    def append(
        self,
        name: str,
        rows: Sequence[dict[str, object]] | pa.Table,
        properties: Mapping[str, str] | None = None,
    ) -> int:
        """Append rows and set properties in one commit: both happen, or nothing.

        Args:
            name: The table.
            rows: Dictionaries with timestamps in milliseconds, or an Arrow table.
            properties: Table properties to set with it.

        Returns:
            How many rows were written.
        """
        from scms.warehouse import datafiles
        from scms.warehouse.rows import arrow_rows, sorted_rows

        table = declared(name)
        arrow = sorted_rows(table, arrow_rows(table, rows))
        with wrapped("written", self.place):
            if arrow.num_rows:
                iceberg = self.table(name)
                files = [*datafiles.write(iceberg, table, arrow)]
                with iceberg.transaction() as transaction:
                    datafiles.append(transaction, files)
                    transaction.set_properties(dict(properties or {}))
            elif properties:
                self._set_properties(name, dict(properties))
        return int(arrow.num_rows)

    def _set_properties(self, name: str, properties: dict[str, str]) -> None:
        """Set properties alone; pyiceberg tries only commits with rows again."""
        from pyiceberg.exceptions import CommitFailedException

        for attempt in range(1, _PROPERTY_TRIES + 1):
            try:
                with self.table(name).transaction() as transaction:
                    transaction.set_properties(properties)
            except CommitFailedException:
                if attempt == _PROPERTY_TRIES:
                    raise
            else:
                return

    def watermark(self, name: str, source: str) -> int:
        """The number of the last record of a hot store, by its identity, that a table has."""
        with self._lock, wrapped("read", self.place):
            iceberg = self._loaded(name)
            return 0 if iceberg is None else int(iceberg.properties.get(WATERMARK + source, 0))

    def files(
        self, name: str, start: datetime | None = None, end: datetime | None = None
    ) -> tuple[str, ...]:
        """The URLs of the data files that may have rows with start <= time < end."""
        return tuple(file.url for file in self.state(name).between(start, end))

    def flush(self, hot: HotStore) -> Flushed:
        """Move what the hot store has and the tables have not; see `scms.warehouse.flush`."""
        from scms.warehouse.flush import flush

        return flush(self, hot)

    def rollup(self, query: Query, *, now: datetime) -> dict[str, int]:
        """Write the rollups of closed days; see `scms.warehouse.rollup`."""
        from scms.warehouse.rollup import rollup

        return rollup(self, query, now=now)

    def upkeep(
        self,
        *,
        now: datetime,
        keep_facts_seconds: float,
        keep: Mapping[str, float] | None = None,
    ) -> dict[str, int]:
        """Drop old facts, compact closed days, delete files of the past; see `upkeep`."""
        from scms.warehouse.upkeep import upkeep

        return upkeep(self, now=now, keep_facts_seconds=keep_facts_seconds, keep=keep)

    def close(self) -> None:
        """Let go of the connections to the catalog; the next call makes new ones."""
        with self._lock:
            self._states.clear()
            if self._catalog is not None:
                self._catalog.close()
            self._catalog = None

    def __del__(self) -> None:
        self.close()

    def _connected(self, *, create: bool) -> Catalog | None:
        with self._lock:
            gone = self.place.file is not None and not self.place.file.exists()
            if self._catalog is None or gone or (create and not self._may_create):
                self.close()
                self._catalog, self._may_create = connect(self.place, create=create), create
            return self._catalog

    def _location(self, name: str) -> str | None:
        catalog = self._connected(create=False)
        return None if catalog is None else location(catalog, name)

    def _loaded(self, name: str) -> IcebergTable | None:
        catalog = self._connected(create=False)
        return None if catalog is None else load(catalog, name)
