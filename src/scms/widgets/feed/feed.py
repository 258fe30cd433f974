"""The live feed of a page: reads the snapshot once a tick and sends it to whoever watches.

In: a cluster. Out: one packed message a tick, while a page that can be seen asks for it. The page
pings every 2 s; without a ping for 10 s the ticks stop, so that a kernel nobody watches is idle and
can be culled. One tick follows the other: a slow one delays the next, they never stack up.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import traitlets

from scms.errors import ScmsError
from scms.widgets.base.part import Part, asset, module
from scms.widgets.feed.frame import Frame, Packer
from scms.widgets.feed.past import STEP_SECONDS, WINDOW_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scms.cluster import Cluster
    from scms.live import Snapshot

#: However seldom servers are asked, a sample is on the page within 2 s of being known; some of them
#: are for the way. Servers are asked one after the other: there is nearly always something new.
_LIVE_SECONDS: Final = 1.5
#: More often than this nobody can read.
_LEAST_SECONDS: Final = 1.0
#: Without a ping of a visible page for this long, ticks stop.
_UNWATCHED_SECONDS: Final = 10.0
#: History that was read so recently is not read again.
_HISTORY_SECONDS: Final = 10.0


class Feed(Part):
    """The source of a live page; its own view says whether the page is live and how old data is."""

    _esm = module("feed.js")
    _css = asset("feed.css")

    #: What went wrong in the kernel, said on the page; empty when all is well.
    problem = traitlets.Unicode("").tag(sync=True)
    #: Nothing is read and drawn while it is; views that come meanwhile still get what they need.
    paused = traitlets.Bool(default_value=False).tag(sync=True)
    #: Grows with every snapshot; the kernel's own widgets observe it.
    sequence = traitlets.Int(0)

    def __init__(self, lab: Cluster, **values: Any) -> None:
        settings = lab.inventory.settings
        self._lab = lab
        self._pause = min(_LIVE_SECONDS, max(_LEAST_SECONDS, settings.interval))
        self._packer = Packer(
            zone=settings.timezone,
            interval_seconds=settings.interval,
            offset_ms=_utc_offset_ms(lab),
        )
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="scms-feed")
        self._reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="scms-past")
        self._task: asyncio.Task[None] | None = None
        self._past_task: asyncio.Task[None] | None = None
        self._history: list[dict[str, Any]] | None = None
        self._history_at = 0.0
        self._wants_all = False
        self._wake = asyncio.Event()
        self._watched_at = 0.0
        self.snapshot: Snapshot | None = None
        super().__init__(**values)
        self.on_msg(self._on_message)

    @property
    def running(self) -> bool:
        """Whether ticks are being made."""
        return self._task is not None and not self._task.done()

    def read(self) -> Snapshot:
        """Read the snapshot now; the newest one is kept in ``snapshot``."""
        self.snapshot = self._lab.snapshot()
        return self.snapshot

    def local_ms(self) -> float:
        """Now, in milliseconds that read as the cluster's local time on a chart."""
        return time.time() * 1000 + _utc_offset_ms(self._lab)

    def close(self) -> None:
        """Stop the ticks and close the widget."""
        for task in (self._task, self._past_task):
            if task is not None:
                task.cancel()
        self._task = self._past_task = None
        for pool in (self._worker, self._reader):
            pool.shutdown(wait=False, cancel_futures=True)
        super().close()

    def _on_message(self, _widget: Any, content: Mapping[str, Any], _buffers: Any) -> None:
        kind = content.get("kind")
        if kind not in {"hello", "ping"}:
            return
        self._watched_at = time.monotonic()
        if kind == "hello":
            self._wants_all = True
        else:
            self.send({"kind": "pong"})
        if not self.running:
            self._wants_all = True
            self._task = asyncio.get_running_loop().create_task(self._tick_while_watched())
        elif kind == "hello":
            self._wake.set()

    async def _tick_while_watched(self) -> None:
        while time.monotonic() - self._watched_at < _UNWATCHED_SECONDS:
            started = time.monotonic()
            if self._wants_all or not self.paused:
                await self._tick()
            left = self._pause - (time.monotonic() - started)
            self._wake.clear()
            if self._wants_all and not self.problem:
                continue  # a page has come meanwhile; after a failure the next try waits its turn
            try:
                await asyncio.wait_for(self._wake.wait(), timeout=max(0.05, left))
            except TimeoutError:
                continue

    async def _tick(self) -> None:
        everything, self._wants_all = self._wants_all, False
        loop = asyncio.get_running_loop()
        try:
            self._emit(await loop.run_in_executor(self._worker, self._now, everything))
            self.sequence += 1
            self.problem = ""
        except ScmsError as error:
            self.problem = str(error)
            self._wants_all = self._wants_all or everything
            return
        except Exception as error:
            # The traceback goes to the log of the kernel; the next ping begins anew.
            self.problem = f"This is a fault of SCMS: {type(error).__name__}: {error}"
            raise
        if everything and (self._past_task is None or self._past_task.done()):
            self._past_task = loop.create_task(self._send_past())
        elif time.monotonic() - self._history_at > _HISTORY_SECONDS:
            self._history = None  # of a large cluster it is large

    async def _send_past(self) -> None:
        """The last minutes, read beside the ticks, which go on."""
        loop = asyncio.get_running_loop()
        try:
            self._emit(await loop.run_in_executor(self._reader, self._past))
        except ScmsError as error:
            self.problem = str(error)

    def refresh(self) -> None:
        """Read and send everything now, without waiting for the next tick."""
        self._emit(self._now(full=True))
        self.sequence += 1
        self._emit(self._past())

    def _now(self, full: bool) -> Frame:  # noqa: FBT001  called by an executor
        return self._packer.pack(self.read(), full=full)

    def _past(self) -> Frame:
        read_at = time.monotonic()
        if self._history is None or read_at - self._history_at > _HISTORY_SECONDS:
            # Views that come one after the other at the start of a page read it once.
            self._history = self._lab.history(WINDOW_SECONDS / 60, step_seconds=STEP_SECONDS)
            self._history_at = read_at
        snapshot = self.read() if self.snapshot is None else self.snapshot
        return self._packer.pack_past(snapshot, self._history)

    def _emit(self, frame: Frame) -> None:
        self.send(frame.content, frame.buffers)


def _utc_offset_ms(lab: Cluster) -> float:
    offset = datetime.now(UTC).astimezone(lab.inventory.settings.zone()).utcoffset()
    return 0.0 if offset is None else offset.total_seconds() * 1000
