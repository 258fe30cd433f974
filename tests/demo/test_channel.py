from __future__ import annotations

import itertools
import queue
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from demo.labs import DAY, lab, spell
from scms.collect.message import Hello, Tick
from scms.collect.parse import parse_line
from scms.collect.supervisor import Supervisor
from scms.demo.channel import SimulatedChannel, connect
from scms.errors import ConnectError
from scms.inventory import Inventory, Server

if TYPE_CHECKING:
    from pathlib import Path

    from scms.collect.record import Record


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def channel(server: str, clock: Clock, interval: float = 0.02) -> SimulatedChannel:
    return SimulatedChannel(lab(), server, interval, clock=clock)


def sample(opened: SimulatedChannel, timeout: float) -> Any:
    return parse_line(opened.readline(timeout))


def test_the_hello_comes_first_then_samples() -> None:
    opened = channel("gpu-v02", Clock(DAY))
    assert isinstance(parse_line(opened.readline(1)), Hello)
    assert isinstance(parse_line(opened.readline(1)), Tick)


def test_it_is_a_simulated_session() -> None:
    assert channel("gpu-v02", Clock(DAY)).kind == "simulated"


def test_samples_are_one_interval_apart() -> None:
    opened = channel("gpu-v02", Clock(DAY))
    opened.readline(1)
    times = [sample(opened, 1).monotonic for _ in range(4)]
    assert [b - a for a, b in itertools.pairwise(times)] == pytest.approx([0.02] * 3)


def test_samples_nobody_waited_for_are_left_out() -> None:
    clock = Clock(DAY)
    opened = channel("gpu-v02", clock, interval=10)
    opened.readline(1)
    clock.now += 100
    first = sample(opened, 0).time
    assert DAY + 90 <= first <= DAY + 100.1


def test_silence_ends_it() -> None:
    opened = channel("gpu-v02", Clock(DAY), interval=1000)
    opened.readline(1)
    with pytest.raises(ConnectError, match="silent"):
        opened.readline(0.01)


def test_closing_wakes_whoever_waits() -> None:
    opened = channel("gpu-v02", Clock(DAY), interval=1000)
    opened.readline(1)
    threading.Timer(0.05, opened.close).start()
    began = time.monotonic()
    with pytest.raises(ConnectError, match="closed"):
        opened.readline(30)
    assert time.monotonic() - began < 10


def test_a_server_that_is_down_cannot_be_connected_to() -> None:
    server, outage = spell("power")
    with pytest.raises(ConnectError, match="no route to host; see whether it is switched on"):
        channel(server, Clock(outage.start))


def test_an_outage_ends_the_session() -> None:
    server, outage = spell("network")
    clock = Clock(outage.start - 1)
    opened = channel(server, clock)
    opened.readline(1)
    clock.now = outage.start + 1
    with pytest.raises(ConnectError, match="timed out"):
        opened.readline(1)


def test_a_boot_ends_the_session_even_when_nobody_looked_meanwhile() -> None:
    server, reboot = spell("reboot")
    clock = Clock(reboot.start - 1)
    opened = channel(server, clock)
    opened.readline(1)
    clock.now = reboot.end + 1
    with pytest.raises(ConnectError, match="restarted"):
        opened.readline(1)


def test_an_unknown_server_is_a_connect_error() -> None:
    with pytest.raises(ConnectError, match="gpu-a01"):
        connect(Server(name="nope", simulated=True), 2.0)


def test_the_collector_reads_it(tmp_path: Path) -> None:
    names = ["gpu-v02", "cpu-01", "gpu-t02"]
    inventory = Inventory.from_mapping(
        {"interval": 0.5, "servers": [{"name": n, "simulated": True} for n in names]},
        base=tmp_path,
        source="test",
    )
    records: queue.Queue[Record] = queue.Queue()
    clock = Clock(DAY)
    supervisor = Supervisor(
        inventory,
        sink=records.put,
        connect=lambda server, interval: channel(server.name, clock, interval),
    )
    supervisor.start()
    try:
        seen = {records.get(timeout=20).server for _ in range(6)}
    finally:
        assert supervisor.stop()
    assert seen == set(names)
