"""The thread between the sessions and the disk."""

from __future__ import annotations

import logging
import queue
import threading
from typing import TYPE_CHECKING, Final

from scms.errors import HotStoreError

if TYPE_CHECKING:
    from scms.collect.record import Record
    from scms.hot import HotStore

#: One transaction costs as much as ten records in it.
_GATHER_SECONDS: Final = 0.5
_QUEUE_RECORDS: Final = 5000
_BATCH_RECORDS: Final = 500
_REFUSED_SECONDS: Final = 1.0
_logger = logging.getLogger(__name__)


class Writer(threading.Thread):
    """Writes records to the hot store, many in one transaction.

    Args:
        hot: Where they go.
        interval_seconds: Between two samples of a server. What comes within a tenth of it, and half
            a second at most, is written at once.
    """

    def __init__(self, hot: HotStore, *, interval_seconds: float = 5.0) -> None:
        super().__init__(name="hot store", daemon=True)
        self._hot = hot
        self._gather_seconds = min(_GATHER_SECONDS, interval_seconds / 10)
        self._queue: queue.Queue[Record] = queue.Queue(_QUEUE_RECORDS)
        self._full = False
        self._some = threading.Event()
        self._ending = threading.Event()

    def put(self, record: Record) -> None:
        """Take a record; it is lost where the disk has not kept up for thousands of them."""
        try:
            self._queue.put_nowait(record)
            self._full = False
            if not self._some.is_set():  # woken once: that costs as much as to parse a sample
                self._some.set()
        except queue.Full:
            if not self._full:
                _logger.warning("the hot store does not keep up: records are lost")
            self._full = True

    def stop(self, timeout: float) -> bool:
        """Write what was taken, and end; whether it has."""
        self._ending.set()
        self._some.set()
        self.join(timeout)
        return not self.is_alive()

    def run(self) -> None:
        """Write until told to stop and nothing is left."""
        while True:
            self._some.wait()
            ending = self._ending.is_set()
            batch = self._gather()
            if batch:
                self._append(batch)
            elif ending:
                return

    def _gather(self) -> list[Record]:
        if self._queue.qsize() < _BATCH_RECORDS:
            self._ending.wait(self._gather_seconds)
        if not self._ending.is_set():
            self._some.clear()
        batch: list[Record] = []
        while len(batch) < _BATCH_RECORDS:
            try:
                batch.append(self._queue.get_nowait())
            except queue.Empty:
                return batch
        self._some.set()  # there may be more
        return batch

    def _append(self, batch: list[Record]) -> None:
        """Write a batch, again and again while the disk refuses it."""
        refused = False
        while True:
            try:
                self._hot.append(batch)
            except HotStoreError as error:
                if not refused:
                    _logger.error("%s", error)  # noqa: TRY400  the message says what to do
                refused = True
                if self._ending.wait(_REFUSED_SECONDS):
                    _logger.error("%d records are lost", len(batch))  # noqa: TRY400  as above
                    return
            else:
                return
