"""All servers: one thread each, which connects, reads, reports failures and tries again.

In: an inventory and a `Connector`. Out: records to the sink, from many threads. No server delays
another: each has its own thread, its own deadlines and its own back-off.
"""

from __future__ import annotations

import logging
import random as random_module
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scms.collect.assemble import Assembler
from scms.collect.rows import Watch
from scms.collect.session import Clock, Session
from scms.errors import CollectError, HostKeyError, LoginError

if TYPE_CHECKING:
    from collections.abc import Callable

    from scms.collect.channel import Channel, Connector
    from scms.collect.record import Record
    from scms.inventory import Inventory, Server

_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait before the next try, in seconds.

    Attributes:
        first: After the first failure; doubled with each further one.
        longest: And no longer than this.
        refused: After an unknown host key or a refused login: only people can mend these.
        report: While it waits, a server is reported down this often.
    """

    first: float = 2.0
    longest: float = 120.0
    refused: float = 300.0
    report: float = 60.0

    def delay(self, failures: int, error: CollectError, random: random_module.Random) -> float:
        """The wait after the given number of failures in a row, with jitter of a quarter."""
        if isinstance(error, (HostKeyError, LoginError)):
            base = self.refused
        else:
            base = min(self.longest, self.first * 2.0 ** min(failures - 1, 30))
        return base * random.uniform(0.75, 1.25)


class Supervisor:
    """Watches every server of an inventory.

    Args:
        inventory: The servers, the interval and the name of the collector.
        sink: Takes every record, from any thread; it must not block and must not raise.
        connect: Opens a channel to a server; `scms.collect.transport.connect` is the real one.
        clock: For tests.
        random: The jitter of the back-off.
        patience: How long to wait before another try.
    """

    def __init__(
        self,
        inventory: Inventory,
        *,
        sink: Callable[[Record], None],
        connect: Connector,
        clock: Clock | None = None,
        random: random_module.Random | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._stop = threading.Event()
        self._watchers = [
            _Watcher(
                server,
                Assembler(
                    Watch(
                        server=server.name,
                        interval_seconds=inventory.settings.interval,
                        collector=inventory.settings.collector,
                        simulated=server.simulated,
                        commands=inventory.settings.privacy.commands,
                    )
                ),
                sink=sink,
                connect=connect,
                clock=Clock() if clock is None else clock,
                random=random_module.Random() if random is None else random,  # noqa: S311 jitter
                patience=Patience() if patience is None else patience,
                stop=self._stop,
            )
            for server in inventory.servers
        ]

    def start(self) -> None:
        """Begin with every server; returns at once."""
        for watcher in self._watchers:
            watcher.start()

    def stop(self, timeout: float = 10.0) -> bool:
        """End every session and its probe.

        Args:
            timeout: Seconds to wait for the threads at most; one that is still connecting then
                closes its connection as soon as it has it.

        Returns:
            Whether every thread has ended.
        """
        deadline = time.monotonic() + timeout
        self._stop.set()
        for watcher in self._watchers:
            watcher.close()
        for watcher in self._watchers:
            if watcher.ident is not None:
                watcher.join(max(0.0, deadline - time.monotonic()))
        return not any(watcher.is_alive() for watcher in self._watchers)


class _Watcher(threading.Thread):
    """One server: sessions, one after another, and what happens between them."""

    def __init__(
        self,
        server: Server,
        assembler: Assembler,
        *,
        sink: Callable[[Record], None],
        connect: Connector,
        clock: Clock,
        random: random_module.Random,
        patience: Patience,
        stop: threading.Event,
    ) -> None:
        super().__init__(name=f"collect {server.name}", daemon=True)
        self._server, self._assembler = server, assembler
        self._sink, self._connect, self._clock = sink, connect, clock
        self._random, self._patience, self._stop_event = random, patience, stop
        self._opening = threading.Lock()
        self._channel: Channel | None = None
        self._failures = 0

    def run(self) -> None:
        """Watch until told to stop."""
        while not self._stop_event.is_set():
            error = self._session()
            if self._stop_event.is_set():
                return
            self._failures += 1
            self._wait(str(error), self._patience.delay(self._failures, error, self._random))

    def close(self) -> None:
        """End the session in progress, from another thread."""
        with self._opening:
            channel = self._channel
        if channel is not None:
            channel.close()

    def _session(self) -> CollectError:
        """Connect and read until it ends; why it ended."""
        try:
            channel = self._connect(self._server, self._assembler.watch.interval_seconds)
            with self._opening:
                self._channel = channel
            session = Session(channel, self._assembler, sink=self._sink, clock=self._clock)
            try:
                if not self._stop_event.is_set():
                    session.run()
            finally:
                channel.close()
                if session.ticks > 1:
                    self._failures = 0
        except CollectError as error:
            return error
        except Exception as error:  # noqa: BLE001  see below
            # A mistake of ours must not silence a server for good: it is logged, shown as the
            # reason, and tried again.
            _LOG.exception("collecting from %s failed", self._server.name)
            return CollectError(f"{type(error).__name__}: {error}", mend="report this as a bug")
        return CollectError("the session was stopped")

    def _wait(self, reason: str, delay: float) -> None:
        """Report the failure, and again now and then, until it is time for the next try."""
        deadline = self._clock.monotonic() + delay
        self._sink(self._assembler.failure(reason, self._clock.milliseconds()))
        while not self._stop_event.is_set():
            rest = deadline - self._clock.monotonic()
            if rest <= 0:
                return
            self._stop_event.wait(min(rest, self._patience.report))
            if rest > self._patience.report and not self._stop_event.is_set():
                self._sink(self._assembler.failure(reason, self._clock.milliseconds()))
