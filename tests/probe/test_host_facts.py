"""What the probe says of this machine agrees with an independent reading of it."""

from __future__ import annotations

import os
import platform
import pwd
import re
import resource
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from probe.running import running_probe
from scms.probe import host, lives, processes
from servers.sshd import wait_until


@pytest.fixture(scope="module")
def messages() -> list[dict[str, Any]]:
    with running_probe() as probe:
        return [probe.next() for _ in range(4)]


def test_the_hello_names_protocol_host_and_boot(messages: list[dict[str, Any]]) -> None:
    hello = messages[0]
    assert hello["type"] == "hello"
    assert hello["protocol"] == 1
    assert hello["hostname"] == platform.node()
    assert hello["kernel"] == platform.release()
    assert hello["boot_id"] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert hello["python"] == platform.python_version()
    assert hello["simulated"] is False


def test_samples_are_numbered_and_come_at_the_interval(messages: list[dict[str, Any]]) -> None:
    samples = messages[1:]
    assert [sample["sequence"] for sample in samples] == [0, 1, 2]
    assert samples[2]["monotonic"] - samples[1]["monotonic"] == pytest.approx(0.2, abs=0.15)
    assert samples[-1]["time"] == pytest.approx(time.time(), abs=30)


def test_memory_is_that_of_the_kernel(messages: list[dict[str, Any]]) -> None:
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    found = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text())
    assert found is not None
    assert messages[-1]["memory"]["total"] == total
    assert messages[-1]["memory"]["available"] == pytest.approx(int(found[1]) * 1024, rel=0.1)


def test_cpu_count_is_the_number_of_cpus(messages: list[dict[str, Any]]) -> None:
    assert messages[-1]["cpu_count"] == os.cpu_count()


def test_cpu_seconds_add_up_to_uptime_times_cpus(messages: list[dict[str, Any]]) -> None:
    sample = messages[-1]
    assert sum(sample["cpu"]) == pytest.approx(sample["uptime"] * sample["cpu_count"], rel=0.15)


def test_guest_time_is_not_counted_twice() -> None:
    ticks = " ".join(str(n * processes.TICKS) for n in (10, 6, 3, 50, 4, 1, 2, 5, 7, 2))
    assert host.cpu_seconds(f"cpu  {ticks}\n") == [3, 4, 3, 50, 4, 1, 2, 5]


def test_uptime_is_that_of_the_kernel(messages: list[dict[str, Any]]) -> None:
    assert messages[-1]["uptime"] == pytest.approx(time.clock_gettime(time.CLOCK_BOOTTIME), abs=30)


def test_the_root_file_system_has_the_size_that_python_says(messages: list[dict[str, Any]]) -> None:
    roots = [f for f in messages[1]["filesystems"] if f[0] == "/"]
    usage = shutil.disk_usage("/")
    assert [f[2] for f in roots] == [usage.total]
    assert roots[0][4] == pytest.approx(usage.free, rel=0.1)


def test_file_systems_are_read_about_once_a_minute(messages: list[dict[str, Any]]) -> None:
    assert ["filesystems" in sample for sample in messages[1:]] == [True, False, False]


def test_the_process_count_is_that_of_proc(messages: list[dict[str, Any]]) -> None:
    scanner = processes.Processes(processes.Users())

    def counted() -> int:
        return sum(entry.name.isdigit() for entry in Path("/proc").iterdir())

    def agrees() -> bool:
        before = counted()
        scanner.scan(time.monotonic())
        seen, after = scanner.count or 0, counted()
        return min(before, after) - 2 <= seen <= max(before, after) + 2

    wait_until(agrees)  # on a busy machine processes come and go in between
    assert messages[-1]["process_count"] > 1


def test_what_cannot_be_read_is_none() -> None:
    assert host.cpu_seconds(None) is None
    assert host.load_averages(None) is None
    assert set(host.memory(None).values()) == {None}


