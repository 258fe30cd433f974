"""Channels that read by themselves: lines in order, fair deadlines, one end with a reason."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any, cast

import pytest

from scms.collect.bootstrap import Bootstrap
from scms.collect.channel import SelfReading
from scms.collect.transport import connect
from scms.collect.transport.handing import SshChannel
from scms.errors import CollectError, ProtocolError
from servers.sshd import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from servers.sshd import Sshd

BOOT = Bootstrap("abc", "command", b"payload", b"shell")


class Wire:
    """What `SshChannel` needs of a connection, moved by hand."""

    def __init__(self) -> None:
        self.coming: list[bytes] = []
        self.sent = b""
        self.was_cut = False
        self.waits: list[float] = []

    def follow(
        self, on_data: Callable[[], None], on_idle: Callable[[], None], on_end: Callable[[], None]
    ) -> None:
        self.on_data, self.idle, self.end = on_data, on_idle, on_end

    def say(self, data: bytes) -> None:
        self.coming.append(data)
        self.on_data()

    def receive_now(self) -> bytes:
        return self.coming.pop(0) if self.coming else b""

    def receive(self, timeout: float) -> bytes:
        del timeout
        return self.receive_now()

    def idle_after(self, seconds: float) -> None:
        self.waits.append(seconds)

    def ready(self) -> bool:
        return True

    def send(self, data: bytes) -> None:
        self.sent += data

    def cut(self) -> None:
        self.was_cut = True

    def close(self) -> None:
        pass

    def ending(self) -> str:
        return "exit status 1"


class Taken:
    """What a channel hands over."""

    def __init__(self) -> None:
        self.wire: Any = Wire()
        self.lines: list[bytes] = []
        self.reasons: list[CollectError] = []
        self.ended = threading.Event()
        self.channel = SshChannel(cast("Any", self.wire), BOOT, target="ann@alpha")
        self.channel.hand_over(self.take, self.end, silence=60)

    def take(self, line: bytes) -> None:
        self.lines.append(line)

    def end(self, reason: CollectError) -> None:
        self.reasons.append(reason)
        self.ended.set()

    def fall_silent(self) -> None:
        """Its last line is older than it may be."""
        self.channel._line_at -= 1000

    def reason(self) -> CollectError:
        self.wire.end()
        assert self.ended.wait(5)
        (reason,) = self.reasons
        return reason


def test_lines_are_handed_over_as_they_come() -> None:
    taken = Taken()
    taken.wire.say(b"abc {1}\nabc {")
    taken.wire.say(b"2}\nnoise\n")
    assert taken.lines == [b"{1}", b"{2}"]


def test_the_end_comes_once_after_the_last_line() -> None:
    taken = Taken()
    taken.wire.coming = [b"abc {1}\n", b"MemoryError\n"]
    taken.wire.end()
    assert "ended (exit status 1: MemoryError)" in str(taken.reason())
    assert taken.lines == [b"{1}"]


def test_silence_is_given_up_after_a_last_look() -> None:
    taken = Taken()
    taken.fall_silent()
    taken.wire.idle()
    assert not taken.wire.was_cut
    taken.wire.idle()
    assert taken.wire.was_cut
    assert str(taken.reason()).startswith("no line for 60 s")


def test_a_line_that_lay_there_saves_the_connection() -> None:
    taken = Taken()
    taken.fall_silent()  # as it is after a suspension
    taken.wire.idle()
    taken.wire.say(b"abc {1}\n")
    taken.wire.idle()
    assert not taken.wire.was_cut
    assert taken.lines == [b"{1}"]


def test_noise_is_silence_too() -> None:
    taken = Taken()
    taken.fall_silent()
    taken.wire.say(b"noise\n")
    assert "no line" in str(taken.reason())


def test_who_takes_the_lines_may_end_the_connection() -> None:
    taken = Taken()

    def refuse(line: bytes) -> None:
        raise ProtocolError(f"{line!r} is too much")

    taken.channel.hand_over(refuse, taken.end, silence=60)
    taken.wire.say(b"abc {1}\nabc {2}\n")
    assert taken.wire.was_cut
    assert "{1}" in str(taken.reason())


def test_a_mistake_of_ours_ends_the_connection_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    taken = Taken()

    def stumble(line: bytes) -> None:
        raise ZeroDivisionError(line)

    taken.channel.hand_over(stumble, taken.end, silence=60)
    taken.wire.say(b"abc {1}\n")
    assert "report this as a bug" in str(taken.reason())
    assert "reading from ann@alpha failed" in caplog.text


def test_idle_time_is_used_to_say_that_somebody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scms.collect.stream.HEARTBEAT_SECONDS", 0.0)
    taken = Taken()
    taken.wire.say(b"abc READY\n")
    taken.channel._say(b"payload")
    taken.wire.idle()
    assert taken.wire.sent == b"payload\n"
    assert max(taken.wire.waits) <= 8.0


@pytest.mark.sshd
def test_one_thread_per_connection_reads(sshd: Sshd) -> None:
    before = threading.active_count()
    channel = connect(sshd.server(), 0.2)
    lines: list[bytes] = []
    reasons: list[CollectError] = []
    try:
        channel.readline(20)
        assert isinstance(channel, SelfReading)
        channel.hand_over(lines.append, reasons.append, silence=20)
        wait_until(lambda: len(lines) >= 3)
        assert threading.active_count() == before + 1
        for pid in sshd.probes():
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: reasons)
    finally:
        channel.close()
    assert [json.loads(line)["sequence"] for line in lines[:3]] == [0, 1, 2]
    assert "the connection ended" in str(reasons[0])


SUSPENDED = """
import json, pathlib, sys, threading
from scms.collect import session
from scms.collect.supervisor import Supervisor
from scms.collect.transport import connect
from scms.inventory import Inventory
session.SILENCE_SECONDS = 0.5
def sink(record):
    print(json.dumps(record.tables["server_sample"][0]["state"]), flush=True)
inventory = Inventory.from_mapping(
    {"interval": 0.5, "servers": [json.loads(sys.argv[1])]},
    base=pathlib.Path(sys.argv[2]), source="test")
Supervisor(inventory, sink=sink, connect=connect).start()
threading.Event().wait()
"""


@pytest.mark.sshd
def test_a_collector_that_was_suspended_reads_what_lies_there_before_it_judges(
    sshd: Sshd, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", SUSPENDED, json.dumps(sshd.entry()), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            states = _states(process)
            assert next(states) == "up"
            (probe,) = sshd.probes()
            process.send_signal(signal.SIGSTOP)
            threading.Event().wait(4.0)  # twice what a server may be silent for
            process.send_signal(signal.SIGCONT)
            assert [next(states) for _ in range(12)] == ["up"] * 12
            assert sshd.probes() == [probe]
        finally:
            process.send_signal(signal.SIGCONT)
            process.kill()


def _states(process: subprocess.Popen[bytes]) -> Iterator[str]:
    assert process.stdout is not None
    for line in process.stdout:
        yield json.loads(line)
