"""`scms up` as a new user has it: one command, and Ctrl-C."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

import scms
from servers.sshd import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def up(tmp_path):
    """The process, in a group of its own as a shell would start it, and the address it printed."""
    command = [sys.executable, "-c", "from scms.cli import main; main()", "up", "--port", "0"]
    environment = {key: value for key, value in os.environ.items() if key != "SCMS_CONFIG"}
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("Dashboard: http://127.0.0.1:"), line + process.stdout.read()
            yield process, line.split()[1]
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def test_one_command_collects_this_machine_serves_and_ctrl_c_loses_nothing(
    up, tmp_path, monkeypatch
):
    process, url = up
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SCMS_CONFIG", raising=False)
    lab = scms.open()
    wait_until(lambda: list(lab.now()["state"]) == ["up"], 30)
    wait_until(lambda: len(lab.hot.since(0)) >= 3, 30)
    with urllib.request.urlopen(f"{url}healthz", timeout=10) as answer:
        assert answer.status == 200

    os.killpg(process.pid, signal.SIGINT)  # what a terminal sends for Ctrl-C: to all of them
    out, _ = process.communicate(timeout=60)

    assert process.returncode == 0
    assert "Stopping" in out
    assert "Traceback" not in out
    rows = lab.warehouse_info().set_index("table")["rows"]
    assert rows["server_sample"] == len(lab.hot.since(0)) >= 3
    with pytest.raises(ConnectionRefusedError), socket.create_connection(_place(url), timeout=2):
        pass


def _place(url):
    host, port = url.removeprefix("http://").rstrip("/").split(":")
    return host, int(port)
