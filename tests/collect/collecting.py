"""A collector in a test: what it hands on is noted, and it waits little between tries."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from scms.collect.supervisor import Patience, Supervisor
from scms.errors import ConnectError
from scms.inventory import Inventory, Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from scms.collect.channel import Connector
    from scms.collect.record import Record

IMPATIENT = Patience(first=0.1, longest=0.3, refused=0.3, report=60.0)


class Notes:
    """A sink: the records of every server, in order."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._changed = threading.Condition()

    def __call__(self, record: Record) -> None:
        with self._changed:
            self.records.append(record)
            self._changed.notify_all()

    def of(self, server: str) -> list[dict[str, Any]]:
        """The rows of server_sample of a server."""
        return [r.tables["server_sample"][0] for r in self.records if r.server == server]

    def events(self, server: str) -> list[tuple[Any, Any]]:
        """(kind, detail) of the events of a server."""
        rows = [e for r in self.records if r.server == server for e in r.tables["event"]]
        return [(row["kind"], row["detail"]) for row in rows]

    def wait(
        self, server: str, condition: Callable[[dict[str, Any]], Any], seconds: float = 20
    ) -> dict[str, Any]:
        """The first row of a server, past or to come, for which the condition holds."""
        deadline = time.monotonic() + seconds
        seen = 0
        with self._changed:
            while True:
                rows = self.of(server)
                for row in rows[seen:]:
                    if condition(row):
                        return row
                seen = len(rows)
                left = deadline - time.monotonic()
                assert left > 0, f"not within {seconds} s; last of {server}: {rows[-1:]}"
                self._changed.wait(left)


def up(row: dict[str, Any]) -> bool:
    return bool(row["state"] == "up")


def down(row: dict[str, Any]) -> bool:
    return bool(row["state"] == "down")


@contextmanager
def collecting(
    servers: Sequence[Server],
    connect: Connector,
    folder: Path,
    *,
    interval: float = 0.5,
    patience: Patience = IMPATIENT,
) -> Iterator[Notes]:
    """Collect from servers for as long as the block lasts."""
    entries = [server.model_dump(exclude_none=True) for server in servers]
    inventory = Inventory.from_mapping(
        {"interval": interval, "servers": entries}, base=folder, source="test"
    )
    notes = Notes()
    supervisor = Supervisor(inventory, sink=notes, connect=connect, patience=patience)
    supervisor.start()
    try:
        yield notes
    finally:
        assert supervisor.stop(15), "a thread of the collector did not end"


class Script:
    """A channel that says given lines, then ends with an error; or waits until it is closed."""

    kind: Any = "simulated"

    def __init__(self, lines: Sequence[bytes], *, waits: bool = False) -> None:
        self._lines = list(lines)
        self._waits = waits
        self._closed = threading.Event()
        self.closed = False

    def readline(self, timeout: float) -> bytes:
        if self._lines:
            return self._lines.pop(0)
        if self._waits:
            self._closed.wait(timeout)
        raise ConnectError("the script has ended")

    def close(self) -> None:
        self.closed = True
        self._closed.set()


def hello_line(**changes: Any) -> bytes:
    message = {"type": "hello", "protocol": 1, "hostname": "a", "boot_id": "boot-1", **changes}
    return json.dumps(message).encode()


def sample_line(n: int = 0, **changes: Any) -> bytes:
    """A plain sample: the n-th of one a second, half of two CPUs in use."""
    message = {
        "type": "sample",
        "sequence": n,
        "time": 1_800_000_000.0 + n,
        "monotonic": 1000.0 + n,
        "cpu_count": 2,
        "cpu": [100.0 + n, 0, 0, 100.0 + n, 0, 0, 0, 0],
        "load": [1, 2, 3],
        "memory": {"total": 8000, "available": 6000, "swap_total": 100, "swap_free": 100},
        "disk": [1000 * n, 2000 * n],
        "network": [10 * n, 20 * n],
        "uptime": 5000 + n,
        "users_logged_in": 1,
        "process_count": 100,
        "gpu": {"problem": None, "driver": None, "age_seconds": 0.0},
        "devices": [],
        **changes,
    }
    return json.dumps(message).encode()
