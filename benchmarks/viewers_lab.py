"""A lab of servers with 8 GPUs each, for the benchmarks of the page, and who collects it.

In: how many servers. Out: a folder with a cluster.toml, a past of some days and of the last quarter
of an hour, and a process that writes a tick of all servers every interval. The GPUs are those of
the simulated lab; a minute of them is made once and told again and again with new times, so that
collecting costs next to nothing beside what is measured.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Final

from scms.demo import Lab, backfill, demo_inventory
from scms.demo.past import Stretch, records, watches_of
from scms.hot import FILE_NAME, HotStore
from scms.inventory import DEFAULT_FILE, Inventory
from scms.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scms.collect.record import Record

GPUS: Final = 8
#: Of the last quarter of an hour, that the charts have something to draw.
_PAST_MINUTES, _PAST_STEP = 15, 10.0


def names_of(inventory: Inventory) -> list[str]:
    return [server.name for server in inventory.servers if server.simulated]


def templates(names: Sequence[str], stretch: Stretch, step: float) -> list[list[Record]]:
    """For each tick of a stretch the records of all servers, each with 8 GPUs."""
    lab = Lab(servers=max(20, len(names)))
    whole = [spec.name for spec in lab.servers if spec.gpus == GPUS]
    told = {}
    for watch in watches_of(whole, collector="main", commands=True):
        found = list(records(lab, replace(watch, interval_seconds=step), stretch))
        if all("device_sample" in each.tables for each in found):
            told[watch.server] = found  # a server that is down just now has no GPUs to show
    ticks = min(map(len, told.values()))
    sources = [source for source, _ in zip(cycle(told), names, strict=False)]
    return [
        [_renamed(told[source][tick], name) for source, name in zip(sources, names, strict=True)]
        for tick in range(ticks)
    ]


def _renamed(record: Record, name: str) -> Record:
    tables = {
        table: [
            row
            | {"server": name}
            | ({"device": f"{row['device']}-{name}"} if row.get("device") else {})
            for row in rows
        ]
        for table, rows in record.tables.items()
    }
    return replace(record, server=name, tables=tables)


def moved(record: Record, at_ms: int) -> Record:
    """The record as if it had been taken now."""
    tables = {
        table: [row | {"sampled_at": at_ms} if "sampled_at" in row else row for row in rows]
        for table, rows in record.tables.items()
    }
    return replace(record, received_at_ms=at_ms, tables=tables)


def make(folder: Path, servers: int, *, days: int) -> Inventory:
    """A lab with its past; one that is there already is taken as it is."""
    inventory = Inventory.from_file(demo_inventory(folder, servers=servers))
    if (inventory.directory / FILE_NAME).exists():
        return inventory
    now = datetime.now(UTC)
    if days:
        warehouse = Warehouse.open(inventory)
        warehouse.ensure_tables()
        backfill(inventory, warehouse, now=now, days=days)
    names, end = names_of(inventory), now.timestamp()
    hot = HotStore.create(inventory.directory / FILE_NAME)
    steps = int(_PAST_MINUTES * 60 / _PAST_STEP)
    few = templates(names, Stretch(end - 120, end), _PAST_STEP)
    for n, told in zip(range(steps, 0, -1), cycle(few), strict=False):
        at_ms = round((end - n * _PAST_STEP) * 1000)
        hot.append([moved(record, at_ms) for record in told])
    hot.close()
    return inventory


@contextmanager
def collected(inventory: Inventory) -> Iterator[None]:
    """A process that writes a tick of every server each interval, until the block ends."""
    path = inventory.directory / DEFAULT_FILE
    command = [sys.executable, __file__, "--collect", str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            if not process.stdout.readline():  # else its first tick is written
                raise RuntimeError("nobody collects")
            yield
        finally:
            process.terminate()


def collect(path: Path) -> None:
    inventory = Inventory.from_file(path)
    interval, now = inventory.settings.interval, time.time()
    told = templates(names_of(inventory), Stretch(now - 30 * interval, now), interval)
    hot = HotStore.open(inventory.directory / FILE_NAME)
    due = time.monotonic()
    for n, tick in enumerate(cycle(told)):
        at_ms = round(time.time() * 1000)
        hot.append([moved(record, at_ms) for record in tick])
        if n == 0:
            print("collecting", flush=True)
        due += interval
        time.sleep(max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--collect", type=Path, required=True)
    collect(parser.parse_args().collect)
