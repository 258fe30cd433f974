"""This machine, read without SSH: what SCMS says of its CPUs is what /proc says."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import scms
from scms.inventory import Inventory
from scms.live.rows import rows_of
from scms.service import Service
from scms.tables import SERVER_SAMPLE
from servers.sshd import wait_until


def busy_cpu_seconds() -> float:
    """CPU time used by all since boot: everything but idle and waiting for I/O."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    user, nice, system, _idle, _wait, irq, softirq, steal = (int(field) for field in fields)
    ticks = user + nice + system + irq + softirq + steal
    return ticks / os.sysconf("SC_CLK_TCK")


class Witness(threading.Thread):
    """Reads /proc/stat on its own, many times a second."""

    def __init__(self):
        super().__init__(daemon=True)
        self.times, self.busy = [], []
        self.done = threading.Event()

    def run(self):
        while not self.done.wait(0.02):
            self.times.append(time.time())
            self.busy.append(busy_cpu_seconds())

    def between(self, start, end):
        at_start, at_end = np.interp([start, end], self.times, self.busy)
        return at_end - at_start


@pytest.mark.slow
def test_cpu_hours_of_today_agree_with_proc(tmp_path):
    data = {"interval": 0.5, "data": str(tmp_path), "servers": [{"name": "here", "local": True}]}
    inventory = Inventory.from_mapping(data, base=tmp_path, source="test")
    lab = scms.Cluster(inventory)
    witness = Witness()
    witness.start()
    service = Service(inventory)
    service.start()
    try:
        wait_until(lambda: len(lab.hot.since(0)) >= 2, 30)
        ends = time.monotonic() + 10
        wait_until(lambda: sum(range(20000)) and time.monotonic() > ends, 30)  # some work to see
        wait_until(lambda: len(lab.hot.since(0)) >= 12, 30)
    finally:
        service.stop()
        witness.done.set()
        witness.join()
    samples = [rows_of(stored.record, SERVER_SAMPLE)[0] for stored in lab.hot.since(0)]
    times = [sample["sampled_at"].timestamp() for sample in samples]
    used = lab.usage("today")["cpu_hours_used"].iloc[0] * 3600
    # Both count in hundredths of a second per core and mode, and neither reads all at one moment.
    assert used == pytest.approx(witness.between(times[0], times[-1]), rel=0.03, abs=0.2)
