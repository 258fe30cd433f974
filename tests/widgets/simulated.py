"""A cluster of simulated servers over a real hot store, for tests of the page.

The lines are those of the simulated lab, read by the collector's own parser and assembler.
"""

from __future__ import annotations

import itertools
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scms.collect.assemble import Assembler
from scms.collect.message import Hello, Tick
from scms.collect.parse import parse_line
from scms.collect.rows import Watch
from scms.demo.lab import DEFAULT_SEED, Lab
from scms.demo.roster import HALL_SIZE
from scms.errors import ConnectError
from scms.hot import HotStore
from scms.inventory import Inventory

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from scms.collect.record import Record


def inventory(directory: Path, servers: int = 20, **settings: Any) -> Inventory:
    """The inventory of a simulated lab; the same every time."""
    rows = [
        {"name": s.name, "group": s.group, "tags": list(s.tags), "simulated": True}
        for s in Lab(servers=servers).servers
    ]
    data = {
        "name": "Simulated lab",
        "timezone": "Europe/Berlin",
        "interval": 1,
        "data": str(directory),
        "servers": rows,
        **settings,
    }
    return Inventory.from_mapping(data, base=directory, source="test")


def steady_lab(servers: int) -> Lab:
    """A lab in which none of the servers that tests name is down while a test looks at it.

    What a simulated server does follows the clock, and a test must not.
    """
    now = time.time()
    for seed in itertools.count(DEFAULT_SEED):
        lab = Lab(seed, servers=servers)
        named = lab.servers[:HALL_SIZE]
        if not any(lab.outages(s.name, now - 3600, now + 2 * 3600) for s in named):
            return lab
    raise AssertionError("seeds do not end")


@dataclass
class Collector:
    """Stands for the collector: writes records of the lab into the hot store.

    ``twist`` may change a record before it is written, as a hostile server would.
    """

    inventory: Inventory
    twist: Callable[[Record], Record] = lambda record: record
    hot: HotStore = field(init=False)
    _assemblers: dict[str, Assembler] = field(init=False, default_factory=dict)
    _greeted: set[str] = field(init=False, default_factory=set)
    _stop: threading.Event = field(init=False, default_factory=threading.Event)
    _thread: threading.Thread | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.hot = HotStore.create(self.inventory.directory / "hot.sqlite")
        self.lab = steady_lab(len(self.inventory.servers))
        self._interval = self.inventory.settings.interval

    def past(self, minutes: float, step: float = 10.0, until: float | None = None) -> None:
        """Write the past, oldest first."""
        end = time.time() if until is None else until
        count = int(minutes * 60 / step)
        for n in range(count, -1, -1):
            self.tick(end - n * step)

    def tick(self, at: float) -> None:
        """Write one tick of every server."""
        names = [server.name for server in self.inventory.servers]
        self.hot.append([self.twist(self._record(name, at)) for name in names])

    def start(self) -> None:
        """Write a tick each interval until `stop`."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write no more."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def close(self) -> None:
        self.stop()
        self.hot.close()

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            self.tick(time.time())

    def _record(self, server: str, at: float) -> Record:
        assembler = self._assemblers.get(server)
        if assembler is None:
            assembler = Assembler(Watch(server, self._interval, "main", simulated=True))
            self._assemblers[server] = assembler
        milliseconds = int(at * 1000)
        try:
            if server not in self._greeted:
                hello = parse_line(self.lab.hello(server, at, self._interval))
                assert isinstance(hello, Hello)
                assembler.begin(hello, "simulated")
                self._greeted.add(server)
            tick = parse_line(self.lab.line(server, at, self._interval))
            assert isinstance(tick, Tick)
            return assembler.tick(tick, milliseconds)
        except ConnectError as error:
            self._greeted.discard(server)
            return assembler.failure(str(error), milliseconds)
