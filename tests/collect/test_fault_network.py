"""A network that loses every packet and finds itself again: in a network namespace of its own."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from collect.collecting import collecting, down, up
from conftest import require_program
from scms.collect import session
from scms.collect.transport import connect, dial
from servers.sshd import Sshd, make_key, sshd_fleet, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.sshd

#: Of TEST-NET-3, which is in no network.
HERE, THERE = "203.0.113.1", "203.0.113.2"


@dataclass(frozen=True)
class Cable:
    """A pair of interfaces, one here and one in a namespace."""

    ip: str
    namespace: str
    interface: str

    def run(self, *words: str) -> None:
        subprocess.run([self.ip, *words], check=True, capture_output=True)

    def pull(self) -> None:
        self.run("link", "set", self.interface, "down")

    def plug(self) -> None:
        self.run("link", "set", self.interface, "up")


@pytest.fixture
def cable() -> Iterator[Cable]:
    ip = require_program("ip", "iproute2")
    routes = subprocess.run(
        [ip, "route", "get", THERE], capture_output=True, text=True, check=False
    )
    if routes.stdout.startswith("local"):
        pytest.skip(f"{THERE} is an address of this machine")
    name = f"scms{os.getpid() % 100000}"
    made = Cable(ip, name, f"{name}a")
    try:
        made.run("netns", "add", name)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no network namespace can be made: {error.stderr.decode().strip()}")
    try:
        made.run("link", "add", f"{name}a", "type", "veth", "peer", f"{name}b", "netns", name)
        made.run("address", "add", f"{HERE}/30", "dev", f"{name}a")
        made.run("-n", name, "address", "add", f"{THERE}/30", "dev", f"{name}b")
        made.run("-n", name, "link", "set", f"{name}b", "up")
        made.run("-n", name, "link", "set", "lo", "up")
        made.plug()
        yield made
    finally:
        with suppress(subprocess.CalledProcessError):  # it goes with its namespace
            made.run("link", "delete", f"{name}a")
        made.run("netns", "delete", name)


@contextmanager
def far_server(folder: Path, program: str, cable: Cable) -> Iterator[Sshd]:
    """A server in the namespace."""
    with sshd_fleet(folder, count=0, program=program):
        pass  # what sshd needs on this machine
    own = folder / "far"
    own.mkdir(parents=True)
    server = Sshd("far", own, program, folder / "identity", {}, address=THERE)
    server.wrapper = (cable.ip, "netns", "exec", cable.namespace)
    make_key(server.host_key)
    try:
        server.start()
        kind, key, _ = server.host_key.with_suffix(".pub").read_text().split()
        server.known_hosts.write_text(f"[{THERE}]:{server.port} {kind} {key}\n")
        yield server
    finally:
        server.stop()


def test_lost_packets_are_noticed_and_the_probe_ends_by_itself(
    cable: Cable, tmp_path: Path, sshd_program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "SILENCE_SECONDS", 1.0)
    with (
        far_server(tmp_path / "far", sshd_program, cable) as server,
        collecting([server.server()], connect, tmp_path) as notes,
    ):
        notes.wait("far", up)
        cable.pull()
        pulled = time.monotonic()
        row = notes.wait("far", down)
        # Nobody can tell it: only its lease ends it, counted from what it last heard.
        wait_until(lambda: not server.probes(), 60, server.probes)
        took = time.monotonic() - pulled
        count = len(notes.of("far"))
        cable.plug()
        notes.wait("far", lambda row: up(row) and notes.of("far").index(row) >= count)
    assert row["reason"].startswith("no line for 2 s")
    assert took < 45


def test_a_short_loss_is_sat_out(cable: Cable, tmp_path: Path, sshd_program: str) -> None:
    with (
        far_server(tmp_path / "far", sshd_program, cable) as server,
        collecting([server.server()], connect, tmp_path) as notes,
    ):
        notes.wait("far", up)
        (probe,) = server.probes()
        cable.pull()
        before = len(notes.of("far"))
        wait_until(lambda: _waiting(cable) > 0, 10)  # a line is on its way that cannot arrive
        cable.plug()
        notes.wait("far", lambda row: notes.of("far").index(row) >= before + 4)
        assert server.probes() == [probe]
    assert {row["state"] for row in notes.of("far")} == {"up"}


def _waiting(cable: Cable) -> int:
    """Bytes in the namespace that were sent and not acknowledged, or wait to be sent."""
    table = subprocess.run(
        [cable.ip, "netns", "exec", cable.namespace, "cat", "/proc/net/tcp"],
        check=True,
        capture_output=True,
        text=True,
    )
    rows = [line.split() for line in table.stdout.splitlines()[1:]]
    return sum(int(row[4].partition(":")[0], 16) for row in rows if row[3] == "01")


def test_a_host_that_is_down_says_so_and_is_back(
    cable: Cable, tmp_path: Path, sshd_program: str
) -> None:
    with far_server(tmp_path / "far", sshd_program, cable) as server:
        cable.run("-n", cable.namespace, "link", "set", f"{cable.namespace}b", "down")
        with collecting([server.server()], connect, tmp_path) as notes:
            row = notes.wait("far", down)
            cable.run("-n", cable.namespace, "link", "set", f"{cable.namespace}b", "up")
            notes.wait("far", up, 60)
    assert "cannot be reached: no route to it" in row["reason"] or "not answer" in row["reason"]
    assert "see that it is up" in row["reason"]


def test_a_connect_that_hangs_is_given_up_and_tried_again(
    cable: Cable, tmp_path: Path, sshd_program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dial, "CONNECT_SECONDS", 1.0)
    with far_server(tmp_path / "far", sshd_program, cable) as server:
        # Our packets arrive, and every answer is dropped.
        hole = ("-n", cable.namespace, "route", "add", "blackhole", f"{HERE}/32")
        cable.run(*hole)
        with collecting([server.server()], connect, tmp_path) as notes:
            row = notes.wait("far", down)
            cable.run(*(word if word != "add" else "delete" for word in hole))
            notes.wait("far", up, 60)
    assert "did not answer" in row["reason"]
