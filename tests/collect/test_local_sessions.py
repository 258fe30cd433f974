"""This machine as a server: the same probe in a child process."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from collect.collecting import collecting, up
from nvml.fake import FakeDriver
from scms.collect.parse import parse_line
from scms.collect.program import probe_source
from scms.collect.transport import connect
from scms.collect.transport.local import LocalStream
from scms.errors import ConnectError, ProbeError
from scms.inventory import Server
from servers.sshd import MARK, processes_with_environment, wait_until

if TYPE_CHECKING:
    from pathlib import Path

HERE = Server(name="here", local=True)


@pytest.fixture
def mark(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Marks every process that the test starts."""
    monkeypatch.setenv(MARK, str(tmp_path))
    return str(tmp_path)


def test_a_local_session_needs_no_ssh(mark: str) -> None:
    channel = connect(HERE, 0.2)
    messages = [json.loads(channel.readline(15)) for _ in range(3)]
    assert [m["type"] for m in messages] == ["hello", "sample", "sample"]
    assert processes_with_environment(MARK, mark)
    channel.close()
    assert processes_with_environment(MARK, mark) == []


def test_a_local_server_in_the_supervisor(
    tmp_path: Path, fake_library: Path, monkeypatch: pytest.MonkeyPatch, mark: str
) -> None:
    driver = FakeDriver(fake_library, tmp_path / "nvml.conf")
    driver.set()
    for key, value in driver.environment.items():
        monkeypatch.setenv(key, value)
    with collecting([HERE], connect, tmp_path) as notes:
        notes.wait("here", up)
        row = notes.wait("here", lambda row: row["cpu_utilization_ratio"] is not None)
    assert row["gpu_count"] == 8
    assert 0 <= row["cpu_utilization_ratio"] <= 1
    assert processes_with_environment(MARK, mark) == []


def test_closing_wakes_who_reads(mark: str) -> None:
    channel = connect(HERE, 60)
    channel.readline(15)
    channel.readline(15)
    ended: list[Exception] = []

    def read() -> None:
        try:
            channel.readline(30)
        except ConnectError as error:
            ended.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    began = time.monotonic()
    channel.close()
    channel.close()
    reader.join(10)
    assert ended
    assert time.monotonic() - began < 5


COLLECTOR = """
from scms.collect.transport import connect
from scms.inventory import Server
channel = connect(Server(name="here", local=True), 0.5)
while True:
    print(channel.readline(15)[:20], flush=True)
"""


def test_a_killed_collector_leaves_no_probe(mark: str) -> None:
    with subprocess.Popen([sys.executable, "-c", COLLECTOR], stdout=subprocess.PIPE) as collector:
        assert collector.stdout is not None
        collector.stdout.readline()
        collector.kill()
    wait_until(lambda: not processes_with_environment(MARK, mark), 5)


def test_a_child_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scms.collect.transport.local._PATIENCE_SECONDS", 0.1)
    stream = LocalStream("exec sleep 60")
    began = time.monotonic()
    stream.close()
    assert time.monotonic() - began < 5


def test_a_child_that_dies_at_once_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scms.collect.bootstrap._command", lambda *_: "echo broken; exit 3")
    with pytest.raises(ProbeError, match="exit status 3: broken"):
        connect(HERE, 1)


def test_what_runs_can_be_read() -> None:
    source = probe_source()
    assert "What Linux says of a server" in source
    compile(source, "probe", "exec")


def test_the_probe_speaks_what_the_parser_reads() -> None:
    channel = connect(HERE, 0.2)
    try:
        parsed = [parse_line(channel.readline(15)) for _ in range(2)]
    finally:
        channel.close()
    assert [type(one).__name__ for one in parsed] == ["Hello", "Tick"]
