"""Looks at servers once and says what is wrong with each, and what mends it.

In: servers and a connector. Out: a `Finding` for each, with every `Step` of the way there. It goes
the way that the collector goes, so what it finds is what the collector meets.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scms.collect.assemble import Assembler
from scms.collect.message import Hello, Tick
from scms.collect.parse import parse_line
from scms.collect.rows import Watch
from scms.collect.steps import Step, failed_steps, walked_steps
from scms.errors import CollectError, ProtocolError
from scms.tables import DEVICE_SAMPLE, SERVER_SAMPLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scms.collect.channel import Channel, Connector
    from scms.collect.message import DeviceFacts
    from scms.collect.record import Record
    from scms.inventory import Server

_INTERVAL_SECONDS: Final = 1.0
_SAMPLE_SECONDS: Final = 10.0
#: The GPUs of the first sample may still be on their way: NVML takes a moment to start.
_TICKS: Final = 3
_AT_ONCE: Final = 32


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look at a server found.

    Attributes:
        server: Its name.
        state: ``up``, ``degraded`` or ``down``.
        reason: What is wrong, with the mend; None when nothing is.
        answer_seconds: From the first packet to the first sample; None without one.
        cpu_count: CPUs online; None when unknown.
        gpu_count: GPUs that answered; None when the driver cannot tell.
        gpu_model: Their model.
        kernel, python: Their versions there.
        steps: The way, step by step: see `scms.collect.steps`.
    """

    server: str
    state: str
    reason: str | None
    answer_seconds: float | None = None
    cpu_count: int | None = None
    gpu_count: int | None = None
    gpu_model: str | None = None
    kernel: str | None = None
    python: str | None = None
    steps: tuple[Step, ...] = ()


def examine_all(servers: Sequence[Server], *, connect: Connector) -> list[Finding]:
    """Look at all servers at the same time; findings in their order."""
    with ThreadPoolExecutor(min(_AT_ONCE, max(1, len(servers)))) as pool:
        return [*pool.map(lambda server: examine(server, connect=connect), servers)]


def examine(server: Server, *, connect: Connector) -> Finding:
    """Look at one server: connect, start a probe, read a few samples, and end it."""
    began = time.monotonic()
    try:
        channel = connect(server, _INTERVAL_SECONDS)
        try:
            return _read(server, channel, began)
        finally:
            channel.close()
    except CollectError as error:
        return Finding(server.name, "down", str(error), steps=failed_steps(error))


def _read(server: Server, channel: Channel, began: float) -> Finding:
    hello = parse_line(channel.readline(_SAMPLE_SECONDS))
    if not isinstance(hello, Hello):
        raise ProtocolError("the first line is a sample", expected="the probe's greeting")
    watch = Watch(server.name, _INTERVAL_SECONDS, "doctor", simulated=server.simulated)
    assembler = Assembler(watch)
    assembler.begin(hello, channel.kind)
    answered: float | None = None
    record: Record | None = None
    facts: dict[str, DeviceFacts] = {}
    tick: Hello | Tick = hello
    for _ in range(_TICKS):
        tick = parse_line(channel.readline(_SAMPLE_SECONDS))
        if not isinstance(tick, Tick):
            raise ProtocolError("a second greeting", expected="a sample")
        answered = time.monotonic() - began if answered is None else answered
        record = assembler.tick(tick, round(time.time() * 1000))
        facts |= tick.device_facts
    assert record is not None
    assert isinstance(tick, Tick)
    (row,) = record.tables[SERVER_SAMPLE.name]
    models = {str(device["device_name"]) for device in record.tables[DEVICE_SAMPLE.name]}
    return Finding(
        server=server.name,
        state=str(row["state"]),
        reason=None if row["reason"] is None else str(row["reason"]),
        answer_seconds=answered,
        cpu_count=_whole(row["cpu_count"]),
        gpu_count=_whole(row["gpu_count"]),
        gpu_model=" + ".join(sorted(models)) or None,
        kernel=hello.kernel,
        python=hello.python,
        steps=walked_steps(
            hello,
            tick,
            facts,
            offset_seconds=_number(row["clock_offset_seconds"]),
            over_ssh=channel.kind == "ssh",
        ),
    )


def _number(value: object) -> float | None:
    return value if isinstance(value, float) else None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None
