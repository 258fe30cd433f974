"""Crashes at any step of a flush: an exception that nothing catches, and handles that are dropped.

A step is a write of a file, a read or change of the catalog, a read of the hot store. A crash comes
before it, after it, or, for a file, in the middle.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any
from unittest import mock

from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.io.pyarrow import PyArrowFile
from sqlalchemy.orm import Session

from scms.hot import HotStore
from scms.warehouse import Warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What is called at each step.
_STEPS = (
    (HotStore, "after"),
    (HotStore, "last_id"),
    (Warehouse, "table"),
    (SqlCatalog, "load_table"),
    (SqlCatalog, "commit_table"),
    (Session, "commit"),
)


class Crash(BaseException):
    """The process ends here: no handler of errors runs on its way."""


class Countdown:
    """Counts the moments at which the process may end, and ends it at one of them."""

    def __init__(self, at: int) -> None:
        self.left = at

    def moment(self) -> bool:
        """Whether this is the one; `left` is negative from then on."""
        self.left -= 1
        return self.left == -1

    def maybe(self) -> None:
        if self.moment():
            raise Crash


@contextmanager
def crashing(at: int) -> Iterator[Countdown]:
    """Crash at a moment, counted from 0; where there are not so many, nothing happens."""
    countdown = Countdown(at)
    with ExitStack() as patches, suppress(Crash):
        patches.enter_context(mock.patch.object(PyArrowFile, "create", _creating(countdown)))
        for owner, name in _STEPS:
            step = _around(getattr(owner, name), countdown)
            patches.enter_context(mock.patch.object(owner, name, step))
        yield countdown


def _around(real: Any, countdown: Countdown) -> Any:
    def step(*args: Any, **options: Any) -> Any:
        countdown.maybe()
        result = real(*args, **options)
        countdown.maybe()
        return result

    return step


def _creating(countdown: Countdown) -> Any:
    real = PyArrowFile.create

    def create(self: PyArrowFile, *args: Any, **options: Any) -> Any:
        countdown.maybe()
        stream = real(self, *args, **options)
        if countdown.moment():  # the file is there, and ends after some bytes
            with stream:
                stream.write(b"PAR1 and no more")
            raise Crash
        return stream

    return create
