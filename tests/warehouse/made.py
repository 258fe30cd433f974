"""Rows, records and places made for tests of the data: complete, and odd only where a test says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from scms.collect.record import Record
from scms.hot import FILE_NAME, HotStore
from scms.inventory import Inventory
from scms.tables import ALL
from scms.views import Views
from scms.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

DAY = datetime(2026, 10, 6, tzinfo=UTC)


def milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def row(table: str, at: datetime, **values: Any) -> dict[str, object]:
    """A complete row: what is not said is null, but for what must not be."""
    usual: dict[str, object] = {
        "server": "gpu01",
        "observed_seconds": 60.0,
        "state": "up" if table == "server_sample" else "free",
        "collector": "main",
        "simulated": False,
        "interval_seconds": 60.0,
        "device": "GPU-1",
        "kind": "up",
    }
    declared = ALL[table]
    made = {c.name: usual.get(c.name) if c.required else None for c in declared.columns} | {
        declared.time: milliseconds(at)
    }
    unknown = set(values) - set(made)
    assert not unknown, unknown
    return made | values


def record(
    at: datetime,
    server: str = "gpu01",
    *,
    devices: Sequence[dict[str, object]] = (),
    processes: Sequence[dict[str, object]] = (),
    events: Sequence[dict[str, object]] = (),
    **values: Any,
) -> Record:
    """A record of a server; devices, processes and events are said by what is not usual."""
    tables = {
        "server_sample": [row("server_sample", at, server=server, **values)],
        "device_sample": [row("device_sample", at, server=server, **d) for d in devices],
        "process_sample": [row("process_sample", at, server=server, **p) for p in processes],
        "event": [row("event", at, server=server, **e) for e in events],
    }
    return Record(server, milliseconds(at), tables, {})


def every(minutes: float, start: datetime, end: datetime) -> Iterator[datetime]:
    """Moments from start to before end."""
    at = start
    while at < end:
        yield at
        at += timedelta(minutes=minutes)


class Place:
    """A data directory with its inventory, a hot store, the warehouse and the views."""

    def __init__(self, directory: Path, *, timezone: str = "UTC", **data: Any) -> None:
        servers = data.pop("servers", [{"name": "gpu01", "group": "vision"}, {"name": "gpu02"}])
        self.inventory = Inventory.from_mapping(
            {"timezone": timezone, "servers": servers, **data}, base=directory, source="test"
        )
        self.hot = HotStore(self.inventory.directory / FILE_NAME, create=True)
        self.warehouse = Warehouse.open(self.inventory)
        self.views = Views(self.inventory, self.hot, self.warehouse)

    def another(self) -> Warehouse:
        """The warehouse as another process sees it."""
        return Warehouse.open(self.inventory)

    def count(self, name: str) -> int:
        """Rows of a table in the warehouse."""
        return sum(file.rows for file in self.another().state(name).files)

    def values(self, name: str, column: str) -> list[Any]:
        """A column of a table in the warehouse, sorted."""
        state = self.another().state(name)
        if not state.files:
            return []
        return sorted(state.arrow(state.files)[column].to_pylist())

    def rollup(self, now: datetime) -> dict[str, int]:
        """Flush and roll up, as the service does."""
        self.warehouse.flush(self.hot)
        return self.warehouse.rollup(self.views.arrow, now=now)
