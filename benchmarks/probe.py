"""What the probe alone costs a server, without sshd, as Markdown.

    python benchmarks/probe.py [--interval 5] [--seconds 120]

CPU time per sample of the probe without GPUs, with 8 of a fake driver, and of the shell that stands
in where there is no Python; all at the same time, so that a busy machine disturbs them alike.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Final
from unittest import mock

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))  # the fake driver
#: Of every session: the first ones start things.
SKIPPED: Final = 4
HEARTBEAT_SECONDS: Final = 8.0
GIB: Final = 2**30


class Watched:
    """A probe, or its stand-in, in a process group of its own."""

    def __init__(self, name: str, interval: float, environment: dict[str, str]) -> None:
        from scms.collect import bootstrap

        self.name, self.samples, self.bytes = name, 0, 0
        self.first = self.last = 0.0
        pythons = ("no-such-python",) if name == "shell" else (sys.executable,)
        with mock.patch.object(bootstrap, "_PYTHONS", pythons):
            boot = bootstrap.bootstrap(interval_seconds=interval)
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", boot.command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, **environment},
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        said = self.process.stdout.readline().split()[1]
        payload = boot.answer(said)
        assert payload is not None
        self.process.stdin.write(payload)
        self.process.stdin.flush()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.samples += 1
            self.bytes = max(self.bytes, len(line))
            if self.samples == SKIPPED:
                self.first = self.cpu_seconds()
            self.last = self.cpu_seconds()

    def beat(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def cpu_seconds(self) -> float:
        """Of its group: what has run, and of children that ended what their parents know."""
        total = 0.0
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                after = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
                if int(after[2]) != self.process.pid:
                    continue
                ran = [task.read_text().split()[0] for task in entry.glob("task/*/schedstat")]
            except OSError:
                continue
            total += sum(map(int, ran)) / 1e9
            total += sum(map(int, after[13:15])) / os.sysconf("SC_CLK_TCK")
        return total

    def row(self) -> str:
        spent = (self.last - self.first) / max(1, self.samples - SKIPPED)
        return f"| {self.name} | {1000 * spent:.2f} ms | {self.bytes / 1000:.1f} kB |"

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--interval", type=float, default=5.0, help="seconds between samples")
    parser.add_argument("--seconds", type=float, default=120.0, help="how long to look")
    options = parser.parse_args()
    from nvml.fake import FakeDriver, build

    with tempfile.TemporaryDirectory(prefix="scms-bench-") as folder:
        driver = FakeDriver(build(Path(folder), "cc"), Path(folder) / "gpus.conf")
        driver.set_jobs(*((n, os.getpid(), 30 * GIB) for n in range(4)))
        watched = [
            Watched("without GPUs", options.interval, {}),
            Watched("8 GPUs, 4 of them busy", options.interval, driver.environment),
            Watched("shell", options.interval, {}),
        ]
        ends = time.monotonic() + options.seconds
        while time.monotonic() < ends:
            time.sleep(min(HEARTBEAT_SECONDS, max(0.0, ends - time.monotonic())))
            for one in watched:
                one.beat()
        print("| probe | CPU per sample | longest line |\n|---|---|---|")
        for one in watched:
            print(one.row())
            one.close()
    processes = sum(1 for _ in Path("/proc").glob("[0-9]*"))
    print(f"\n{processes} processes, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
