"""The collector itself is killed or suspended: no probe stays behind, and it recovers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
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
def sink(record):
    row = record.tables["server_sample"][0]
    line = json.dumps([row["server"], row["state"], row["reason"], row["sampled_at"]])
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


@contextmanager
def collector(
    servers: list[Sshd], folder: Path
) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """A collector in a process of its own; and what it prints."""
    entries = json.dumps([server.entry() for server in servers])
    command = [sys.executable, "-c", COLLECTOR, entries, str(folder)]
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
