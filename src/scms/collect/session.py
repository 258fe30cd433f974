"""One connection to one server: from the hello to the end, each tick a record.

In: lines of a `Channel`. Out: records. What is no line of the protocol is an error.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

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


#: A line that is later than this by both steady clocks lay somewhere on its way.
_LATE_SECONDS: Final = 2.0
#: Lines that lay come one right after the other; one that comes this long after the one before,
#: as a share of the time between the two samples, does not.
_LIVE_SHARE: Final = 0.5


def _steady() -> float:
    """Seconds that go on while this machine sleeps, where the system has such a clock."""
    try:
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    except (AttributeError, OSError):
        return time.monotonic()


class Arrival(NamedTuple):
    """When a line came.

    Attributes:
        at_ms: Milliseconds since the epoch.
        steady: Seconds of a clock that nobody sets.
    """

    at_ms: int
    steady: float


@dataclass(frozen=True, slots=True)
class Clock:
    """The clocks of the collector.

    Attributes:
        now: Seconds since the epoch.
        monotonic: Seconds for deadlines.
        steady: Seconds that also go on while the machine sleeps.
    """

    now: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    steady: Callable[[], float] = _steady

    def milliseconds(self) -> int:
        """The time now in milliseconds since the epoch."""
        return round(self.now() * 1000)

    def arrival(self) -> Arrival:
        """Of a line that comes now."""
        return Arrival(self.milliseconds(), self.steady())


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
        self._came: float | None = None  # the line before, by our steady clock …
        self._made: tuple[float, float] | None = None  # … its sample, by ours and by the server's
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

    def record(self, line: bytes, arrival: Arrival) -> Record | None:
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
        late = self._late(message.monotonic, arrival.steady)
        return self._assembler.tick(message, arrival.at_ms - round(1000 * late))

    def _late(self, monotonic: float, steady: float) -> float:
        """For how many seconds a sample lay before it came; 0 unless that is for long.

        It lies in a socket while this process is suspended, and on the other side while packets are
        lost. A server that was itself suspended has a clock that stood still: its lines would
        look late for good, but they go on coming at their intervals.
        """
        late = 0.0
        if self._made is not None and self._came is not None:
            made, made_there = self._made
            elapsed = monotonic - made_there
            late = steady - made - elapsed
            again = made != self._came  # the one before lay as well
            live = again and steady - self._came >= _LIVE_SHARE * elapsed
            if late < max(_LATE_SECONDS, self._interval) or live:
                late = 0.0
        self._came, self._made = steady, (steady - late, monotonic)
        return late
