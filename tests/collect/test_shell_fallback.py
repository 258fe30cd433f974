"""Servers without Python: a shell and awk speak the same protocol, and end as surely."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from collect.collecting import collecting
from scms.collect import bootstrap as bootstrap_module
from scms.collect.authorize import authorized_line, read_public_key
from scms.collect.bootstrap import bootstrap
from scms.collect.program import shell_digest, shell_source
from scms.collect.transport import connect
from scms.errors import ProbeError
from servers.accounts import require_root
from servers.sshd import command_line, sshd_fleet, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from servers.sshd import Sshd

TOOLS = ("cat", "date", "dd", "df", "getconf", "id", "ls", "setsid", "sha256sum", "sleep",
         "timeout", "who", "awk", "sh")  # fmt: skip
GPU = "GPU-00000000-0000-0000-0000-00000000000"


def tools(folder: Path, **others: str | None) -> Path:
    """A folder with what a small Linux has, and no Python; ``others`` stand in for some."""
    folder.mkdir(parents=True)
    for name in TOOLS:
        found = others.get(name) or shutil.which(name)
        assert found is not None, f"{name} is on every Linux"
        (folder / name).symlink_to(Path(found))
    return folder


@pytest.fixture
def no_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The PATH of a server without Python: none of the places where one is looked for has one."""
    names = [n for n in bootstrap_module._PYTHONS if "/" not in n]
    monkeypatch.setattr(bootstrap_module, "_PYTHONS", (*names, "/nowhere/bin/python3"))
    return tools(tmp_path / "bin")


@contextmanager
def server_without_python(folder: Path, program: str, path: Path) -> Iterator[Sshd]:
    # sshd gives its own PATH to the shell; what is set here comes after it.
    with sshd_fleet(folder, program=program) as (server,):
        server.stop()
        server.extra = f'ForceCommand PATH={path}; exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"\n'
        server.start()
        yield server


def awks() -> Sequence[Any]:
    found = [name for name in ("gawk", "mawk", "original-awk") if shutil.which(name)]
    shells = [name for name in ("dash", "bash") if shutil.which(name)]
    pairs: list[Any] = [(shell, awk) for shell in shells for awk in found]
    if shutil.which("busybox"):
        pairs.append(("busybox", "busybox"))
    return [pytest.param(*pair, id="-".join(pair)) for pair in pairs]


