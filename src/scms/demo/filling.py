"""Fills a warehouse with the past of the simulated lab.

In: an inventory with simulated servers and their warehouse. Out: rows in the fact tables, newest
days first. What is already there is known from a property of each table, which is set in the
same commit as the rows; a run that was broken off is completed by the next.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scms.demo.channel import KNOWN_SERVERS
from scms.demo.lab import DEFAULT_SEED, Lab
from scms.demo.past import Stretch, facts, watches_of
from scms.demo.spans import Span, cut, newest_first, union, without
from scms.demo.weather import SLOT
from scms.demo.worker import Order, part_file
from scms.errors import WarehouseError
from scms.hot import FILE_NAME, HotStore
from scms.tables import FACTS, SERVER_SAMPLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    import pyarrow as pa

    from scms.inventory import Inventory
    from scms.warehouse import Warehouse

#: The table property with the spans that are filled in.
PROPERTY: Final = "scms.demo.filled"
#: Days of the newest piece, and of the others: a piece is a commit per table.
_FIRST_DAYS: Final = 2
_PIECE_DAYS: Final = 10
#: From so many days of servers on, further processes are worth their start.
_WORTH_PROCESSES: Final = 60.0


@dataclass(frozen=True, slots=True)
class Filled:
    """What a backfill did: rows written by table, and the spans it filled (epoch seconds)."""

    rows: dict[str, int]
    spans: tuple[Span, ...]


def backfill(
    inventory: Inventory,
    warehouse: Warehouse,
    *,
    now: datetime,
    days: float = 60,
    progress: Callable[[float], None] | None = None,
    processes: int | None = None,
) -> Filled:
    """Write the last days of the inventory's simulated servers, as far as they are missing.

    Time for which a collector wrote samples counts as there, so that a demo that was off for a
    week has that week filled in. A collector may be at work meanwhile.

    Args:
        inventory: Its servers with ``simulated = true`` are filled in.
        warehouse: Where to.
        now: The end of the past.
        days: How far it goes back.
        progress: Told the share that is done, from 0 to 1.
        processes: How many to work with; by default two for much work, one for little.

    Raises:
        UnknownServer: A simulated server is none of the lab's.
        WarehouseError: The warehouse cannot be written, or a worker ended early.
    """
    servers = [server.name for server in inventory.servers if server.simulated]
    lab = Lab(DEFAULT_SEED, servers=KNOWN_SERVERS)
    for server in servers:
        lab.spec(server)
    target = (now.timestamp() - days * 86400, now.timestamp())
    live = _collected(inventory, warehouse, servers)
    known = {t.name: union([*_filled(warehouse, t.name), *live]) for t in FACTS}
    pieces = _pieces(target, list(known.values())) if servers else []
    orders = _orders(inventory, servers, pieces, processes)
    written = dict.fromkeys(known, 0)
    done = 0.0
    for piece, tables in zip(pieces, _made(lab, orders), strict=True):
        for name, rows in tables.items():
            if not without([piece], known[name]):
                continue
            known[name] = union([*known[name], piece])
            filled = json.dumps(known[name])
            written[name] += warehouse.append(name, rows, {PROPERTY: filled})
        done += piece[1] - piece[0]
        if progress is not None:
            progress(done / sum(end - start for start, end in pieces))
    return Filled(written, tuple(pieces))


def _pieces(target: Span, known: Sequence[list[Span]]) -> list[Span]:
    """What some table lacks, cut so that each piece is either all in a table or not at all."""
    missing = union(span for spans in known for span in without([target], spans))
    edges = {edge for spans in known for span in spans for edge in span}
    parts = cut(missing, edges)
    parts = [part for part in parts if part[1] - part[0] >= SLOT]
    return newest_first(parts, first_days=_FIRST_DAYS, days=_PIECE_DAYS)


def _filled(warehouse: Warehouse, table: str) -> list[Span]:
    said = warehouse.state(table).property(PROPERTY)
    return [] if said is None else [(low, high) for low, high in json.loads(said)]


def _collected(inventory: Inventory, warehouse: Warehouse, servers: Sequence[str]) -> list[Span]:
    """When a collector wrote samples that no backfill knows of yet."""
    filled = _filled(warehouse, SERVER_SAMPLE.name)
    since = max((end for _, end in filled), default=0.0)
    files = warehouse.state(SERVER_SAMPLE.name).files
    spans = [(max(f.first.timestamp(), since), f.last.timestamp()) for f in files]
    marks = ", ".join("?" * len(servers))
    hot = HotStore.open(inventory.directory / FILE_NAME)
    minutes = hot.query(
        f"SELECT DISTINCT received_at_ms / 60000 FROM record WHERE server IN ({marks})",  # noqa: S608
        servers,
    )
    hot.close()
    return union([*spans, *((60.0 * minute, 60.0 * minute + 60) for (minute,) in minutes)])


def _orders(
    inventory: Inventory, servers: Sequence[str], pieces: Sequence[Span], processes: int | None
) -> list[Order]:
    """The work, dealt out: neighbours in the inventory, which are alike, to different workers."""
    work = sum(end - start for start, end in pieces) / 86400 * len(servers)
    if processes is None:
        processes = min(2, os.cpu_count() or 1) if work > _WORTH_PROCESSES else 1
    return [
        Order(
            number=number,
            directory="",
            seed=DEFAULT_SEED,
            servers=tuple(servers[number::processes]),
            lab_servers=KNOWN_SERVERS,
            collector=inventory.settings.collector,
            commands=inventory.settings.privacy.commands,
            stretches=tuple(pieces),
        )
        for number in range(processes)
    ]


def _made(lab: Lab, orders: Sequence[Order]) -> Iterator[dict[str, pa.Table]]:
    """The rows of each stretch, by table: here when there is one order, else by workers."""
    if len(orders) > 1:
        yield from _made_by_workers(orders)
        return
    order = orders[0]
    watches = watches_of(order.servers, collector=order.collector, commands=order.commands)
    for start, end in order.stretches:
        yield facts(lab, watches, Stretch(start, end))


def _made_by_workers(orders: Sequence[Order]) -> Iterator[dict[str, pa.Table]]:
    import pyarrow as pa
    from pyarrow import feather

    with (
        tempfile.TemporaryDirectory(prefix="scms-demo-") as directory,
        _workers(orders, directory) as workers,
    ):
        for number in range(len(orders[0].stretches)):
            for worker in workers:
                _await(worker)
            tables = {}
            for table in FACTS:
                files = [part_file(directory, number, o.number, table.name) for o in orders]
                parts = [feather.read_table(file, memory_map=False) for file in files]
                tables[table.name] = pa.concat_tables(parts)
                for file in files:
                    file.unlink()
            yield tables


@contextmanager
def _workers(orders: Sequence[Order], directory: str) -> Iterator[list[subprocess.Popen[str]]]:
    from dataclasses import replace

    started: list[subprocess.Popen[str]] = []
    try:
        for order in orders:
            worker = subprocess.Popen(
                [sys.executable, "-m", "scms.demo.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            started.append(worker)
            assert worker.stdin is not None
            worker.stdin.write(replace(order, directory=directory).to_json())
            worker.stdin.close()
        yield started
    finally:
        for worker in started:
            worker.kill()
            worker.wait()
            for stream in (worker.stdout, worker.stderr):
                if stream is not None:
                    stream.close()


def _await(worker: subprocess.Popen[str]) -> None:
    """Wait until a worker has finished one more stretch."""
    assert worker.stdout is not None
    assert worker.stderr is not None
    if worker.stdout.readline():
        return
    said = worker.stderr.read().strip().splitlines()
    raise WarehouseError(
        f"the simulator ended early: {said[-1] if said else f'exit code {worker.wait()}'}",
        mend="try again; what is written stays, and the rest is added",
    )
