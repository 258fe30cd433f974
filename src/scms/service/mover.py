"""The thread between the hot store and the warehouse."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from scms.errors import HotStoreError, ScmsError
from scms.views import Views
from scms.warehouse import Warehouse
from scms.warehouse.dimensions import keep_dimensions
from scms.warehouse.said import flush_said

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from scms.hot import HotStore
    from scms.inventory import Inventory

#: Under this key the hot store says why the warehouse does not take what was collected.
WAREHOUSE_PROBLEM: Final = "warehouse_problem"
_RETRY_SECONDS: Final = 30.0
#: A day is rolled up when this much of the next has passed: its last rows have been moved then.
_SETTLED: Final = timedelta(minutes=2)
_UPKEEP_EVERY: Final = timedelta(hours=1)
_logger = logging.getLogger(__name__)


class Mover(threading.Thread):
    """Moves rows from the hot store to the warehouse, and keeps that up."""

    def __init__(
        self,
        inventory: Inventory,
        hot: HotStore,
        *,
        every_seconds: float,
        now: Callable[[], datetime],
    ) -> None:
        super().__init__(name="warehouse", daemon=True)
        self._inventory = inventory
        self._hot = hot
        self._warehouse = Warehouse.open(inventory)
        self._views = Views(inventory, hot, self._warehouse)
        self._every_seconds = every_seconds
        self._now = now
        self._upkeep_due = now()
        self._problem: str | None = None
        self._ending = threading.Event()

    def stop(self, timeout: float) -> bool:
        """Move what is there, and end; whether it has."""
        self._ending.set()
        self.join(timeout)
        return not self.is_alive()

    def run(self) -> None:
        """Move now and then, and a last time when told to stop."""
        while not self._ending.is_set():
            well = self._try(self._move_and_tidy)
            wait = self._every_seconds if well else min(self._every_seconds, _RETRY_SECONDS)
            self._ending.wait(wait)
        self._try(self._move)

    def _move(self) -> None:
        flushed = self._warehouse.flush(self._hot)
        flush_said(self._warehouse, self._hot)
        old = self._now() - timedelta(seconds=self._inventory.settings.retention.hot)
        self._hot.purge(flushed.committed_id, int(old.timestamp() * 1000))
        keep_dimensions(self._warehouse, self._hot, self._inventory, now=self._now())

    def _move_and_tidy(self) -> None:
        self._move()
        now = self._now()
        self._warehouse.rollup(self._views.arrow, now=now - _SETTLED)
        # Not only when it is due: a clock that was put back must not stop it for so long.
        if not self._upkeep_due - _UPKEEP_EVERY <= now < self._upkeep_due:
            retention = self._inventory.settings.retention
            self._warehouse.upkeep(
                now=now, keep_facts_seconds=retention.facts, keep=retention.tables
            )
            self._upkeep_due = now + _UPKEEP_EVERY

    def _try(self, step: Callable[[], None]) -> bool:
        """Take a step; what goes wrong is said once, and never ends the thread."""
        problem = None
        try:
            step()
        except ScmsError as error:
            problem = str(error)
            if problem != self._problem:
                _logger.error("%s", problem)  # noqa: TRY400  the message says what to do
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
            if problem != self._problem:
                _logger.exception("rows cannot be moved to the warehouse")
        if problem != self._problem or problem is None:
            self._note(problem)
        self._problem = problem
        return problem is None

    def _note(self, problem: str | None) -> None:
        try:
            if self._hot.meta(WAREHOUSE_PROBLEM) != problem:
                self._hot.set_meta(WAREHOUSE_PROBLEM, problem)
        except HotStoreError as error:
            _logger.error("%s", error)  # noqa: TRY400  the message says what to do