class Started:
    """The fallback as a shell would start it, read line by line."""

    def __init__(self, shell: str, path: Path, interval_seconds: float = 0.5) -> None:
        self.boot = bootstrap(interval_seconds=interval_seconds)
        words = [shutil.which(shell), *(["sh"] if shell == "busybox" else []), "-c"]
        self.process = subprocess.Popen(
            [*[w for w in words if w is not None], self.boot.command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"PATH": str(path)},
            start_new_session=True,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.input, self.output = self.process.stdin, self.process.stdout
        assert self.output.readline() == f"{self.boot.nonce} NOPYTHON\n".encode()
        self.input.write(self.boot.shell_payload)
        self.input.flush()

    def next(self) -> dict[str, Any]:
        line = self.output.readline()
        assert line.startswith(self.boot.nonce.encode() + b" {"), line
        message: dict[str, Any] = json.loads(line[len(self.boot.nonce) + 1 :])
        return message

    def group(self) -> list[int]:
        """What is left of all that it started; the dead that nobody waited for do not count."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                stat = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
            except OSError:
                continue
            if int(stat[2]) == self.process.pid and stat[0] != "Z":
                found.append(int(entry.name))
        return found


@pytest.fixture
def started(request: pytest.FixtureRequest, no_python: Path) -> Iterator[Started]:
    shell, awk = getattr(request, "param", ("sh", "awk"))
    path = no_python
    if shell == "busybox":
        busybox = shutil.which("busybox")
        path = tools(no_python.parent / "busybox", **dict.fromkeys(TOOLS, busybox))
        (path / "getconf").unlink()  # it has none
    elif awk != "awk":
        path = tools(no_python.parent / "other", awk=shutil.which(awk))
    made = Started(shell, path)
    try:
        yield made
    finally:
        for pid in made.group():
            os.kill(pid, signal.SIGKILL)
        made.input.close()
        made.output.close()
        made.process.wait(10)


@pytest.mark.parametrize("started", [p.values for p in awks()], indirect=True, ids="-".join)
def test_every_shell_and_awk_says_the_same(started: Started) -> None:
    hello, first, second = started.next(), started.next(), started.next()
    assert (hello["type"], hello["python"], hello["shell"]) == ("hello", None, True)
    assert hello["hostname"] == socket.gethostname()
    assert hello["boot_id"] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert second["monotonic"] > first["monotonic"]
    assert second["cpu_count"] == len(os.sched_getaffinity(0)) == len(second["cores"])
    assert sum(second["cpu"]) > sum(first["cpu"])
    assert first["memory"]["total"] > first["memory"]["available"] > 0
    assert first["process_count"] > 1
    assert (first["gpu"]["problem"], first["devices"]) == (None, [])
    started.input.close()
    wait_until(lambda: not started.group(), 10, started.group)


def test_processes_have_their_users(started: Started) -> None:
    messages = [started.next()]
    while "processes" not in messages[-1]:
        messages.append(started.next())
        assert len(messages) < 30
    scan = messages[-1]["processes"]
    assert scan["scan_seconds"] > 1
    assert getpass.getuser() in {row[1] for row in scan["rows"]}


def test_nothing_is_left_when_the_lease_runs_out(
    no_python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = shell_source().replace("LEASE=30", "LEASE=2", 1)
    monkeypatch.setattr(bootstrap_module, "shell_source", lambda: text)
    silent = Started("sh", no_python)
    silent.next()
    # Its input stays open, and nobody says anything.
    wait_until(lambda: not silent.group(), 20, silent.group)
    silent.input.close()
    silent.output.close()
    silent.process.wait(10)


def test_a_word_now_and_then_keeps_it(no_python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = shell_source().replace("LEASE=30", "LEASE=2", 1)
    monkeypatch.setattr(bootstrap_module, "shell_source", lambda: text)
    kept = Started("sh", no_python)
    for _ in range(10):  # 5 s
        kept.next()
        kept.input.write(b"\n")
        kept.input.flush()
    kept.input.close()
    wait_until(lambda: not kept.group(), 10, kept.group)
    kept.output.close()
    kept.process.wait(10)


def test_an_interval_longer_than_the_lease_is_no_silence(
    no_python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = shell_source().replace("LEASE=30", "LEASE=0", 1)
    monkeypatch.setattr(bootstrap_module, "shell_source", lambda: text)
    kept = Started("sh", no_python, interval_seconds=2)  # time enough for a busy machine to speak
    try:
        for _ in range(4):
            kept.input.write(b"\n")
            kept.input.flush()
            kept.next()
        wait_until(lambda: not kept.group(), 20, kept.group)  # now nobody says anything
    finally:
        kept.input.close()
        kept.output.close()
        kept.process.wait(10)


def test_a_user_who_stands_in_no_file_is_asked_for_aside(started: Started) -> None:
    require_root("be somebody whom nobody knows")
    work = ["setpriv", "--reuid=54321", "--clear-groups", sys.executable, "-c", "while True: pass"]
    with subprocess.Popen(work) as unknown:
        try:
            users: set[str | None] = set()
            for _ in range(60):
                scan = started.next().get("processes") or {"rows": []}
                users |= {row[1] for row in scan["rows"] if row[0] == unknown.pid}
                if "54321" in users:
                    break
        finally:
            unknown.kill()
    assert users - {None} == {"54321"}


def test_options_are_data(no_python: Path, tmp_path: Path) -> None:
    for line in (f"$(touch {tmp_path}/x) 1", f"n `touch${{IFS}}{tmp_path}/x`", "n 1;id", "n", ""):
        boot = bootstrap(interval_seconds=1)
        payload = shell_source().encode() + line.encode() + b"\n"
        done = subprocess.run(
            ["/bin/sh", "-c", boot.command], input=payload, capture_output=True, timeout=20,
            check=False, env={"PATH": str(no_python)}, start_new_session=True,
        )  # fmt: skip
        assert done.stdout == f"{boot.nonce} NOPYTHON\n".encode(), line
    assert not (tmp_path / "x").exists()


def test_the_program_of_awk_is_one_word_of_the_shell() -> None:
    awk = shell_source().partition("PROBE='")[2].partition("'\n#")[0]
    assert "'" not in awk
    assert awk.isascii()


FAKE_SMI = """#!/bin/sh
case $* in
*--query-gpu=*)
    while :; do
        cat "$0.gpus"
        sleep 0.2
    done ;;
