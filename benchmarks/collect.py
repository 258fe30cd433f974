"""What watching servers costs, measured with real sshd on loopback, as Markdown.

    python benchmarks/collect.py [--sessions 10,50,200,500] [--seconds 20] [--peers 20]

Costs are CPU times, which a busy machine disturbs little. The collector is a process with its
own hot store; "server" is sshd and all that runs in it. As root each sshd has process ids of its
own: a probe scans some 200 processes. Without root each scans all of this machine.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import socket
import statistics
import sys
import time
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.measured import Helper, fleet, resident_bytes, row, say, table
from benchmarks.peers import GROUP, GROUP_OF_ALL, PEERS, peer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scms.collect.record import Record

SESSIONS_PER_SSHD: Final = 60
OPEN_SECONDS: Final = 300.0
#: Of 50 servers 10 misbehave: noise without end, silence, and sessions that freeze.
FLOODS: Final = ("yes", "yes a line of noise as it could come from a shell", "cat /dev/zero")
HEALTHY, HOLES, FROZEN = 40, 4, 3
Costs = dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Window:
    """What a collector did. ``gaps`` are seconds between two samples, ``kept`` until on disk."""

    samples: int
    collector_ms: float
    server_ms: float
    memory_bytes: int
    gaps: tuple[float, ...]
    kept: tuple[float, ...]
    load: float

    def jitter(self, interval: float) -> tuple[str, str]:
        """How far from the interval the gaps are: the median and the 99th of a hundred."""
        off = statistics.quantiles([abs(gap - interval) for gap in self.gaps], n=100)
        half, most = (f"{off[n] * 1000:.0f} ms ({off[n] / interval:.1%})" for n in (49, 98))
        return half, most

    def on_disk(self) -> str:
        """When 99 of a hundred samples were on disk."""
        return f"{statistics.quantiles(self.kept, n=100)[98]:.1f} s"


class Collector(Helper):
    """A collector as it is, in a process of its own: sessions, records, hot store."""

    def __init__(self, folder: Path, servers: Sequence[dict[str, Any]], interval: float) -> None:
        asked = {"folder": str(folder), "interval": interval, "servers": list(servers)}
        super().__init__("collector", asked)

    def arrivals(self) -> dict[str, list[float]]:
        """When samples came, per server, in seconds since the epoch."""
        arrivals: dict[str, list[float]] = self.ask()["arrivals"]
        return arrivals

    def open(self, names: Sequence[str]) -> list[float]:
        """Wait for a sample of each; the seconds that took, per server."""
        deadline = time.monotonic() + OPEN_SECONDS
        while True:
            arrivals = self.arrivals()
            missing = [name for name in names if not arrivals[name]]
            if not missing:
                return [arrivals[name][0] - self.first["began"] for name in names]
            if time.monotonic() > deadline:
                raise RuntimeError(f"{len(missing)} sessions did not open, such as {missing[0]}")
            time.sleep(0.5)

    def window(self, names: Sequence[str], seconds: float) -> Window:
        """Look at it for a while."""
        began, before = time.time(), self.cpu_seconds()
        time.sleep(seconds)
        after = self.cpu_seconds()
        state = self.ask()
        times = [[at for at in state["arrivals"][name] if at >= began] for name in names]
        samples = sum(map(len, times))
        return Window(
            samples,
            collector_ms=(after[0] - before[0]) / samples * 1000,
            server_ms=(after[1] - before[1]) / samples * 1000,
            memory_bytes=state["memory"] - self.first["memory"],
            gaps=tuple(later - earlier for of in times for earlier, later in pairwise(of)),
            kept=tuple(delay for at, delay in state["kept"] if at >= began),
            load=os.getloadavg()[0],
        )


def collector(asked: dict[str, Any]) -> None:
    """The process of a `Collector`."""
    from scms.collect.supervisor import Supervisor
    from scms.collect.transport import connect, probe_source, ssh
    from scms.hot import HotStore
    from scms.inventory import Inventory
    from scms.service.memory import share_arenas
    from scms.service.writer import Writer

    share_arenas()
    inventory = Inventory.from_mapping(
        {"interval": asked["interval"], "servers": asked["servers"]},
        base=Path(asked["folder"]),
        source="benchmark",
    )
    arrivals: dict[str, list[float]] = {server.name: [] for server in inventory.servers}
    kept: list[tuple[float, float]] = []

    class Timed(HotStore):
        def append(self, records: Sequence[Record]) -> int:
            last = super().append(records)
            now = time.time()
            kept.extend((r.received_at_ms / 1000, now - r.received_at_ms / 1000) for r in records)
            return last

    writer = Writer(Timed.create(Path(asked["folder"]) / "hot.sqlite"))

    def sink(record: Record) -> None:
        if record.tables["server_sample"][0]["state"] != "down":
            arrivals[record.server].append(record.received_at_ms / 1000)
        writer.put(record)

    reach = partial(connect, fleet_size=len(inventory.servers))
    supervisor = Supervisor(inventory, sink=sink, connect=reach)
    _ready = ssh.__name__, probe_source()  # their memory is not that of a connection
    say({"began": time.time(), "memory": resident_bytes()})
    writer.start()
    supervisor.start()
    for _ in sys.stdin:
        say({"memory": resident_bytes(), "arrivals": arrivals, "kept": kept})
    supervisor.stop(30)
    writer.stop(30)


def watching(
    sessions: int, interval: float, seconds: float, processes: int, costs: Costs
) -> Iterator[str]:
    """What so many sessions cost; also noted in ``costs``."""
    count = math.ceil(sessions / SESSIONS_PER_SSHD)
    sleeping = processes - 3 * math.ceil(sessions / count)  # a session is three processes
    with fleet(count, sleeping) as (folder, fleet_of):
        servers = [fleet_of[n % count].entry(name=f"s{n:04}") for n in range(sessions)]
        names = [server["name"] for server in servers]
        watched = Collector(folder, servers, interval)
        try:
            before = watched.cpu_seconds()
            first = watched.open(names)
            opening = [b - a for a, b in zip(before, watched.cpu_seconds(), strict=True)]
            time.sleep(2 * interval)
            found = watched.window(names, seconds)
        finally:
            watched.close()
    costs[f"{sessions} sessions"] = found.collector_ms, found.server_ms
    yield row(
        f"{sessions}",
        f"{found.collector_ms:.2f} ms",
        f"{found.server_ms:.2f} ms",
        f"{found.memory_bytes / sessions / 1000:.0f} kB",
        f"{min(first):.1f} s",
        f"{max(first):.1f} s",
        *(f"{spent / sessions * 1000:.0f} ms" for spent in opening),
        *found.jitter(interval),
        found.on_disk(),
        f"{found.load:.0f}",
    )


def misbehaving(interval: float, seconds: float, processes: int) -> Iterator[str]:
    """The jitter of healthy servers while a fifth of all misbehave."""
    from servers.sshd import ADDRESS

    with fleet(2 + len(FLOODS), processes) as (folder, servers), socket.socket() as hole:
        well, freezing, *flooding = servers
        hole.bind((ADDRESS, 0))
        hole.listen(100)  # the kernel takes connections, and nobody speaks
        for server, command in zip(flooding, FLOODS, strict=True):
            server.stop()
            server.extra = f"ForceCommand exec {command}\n"
            server.start()
        healthy = [well.entry(name=f"healthy-{n}") for n in range(HEALTHY)]
        frozen = [freezing.entry(name=f"frozen-{n}") for n in range(FROZEN)]
        port = hole.getsockname()[1]
        holes = [well.entry(name=f"hole-{n}", port=port) for n in range(HOLES)]
        floods = [server.entry(name=f"flood-{n}") for n, server in enumerate(flooding)]
        names = [entry["name"] for entry in healthy]
        watched = Collector(folder, [*floods, *holes, *frozen, *healthy], interval)
        try:
            watched.open([*names, *(entry["name"] for entry in frozen)])
            freezing.signal(signal.SIGSTOP)
            found = watched.window(names, seconds)
            silent = watched.arrivals()
        finally:
            freezing.signal(signal.SIGCONT)
            watched.close()
    if any(silent[entry["name"]] for entry in [*floods, *holes]):
        raise RuntimeError("a server that misbehaves was taken for a healthy one")
    yield row(
        f"{HEALTHY} of {len(silent)}",
        f"{found.collector_ms:.2f} ms",
        *found.jitter(interval),
        f"{found.load:.0f}",
    )


def compared(servers: int, rounds: int, processes: int, costs: Costs) -> Iterator[str]:
    """What a sample costs when each is a command of its own; also noted in ``costs``."""
    for name in PEERS:
        with fleet(1, processes) as (folder, (server,)):
            asked = {"name": name, "servers": servers, "entry": server.entry()}
            other = Helper("peer", {**asked, "folder": str(folder)})
            try:
                before = other.cpu_seconds()
                other.ask(rounds)
                time.sleep(1.0)  # what the last commands have left ends, and is counted
                after = other.cpu_seconds()
            finally:
                other.close()
        spent = [(b - a) / (servers * rounds) * 1000 for a, b in zip(before, after, strict=True)]
        costs[name] = spent[0], spent[1]
        yield row(
            name, f"{servers}", *(f"{each:.1f} ms" for each in spent), f"{os.getloadavg()[0]:.0f}"
        )


def cheaper(costs: Costs) -> Iterator[str]:
    """How many times cheaper a sample of an open session is than one of Fabric's groups."""
    for name, ours in costs.items():
        if name in PEERS:
            continue
        ratios = [costs[group][n] / ours[n] for group in (GROUP, GROUP_OF_ALL) for n in (0, 1)]
        yield row(name, *(f"{ratio:.0f} times" for ratio in ratios))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", default="10,50,200,500", help="how many, with commas")
    parser.add_argument("--seconds", type=float, default=20.0, help="each is looked at so long")
    parser.add_argument("--interval", type=float, default=5.0, help="seconds between samples")
    parser.add_argument("--processes", type=int, default=200, help="of a server (as root)")
    parser.add_argument("--peers", type=int, default=20, help="servers of the peers; 0: none")
    parser.add_argument("--healthy-only", action="store_true", help="without those that misbehave")
    parser.add_argument("--role", choices=["collector", "peer"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.role is not None:
        {"collector": collector, "peer": peer}[options.role](json.loads(sys.stdin.readline()))
    else:
        measure(options)


def measure(options: argparse.Namespace) -> None:
    """Print the tables."""
    interval, seconds, processes = options.interval, options.seconds, options.processes
    counts = [int(count) for count in options.sessions.split(",") if count]
    costs: Costs = {}
    table(
        "| sessions | collector, per sample | server, per sample | memory per connection "
        "| first sample | all open | collector, to open one | server, to open one "
        "| jitter p50 | p99 | on disk, p99 | load |",
        (line for n in counts for line in watching(n, interval, seconds, processes, costs)),
    )
    if not options.healthy_only:
        table(
            "| healthy | collector, per sample | jitter p50 | p99 | load |",
            misbehaving(interval, seconds, processes),
        )
    if options.peers:
        table(
            "| peer | servers | collector, per sample | server, per sample | load |",
            compared(options.peers, 10, processes, costs),
        )
        table(
            "| cheaper than Fabric | collector | server | reading the same: collector | server |",
            cheaper(costs),
        )


if __name__ == "__main__":
    main()
