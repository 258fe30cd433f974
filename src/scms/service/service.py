"""The service: supervisor, writer and mover behind one start and one stop."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from scms.errors import HotStoreError
from scms.hot import FILE_NAME, HotStore
from scms.service import memory
from scms.service.connecting import connect as reach
from scms.service.lock import CollectorLock
from scms.service.mover import Mover
from scms.service.remembering import idle_devices
from scms.service.writer import Writer

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from scms.collect.channel import Connector
    from scms.inventory import Inventory

_logger = logging.getLogger(__name__)


class Service:
    """Collects, stores and moves on, until it is stopped.

    Args:
        inventory: What to watch, and the settings.
        connect: How to reach a server; by default as the inventory says.
        flush_seconds: How often rows go to the warehouse, if not as the settings say.
        now: The clock for what is over and what is old.
    """

    def __init__(
        self,
        inventory: Inventory,
        connect: Connector | None = None,
        *,
        flush_seconds: float | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        from scms.collect.supervisor import Supervisor

        configured = inventory.settings.warehouse.flush_interval
        hot = HotStore(inventory.directory / FILE_NAME, create=True)
        self._hot = hot
        self._now = now
        self._lock = CollectorLock(inventory.directory)
        self._writer = Writer(hot, interval_seconds=inventory.settings.interval)
        self._mover = Mover(
            inventory,
            hot,
            every_seconds=configured if flush_seconds is None else flush_seconds,
            now=now,
        )
        self._supervisor = Supervisor(
            inventory,
            sink=self._writer.put,
            connect=partial(reach, fleet_size=len(inventory.servers))
            if connect is None
            else connect,
        )

    def start(self) -> None:
        """Begin; returns at once. A service starts once.

        Raises:
            HotStoreError: Another collector has this data directory, or it cannot be written.
        """
        self._lock.take()
        memory.share_arenas()  # before there are threads
        try:
            self._hot.last_id()  # makes the file, or says why it cannot
        except HotStoreError:
            self._lock.release()
            raise
        self._supervisor.remember(idle_devices(self._hot, self._now()))
        self._writer.start()
        self._mover.start()
        self._supervisor.start()

    def stop(self, timeout: float = 30.0) -> None:
        """End collecting, write and flush what is there, and return.

        Args:
            timeout: Seconds to wait at most for each step. What is not in the warehouse by then
                stays in the hot store and goes there after the next start.
        """
        if not self._lock.taken:
            return
        self._supervisor.stop(timeout)
        ended = self._writer.stop(timeout) and self._mover.stop(timeout)
        if ended:  # else the process keeps it until its end: two must never flush at once
            self._lock.release()
        else:
            _logger.warning("the collector ends before all was written; the rest comes next time")

    def run_until(self, ended: threading.Event) -> None:
        """Start, wait for the event, and stop."""
        self.start()
        try:
            ended.wait()
        finally:
            self.stop()
