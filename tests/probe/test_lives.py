"""Which processes there are and which have run, as cheaply as can be, with nobody left out."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from probe.running import running_probe
from scms.probe import lives, processes
from servers.sshd import wait_until


def listed() -> set[int]:
    return {int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()}


def last_pid() -> int:
    return int(Path("/proc/loadavg").read_text().split()[4])


class TestNewcomers:
    @pytest.fixture
    def known(self) -> dict[int, None]:
        return dict.fromkeys(listed())

    @pytest.fixture
    def newcomers(self, known: dict[int, None], monkeypatch: pytest.MonkeyPatch) -> lives.Newcomers:
        """One that knows all there are and has listed /proc; it may not do so again."""
        assert known
        made = lives.Newcomers()
        made.find({}, last_pid())
        made.looks = lives.LISTED_EVERY
        monkeypatch.setattr(lives, "MOST_GUESSED", 1e9)  # others may start many meanwhile
        monkeypatch.setattr(os, "listdir", lambda _: pytest.fail("/proc was listed"))
        return made

    def test_a_new_process_is_found_without_a_listing(
        self, newcomers: lives.Newcomers, known: dict[int, None]
    ) -> None:
        with subprocess.Popen(["sleep", "60"]) as new:
            try:
                assert new.pid in newcomers.find(known, last_pid())
                assert new.pid not in newcomers.find(known, last_pid())
            finally:
                new.kill()

    def test_one_that_has_ended_again_is_not(
        self, newcomers: lives.Newcomers, known: dict[int, None]
    ) -> None:
        with subprocess.Popen(["true"]) as done:
            done.wait()
        assert done.pid not in newcomers.find(known, last_pid())

    def test_proc_is_listed_again_after_some_looks(self) -> None:
        newcomers = lives.Newcomers()
        known = dict.fromkeys(newcomers.find({}, 10**9))
        newcomers.looks = 2
        with subprocess.Popen(["sleep", "60"]) as new:
            try:
                assert new.pid not in newcomers.find(known, 10**9)  # numbers that say nothing
                assert new.pid in newcomers.find(known, 10**9)
                assert newcomers.looks <= 0
                assert new.pid in newcomers.find(known, 10**9)
            finally:
                new.kill()

    @pytest.mark.parametrize("last", [None, 5, 10**9])
    def test_numbers_that_are_unknown_or_begin_anew_or_leap_lead_to_a_listing(
        self, last: int | None
    ) -> None:
        newcomers = lives.Newcomers()
        newcomers.find({}, 1000)
        newcomers.looks = 5
        assert os.getpid() in newcomers.find({}, last)


class TestProcesses:
    def test_a_thread_is_no_process(self) -> None:
        ends = threading.Event()
        thread = threading.Thread(target=ends.wait)
        thread.start()
        try:
            assert thread.native_id is not None
            assert lives.exists(thread.native_id)
            assert processes.Processes(processes.Users()).stat(thread.native_id) is None
        finally:
            ends.set()
            thread.join()

    def test_scans_by_number_see_who_comes_and_who_goes(self) -> None:
        scanner = processes.Processes(processes.Users())
        scanner.scan(0.0, last_pid())
        scanner.newcomers.looks = 100
        with subprocess.Popen(["sleep", "60"]) as new:
            scanner.scan(10.0, last_pid())
            assert new.pid in scanner.lives
            new.kill()
        scanner.scan(20.0, last_pid())
        assert new.pid not in scanner.lives

    def test_a_process_that_runs_all_the_time_is_read_in_one_go(self) -> None:
        scanner = processes.Processes(processes.Users())
        if not scanner.most_kept:
            pytest.skip("this kernel does not count what a process has run")
        with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as busy:
            try:
                for second in range(5):
                    before = (scanner.stat(busy.pid) or (0, 0))[1]
                    wait_until(lambda: (scanner.stat(busy.pid) or (0, 0))[1] > before)  # noqa: B023
                    scanner.scan(float(second))
                assert scanner.lives[busy.pid].whole
            finally:
                busy.kill()

    def test_one_that_sleeps_again_is_only_asked_whether_it_has_run(self) -> None:
        scanner = processes.Processes(processes.Users())
        if not scanner.most_kept:
            pytest.skip("this kernel does not count what a process has run")
        with subprocess.Popen(["sleep", "60"]) as sleeper:
            try:
                wait_until(lambda: (scanner.stat(sleeper.pid) or ("",))[0] == "sleep")
                scanner.scan(0.0)
                life = scanner.lives[sleeper.pid]
                life.runs = lives.STEADY
                life.keep(sleeper.pid, 1)
                assert life.whole
                for second in range(1, 2 + processes.TURNS):
                    scanner.scan(float(second))
                assert not scanner.lives[sleeper.pid].whole
            finally:
                sleeper.kill()

    def test_one_that_runs_shortly_all_the_time_is_read_when_that_adds_up_or_ends(
        self, tmp_path: Path
    ) -> None:
        ran = tmp_path / "schedstat"
        life = lives.Life(0, 0, 0.0)
        ran.write_bytes(b"1000 0 1\n")
        life.file = os.open(ran, os.O_RDONLY)
        found = []
        for nanoseconds in (1000, 1000, 2000, 3000, 4000, 4000, 4000, 5000, 6000, 20_000_000):
            ran.write_bytes(b"%d 0 1\n" % nanoseconds)
            found.append(life.sleeps())
        life.close()
        # Read: at first, when it began to stir, when it slept again, when it began anew, at 20 ms.
        assert found == [False, True, False, True, True, False, True, False, True, False]

    def test_what_a_scan_saw_tells_of_a_process_while_it_is_there(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        scanner = processes.Processes(processes.Users())
        scanner.users.patience = 5.0
        scanner.sees_all = True
        with subprocess.Popen(["sleep", "60"]) as job:
            wait_until(lambda: (scanner.stat(job.pid) or ("",))[0] == "sleep")
            fresh = scanner.describe(job.pid)
            scanner.scan(time.monotonic())
            with monkeypatch.context() as patch:
                patch.setattr(scanner, "stat", lambda _: pytest.fail("it was read again"))
                assert scanner.describe(job.pid) == fresh
            job.kill()
        assert scanner.describe(job.pid) is None


def kernel_life(*, runs: int) -> lives.Life:
    life = lives.Life(0, 0, 0.0)
    life.kernel, life.runs = True, runs
    return life


def test_threads_of_the_kernel_that_slept_take_turns() -> None:
    looked = [turn for turn in range(6) if not kernel_life(runs=0).rests(7, turn)]
    assert looked == [1, 4]
    assert not any(kernel_life(runs=1).rests(7, turn) for turn in range(6))


def kernel_stat(ticks: int) -> bytes:
    zeros = b" 0" * 13
    head = b"7 (kswapd0) S 2 0 0 0 -1 %d 0 0 0 0 %d 0" % (lives.KERNEL_FLAG, ticks)
    return head + b" 0 0 20 0 1 0 5 0 0" + zeros + b" 17 0 0\n"


def test_what_took_turns_is_counted_for_the_time_of_one_scan(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ticks = [0]
    scanner = processes.Processes(processes.Users())
    scanner.most_kept, scanner.users.names = 0, {0: "root"}
    monkeypatch.setattr(scanner.newcomers, "find", lambda known, _: [] if known else [7])
    monkeypatch.setattr(scanner, "stat", lambda _: lives.stat_in(kernel_stat(ticks[0])))
    monkeypatch.setattr(os, "stat", lambda _: os.stat_result([0] * 10))
    cores = []
    for scans in range(6):
        scan = scanner.scan(10.0 * (1 + scans))
        cores.append([row[3] for row in scan["rows"]] if scan is not None else None)
        ticks[0] = 6 * processes.TICKS  # once 6 s of CPU, before the second scan
    assert cores == [None, [], [], [0.2], [], []]


def test_a_probe_may_keep_as_many_files_open_as_it_wants() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    wanted = int(lives.MOST_KEPT / lives.KEPT_SHARE)
    with running_probe() as probe:
        probe.next()
        probe.next()
        (pid,) = (
            int(p)
            for p in Path(f"/proc/{probe.process.pid}/task/{probe.process.pid}/children")
            .read_text()
            .split()
        )
        line = next(
            text
            for text in Path(f"/proc/{pid}/limits").read_text().splitlines()
            if text.startswith("Max open files")
        )
    assert int(line.split()[3]) >= (wanted if hard < 0 else min(wanted, hard))
