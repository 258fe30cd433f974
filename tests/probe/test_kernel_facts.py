"""Counters, sensors and mounts as the probe reads them, from made texts and folders."""

from __future__ import annotations

import errno
import os
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from scms.probe import kernel, mounts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def stat(*cores: tuple[int, int, int]) -> str:
    """/proc/stat of cores with (user, idle, iowait) ticks."""
    lines = [f"cpu{n} {u} 0 0 {i} {w} 0 0 0 0 0" for n, (u, i, w) in enumerate(cores)]
    return "\n".join(["cpu 1 1 1 1 1 1 1 1 1 1", *lines, "intr 5 1 2 3"])


def test_the_use_of_a_core_is_what_was_neither_idle_nor_waiting() -> None:
    cores = kernel.Cores()
    assert cores.percent(stat((10, 10, 10), (0, 0, 0))) is None
    assert cores.percent(stat((40, 40, 50), (200, 0, 0))) == [30, 100]


def test_a_core_that_was_switched_on_makes_the_cores_unknown_once() -> None:
    cores = kernel.Cores()
    cores.percent(stat((1, 1, 1)))
    assert cores.percent(stat((2, 2, 1), (1, 1, 1))) is None
    assert cores.percent(stat((3, 3, 1), (1, 2, 1))) == [50, 0]


def test_no_cores_are_none() -> None:
    assert kernel.Cores().percent(None) is None


SOME = "some avg10=12.50 avg60=1.00 avg300=0.00 total=5\n"


def test_pressure_is_a_ratio() -> None:
    full = SOME + "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
    assert kernel.pressures(SOME, full, full) == [0.125, 0.125, 0.0, 0.125, 0.0]


def test_a_kernel_without_pressure_has_none() -> None:
    assert kernel.pressures(None, None, None) is None
    assert kernel.pressures(SOME, None, None) == [0.125, None, None, None, None]


def test_swap_traffic_is_in_bytes() -> None:
    page = os.sysconf("SC_PAGE_SIZE")
    text = "nr_free 1\npgpgin 3\npswpin 2\npswpout 5\n"
    assert kernel.swap_traffic(text) == [2 * page, 5 * page]
    assert kernel.swap_traffic("nr_free 1\n") == [None, None]


DISKS = (
    " 8 0 sda 3 0 10 7 4 0 20 5 0 9 12 0 0 0 0 0 0\n"
    " 8 1 sda1 1 0 10 0 1 0 20 0 0 0 0\n"
    " 253 0 dm-0 1 0 10 0 1 0 20 0 0 0 0\n"
)


def test_disks_are_counted_without_their_partitions() -> None:
    rows = kernel.disk_counters(DISKS, {"sda"})
    assert rows == [["sda", 5120, 10240, 3, 4, 12, 9]]
    assert kernel.column_sums(rows, 4) == [5120, 10240, 3, 4]


def test_network_leaves_loopback_out() -> None:
    text = (
        "Inter-|   Receive                    |  Transmit\n"
        " face |bytes packets errs drop fifo frame compressed multicast|bytes packets\n"
        "    lo: 999 1 0 0 0 0 0 0 999 1 0 0 0 0 0 0\n"
        "  eth0: 100 1 2 3 0 0 0 0 50 1 4 5 0 0 0 0\n"
        "ib0:20 1 0 0 0 0 0 0 7 1 0 0 0 0 0 0\n"
    )
    rows = kernel.interface_counters(text)
    assert rows == [["eth0", 100, 50, 6, 8], ["ib0", 20, 7, 0, 0]]
    assert kernel.named_rows(rows, {"ib0"}) == [["ib0", 20, 7, 0, 0]]
    assert kernel.named_rows(rows, None) == rows


def test_what_cannot_be_read_is_none() -> None:
    assert kernel.disk_counters("x", None) is None
    assert kernel.interface_counters(None) is None
    assert kernel.column_sums(None, 2) == [None, None]
    assert kernel.column_sums([], 2) == [0, 0]


def sensor(folder: Path, chip: str, *values: str) -> None:
    folder.mkdir(parents=True)
    (folder / "name").write_text(f"{chip}\n")
    for n, value in enumerate(values, start=1):
        (folder / f"temp{n}_input").write_text(f"{value}\n")


