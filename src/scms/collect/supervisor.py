"""All servers: one thread reads what they have said, in batches, and begins tries that are due.

In: an inventory and a `Connector`. Out: records to the sink, from that one thread. No server delays
another: connecting, receiving and closing have threads of their own, deadlines and back-off, and
what comes in faster than was asked for ends the session before it is read.
"""

from __future__ import annotations

import logging
import random as random_module
import threading
import time
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final

from scms.collect.assemble import Assembler
from scms.collect.patience import Patience
from scms.collect.rows import Watch
from scms.collect.session import Clock
from scms.collect.watcher import Attempt, Letter, Watcher
from scms.errors import CollectError, ConnectError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scms.collect.channel import Connector
    from scms.collect.record import Record
    from scms.inventory import Inventory

__all__ = ["Patience", "Supervisor"]

_LOG: Final = logging.getLogger(__name__)
#: Lines are read this often: many at once cost half of what they cost one by one, when each finds
#: the caches of the processor cold.
_BATCH_SECONDS: Final = 0.5
#: Shorter intervals have more batches.
_BATCHES_PER_INTERVAL: Final = 10


class Supervisor:
    """Watches every server of an inventory.

    Args:
        inventory: The servers, the interval and the name of the collector.
        sink: Takes every record, always from the same thread; it must not block and must not raise.
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
        self._inbox: deque[Letter] = deque()
        self._connect = connect
        self._clock = Clock() if clock is None else clock
        self._attempts: set[Attempt] = set()
        interval = inventory.settings.interval
        self._pause = min(_BATCH_SECONDS, interval / _BATCHES_PER_INTERVAL)
        self._thread = threading.Thread(target=self._run, name="collect", daemon=True)
        jitter = random_module.Random() if random is None else random  # noqa: S311  no secret
        self._watchers = [
            Watcher(
                server,
                Assembler(
                    Watch(
                        server=server.name,
                        interval_seconds=interval,
                        collector=inventory.settings.collector,
                        simulated=server.simulated,
                        commands=inventory.settings.privacy.commands,
                    )
                ),
                sink=sink,
                begin=self._begin,
                clock=self._clock,
                random=jitter,
                patience=Patience() if patience is None else patience,
            )
            for server in inventory.servers
        ]

    def remember(self, idle_since: Mapping[str, Mapping[str, int]]) -> None:
        """Before the start: since when devices do nothing, by UUID, by server."""
        for watcher in self._watchers:
            watcher.assembler.remember(idle_since.get(watcher.server.name, {}))

    def start(self) -> None:
        """Begin with every server; returns at once."""
        self._thread.start()

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
        if self._thread.ident is None:
            return True
        self._thread.join(timeout)
        attempts = list(self._attempts)
        for attempt in attempts:
            attempt.close()
        for attempt in attempts:
            attempt.over.wait(max(0.0, deadline - time.monotonic()))
        return not self._thread.is_alive() and all(attempt.over.is_set() for attempt in attempts)

    def _begin(self, watcher: Watcher) -> Attempt:
        attempt = Attempt(watcher, connect=self._connect, clock=self._clock, inbox=self._inbox)
        self._attempts.add(attempt)
        try:
            attempt.start()
        except RuntimeError as error:  # the system gives no more threads
            attempt.end(
                ConnectError(str(error), mend="see ulimit -u and the memory of this machine")
            )
        return attempt

    def _run(self) -> None:
        while not self._stop.is_set():
            now = self._clock.monotonic()
            for watcher in self._watchers:
                self._shielded(watcher, partial(watcher.look, now))
            self._stop.wait(self._pause)
            for _ in range(len(self._inbox)):
                letter = self._inbox.popleft()
                self._shielded(letter[0].watcher, partial(self._read, letter))

    def _shielded(self, watcher: Watcher, action: Callable[[], None]) -> None:
        """A mistake about one server must not end the collecting from all."""
        try:
            action()
        except Exception:  # noqa: BLE001  logged; the others go on
            _LOG.exception("collecting from %s failed", watcher.server.name)

    def _read(self, letter: Letter) -> None:
        attempt, content, _ = letter
        if isinstance(content, CollectError):
            self._attempts.discard(attempt)
            if self._stop.is_set():
                return  # it was ended by the stop
        attempt.watcher.read(letter)
