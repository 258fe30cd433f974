"""Waiting until a job fits somewhere, while a page is open.

In: how to look, once. Out: what was found, told on the kernel's loop. One look costs a look at the
live state; they follow each other with a pause between, and never stack up.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from scms.errors import ScmsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from scms.recommend.answer import Recommendation


class Watch:
    """Looks now and then whether a job fits somewhere, until it does or is stopped.

    Args:
        look: Looks once; it is called in a thread.
        found: Told what fits, or what can never fit: then nothing is waited for any more.
        failed: Told in words why there is no use in looking on.
        pause_seconds: Between looks.
    """

    def __init__(
        self,
        look: Callable[[], Recommendation],
        found: Callable[[Recommendation], None],
        failed: Callable[[str], None],
        *,
        pause_seconds: float,
    ) -> None:
        self._look = look
        self._found = found
        self._failed = failed
        self._pause = pause_seconds
        self._task: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """Whether somebody waits."""
        return self._task is not None and not self._task.done()

    def start(self) -> None:
        """Begin; without a running loop (a script, a test) it looks once."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._judge(self._try())
            return
        self._task = loop.create_task(self._go_on())

    def stop(self) -> None:
        """Wait no more."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _go_on(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            seen = await loop.run_in_executor(None, self._try)
            if self._judge(seen):
                return
            await asyncio.sleep(self._pause)

    def _try(self) -> Recommendation | str:
        try:
            return self._look()
        except ScmsError as error:
            return str(error)

    def _judge(self, seen: Recommendation | str) -> bool:
        """Tell what was seen, if anything is to be told; whether that is the end."""
        if isinstance(seen, str):
            self._failed(seen)
        elif seen.first or seen.impossible is not None:
            self._found(seen)
        else:
            return False
        return True
