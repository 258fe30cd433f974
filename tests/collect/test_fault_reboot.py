"""A server that is rebooted: another boot id, counters that begin anew, and no negative rate.

A real reboot is out of reach, so the server has files of its own under /proc, in a mount namespace.
"""

from __future__ import annotations

import re
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from collect.collecting import collecting, down
from conftest import require_program
from scms.collect.transport import connect
from servers.accounts import require_root
from servers.sshd import sshd_fleet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servers.sshd import Sshd

pytestmark = pytest.mark.sshd

BOOT_ID = "/proc/sys/kernel/random/boot_id"
RATES = ("disk_read_bytes_per_second", "disk_write_bytes_per_second", "disk_reads_per_second",
         "swap_in_bytes_per_second", "network_receive_bytes_per_second")  # fmt: skip


@dataclass(frozen=True)
class Machine:
    """A server with counters and a boot id that a test can set."""

    server: Sshd
    folder: Path

    def boots(self) -> str:
        """A new boot id; the counters begin anew."""
        boot_id = str(uuid.uuid4())
        (self.folder / "boot_id").write_text(f"{boot_id}\n")
        self.count(cpu=500, sectors=100, pages=0)
        return boot_id

    def count(self, *, cpu: int, sectors: int, pages: int) -> None:
        """Write counters; in place, since the files are mounted."""
        (self.folder / "vmstat").write_text(f"nr_free_pages 1\npswpin {pages}\npswpout {pages}\n")
        real = Path("/proc/stat").read_text().splitlines(keepends=True)
        cpus = [line for line in real if line.startswith("cpu")]
        others = [line for line in real if not line.startswith("cpu")]
        made = [f"{line.split()[0]} {cpu} 0 {cpu} {9 * cpu} 0 0 0 0 0 0\n" for line in cpus]
        (self.folder / "stat").write_text("".join([*made, *others]))
        disk = next(
            entry.name for entry in Path("/sys/block").iterdir() if (entry / "device").exists()
        )
        (self.folder / "diskstats").write_text(
            f" 8 0 {disk} {sectors} 0 {sectors} 5 {sectors} 0 {sectors} 5 0 5 10\n"
        )


@pytest.fixture
def machine(tmp_path: Path, sshd_program: str) -> Iterator[Machine]:
    require_root("mount")
    unshare = require_program("unshare", "util-linux")
    if not any((entry / "device").exists() for entry in Path("/sys/block").iterdir()):
        pytest.skip("this machine has no disk to count for")
    folder = tmp_path / "proc"
    folder.mkdir()
    real = Path("/proc/meminfo").read_text()  # with swap space, without which nobody counts it
    (folder / "meminfo").write_text(re.sub(r"(SwapTotal|SwapFree): .*", r"\1: 4096 kB", real))
    names = ("stat", "diskstats", "vmstat", "meminfo")
    mounts = [f"mount --bind {folder}/{name} /proc/{name}" for name in names]
    mounts.append(f"mount --bind {folder}/boot_id {BOOT_ID}")
    wrapper = (unshare, "--mount", "sh", "-c", f'{" && ".join(mounts)} && exec "$@"', "sh")
    with sshd_fleet(tmp_path / "fleet", program=sshd_program) as (server,):
        made = Machine(server, folder)
        made.boots()
        can = subprocess.run([*wrapper, "true"], check=False, capture_output=True)
        if can.returncode != 0:
            pytest.skip(f"nothing can be mounted over /proc: {can.stderr.decode().strip()}")
        server.stop()
        server.wrapper = wrapper
        server.start()
        yield made


def test_a_reboot_is_an_event_and_makes_no_negative_rate(machine: Machine, tmp_path: Path) -> None:
    first = machine.boots()
    machine.count(cpu=10**6, sectors=10**9, pages=10**6)
    server = machine.server
    with collecting([server.server()], connect, tmp_path) as notes:
        before = notes.wait("sshd-0", lambda row: row["observed_seconds"] > 0)
        server.stop()
        notes.wait("sshd-0", down)
        second = machine.boots()
        server.start()
        after = notes.wait(
            "sshd-0", lambda row: row["boot_id"] == second and row["observed_seconds"] > 0
        )
        machine.count(cpu=1500, sectors=2100, pages=10)
        busy = notes.wait(
            "sshd-0", lambda row: row["boot_id"] == second and row["disk_reads_per_second"]
        )
    rows = notes.of("sshd-0")
    assert (before["boot_id"], after["boot_id"]) == (first, second)
    assert [kind for kind, _ in notes.events("sshd-0")] == ["up", "down", "reboot", "up"]
    for row in rows:
        assert all(row[name] is None or row[name] >= 0 for name in RATES)
        used = row["cpu_utilization_ratio"]
        assert used is None or 0 <= used <= 1
    # 1000 of 11000 ticks of each mode since then: 2000 of 11000 were not idle.
    assert busy["cpu_utilization_ratio"] == pytest.approx(2 / 11)
    assert busy["swap_in_bytes_per_second"] > 0


def test_counters_that_run_backwards_within_a_session_are_unknown(
    machine: Machine, tmp_path: Path
) -> None:
    machine.count(cpu=10**6, sectors=10**9, pages=10**6)
    with collecting([machine.server.server()], connect, tmp_path) as notes:
        notes.wait("sshd-0", lambda row: row["disk_reads_per_second"] == 0)
        machine.count(cpu=100, sectors=100, pages=1)
        lost = notes.wait(
            "sshd-0",
            lambda row: row["observed_seconds"] > 0 and row["disk_reads_per_second"] is None,
        )
        again = notes.of("sshd-0").index(lost) + 2
        notes.wait("sshd-0", lambda _: len(notes.of("sshd-0")) > again)
    assert lost["swap_in_bytes_per_second"] is None
    assert lost["cpu_utilization_ratio"] is None
    assert {row["state"] for row in notes.of("sshd-0")} == {"up"}
    assert notes.of("sshd-0")[again]["disk_reads_per_second"] == 0
