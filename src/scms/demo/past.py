"""The past of simulated servers as rows of the fact tables, by the collector's own code.

In: a lab, servers and a stretch of time. Out: one Arrow table per fact table. Every row was a
message of the wire protocol, read by `scms.collect.parse` and `scms.collect.assemble`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from scms.collect.assemble import Assembler
from scms.collect.message import Hello, Tick
from scms.collect.parse import parse_line, parse_message
from scms.collect.rows import Watch
from scms.demo.lab import unreachable
from scms.demo.noise import Draw, key_of
from scms.demo.weather import SLOT
from scms.tables import FACTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa

    from scms.collect.record import Record, Row
    from scms.demo.lab import Lab

#: Ticks before the stretch, whose records are dropped: rates need one, idle times need two.
LEAD_TICKS: Final = 2
#: How often a server that is down is tried.
TRY_SECONDS: Final = 120.0
_PHASE_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time to fill in, epoch seconds, ``end`` excluded."""

    start: float
    end: float


def records(lab: Lab, watch: Watch, stretch: Stretch) -> Iterator[Record]:
    """The records of one server, in order of time.

    Ticks are at quarters of an hour and a few seconds, where jobs begin and end; the first tick
    after an outage is at its end.
    """
    assembler = Assembler(watch)
    phase = _PHASE_SECONDS * Draw(key_of(lab.seed, "phase", watch.server)).uniform("phase")
    start = stretch.start - LEAD_TICKS * watch.interval_seconds
    at = start
    for up_start, up_end in lab.up_spells(watch.server, start, stretch.end):
        yield from _failures(lab, assembler, stretch, at, up_start)
        times = _times(up_start, up_end, watch.interval_seconds, phase, boots=up_start > start)
        if times.size:
            yield from _session(lab, assembler, watch, stretch, times)
        at = up_end
    yield from _failures(lab, assembler, stretch, at, stretch.end)


def _times(
    start: float, end: float, interval: float, phase: float, *, boots: bool
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    first = np.ceil((start - phase) / interval) * interval + phase
    times = np.arange(first, end, interval)
    if boots and start + phase < min(first, end):
        times = np.insert(times, 0, start + phase)
    return times


def _session(
    lab: Lab,
    assembler: Assembler,
    watch: Watch,
    stretch: Stretch,
    times: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> Iterator[Record]:
    hello = parse_line(lab.hello(watch.server, float(times[0]), watch.interval_seconds))
    assert isinstance(hello, Hello)
    assembler.begin(hello, "simulated")
    messages = lab.samples(watch.server, times, watch.interval_seconds)
    for at, message in zip(times.tolist(), messages, strict=True):
        tick = parse_message(message)
        assert isinstance(tick, Tick)
        record = assembler.tick(tick, round(at * 1000))
        if at >= stretch.start:
            yield record


def _failures(
    lab: Lab, assembler: Assembler, stretch: Stretch, start: float, end: float
) -> Iterator[Record]:
    """A failed try at the beginning of an outage, and every two minutes of it."""
    for at in np.arange(start, end, TRY_SECONDS).tolist():
        spell = lab.outage(assembler.watch.server, at)
        if spell is None:
            continue
        reason = str(unreachable(assembler.watch.server, spell))
        record = assembler.failure(reason, round(at * 1000))
        if at >= stretch.start:
            yield record


def facts(lab: Lab, watches: Sequence[Watch], stretch: Stretch) -> dict[str, pa.Table]:
    """The rows of several servers, by the name of their fact table, unsorted."""
    from scms.warehouse.rows import arrow_rows

    rows: dict[str, list[Row]] = {table.name: [] for table in FACTS}
    for watch in watches:
        for record in records(lab, watch, stretch):
            for name, found in record.tables.items():
                rows[name].extend(found)
    return {table.name: arrow_rows(table, rows[table.name]) for table in FACTS}


def watches_of(servers: Sequence[str], *, collector: str, commands: bool) -> list[Watch]:
    """What is the same for all records of each server, at the tick of the past."""
    return [
        Watch(
            server=name,
            interval_seconds=float(SLOT),
            collector=collector,
            simulated=True,
            commands=commands,
        )
        for name in servers
    ]
