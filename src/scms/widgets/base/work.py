"""Work that takes long, beside the live ticks: a thread, and a line that says what is going on.

In: a function without arguments. Out: its result or its error, handed back on the kernel's loop.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import traitlets

from scms.errors import ScmsError
from scms.widgets.base.part import Part, asset

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Worker:
    """One thread for all slow work of a page: DuckDB and the warehouse are asked in turn."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="scms-work")
        self._tasks: set[asyncio.Task[None]] = set()

    def run(
        self, job: Callable[[], T], done: Callable[[T], None], failed: Callable[[str], None]
    ) -> None:
        """Do ``job`` in the thread, then ``done`` with its result or ``failed`` with a sentence.

        Without a running loop (a script, a test) everything happens at once.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._at_once(job, done, failed)
            return
        task = loop.create_task(self._apart(loop, job, done, failed))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def close(self) -> None:
        """Take no more work."""
        for task in self._tasks:
            task.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _at_once(
        self, job: Callable[[], T], done: Callable[[T], None], failed: Callable[[str], None]
    ) -> None:
        try:
            result = job()
        except ScmsError as error:
            failed(str(error))
        else:
            done(result)

    async def _apart(
        self,
        loop: asyncio.AbstractEventLoop,
        job: Callable[[], T],
        done: Callable[[T], None],
        failed: Callable[[str], None],
    ) -> None:
        try:
            result = await loop.run_in_executor(self._pool, job)
        except ScmsError as error:
            failed(str(error))
        except Exception as error:
            failed(f"This is a fault of SCMS: {type(error).__name__}: {error}")
            raise  # and its traceback goes to the log of the kernel
        else:
            done(result)


class Progress(Part):
    """A line that says what is being done and for how long, or what went wrong."""

    _esm = asset("progress.js")
    _css = asset("progress.css")
    busy = traitlets.Unicode("").tag(sync=True)
    problem = traitlets.Unicode("").tag(sync=True)

    def start(self, what: str) -> None:
        """Something begins."""
        self.problem, self.busy = "", what

    def stop(self, problem: str = "") -> None:
        """It has ended, or failed for this reason."""
        self.busy, self.problem = "", problem

    def clear(self, _value: Any = None) -> None:
        """Nothing to say."""
        self.stop()
