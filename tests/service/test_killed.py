"""Whenever a collector is killed, what it acknowledged is there once; only ticks in flight go."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scms.hot import FILE_NAME, HotStore
from scms.service import Service
from scms.views import Views
from scms.warehouse import Warehouse
from service.killed import FIRST_OF_RUN
from service.ticking import inventory_of, ticking

if TYPE_CHECKING:
    from collections.abc import Iterator

KILLS = 24
Tick = tuple[str, int]


def noted(path: Path) -> list[Tick]:
    """The ticks of a log, in the order of their lines."""
    lines = path.read_text().splitlines()
    return [(server, int(number)) for server, number in (line.split() for line in lines)]


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of collectors that were killed at random moments, one after another."""
    directory = tmp_path_factory.mktemp("killed")
    chance = random.Random(20261006)
    tests = Path(__file__).parents[1]
    program = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("killed.py")), str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tests)},
    )
    assert program.stdin is not None
    assert program.stdout is not None
    with program:
        for _ in range(KILLS):
            program.stdin.write("run\n")
            program.stdin.flush()
            child = int(program.stdout.readline())
            time.sleep(chance.uniform(0.1, 1.9))  # the random moment is what is tested
            os.kill(child, signal.SIGKILL)
            assert program.stdout.readline() == "ended\n"
        program.stdin.close()
    return directory


@pytest.fixture(scope="module")
def present(killed: Path) -> Counter[Tick]:
    """How often each tick is in the hot store and the warehouse together."""
    inventory = inventory_of(killed)
    hot = HotStore.open(inventory.directory / FILE_NAME)
    views = Views(inventory, hot, Warehouse.open(inventory))
    sql = "SELECT server, uptime_seconds AS n FROM server_sample WHERE uptime_seconds IS NOT NULL"
    return Counter(_pairs(views.frame(sql).itertuples(index=False)))


def _pairs(rows: Iterator[tuple[str, float]]) -> Iterator[Tick]:
    return ((server, int(number)) for server, number in rows)


@pytest.mark.slow
def test_the_kills_came_at_moments_that_matter(killed: Path, present: Counter[Tick]) -> None:
    """Most runs acknowledged something, some of it had been moved, and some had not."""
    runs = {number // FIRST_OF_RUN for _, number in noted(killed / "acknowledged.log")}
    inventory = inventory_of(killed)
    hot = HotStore.open(inventory.directory / FILE_NAME)
    moved = Warehouse.open(inventory).watermark("server_sample", str(hot.identity))
    assert len(runs) > KILLS / 2
    assert 0 < moved < hot.last_id()
    assert len(present) > 100


@pytest.mark.slow
def test_what_was_acknowledged_is_there_exactly_once(killed: Path, present: Counter[Tick]) -> None:
    acknowledged = noted(killed / "acknowledged.log")
    assert {tick: present[tick] for tick in acknowledged if present[tick] != 1} == {}


@pytest.mark.slow
def test_nothing_is_there_twice_or_was_never_handed_out(
    killed: Path, present: Counter[Tick]
) -> None:
    handed = set(noted(killed / "handed.log"))
    assert max(present.values()) == 1
    assert set(present) <= handed


@pytest.mark.slow
def test_only_the_last_ticks_of_a_run_are_lost(killed: Path, present: Counter[Tick]) -> None:
    """A loss in the middle would be a hole: ticks of a server are there up to some number."""
    handed: dict[tuple[str, int], list[int]] = {}
    for server, number in noted(killed / "handed.log"):
        handed.setdefault((server, number // FIRST_OF_RUN), []).append(number)
    for (server, run), numbers in handed.items():
        there = [number for number in numbers if present[server, number]]
        assert there == numbers[: len(there)], (server, run)


@pytest.mark.slow
def test_the_next_collector_moves_what_they_left(killed: Path, present: Counter[Tick]) -> None:
    inventory = inventory_of(killed)
    service = Service(inventory, ticking((KILLS + 1) * FIRST_OF_RUN), flush_seconds=0.3)
    service.start()
    service.stop()
    warehouse = Warehouse.open(inventory)
    state = warehouse.state("server_sample")
    rows = state.arrow(state.files).select(["server", "uptime_seconds"]).to_pylist()
    moved = Counter((r["server"], int(r["uptime_seconds"])) for r in rows if r["uptime_seconds"])
    hot = HotStore.open(inventory.directory / FILE_NAME)
    assert warehouse.watermark("server_sample", str(hot.identity)) == hot.last_id()
    assert {tick: moved[tick] for tick in present if moved[tick] != 1} == {}
