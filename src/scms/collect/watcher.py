"""One server: one try after another, and what is said between them.

A try has a thread of its own for as long as it opens its connection, and no longer where the
channel reads by itself. Its lines go to an inbox, which the supervisor's one thread empties.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

from scms.collect.channel import SelfReading
from scms.collect.session import HELLO_SECONDS, Arrival, Clock, Session, silence_seconds
from scms.errors import CollectError, ConnectError

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable
    from random import Random

    from scms.collect.assemble import Assembler
    from scms.collect.channel import Channel, Connector
    from scms.collect.patience import Patience
    from scms.collect.record import Record
    from scms.inventory import Server

_LOG: Final = logging.getLogger(__name__)
#: A channel that reads by itself judges silence; where it hangs, it is ended so much later …
_HANGING_SECONDS: Final = 30.0
#: … but not where nobody has looked for longer than this, such as while we were suspended.
_ABSENT_SECONDS: Final = 5.0
#: A line of a try, or why it ended, with when it came.
Letter = tuple["Attempt", bytes | CollectError, Arrival]


class Attempt(threading.Thread):
    """One connection to a server, from the first packet to its end, which is its last letter.

    Attributes:
        session: What it has said; None until it is connected.
        verdict: Why it is being ended by us, where it is.
        reads_by_itself: Whether no thread of ours waits for its lines.
        over: Set when it has ended and its channel is closed.
    """

    def __init__(
        self,
        watcher: Watcher,
        *,
        connect: Connector,
        clock: Clock,
        inbox: deque[Letter],
    ) -> None:
        super().__init__(name=f"collect {watcher.server.name}", daemon=True)
        self.watcher = watcher
        self.session: Session | None = None
        self.verdict: CollectError | None = None
        self.over = threading.Event()
        self.reads_by_itself = False
        self._connect, self._clock, self._inbox = connect, clock, inbox
        self._opening = threading.Lock()
        self._channel: Channel | None = None
        self._closing = False

    def run(self) -> None:
        """Connect, and read what does not read by itself."""
        error = self._read()
        if error is not None:
            self.close()
            self.end(error)

    def close(self) -> None:
        """End it, from any thread; one that is still opening ends when it is open."""
        with self._opening:
            self._closing = True
            channel = self._channel
        if channel is not None:
            channel.close()

    def give_up(self, error: CollectError) -> None:
        """End it for this reason. To close a channel can take a while: it is done aside."""
        name = f"ending {self.watcher.server.name}"
        threading.Thread(target=self.close, name=name, daemon=True).start()
        self.verdict = error

    def _read(self) -> CollectError | None:
        """Read until the end, and say why it ended; None where the channel reads by itself."""
        assembler = self.watcher.assembler
        interval = assembler.watch.interval_seconds
        try:
            channel = self._connect(self.watcher.server, interval)
            with self._opening:
                self._channel = channel
                if self._closing:
                    return CollectError("the session was stopped")
            self.session = Session(assembler, kind=channel.kind, clock=self._clock)
            self._take(channel.readline(HELLO_SECONDS))
            silence = silence_seconds(interval)
            if isinstance(channel, SelfReading):
                self.reads_by_itself = True
                channel.hand_over(self._take, self.end, silence=silence)
                return None
            while True:
                self._take(channel.readline(silence))
        except CollectError as error:
            return error
        except Exception as error:  # noqa: BLE001  see `mistake`
            return mistake(self.watcher.server, error)

    def _take(self, line: bytes) -> None:
        assert self.session is not None
        self.session.admit()
        self._inbox.append((self, line, self._clock.arrival()))

    def end(self, error: CollectError) -> None:
        """It has ended: its last letter."""
        self._inbox.append((self, error, self._clock.arrival()))
        self.over.set()


def mistake(server: Server, error: Exception) -> CollectError:
    """A mistake of ours must not silence a server: it is logged, shown as the reason, and tried."""
    _LOG.error("collecting from %s failed", server.name, exc_info=error)
    return CollectError(f"{type(error).__name__}: {error}", mend="report this as a bug")


class Watcher:
    """One server. All but ``attempt`` is for one thread only."""

    def __init__(
        self,
        server: Server,
        assembler: Assembler,
        *,
        sink: Callable[[Record], None],
        begin: Callable[[Watcher], Attempt],
        clock: Clock,
        random: Random,
        patience: Patience,
    ) -> None:
        self.server, self.assembler = server, assembler
        self.attempt: Attempt | None = None
        self._sink, self._begin, self._clock = sink, begin, clock
        self._random, self._patience = random, patience
        self._failures = 0
        self._due = self._report_at = self._heard_at = self._looked_at = 0.0
        self._reason = ""
        self._longest = silence_seconds(assembler.watch.interval_seconds) + _HANGING_SECONDS

    def look(self, now: float) -> None:
        """Begin the next try when it is time, and report the failure meanwhile."""
        absent, self._looked_at = now - self._looked_at > _ABSENT_SECONDS, now
        if self.attempt is not None:
            if absent or not self.attempt.reads_by_itself:
                self._heard_at = now
            elif now - self._heard_at > self._longest and self.attempt.verdict is None:
                self.attempt.give_up(ConnectError(f"nothing for {self._longest:.0f} s"))
        elif now >= self._due:
            self.attempt = self._begin(self)
        elif now >= self._report_at:
            self._report(now)

    def read(self, letter: Letter) -> None:
        """Read a letter of the try that is going on."""
        attempt, content, arrival = letter
        self._heard_at = self._looked_at
        if isinstance(content, CollectError):
            self._lost(attempt, content if attempt.verdict is None else attempt.verdict)
        elif attempt.verdict is None:
            assert attempt.session is not None
            try:
                record = attempt.session.record(content, arrival)
            except CollectError as error:
                attempt.give_up(error)
            except Exception as error:  # noqa: BLE001  see `mistake`
                attempt.give_up(mistake(self.server, error))
            else:
                if record is not None:
                    self._sink(record)

    def _lost(self, attempt: Attempt, error: CollectError) -> None:
        self.attempt = None
        if attempt.session is not None and attempt.session.ticks > 1:
            self._failures = 0
        self._failures += 1
        now = self._clock.monotonic()
        self._due = now + self._patience.delay(self._failures, error, self._random)
        self._reason = str(error)
        self._report(now)

    def _report(self, now: float) -> None:
        self._report_at = now + self._patience.report
        self._sink(self.assembler.failure(self._reason, self._clock.milliseconds()))
