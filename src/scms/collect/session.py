"""One connection to one server: from the hello to the end, each tick a record.

In: lines of a `Channel`. Out: records. What is no line of the protocol is an error.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scms.collect.message import Hello, Tick
from scms.collect.parse import parse_line
from scms.errors import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from scms.collect.assemble import Assembler
    from scms.collect.channel import SessionKind
    from scms.collect.record import Record

#: A Python that starts from a network file system takes seconds.
HELLO_SECONDS: Final = 20.0
#: A session ends when nothing has come for 3 intervals and this.
SILENCE_SECONDS: Final = 10.0
#: Ticks beyond twice what was asked for that are let through: those that piled up in a stall.
_SPARE_TICKS: Final = 20


@dataclass(frozen=True, slots=True)
class Clock:
    """The two clocks of the collector: ``now`` in seconds since the epoch, and a steady one."""

    now: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic

    def milliseconds(self) -> int:
        """The time now in milliseconds since the epoch."""
        return round(self.now() * 1000)


def silence_seconds(interval_seconds: float) -> float:
    """For how long a server may say nothing before its session ends."""
    return 3 * interval_seconds + SILENCE_SECONDS


class Session:
    """What one connection says.

    ``admit`` is called where its lines come in, ``record`` where they are read; those may be two
    threads.

    Attributes:
        ticks: How many samples were read.
    """

    def __init__(self, assembler: Assembler, *, kind: SessionKind, clock: Clock) -> None:
        self._assembler, self._kind, self._clock = assembler, kind, clock
        self._interval = assembler.watch.interval_seconds
        self._began: float | None = None
        self._admitted = 0
        self._greeted = False
        self.ticks = 0

    def admit(self) -> None:
        """Count a line that has come.

        Raises:
            ProtocolError: Too many have come for the time that has passed.
        """
        now = self._clock.monotonic()
        if self._began is None:
            self._began = now  # the hello
            return
        self._admitted += 1
        allowed = _SPARE_TICKS + 2 * (now - self._began) / self._interval
        if self._admitted > allowed:
            raise ProtocolError(
                f"{self._admitted} samples in {now - self._began:.0f} s",
                expected=f"one every {self._interval:g} s",
            )

    def record(self, line: bytes, at_ms: int) -> Record | None:
        """The record of a line that came at that moment; None of the hello.

        Raises:
            ProtocolError: It is nothing that is expected now.
        """
        message = parse_line(line)
        if not self._greeted:
            if not isinstance(message, Hello):
                raise ProtocolError("a sample before the hello", expected="the hello first")
            self._assembler.begin(message, self._kind)
            self._greeted = True
            return None
        if not isinstance(message, Tick):
            raise ProtocolError("a second hello", expected="samples after the hello")
        self.ticks += 1
        return self._assembler.tick(message, at_ms)
