"""What watching servers costs, measured with real sshd on loopback, as Markdown.

    python benchmarks/collect.py [--sessions 10,50,200,500] [--seconds 30] [--peers 20]

Costs are CPU times, which a busy machine disturbs less than the clock on the wall. The collector
is a process of its own with its hot store; "server" is sshd and all that runs in it. The peers
read the same facts with one ``cat`` per sample, which is the least that they could do.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from scms.collect.record import Record
    from servers.sshd import Sshd

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))  # the helper that starts sshd
FACTS: Final = "cat /proc/stat /proc/meminfo /proc/loadavg /proc/diskstats /proc/net/dev"
SESSIONS_PER_SSHD: Final = 100
OPEN_SECONDS: Final = 180.0
#: Of 50 servers 10 misbehave: noise without end, silence, and sessions that freeze.
FLOODS: Final = ("yes", "yes a line of noise as it could come from a shell", "cat /dev/zero")
HEALTHY, HOLES, FROZEN = 40, 4, 3


class Helper:
    """This program in a process of its own: told and asked by lines of JSON."""

    def __init__(self, role: str, asked: dict[str, Any]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--role", role],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.first = self.ask(asked)

    def ask(self, message: object = None) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def cpu_seconds(self) -> tuple[float, float]:
        """Of its process with all below it, and of all else that this program has started."""
        own = tree_cpu_seconds(self._process.pid)
        return own, tree_cpu_seconds(os.getpid()) - own - time.process_time()

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise


def tree_cpu_seconds(root: int) -> float:
    """CPU time of a process and all below it, with that of those which have ended."""
    stats: dict[int, tuple[int, int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            after = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        stats[int(path.parent.name)] = (int(after[1]), sum(map(int, after[11:15])))
    children: dict[int, list[int]] = {}
    for pid, (parent, _) in stats.items():
        children.setdefault(parent, []).append(pid)
    ticks, waiting = 0, [root]
    while waiting:
        pid = waiting.pop()
        ticks += stats[pid][1] if pid in stats else 0
        waiting += children.get(pid, [])
    return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def fleet(count: int) -> Iterator[tuple[Path, list[Sshd]]]:
    """A folder and so many sshd, gone at the end with all that runs in them."""
    from servers.sshd import sshd_fleet

    # What somebody's shell does at login is not measured.
    plain = {"HOME": "/nonexistent", "PATH": f"{sys.base_prefix}/bin:/usr/bin:/bin"}
    accounts = dict.fromkeys(range(count), plain)
    with (
        tempfile.TemporaryDirectory(prefix="scms-bench-") as folder,
        sshd_fleet(Path(folder), count=count, environment=accounts) as servers,
    ):
        yield Path(folder), servers


@dataclass(frozen=True)
class Window:
    """What a collector did in a stretch of time. ``gaps`` are seconds between two samples."""

    samples: int
    collector_ms: float
    server_ms: float
    memory_bytes: int
    gaps: tuple[float, ...]
    load: float

    def jitter(self, interval: float) -> tuple[str, str]:
        """How far from the interval the gaps are: the median and the 99th of a hundred."""
        off = statistics.quantiles([abs(gap - interval) for gap in self.gaps], n=100)
        half, most = (f"{off[n] * 1000:.0f} ms ({off[n] / interval:.1%})" for n in (49, 98))
        return half, most


class Collector(Helper):
    """A collector as it is, in a process of its own: sessions, records, hot store."""

    def __init__(self, folder: Path, servers: Sequence[dict[str, Any]], interval: float) -> None:
        asked = {"folder": str(folder), "interval": interval, "servers": list(servers)}
        super().__init__("collector", asked)

    def arrivals(self) -> dict[str, list[float]]:
        """When samples came, per server, on the clock of ``time.monotonic``."""
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
        began, before = time.monotonic(), self.cpu_seconds()
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
            load=os.getloadavg()[0],
        )


def collector(asked: dict[str, Any]) -> None:
    """The process of a `Collector`."""
    from scms.collect.supervisor import Supervisor
    from scms.collect.transport import connect, probe_source, ssh
    from scms.hot import HotStore
    from scms.inventory import Inventory
    from scms.service.writer import Writer

    inventory = Inventory.from_mapping(
        {"interval": asked["interval"], "servers": asked["servers"]},
        base=Path(asked["folder"]),
        source="benchmark",
    )
    arrivals: dict[str, list[float]] = {server.name: [] for server in inventory.servers}
    writer = Writer(HotStore.create(Path(asked["folder"]) / "hot.sqlite"))

    def sink(record: Record) -> None:
        if record.tables["server_sample"][0]["state"] != "down":
            arrivals[record.server].append(time.monotonic())
        writer.put(record)

    supervisor = Supervisor(inventory, sink=sink, connect=connect)
    _ready = ssh.__name__, probe_source()  # their memory is not that of a connection
    say({"began": time.monotonic(), "memory": resident_bytes()})
    writer.start()
    supervisor.start()
    for _ in sys.stdin:
        say({"memory": resident_bytes(), "arrivals": arrivals})
    supervisor.stop(30)
    writer.stop(30)


def say(message: object) -> None:
    print(json.dumps(message), flush=True)


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def watching(sessions: int, interval: float, seconds: float) -> Iterator[str]:
    """What so many sessions cost."""
    with fleet(math.ceil(sessions / SESSIONS_PER_SSHD)) as (folder, fleet_of):
        servers = [fleet_of[n % len(fleet_of)].entry(name=f"s{n:04}") for n in range(sessions)]
        names = [server["name"] for server in servers]
        watched = Collector(folder, servers, interval)
        try:
            first = watched.open(names)
            opening = watched.cpu_seconds()[0]
            time.sleep(2 * interval)
            found = watched.window(names, seconds)
        finally:
            watched.close()
    yield row(
        f"{sessions}",
        f"{found.collector_ms:.2f} ms",
        f"{found.server_ms:.2f} ms",
        f"{found.memory_bytes / sessions / 1000:.0f} kB",
        f"{min(first):.1f} s",
        f"{max(first):.1f} s",
        f"{opening / sessions * 1000:.0f} ms",
        *found.jitter(interval),
        f"{found.load:.0f}",
    )


def misbehaving(interval: float, seconds: float) -> Iterator[str]:
    """The jitter of healthy servers while a fifth of all misbehave."""
    from servers.sshd import ADDRESS

    with fleet(2 + len(FLOODS)) as (folder, servers), socket.socket() as hole:
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


def peers(servers: int, rounds: int) -> Iterator[str]:
    """What a sample costs when each is a command of its own."""
    for name in PEERS:
        with fleet(1) as (folder, (server,)):
            asked = {"name": name, "servers": servers, "entry": server.entry()}
            peer = Helper("peer", {**asked, "folder": str(folder)})
            try:
                before = peer.cpu_seconds()
                peer.ask(rounds)
                time.sleep(1.0)  # what the last commands have left ends, and is counted
                after = peer.cpu_seconds()
            finally:
                peer.close()
        spent = [(b - a) / (servers * rounds) for a, b in zip(before, after, strict=True)]
        costs = (f"{each * 1000:.1f} ms" for each in spent)
        yield row(name, f"{servers}", *costs, f"{os.getloadavg()[0]:.0f}")


def peer(asked: dict[str, Any]) -> None:
    """The process of a peer: makes ready, and takes as many rounds of samples as it is told."""
    with PEERS[asked["name"]](asked) as take:
        say("ready")
        for line in sys.stdin:
            for _ in range(json.loads(line)):
                take()
            say("done")


def ssh_command(asked: dict[str, Any]) -> list[str]:
    entry = asked["entry"]
    options = ["-F", "none", "-o", "BatchMode=yes", "-i", entry["identity_file"]]
    options += ["-o", f"UserKnownHostsFile={entry['known_hosts']}", "-p", str(entry["port"])]
    return ["ssh", *options, f"{entry['user']}@{entry['address']}"]


def all_at_once(commands: Sequence[Sequence[str]]) -> None:
    running = [subprocess.Popen(c, stdout=subprocess.DEVNULL) for c in commands]
    if any([process.wait() for process in running]):  # noqa: C419  each must be waited for
        raise RuntimeError("ssh failed")


@contextmanager
def fresh_ssh(asked: dict[str, Any]) -> Iterator[Callable[[], None]]:
    commands = [[*ssh_command(asked), FACTS]] * asked["servers"]
    yield lambda: all_at_once(commands)


@contextmanager
def control_master(asked: dict[str, Any]) -> Iterator[Callable[[], None]]:
    from servers.sshd import wait_until

    bare = ssh_command(asked)
    paths = [f"{asked['folder']}/m{n}" for n in range(asked["servers"])]
    masters = [subprocess.Popen([*bare, "-MNS", path]) for path in paths]
    wait_until(lambda: all(Path(path).exists() for path in paths), 30)
    yield lambda: all_at_once([[*bare, "-S", path, FACTS] for path in paths])
    for master in masters:
        master.terminate()
        master.wait()


@contextmanager
def fabric_group(asked: dict[str, Any]) -> Iterator[Callable[[], None]]:
    def take() -> None:
        with _group(asked) as group:
            group.run(FACTS, hide=True)

    take()  # the imports are not counted
    yield take


@contextmanager
def kept_fabric_group(asked: dict[str, Any]) -> Iterator[Callable[[], None]]:
    with _group(asked) as group:
        group.run(FACTS, hide=True)
        yield lambda: group.run(FACTS, hide=True)


def _group(asked: dict[str, Any]) -> Any:
    from fabric import Connection, ThreadingGroup

    entry = asked["entry"]
    keys = {"key_filename": entry["identity_file"], "allow_agent": False, "look_for_keys": False}
    place = {"user": entry["user"], "port": entry["port"], "connect_kwargs": keys}
    connections = [Connection(entry["address"], **place) for _ in range(asked["servers"])]
    return ThreadingGroup.from_connections(connections)


PEERS: Final = {
    "a fresh `ssh server command`": fresh_ssh,
    "`ssh` through a ControlMaster": control_master,
    "Fabric ThreadingGroup": fabric_group,
    "Fabric ThreadingGroup, kept open": kept_fabric_group,
}


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def table(head: str, rows: Iterator[str]) -> None:
    print(f"\n{head}\n{row(*(['---'] * (head.count('|') - 1)))}", flush=True)
    for each in rows:
        print(each, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", default="10,50,200,500", help="how many, with commas")
    parser.add_argument("--seconds", type=float, default=30.0, help="each is looked at so long")
    parser.add_argument("--interval", type=float, default=2.0, help="seconds between samples")
    parser.add_argument("--peers", type=int, default=20, help="servers of the peers; 0: none")
    parser.add_argument("--role", choices=["collector", "peer"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.role is not None:
        {"collector": collector, "peer": peer}[options.role](json.loads(sys.stdin.readline()))
        return
    interval, seconds = options.interval, options.seconds
    counts = [int(count) for count in options.sessions.split(",") if count]
    table(
        "| sessions | collector, per sample | server, per sample | memory per connection "
        "| first sample | all open | collector, to open one | jitter p50 | p99 | load |",
        (line for count in counts for line in watching(count, interval, seconds)),
    )
    table(
        "| healthy | collector, per sample | jitter p50 | p99 | load |",
        misbehaving(interval, seconds),
    )
    if options.peers:
        table(
            "| peer | servers | collector, per sample | server, per sample | load |",
            peers(options.peers, 10),
        )


if __name__ == "__main__":
    main()
