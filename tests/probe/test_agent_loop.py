"""The loop of the probe: aligned ticks, and an end in every case."""

from __future__ import annotations

import ast
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.running import running_probe
from scms.collect.program import sections
from scms.probe import agent

if TYPE_CHECKING:
    from nvml.fake import FakeDriver

PROBE = sorted(Path(agent.__file__).parent.glob("*.py"))


@given(
    now=st.floats(1.7e9, 1.8e9),
    interval=st.floats(0.5, 60),
    phase=st.floats(0, 1, exclude_max=True),
)
def test_ticks_are_at_multiples_of_the_interval_plus_the_phase(
    now: float, interval: float, phase: float
) -> None:
    wait = agent.until_next_tick(now, interval, phase * interval)
    assert 0.09 * interval < wait <= 1.11 * interval
    tick = (now + wait - phase * interval) / interval
    assert tick == pytest.approx(round(tick), abs=1e-5)


def test_a_tick_reached_early_is_not_done_twice() -> None:
    assert agent.until_next_tick(99.999, 10.0, 0.0) == pytest.approx(10.001)


@pytest.mark.parametrize("path", PROBE, ids=lambda path: path.name)
def test_the_probe_is_python_3_6(path: Path) -> None:
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 6))


@pytest.mark.parametrize("name", sections())
def test_all_that_is_sent_is_python_3_6(name: str) -> None:
    ast.parse(sections()[name], feature_version=(3, 6))


def test_it_ends_when_its_input_ends() -> None:
    with running_probe(interval_seconds=60) as probe:
        probe.next()
        assert probe.process.stdin is not None
        probe.process.stdin.close()
        assert probe.process.wait(5) == 0


def test_it_ends_while_a_call_of_the_driver_hangs(driver: FakeDriver) -> None:
    driver.set("delay_us.nvmlInitWithFlags=-1")
    with running_probe(driver.environment) as probe:
        probe.next()
    assert probe.process.returncode == 0


LEASE = """
import os, sys, time
from scms.probe import agent
agent.hold_lease(1)
time.sleep(30)
"""


def test_it_is_ended_by_the_kernel_when_nobody_speaks_for_the_lease() -> None:
    began = time.monotonic()
    with subprocess.Popen([sys.executable, "-c", LEASE], stdin=subprocess.PIPE) as process:
        assert process.wait(10) == -signal.SIGALRM
    assert time.monotonic() - began < 5


def test_every_word_prolongs_the_lease() -> None:
    with subprocess.Popen([sys.executable, "-c", LEASE], stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        began = time.monotonic()
        while time.monotonic() - began < 1.6:
            process.stdin.write(b"\n")
            process.stdin.flush()
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.2)
        assert process.wait(5) == -signal.SIGALRM


def test_it_ends_when_nobody_reads() -> None:
    with running_probe(interval_seconds=0.2) as probe:
        probe.next()
        assert probe.process.stdout is not None
        probe.process.stdout.close()
        assert probe.process.wait(5) == 0
