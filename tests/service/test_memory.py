"""The C library shares memory among threads when it is told to."""

from __future__ import annotations

import subprocess
import sys

import pytest

from scms.service.memory import share_arenas

PROGRAM = """
import ctypes, sys, threading
from scms.service.memory import share_arenas
if sys.argv[1] == "shared":
    assert share_arenas()
gate = threading.Barrier(17)
def hold():
    kept = ctypes.CDLL(None).malloc(100_000)  # too large for Python's own allocator
    gate.wait(10)
    gate.wait(10)
threads = [threading.Thread(target=hold) for _ in range(16)]
for thread in threads:
    thread.start()
gate.wait(10)
path = "/proc/self/maps"
# Each arena but the first reserves 64 MiB without access, beside what is in use of it.
with open(path) as maps:
    spans = [line.split()[0].split("-") for line in maps if " ---p 00000000 00:00 0" in line]
print(sum(int(end, 16) - int(start, 16) > 60 * 2**20 for start, end in spans))
gate.wait(10)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc is a library of Linux")
def test_threads_share_arenas() -> None:
    if not share_arenas():
        pytest.skip("the C library is not glibc")
    own, shared = (
        int(
            subprocess.run(
                [sys.executable, "-c", PROGRAM, how], check=True, capture_output=True
            ).stdout
        )
        for how in ("own", "shared")
    )
    assert shared <= 1 < own