def test_a_list_of_the_kernel_is_read_to_its_end() -> None:
    # Nobody's list of disks is that long here; it is given a page at a time like this one.
    code = "import ctypes, decimal, sqlite3, ssl, sys; print(flush=True); sys.stdin.read()"
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as child:
        assert child.stdout is not None
        child.stdout.readline()
        path = Path(f"/proc/{child.pid}/maps")
        whole = path.read_text()
        found = host.Reader(str(path), listed=True).read()
        child.kill()
    assert len(whole) > 8192
    assert found == whole


def test_swap_is_read_where_there_is_some(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = host.Host(processes.Processes(processes.Users()))
    before = watched.sample(0.0)
    monkeypatch.setattr(watched.vmstat, "read", lambda: "x 1\npswpin 3\npswpout 4\n")
    after, page = watched.sample(1.0)["swap"], os.sysconf("SC_PAGE_SIZE")
    there = before["memory"]["swap_total"] != 0
    assert after == ([3 * page, 4 * page] if there else before["swap"])


def test_cached_memory_is_what_the_kernel_could_drop(messages: list[dict[str, Any]]) -> None:
    text = "MemTotal: 9 kB\nBuffers: 1 kB\nCached: 2 kB\nSwapCached: 8 kB\nSReclaimable: 4 kB\n"
    assert host.memory(text)["cached"] == 7 * 1024
    assert 0 < messages[-1]["memory"]["cached"] < messages[-1]["memory"]["total"]


def test_a_distribution_has_its_name() -> None:
    assert host.os_name('NAME="x"\nPRETTY_NAME="Debian GNU/Linux 12"\n') == "Debian GNU/Linux 12"
    assert host.os_name(None) is None


def test_single_disks_and_interfaces_come_with_the_scans(messages: list[dict[str, Any]]) -> None:
    assert ["interfaces" in sample for sample in messages[1:]] == [True, False, False]
    first = messages[1]
    names = [row[0] for row in first["interfaces"]]
    assert "lo" not in names
    assert first["disk"] == [sum(disk[n] for disk in first["disks"]) for n in (1, 2)]


def test_this_kernel_says_cores_and_pressure(messages: list[dict[str, Any]]) -> None:
    sample = messages[-1]
    assert len(sample["cores"]) == os.cpu_count()
    assert all(0 <= percent <= 100 for percent in sample["cores"])
    if Path("/proc/pressure/cpu").exists():
        assert len(sample["pressure"]) == 5
    swapped = [int(n) for n in re.findall(r"pswp\w+ (\d+)", Path("/proc/vmstat").read_text())]
    assert [n // os.sysconf("SC_PAGE_SIZE") for n in sample["swap"]] == swapped


def test_sessions_of_logind_count_users_with_a_terminal_once(tmp_path: Path) -> None:
    (tmp_path / "1").write_text("UID=1000\nUSER=ann\nCLASS=user\nTTY=pts/0\n")
    (tmp_path / "2").write_text("UID=1000\nUSER=ann\nCLASS=user\nTTY=pts/1\n")
    (tmp_path / "3").write_text("UID=1001\nUSER=bob\nCLASS=user\nSEAT=seat0\n")
    (tmp_path / "4").write_text("UID=1002\nUSER=cron\nCLASS=background\n")
    (tmp_path / "5").write_text("UID=1003\nUSER=monitor\nCLASS=user\n")
    assert host.logind_users(str(tmp_path)) == 2
    assert host.logind_users(str(tmp_path / "absent")) is None


@pytest.mark.skipif(platform.machine() != "x86_64", reason="a record has another size there")
def test_utmp_counts_users_with_a_login_once() -> None:
    def record(kind: int, user: bytes) -> bytes:
        return struct.pack("<hxxi32s4s32s", kind, 1, b"pts/0", b"", user).ljust(384, b"\0")

    data = record(7, b"ann") + record(7, b"ann") + record(7, b"bob") + record(8, b"eve")
    assert host.utmp_users(data, "x86_64") == 2
    assert host.utmp_users(data[:-1], "x86_64") is None


def life(owner: int, resident: int) -> lives.Life:
    found = lives.Life(5, owner, 0.0)
    found.command, found.resident = "work", resident
    return found


class TestProcesses:
    def test_a_busy_process_is_found_with_its_user_and_use(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            processes, "TOP_PROCESSES", 1000
        )  # others may be busier on this machine
        scanner = processes.Processes(processes.Users())
        with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as busy:
            try:
                assert scanner.scan(time.monotonic()) is None
                deadline = time.monotonic() + 10
                began = time.process_time()
                while time.process_time() - began < 0.2 and time.monotonic() < deadline:
                    pass
                scan = scanner.scan(time.monotonic())
            finally:
                busy.kill()
        rows = {row[0]: row for row in scan["rows"]}
        pid, user, command, cores, resident, started_at = rows[busy.pid]
        assert (pid, user) == (busy.pid, pwd.getpwuid(os.getuid()).pw_name)
        assert command.startswith("python")
        assert 0.05 < cores < 1.5
        assert resident > 1_000_000
        assert started_at == pytest.approx(time.time(), abs=30)

    def test_at_most_ten_processes_and_a_row_per_user_are_named(self) -> None:
        scanner = processes.Processes(processes.Users())
        lives = {1000 + n: life(0, 10**6) for n in range(30)}
        used = [(processes.TICKS // 2, pid, one) for pid, one in lives.items()]
        rows = scanner._rows(used, lives, 1.0)
        assert [row[0] is None for row in rows] == [False] * 10 + [True]
        assert rows[-1][3:5] == [20 * (processes.TICKS // 2) / processes.TICKS, 20 * 10**6]

    def test_the_rest_of_a_user_that_does_nothing_is_left_out(self) -> None:
        scanner = processes.Processes(processes.Users())
        scanner.users.names = {0: "root", 1: "ann"}
        rows = scanner._rows([], {7: life(0, 1000), 8: life(1, 2 * 1024**3)}, 1.0)
        assert rows == [[None, "ann", "", 0.0, 2 * 1024**3, None]]

    def test_a_process_that_slept_is_not_read_again_but_now_and_then(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        read: list[str] = []
        scanner = processes.Processes(processes.Users())
        if not scanner.most_kept:
            pytest.skip("this kernel does not count what a process has run")
        real = scanner.stat

        def stat(pid: object) -> Any:
            read.append(str(pid))
            return real(pid)

        monkeypatch.setattr(scanner, "stat", stat)
        with subprocess.Popen(["sleep", "60"]) as sleeper:
            try:
                pid = sleeper.pid
                wait_until(lambda: (real(pid) or ("",))[0] == "sleep")
                for second in range(1 + processes.TURNS):
                    scanner.scan(float(second))
                    assert pid in scanner.lives
            finally:
                sleeper.kill()
        assert 1 <= read.count(str(pid)) <= 3
        sleeper.wait()
        kept = scanner.kept
        scanner.scan(100.0)
        assert pid not in scanner.lives
        assert scanner.kept < kept + 5

    def test_few_files_are_kept_where_few_are_allowed(self) -> None:
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        used = sum(1 for _ in Path("/proc/self/fd").iterdir())
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (2 * used + 20, before[1]))
            scanner = processes.Processes(processes.Users())
            for second in range(3):
                scanner.scan(float(second))
            assert scanner.kept <= used + 10
            assert os.getpid() in scanner.lives
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
            for one in scanner.lives.values():
                one.close()

    def test_work_of_a_process_that_slept_before_is_seen(self) -> None:
        scanner = processes.Processes(processes.Users())
        work = "import sys,time\nsys.stdin.readline()\nwhile True: pass"
        with subprocess.Popen([sys.executable, "-c", work], stdin=subprocess.PIPE) as worker:
            try:
                for second in range(3):
                    scanner.scan(float(second))
                before = scanner.lives[worker.pid].ticks
                assert worker.stdin is not None
                worker.stdin.write(b"\n")
                worker.stdin.flush()
                wait_until(lambda: (scanner.stat(worker.pid) or (0, 0))[1] > before + 10)
                scan = scanner.scan(3.0)
            finally:
                worker.kill()
        assert worker.pid in {row[0] for row in scan["rows"]}

    def test_a_process_of_many_threads_is_read_in_one_go_and_its_work_seen(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        scanner = processes.Processes(processes.Users())
        if not scanner.most_kept:
            pytest.skip("this kernel does not count what a process has run")
        opened: list[str] = []
        real = scanner.stat

        def stat(pid: object) -> Any:
            opened.append(str(pid))
            return real(pid)

        monkeypatch.setattr(scanner, "stat", stat)
        work = (
            "import sys,threading\nevent = threading.Event()\n"
            "def loop():\n event.wait()\n while True: pass\n"
            "threading.Thread(target=loop, daemon=True).start()\n"
            "print(flush=True)\nsys.stdin.readline()\nevent.set()\nsys.stdin.readline()"
        )
        pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen([sys.executable, "-c", work], **pipes) as worker:
            try:
                assert worker.stdin is not None
                assert worker.stdout is not None
                worker.stdout.readline()
                for second in range(4):
                    scanner.scan(float(second))
                life = scanner.lives[worker.pid]
                assert life.whole
                before = life.ticks
                worker.stdin.write(b"\n")
                worker.stdin.flush()  # the first thread sleeps, and the other works
                wait_until(lambda: (real(worker.pid) or (0, 0))[1] > before + 10)
                scan = scanner.scan(4.0)
            finally:
                worker.kill()
        assert worker.pid in {row[0] for row in scan["rows"]}
        assert opened.count(str(worker.pid)) == 1

    def test_a_process_of_this_machine_is_in_the_container_that_its_control_group_names(
        self,
    ) -> None:
        scanner = processes.Processes(processes.Users())
        text = Path("/proc/self/cgroup").read_text()
        assert scanner.describe(os.getpid())[3] == processes.container_in(text)

    @pytest.mark.parametrize(
        ("text", "container"),
        [
            ("0::/\n", None),
            ("0::/user.slice/user-1000.slice/session-3.scope\n", None),
            (f"0::/system.slice/docker-{'ab' * 32}.scope\n", "abababababab"),
            (f"12:pids:/docker/{'01' * 32}\n0::/\n", "010101010101"),
            (f"0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-{'c' * 64}.scope\n", "c" * 12),
            (f"0::/kubepods/besteffort/pod-1/{'d' * 64}\n", "d" * 12),
            (f"0::/machine.slice/libpod-{'e' * 64}.scope/container\n", "e" * 12),
            ("0::/lxc.payload.web/init.scope\n", "web"),
            ("4:cpu:/lxc/build\n", "build"),
        ],
    )
    def test_control_groups_name_containers(self, text: str, container: str | None) -> None:
        assert processes.container_in(text) == container

    def test_the_dead_that_nobody_buried_are_counted(self) -> None:
        scanner = processes.Processes(processes.Users())
        with subprocess.Popen(["true"]) as dead:
            os.waitid(os.P_PID, dead.pid, os.WEXITED | os.WNOWAIT)
            scanner.scan(time.monotonic())
        states: Any = scanner.states
        assert states[0] >= 1
        assert states[1] >= 0

    def test_a_process_that_is_gone_is_no_process(self) -> None:
        with subprocess.Popen(["true"]) as done:
            done.wait()
        scanner = processes.Processes(processes.Users())
        scanner.sees_all = True
        assert scanner.describe(done.pid) is None

    def test_where_not_all_is_seen_it_may_be_hidden(self) -> None:
        with subprocess.Popen(["true"]) as done:
            done.wait()
        scanner = processes.Processes(processes.Users())
        scanner.sees_all = False
        assert scanner.describe(done.pid) == [None] * 4

    def test_an_unknown_user_keeps_the_number(self) -> None:
        users = processes.Users()
        users.patience = 5.0
        assert users.name(3_999_999_999) == "3999999999"

    def test_a_directory_that_hangs_costs_the_name_only(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        users = processes.Users()
        monkeypatch.setattr(users, "running", True)  # nobody looks
        users.patience = 0.05
        began = time.monotonic()
        assert users.name(0) is None
        assert users.name(1) is None
        assert time.monotonic() - began < 2