def test_the_hottest_of_a_kind_of_chip_is_said(tmp_path: Path) -> None:
    sensor(tmp_path / "class/hwmon/hwmon0", "coretemp", "52000")
    sensor(tmp_path / "class/hwmon/hwmon1", "coretemp", "61500", "none")
    sensor(tmp_path / "class/hwmon/hwmon2", "nvme", "38850", "-128000")
    sensor(tmp_path / "class/hwmon/hwmon3", "nct6775", "127000")  # inputs that hang in the air
    for core, kilohertz in enumerate((1000000, 3000000)):
        clock = tmp_path / f"devices/system/cpu/cpu{core}/cpufreq"
        clock.mkdir(parents=True)
        (clock / "scaling_cur_freq").write_text(f"{kilohertz}\n")
    found = kernel.Sensors(str(tmp_path)).read()
    assert found == ([("coretemp", 61.5), ("nvme", 38.85)], 2_000_000_000)


def test_a_machine_without_sensors_has_none(tmp_path: Path) -> None:
    assert kernel.Sensors(str(tmp_path)).read()[0] == []


def test_a_few_cores_stand_for_all(tmp_path: Path) -> None:
    for core in range(100):
        (tmp_path / f"cpu{core}/cpufreq").mkdir(parents=True)
        (tmp_path / f"cpu{core}/cpufreq/scaling_cur_freq").write_text("1\n")
    assert len(kernel.clock_files(str(tmp_path))) == 8


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_reading_that_hangs_is_not_stacked_upon() -> None:
    begun, let_go = [], threading.Event()

    def read() -> str:
        begun.append(1)
        let_go.wait(10)
        return "read"

    aside = mounts.Aside(read)
    aside.ask()
    until(lambda: begun)
    aside.ask()
    until(lambda: aside.waiting() > 0.02)
    assert (len(begun), aside.value) == (1, None)
    let_go.set()
    until(lambda: aside.waiting() == 0)
    assert aside.value == "read"


@pytest.mark.parametrize(
    ("code", "said"), [(errno.ESTALE, os.strerror(errno.ESTALE)), (errno.EACCES, None)]
)
def test_a_refusal_for_lack_of_rights_is_no_fault(code: int, said: str | None) -> None:
    def read() -> None:
        raise OSError(code, os.strerror(code))

    aside = mounts.Aside(read)
    aside.value = "old"
    aside.ask()
    until(lambda: aside.waiting() == 0)
    assert [aside.value, aside.error] == [None, said]


def test_a_mount_of_another_machine_is_read_in_a_thread_and_a_local_one_is_not_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go = threading.Event()

    def space(mount: str) -> list[Any]:
        assert mount == str(tmp_path)
        let_go.wait(10)
        return [100, 60, 35, 9, 8]

    monkeypatch.setattr(mounts, "space", space)
    network = mounts.NetworkMounts()
    network.ask([["srv:/home", str(tmp_path), "nfs4"], ["/dev/sda1", "/", "ext4"]])
    until(lambda: network.rows()[0][7] > 0)
    assert network.rows()[0][:7] == [str(tmp_path), "nfs4", None, None, None, None, None]
    let_go.set()
    until(lambda: network.rows()[0][7] == 0)
    assert network.rows() == [[str(tmp_path), "nfs4", 100, 60, 35, 9, 8, 0.0, None]]
    network.ask([])
    assert network.rows() == []


def test_inodes_of_a_file_system_are_those_that_are_left() -> None:
    size = os.statvfs("/")
    assert mounts.space("/")[3] == (size.f_files or None)


def test_a_name_is_looked_at_once_and_forgotten_when_it_is_gone(tmp_path: Path) -> None:
    (tmp_path / "sda" / "device").mkdir(parents=True)
    (tmp_path / "loop0").mkdir()
    disks = kernel.Hardware(str(tmp_path))
    assert disks.names() == {"sda"}
    (tmp_path / "nvme0n1" / "device").mkdir(parents=True)
    (tmp_path / "sda" / "device").rmdir()
    (tmp_path / "sda").rmdir()
    assert disks.names() == {"nvme0n1"}
    assert kernel.Hardware(str(tmp_path / "absent")).names() is None


def test_mounts_are_read_again_only_when_they_have_changed(tmp_path: Path) -> None:
    table = mounts.MountTable()
    first = table.rows()
    assert "/" in {row[1] for row in first}
    assert table.rows() is first
    if os.geteuid() != 0:
        pytest.skip("to mount takes root")
    subprocess.run(["mount", "-t", "tmpfs", "none", tmp_path], check=True)
    try:
        assert str(tmp_path) in {row[1] for row in table.rows()}
    finally:
        subprocess.run(["umount", tmp_path], check=True)
    assert str(tmp_path) not in {row[1] for row in table.rows()}
