"""What the benchmarks of collection share: processes whose CPU time is counted, and sshd to watch.

In: how many servers. Out: real sshd on loopback that see their own processes only, as each server
of its own does, and helpers in processes of their own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servers.sshd import Sshd

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))  # the helper that starts sshd
#: So many sleep for each sshd beside its sessions, as a program of this shell (root only).
SLEEPERS: Final = 'n={count}; while [ $n -gt 0 ]; do sleep infinity & n=$((n-1)); done; exec "$@"'


class Helper:
    """This program in a process of its own: told and asked by lines of JSON."""

    def __init__(self, role: str, asked: dict[str, Any]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, sys.argv[0], "--role", role],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.first = self.ask(asked)

    def ask(self, message: object = None) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def cpu_seconds(self) -> tuple[float, float]:
        """Of its process with all below it, and of all else that this program has started."""
        own = tree_cpu_seconds(self._process.pid)
        return own, tree_cpu_seconds(os.getpid()) - own - time.process_time()

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise


def tree_cpu_seconds(root: int) -> float:
    """CPU time of a process and all below it, with that of those which have ended."""
    children: dict[int, list[int]] = {}
    ended: dict[int, float] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            after = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        pid = int(path.parent.name)
        children.setdefault(int(after[1]), []).append(pid)
        ended[pid] = sum(map(int, after[13:15])) / os.sysconf("SC_CLK_TCK")
    total, waiting = 0.0, [root]
    while waiting:
        pid = waiting.pop()
        total += ended.get(pid, 0.0)
        with suppress(OSError):  # it has ended meanwhile
            # The clock of a process as clock_getcpuclockid(3) makes it: /proc counts in hundredths.
            total += time.clock_gettime((~pid << 3) | 2)
        waiting += children.get(pid, [])
    return total


@contextmanager
def fleet(count: int, sleeping: int) -> Iterator[tuple[Path, list[Sshd]]]:
    """A folder and so many sshd, gone at the end with all that runs in them."""
    from servers.sshd import sshd_fleet

    # What somebody's shell does at login is not measured.
    plain = {"HOME": "/nonexistent", "PATH": f"{sys.base_prefix}/bin:/usr/bin:/bin"}
    accounts = dict.fromkeys(range(count), plain)
    with (
        tempfile.TemporaryDirectory(prefix="scms-bench-") as folder,
        sshd_fleet(
            Path(folder), count=count, environment=accounts, wrapper=alone(sleeping)
        ) as servers,
    ):
        yield Path(folder), servers


def alone(sleeping: int) -> tuple[str, ...]:
    """What starts an sshd with a /proc of its own, in which so many processes sleep; root only."""
    if os.geteuid() != 0:
        return ()
    own = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
    return (*own, "sh", "-c", SLEEPERS.format(count=max(0, sleeping)), "sh")


def say(message: object) -> None:
    """One line to whoever started this process."""
    print(json.dumps(message), flush=True)


def resident_bytes() -> int:
    """Memory of this process."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def row(*cells: str) -> str:
    """A line of a table in Markdown."""
    return f"| {' | '.join(cells)} |"


def table(head: str, rows: Iterator[str]) -> None:
    """Print a table, each line as soon as it is there."""
    print(f"\n{head}\n{row(*(['---'] * (head.count('|') - 1)))}", flush=True)
    for each in rows:
        print(each, flush=True)