*) cat "$0.apps" ;;
esac
"""


def with_gpus(path: Path, *rows: str, apps: Sequence[str] = ()) -> None:
    """An nvidia-smi that prints rows as the real one does."""
    program = path / "nvidia-smi"
    (path / "nvidia-smi.gpus").write_text("".join(f"{row}\n" for row in rows))
    (path / "nvidia-smi.apps").write_text("".join(f"{row}\n" for row in apps))
    program.write_text(FAKE_SMI)
    program.chmod(0o755)


def test_gpus_come_from_nvidia_smi(no_python: Path) -> None:
    with_gpus(
        no_python,
        f"{GPU}1, 0, NVIDIA H200, 87, 12, 71200, 143771, 612.31, 700.00, 61, 1980, 3201, P0, [N/A]",
        f"{GPU}2, 1, NVIDIA H200, [N/A], [N/A], 0, 143771, [Not Supported], 700.00, 30, 345, 3201, "
        "P8, [N/A]",
        apps=[f"{GPU}1, {os.getpid()}, 71000"],
    )
    probe = Started("sh", no_python)
    probe.next()
    sample = probe.next()
    for _ in range(30):
        if sample["devices"] and sample["devices"][0]["processes"]:
            break
        sample = probe.next()
    probe.input.close()
    wait_until(lambda: not probe.group(), 10, probe.group)
    probe.output.close()
    probe.process.wait(10)
    one, two = sample["devices"]
    ((pid, user, command, memory, started_at),) = one.pop("processes")
    assert (pid, user, memory) == (os.getpid(), getpass.getuser(), 71000 * 2**20)
    assert command == Path("/proc/self/comm").read_text().strip()
    assert started_at > 1_600_000_000
    assert one == {
        "uuid": f"{GPU}1", "index": 0, "name": "NVIDIA H200", "memory_total": 143771 * 2**20,
        "fault": None, "utilization": 87, "memory_utilization": 12, "memory_used": 71200 * 2**20,
        "power": 612.31, "power_limit": 700, "temperature": 61, "sm_clock": 1_980_000_000,
        "memory_clock": 3_201_000_000, "performance_state": 0,
    }  # fmt: skip
    assert (two["utilization"], two["power"], two["processes"]) == (None, None, [])


def test_a_driver_that_does_not_work_is_told(no_python: Path) -> None:
    program = no_python / "nvidia-smi"
    program.write_text(
        "#!/bin/sh\necho Failed to initialize NVML: Driver/library version mismatch\nexit 18\n"
    )
    program.chmod(0o755)
    probe = Started("sh", no_python)
    probe.next()
    sample = probe.next()
    for _ in range(30):
        if sample["gpu"]["problem"]:
            break
        sample = probe.next()
    probe.input.close()
    probe.output.close()
    probe.process.wait(10)
    assert sample["gpu"]["problem"] == "driver/library mismatch: reboot"
    assert sample["devices"] is None


@pytest.mark.sshd
class TestOnAServer:
    def test_it_is_degraded_and_says_so(
        self, tmp_path: Path, sshd_program: str, no_python: Path
    ) -> None:
        with server_without_python(tmp_path / "sshd", sshd_program, no_python) as server:
            with collecting([server.server()], connect, tmp_path) as notes:
                row = notes.wait("sshd-0", lambda row: row["cpu_utilization_ratio"] is not None)
            wait_until(lambda: not running(server), 10, lambda: running(server))
        assert row["state"] == "degraded"
        assert row["reason"].startswith("no Python 3 there, so its shell watches it")
        assert "install Python 3.6" in row["reason"]
        assert 0 <= row["cpu_utilization_ratio"] <= 1
        assert row["memory_total_bytes"] > 0
        assert abs(row["clock_offset_seconds"]) < 10

    def test_a_killed_connection_leaves_nothing(
        self, tmp_path: Path, sshd_program: str, no_python: Path
    ) -> None:
        with server_without_python(tmp_path / "sshd", sshd_program, no_python) as server:
            channel = connect(server.server(), 0.5)
            json.loads(channel.readline(15))
            assert running(server)
            channel.close()
            wait_until(lambda: not running(server), 10, lambda: running(server))

    def test_a_key_that_can_do_nothing_else_starts_it_too(
        self, sshd: Sshd, no_python: Path
    ) -> None:
        monitored(sshd, no_python)
        channel = connect(sshd.server(), 0.5)
        try:
            messages = [json.loads(channel.readline(15)) for _ in range(2)]
        finally:
            channel.close()
        assert [m["type"] for m in messages] == ["hello", "sample"]
        assert messages[0]["shell"]

    def test_such_a_key_starts_no_other_program(
        self, sshd: Sshd, no_python: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monitored(sshd, no_python)
        real = shell_source()
        evil = f"echo > {tmp_path}/written; exit\n".ljust(len(real), "#")
        known = shell_digest()
        monkeypatch.setattr(bootstrap_module, "shell_digest", lambda: known)
        monkeypatch.setattr(bootstrap_module, "shell_source", lambda: evil)
        with pytest.raises(ProbeError, match="another program was sent: refused"):
            connect(sshd.server(), 1).readline(15)
        assert not (tmp_path / "written").exists()


def monitored(server: Sshd, path: Path) -> None:
    keys = server.folder / "authorized_keys"
    line = authorized_line(read_public_key(server.identity_file))
    keys.write_text(line.replace("exec /bin/sh -c", f"PATH={path}; exec /bin/sh -c", 1) + "\n")
    server.stop()
    server.authorized_keys = keys
    server.start()


def running(server: Sshd) -> list[str]:
    """What runs in it."""
    return [command_line(pid)[:40] for pid in server.processes()]
