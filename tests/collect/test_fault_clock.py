"""Servers whose clock is an hour off, and servers whose clock steps: with real ones that lie."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from collect.collecting import collecting
from scms.collect.doctor import examine
from scms.collect.transport import connect
from servers import sshd as servers
from servers.sshd import sshd_fleet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servers.sshd import Sshd

pytestmark = pytest.mark.sshd

HOUR = 3600
SOURCE = Path(servers.__file__).with_name("fake_clock.c")


@pytest.fixture(scope="session")
def fake_clock(tmp_path_factory: pytest.TempPathFactory, compiler: str) -> Path:
    library = tmp_path_factory.mktemp("clock") / "fake_clock.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-Wall", "-o", str(library), str(SOURCE)]
    subprocess.run(command, check=True)
    return library


@dataclass(frozen=True)
class Liar:
    """A server, and the file that says by how much its clock is wrong."""

    server: Sshd
    file: Path

    def step(self, seconds: int) -> None:
        beside = self.file.with_suffix(".new")
        beside.write_text(str(seconds))
        beside.replace(self.file)


@pytest.fixture
def liar(tmp_path: Path, sshd_program: str, fake_clock: Path) -> Iterator[Liar]:
    file = tmp_path / "ahead"
    environment = {0: {"LD_PRELOAD": str(fake_clock), "FAKE_CLOCK": str(file)}}
    with sshd_fleet(tmp_path / "fleet", environment=environment, program=sshd_program) as (one,):
        made = Liar(one, file)
        made.step(0)
        yield made


@pytest.mark.parametrize(("seconds", "way"), [(HOUR, "ahead"), (-HOUR, "behind")])
def test_a_clock_that_is_an_hour_off_is_told_and_changes_no_row(
    seconds: int, way: str, liar: Liar, tmp_path: Path
) -> None:
    liar.step(seconds)
    with collecting([liar.server.server()], connect, tmp_path) as notes:
        notes.wait("sshd-0", lambda _: len(notes.of("sshd-0")) >= 4)
    rows = notes.of("sshd-0")
    assert {row["state"] for row in rows} == {"degraded"}
    assert rows[0]["reason"].startswith(f"its clock is {HOUR} s {way}; run there: sudo timedatectl")
    for row in rows:
        assert row["clock_offset_seconds"] == pytest.approx(seconds, abs=5)
    # What is stored is the collector's time, and what a row stands for is of the steady clock.
    assert all(later["sampled_at"] > row["sampled_at"] for row, later in pairwise(rows))
    assert all(0 < row["observed_seconds"] <= 1.5 for row in rows[1:])
    assert [kind for kind, _ in notes.events("sshd-0")] == ["degraded", "clock"]


def test_the_doctor_names_the_clock(liar: Liar) -> None:
    liar.step(HOUR)
    clock = examine(liar.server.server(), connect=connect).steps[-1]
    assert (clock.name, clock.verdict) == ("clock", "bad")
    assert clock.mend == "run there: sudo timedatectl set-ntp true"


def test_a_clock_that_steps_and_steps_back_loses_no_tick(liar: Liar, tmp_path: Path) -> None:
    with collecting([liar.server.server()], connect, tmp_path) as notes:
        notes.wait("sshd-0", lambda row: row["state"] == "up" and row["observed_seconds"] > 0)
        for seconds in (HOUR, -HOUR, 0):
            liar.step(seconds)
            seen = len(notes.of("sshd-0"))
            notes.wait(
                "sshd-0",
                lambda row, off=seconds, n=seen: (  # type: ignore[misc]
                    abs(row["clock_offset_seconds"] - off) < 5
                    and notes.of("sshd-0").index(row) >= n
                ),
            )
        assert len(liar.server.probes()) == 1  # one and the same session
    rows = notes.of("sshd-0")
    kinds = [kind for kind, _ in notes.events("sshd-0")]
    assert kinds == ["up", "degraded", "clock", "up", "clock"]
    assert all(later["sampled_at"] > row["sampled_at"] for row, later in pairwise(rows))
    assert all(0 < row["observed_seconds"] <= 1.5 for row in rows[1:])
    for row in rows[1:]:
        assert 0 <= row["cpu_utilization_ratio"] <= 1
        assert row["network_receive_bytes_per_second"] >= 0
