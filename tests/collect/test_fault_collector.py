"""The collector itself is killed or suspended: no probe stays behind, and it recovers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import pytest

from servers.sshd import sshd_fleet, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from servers.sshd import Sshd

pytestmark = pytest.mark.sshd

COLLECTOR = """
import json, pathlib, sys, threading
from scms.collect.supervisor import Supervisor
from scms.collect.transport import connect
from scms.inventory import Inventory
columns = ("server", "state", "reason", "sampled_at", "observed_seconds", "clock_offset_seconds",
    "uptime_seconds")
def sink(record):
    row = record.tables["server_sample"][0]
    line = json.dumps([row[name] for name in columns])
    sys.stdout.write(line + "\\n")
    sys.stdout.flush()
servers = json.loads(sys.argv[1])
inventory = Inventory.from_mapping(
    {"interval": 0.5, "servers": servers}, base=pathlib.Path(sys.argv[2]), source="test")
Supervisor(inventory, sink=sink, connect=connect).start()
threading.Event().wait()
"""


def wait_for(output: IO[bytes], condition: Callable[[list[Any]], bool]) -> list[Any]:
    """The first row for which the condition holds."""
    for line in output:
        row: list[Any] = json.loads(line)
        if condition(row):
            return row
    raise AssertionError("the collector ended")


#: Before the collector: its lease of 30 s lasts for 3 s, its patience with silence for 2 s.
HASTY = """
from scms.collect import bootstrap, session, stream
from scms.collect.program import packed, sections
from scms.collect.transport import handing
first = sections()["first"]
hasty = first.replace('"lease_seconds": 30', '"lease_seconds": 3')
assert hasty != first
sent = packed({**sections(), "first": hasty})
bootstrap.program = lambda: sent
stream.HEARTBEAT_SECONDS = handing.HEARTBEAT_SECONDS = 0.5
session.SILENCE_SECONDS = 0.5
"""
LEASE_SECONDS = 3.0


@contextmanager
def collector(
    servers: list[Sshd], folder: Path, *, before: str = ""
) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """A collector in a process of its own; and what it prints."""
    entries = json.dumps([server.entry() for server in servers])
    command = [sys.executable, "-c", before + COLLECTOR, entries, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            waiting = {server.name for server in servers}
            while waiting:
                row = wait_for(process.stdout, lambda row: row[1] == "up")
                waiting.discard(row[0])
            yield process, process.stdout
        finally:
            process.send_signal(signal.SIGCONT)
            process.kill()


def test_a_killed_collector_leaves_no_probe_on_any_server(
    tmp_path: Path, sshd_program: str
) -> None:
    with (
        sshd_fleet(tmp_path, count=3, program=sshd_program) as servers,
        collector(servers, tmp_path) as (process, _),
    ):
        assert all(len(server.probes()) == 1 for server in servers)
        process.kill()
        process.wait(10)
        wait_until(lambda: not any(s.processes() for s in servers), 10)


def test_a_suspended_collector_loses_its_probes_and_gets_new_ones(
    sshd: Sshd, tmp_path: Path
) -> None:
    with collector([sshd], tmp_path) as (process, output):
        (old,) = sshd.probes()
        os.kill(process.pid, signal.SIGSTOP)
        # Its connection stays open and acknowledges what comes: only the lease ends the probe.
        wait_until(lambda: not sshd.processes(), 60, sshd.processes)
        os.kill(process.pid, signal.SIGCONT)
        lost = wait_for(output, lambda row: row[1] == "down")
        back = wait_for(output, lambda row: row[1] == "up")
        (new,) = sshd.probes()
    assert "no line for" in lost[2] or "ended" in lost[2]
    assert back[3] > lost[3]
    assert new != old


def test_a_collector_suspended_for_many_leases_tells_no_wrong_time(
    tmp_path: Path, sshd_program: str
) -> None:
    with (
        sshd_fleet(tmp_path, count=3, program=sshd_program) as servers,
        collector(servers, tmp_path, before=HASTY) as (process, output),
    ):
        old = {server.name: server.probes() for server in servers}
        os.kill(process.pid, signal.SIGSTOP)
        stopped_ms = 1000 * time.time()
        wait_until(lambda: not any(server.processes() for server in servers), 30)
        gone_ms = 1000 * time.time()
        threading.Event().wait(4 * LEASE_SECONDS)  # while nobody looks, and nothing runs there
        assert not any(server.processes() for server in servers)
        continued_ms = 1000 * time.time()
        os.kill(process.pid, signal.SIGCONT)
        rows = rows_until_all_are_back(output, servers, continued_ms)
        for server in servers:
            (new,) = server.probes()
            assert [new] != old[server.name]
        lasted = time.time() - continued_ms / 1000
    for server in servers:
        mine = [row for row in rows if row[0] == server.name]
        at = [row[3] for row in mine]
        assert at == sorted(set(at))
        # What lay there was made until the probes ended; then nobody looked, until it went on.
        assert not [ms for ms in at if gone_ms < ms < continued_ms]
        assert [ms for ms in at if stopped_ms + 500 < ms <= gone_ms]
        up = [row for row in mine if row[1] == "up"]
        # A sample says for how long the machine has run: all of them mean the same moment.
        booted = [row[3] / 1000 - row[6] for row in up]
        assert max(booted) - min(booted) < 1.0
        assert max(abs(row[5]) for row in up) < 1.0
        assert {row[1] for row in mine} == {"up", "down"}  # never degraded by a clock
        assert sum(row[4] for row in mine if row[3] >= continued_ms) <= lasted


def rows_until_all_are_back(
    output: IO[bytes], servers: list[Sshd], continued_ms: float
) -> list[list[Any]]:
    """What comes until every server has been up twice again."""
    rows: list[list[Any]] = []
    back: Counter[str] = Counter()
    while any(back[server.name] < 2 for server in servers):
        row = wait_for(output, lambda _: True)
        rows.append(row)
        back[row[0]] += row[1] == "up" and row[3] > continued_ms
    return rows
