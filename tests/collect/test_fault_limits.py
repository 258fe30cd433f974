"""Servers that allow little, and servers that lie."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from collect.collecting import collecting, down, up
from scms.collect import session
from scms.collect.transport import connect
from scms.errors import CollectError, ProbeError
from servers.liar import liar
from servers.sshd import ADDRESS, sshd_fleet, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from servers.sshd import Sshd

pytestmark = pytest.mark.sshd


def restart(server: Sshd, extra: str) -> None:
    server.stop()
    server.extra = extra
    server.start()


def test_a_server_that_allows_no_session_says_so(sshd: Sshd) -> None:
    restart(sshd, "MaxSessions 0\n")
    with pytest.raises(ProbeError, match="allows no session") as caught:
        connect(sshd.server(), 1)
    assert "see MaxSessions" in str(caught.value)


def occupied(sshd: Sshd) -> socket.socket:
    """A connection that has a place at sshd; one that is dropped for the last one's is retried."""
    while True:
        other = socket.create_connection((ADDRESS, sshd.port), timeout=10)
        if other.recv(4) == b"SSH-":
            return other
        other.close()


def test_a_busy_sshd_that_drops_connections_is_tried_again(sshd: Sshd, tmp_path: Path) -> None:
    restart(sshd, "MaxStartups 1\n")
    with (
        occupied(sshd) as other,
        collecting([sshd.server()], connect, tmp_path) as notes,
    ):
        row = notes.wait("sshd-0", down)
        other.close()
        notes.wait("sshd-0", up)
    assert "MaxStartups" in row["reason"]


def test_a_bastion_that_dies_comes_back(tmp_path: Path, sshd_program: str) -> None:
    with sshd_fleet(tmp_path, count=3, program=sshd_program) as (bastion, *behind):
        known = tmp_path / "known_hosts"
        known.write_text("".join(s.known_hosts.read_text() for s in (bastion, *behind)))
        via = f"{bastion.entry()['user']}@{ADDRESS}:{bastion.port}"
        servers = [server.server(via=via, known_hosts=str(known)) for server in behind]
        with (
            pytest.MonkeyPatch.context() as patch,
            collecting(servers, connect, tmp_path) as notes,
        ):
            patch.setattr("scms.collect.transport.gateways._RETRY_SECONDS", 0.5)
            for server in servers:
                notes.wait(server.name, up)
            bastion.stop()
            lost = [notes.wait(server.name, down) for server in servers]
            wait_until(lambda: not any(s.probes() for s in behind), 10)
            counts = [len(notes.of(server.name)) for server in servers]
            bastion.start()
            for server, count in zip(servers, counts, strict=True):
                notes.wait(
                    server.name,
                    lambda row, name=server.name, n=count: (  # type: ignore[misc]
                        up(row) and notes.of(name).index(row) >= n
                    ),
                )
    assert all(row["reason"] for row in lost)


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("bytes", "no JSON"),
        ("text", "no JSON"),
        ("endless", "a line of more than 1 MiB"),
        ("drip", "no line for 2 s"),
        ("flood", "samples in"),
        ("shut", "no probe could be started"),
    ],
)
def test_a_liar_is_down_with_the_reason(
    mode: str, reason: str, sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "SILENCE_SECONDS", 0.5)
    restart(sshd, liar(mode))
    with collecting([sshd.server()], connect, tmp_path) as notes:
        row = notes.wait("sshd-0", down)
        notes.wait("sshd-0", lambda other: down(other) and other is not row)  # it tries again
    assert reason in row["reason"]
    assert row["reason"].isprintable()
    wait_until(lambda: not sshd.processes(), 5, sshd.processes)


def test_noise_without_end_is_given_up(sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scms.collect.transport._READY_SECONDS", 0.5)
    restart(sshd, liar("noise"))
    with pytest.raises(CollectError, match=r"no line for|of noise"):
        connect(sshd.server(), 1)


READER = """
import json, resource, sys
from scms.collect.transport import connect
from scms.errors import CollectError
from scms.inventory import Server
channel = connect(Server(**json.loads(sys.argv[1])), 0.5)
channel.readline(15)
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
try:
    channel.readline(60)
except CollectError as error:
    print(json.dumps([peak() - before, str(error)]))
channel.close()
"""


def test_a_line_of_a_gigabyte_takes_little_memory(sshd: Sshd) -> None:
    restart(sshd, liar("endless"))
    command = [sys.executable, "-c", READER, json.dumps(sshd.entry())]
    done = subprocess.run(command, capture_output=True, timeout=90, check=True)
    grown_kib, reason = json.loads(done.stdout)
    assert "more than 1 MiB" in reason
    assert grown_kib < 24 * 1024
