"""One connection to one server: from the hello to the end, each tick a record.

In: lines of a `Channel`. Out: records to the sink. It ends by an error, which says why.
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
    from scms.collect.channel import Channel
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


class Session:
    """Reads one channel until it ends.

    Attributes:
        ticks: How many samples have come.
    """

    def __init__(
        self,
        channel: Channel,
        assembler: Assembler,
        *,
        sink: Callable[[Record], None],
        clock: Clock,
    ) -> None:
        self._channel, self._assembler, self._sink, self._clock = channel, assembler, sink, clock
        self._interval = assembler.watch.interval_seconds
        self.ticks = 0

    def run(self) -> None:
        """Hand on records until the connection ends.

        Raises:
            CollectError: Always: why it ended.
        """
        hello = parse_line(self._channel.readline(HELLO_SECONDS))
        if not isinstance(hello, Hello):
            raise ProtocolError("a sample before the hello", expected="the hello first")
        self._assembler.begin(hello, self._channel.kind)
        silence = 3 * self._interval + SILENCE_SECONDS
        began = self._clock.monotonic()
        while True:
            tick = parse_line(self._channel.readline(silence))
            if not isinstance(tick, Tick):
                raise ProtocolError("a second hello", expected="samples after the hello")
            self.ticks += 1
            allowed = _SPARE_TICKS + 2 * (self._clock.monotonic() - began) / self._interval
            if self.ticks > allowed:
                raise ProtocolError(
                    f"{self.ticks} samples in {allowed / 2 * self._interval:.0f} s",
                    expected=f"one every {self._interval:g} s",
                )
            self._sink(self._assembler.tick(tick, self._clock.milliseconds()))
