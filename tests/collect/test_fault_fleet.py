"""Fifty servers of which ten misbehave: the forty are on time, and memory is bounded."""

from __future__ import annotations

import os
import resource
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from collect.collecting import collecting, down
from scms.collect.supervisor import Patience
from scms.collect.transport import connect
from servers.liar import liar
from servers.sshd import ADDRESS, free_port, sshd_fleet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scms.inventory import Server
    from servers.sshd import Sshd

pytestmark = [pytest.mark.sshd, pytest.mark.slow]

INTERVAL = 5.0
LIES = ("endless", "noise", "silent", "flood", "drip", "text")


def misbehaving(liars: Sequence[Sshd], model: Sshd, hole: int) -> list[Server]:
    """Six that lie, two that never answer, one that is not there, one that nobody knows."""
    for server, mode in zip(liars, LIES, strict=True):
        server.stop()
        server.extra = liar(mode)
        server.start()
    return [
        *(server.server() for server in liars),
        *(model.server(name=f"hole-{n}", port=hole) for n in range(2)),
        model.server(name="absent", port=free_port()),
        model.server(name="stranger", known_hosts="/dev/null"),
    ]


def test_ten_bad_servers_do_not_delay_forty_good_ones(tmp_path: Path, sshd_program: str) -> None:
    home = tmp_path / "home"  # without start files of shells, which may take long
    home.mkdir()
    environment = {n: {"HOME": str(home)} for n in range(46)}
    with (
        sshd_fleet(tmp_path, count=46, environment=environment, program=sshd_program) as fleet,
        socket.socket() as hole,
    ):
        hole.bind((ADDRESS, 0))
        hole.listen(100)
        good = [server.server() for server in fleet[6:]]
        bad = misbehaving(fleet[:6], fleet[6], hole.getsockname()[1])
        before = memory_bytes()
        patience = Patience(first=0.5, longest=1.0, refused=1.0)
        with collecting(
            [*bad, *good], connect, tmp_path, interval=INTERVAL, patience=patience
        ) as notes:
            for server in good:
                notes.wait(server.name, lambda _, name=server.name: len(notes.of(name)) >= 4, 60)  # type: ignore[misc]
            for server in bad:
                notes.wait(server.name, down, 60)
            grown = memory_bytes() - before
    rows = [row for server in good for row in notes.of(server.name)[1:]]
    assert {row["state"] for row in rows} == {"up"}
    late = sorted(lateness_seconds(row) for row in rows)
    assert late[int(0.99 * len(late))] < 0.05 * INTERVAL
    assert grown < 150 * 2**20


def lateness_seconds(row: dict[str, Any]) -> float:
    """From when the server sampled until the collector had it: both have the same clock here."""
    offset = row["clock_offset_seconds"]
    assert offset is not None
    return -float(offset)


def memory_bytes() -> int:
    """Memory of this process."""
    pages = int(Path(f"/proc/{os.getpid()}/statm").read_text().split()[1])
    return pages * resource.getpagesize()
