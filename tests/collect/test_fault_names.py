"""Names that are meant to do harm: real processes that are called so, from /proc to the live page.

That the page writes them as text is tested in a browser (tests/browser/test_faults.py).
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from collect.collecting import collecting
from nvml.fake import GIB, FakeDriver
from scms import live
from scms.collect import bootstrap as bootstrap_module
from scms.collect.transport import connect
from scms.hot import FILE_NAME, HotStore
from scms.inventory import Inventory
from servers.sshd import sshd_fleet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.sshd

#: 15 bytes are what a kernel keeps of a name: HTML, escapes of a terminal, a line end, brackets of
#: /proc/PID/stat, a quote of JSON, and half a character.
NAMES = {
    b"<img src=x onX>": "<img src=x onX>",
    b"\x1b[2J\x1b]0;x\x07\"'a": "[2J]0;x\"'a",
    b"a) R 1 (b\n7 (c)": "a) R 1 (b7 (c)",
    b"\\u0041\xff\xc3(\x9b2J": "\\u0041\ufffd\ufffd(\ufffd2J",
}
PROGRAM = """
import ctypes, sys
assert ctypes.CDLL(None).prctl(15, bytes.fromhex(sys.argv[1]), 0, 0, 0) == 0  # PR_SET_NAME
print(flush=True)
while True:
    pass
"""


@contextmanager
def named(name: bytes) -> Iterator[int]:
    """A process of this name, hard at work."""
    command = [sys.executable, "-c", PROGRAM, name.hex()]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"\n"
            yield process.pid
        finally:
            process.kill()


@pytest.mark.parametrize("name", NAMES, ids=["html", "escapes", "stat", "bytes"])
def test_a_name_is_text_all_the_way_to_the_live_page(
    name: bytes, tmp_path: Path, sshd_program: str, fake_library: Path
) -> None:
    driver = FakeDriver(fake_library, tmp_path / "gpus.conf")
    environment = {0: driver.environment}
    with (
        named(name) as pid,
        sshd_fleet(tmp_path / "fleet", environment=environment, program=sshd_program) as (server,),
    ):
        driver.set_jobs((0, pid, 20 * GIB), gpus=1)
        with collecting([server.server()], connect, tmp_path) as notes:
            notes.wait("sshd-0", lambda _: cpu_rows(notes.records, pid))
            inventory = Inventory.from_mapping(
                {"servers": [server.entry()]}, base=tmp_path, source="test"
            )
            hot = HotStore.create(tmp_path / FILE_NAME)
            hot.append(notes.records)
            now = datetime.now(UTC)
            rows = [row for row in live.processes(hot, now=now) if row["pid"] == pid]
            seen = live.snapshot(hot, inventory, now=now, holds=())
    assert {row["command"] for row in rows} == {NAMES[name]}
    assert {row["device"] is None for row in rows} == {True, False}  # by its CPU and on its GPU
    assert NAMES[name].isprintable()
    assert seen.servers[0]["state"] == "up"
    assert seen.devices[0]["state"] == "busy"


def cpu_rows(records: Any, pid: int) -> bool:
    """Whether a process scan has named it."""
    return any(
        row["pid"] == pid and row["device"] is None
        for record in list(records)
        for row in record.tables["process_sample"]
    )


def test_a_shell_that_watches_is_not_misled_either(
    sshd_program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap_module, "_PYTHONS", ("no-such-python",))
    hostile = b"a) R 1 (b\n7 (c)"
    with (
        named(hostile) as pid,
        sshd_fleet(tmp_path / "fleet", program=sshd_program) as (server,),
        collecting([server.server()], connect, tmp_path) as notes,
    ):
        notes.wait("sshd-0", lambda _: cpu_rows(notes.records, pid))
    commands = {
        row["command"]
        for record in notes.records
        for row in record.tables["process_sample"]
        if row["pid"] == pid
    }
    assert len(commands) == 1
    assert str(commands.pop()).startswith("a) R 1 (b")
