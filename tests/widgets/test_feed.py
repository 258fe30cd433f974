from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

from scms.errors import HotStoreError
from scms.widgets.feed import feed as module
from scms.widgets.feed.feed import Feed

if TYPE_CHECKING:
    import pytest

    from scms.cluster import Cluster


class Watched(Feed):
    """A feed that remembers what it sent."""

    def __init__(self, lab: Cluster) -> None:
        self.sent: list[dict[str, Any]] = []
        super().__init__(lab)
        self._pause = 0.02

    def send(self, content: dict[str, Any], _buffers: Any = None) -> None:
        self.sent.append(content)

    def hear(self, kind: str) -> None:
        """What a page says."""
        self._on_message(self, {"kind": kind}, [])

    def kinds(self) -> list[str]:
        return [content["kind"] for content in self.sent]


async def until(condition: Any) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


def test_nothing_is_read_before_a_page_says_hello(lab: Cluster):
    feed = Watched(lab)
    assert not feed.running
    assert feed.snapshot is None
    feed.close()


def test_hello_brings_a_full_frame_then_the_past_then_ticks(lab: Cluster):
    async def scene() -> None:
        feed = Watched(lab)
        feed.hear("hello")
        await until(lambda: feed.kinds().count("frame") >= 3 and "past" in feed.kinds())
        assert feed.kinds()[0] == "frame"
        assert feed.kinds().count("past") == 1
        assert [c["full"] for c in feed.sent if c["kind"] == "frame"][:2] == [True, False]
        feed.close()

    asyncio.run(scene())


def test_hellos_of_many_views_bring_one_full_frame(lab: Cluster):
    async def scene() -> None:
        feed = Watched(lab)
        for _ in range(6):
            feed.hear("hello")
        await until(lambda: feed.kinds().count("frame") >= 4)
        assert sum(c.get("full", False) for c in feed.sent) == 1
        feed.close()

    asyncio.run(scene())


def test_a_paused_page_is_sent_nothing_and_catches_up(lab: Cluster):
    async def scene() -> None:
        feed = Watched(lab)
        feed.hear("hello")
        await until(lambda: "past" in feed.kinds())
        feed.paused = True
        await until(lambda: feed.sent and feed.running)
        sent = feed.kinds().count("frame")
        for _ in range(5):
            feed.hear("ping")
            await asyncio.sleep(0.03)  # more than one tick, all of them skipped
        assert feed.kinds().count("frame") <= sent + 1  # one may have been on its way
        feed.paused = False
        feed.hear("hello")
        full = [c["full"] for c in feed.sent if c["kind"] == "frame"].count(True)
        await until(lambda: [c.get("full") for c in feed.sent].count(True) > full)
        feed.close()

    asyncio.run(scene())


def test_a_ping_is_answered(lab: Cluster):
    async def scene() -> None:
        feed = Watched(lab)
        feed.hear("ping")
        assert feed.kinds() == ["pong"]
        feed.close()

    asyncio.run(scene())


def test_ticks_end_when_nobody_watches(lab: Cluster, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_UNWATCHED_SECONDS", 0.2)

    async def scene() -> None:
        feed = Watched(lab)
        feed.hear("hello")
        await until(lambda: len(feed.sent) > 2)
        await until(lambda: not feed.running)
        feed.close()

    asyncio.run(scene())


def test_a_closed_view_reads_no_more(lab: Cluster):
    async def scene() -> None:
        feed = Watched(lab)
        feed.hear("hello")
        await until(lambda: feed.sent)
        feed.close()
        await asyncio.sleep(0)
        count = len(feed.sent)
        await asyncio.sleep(0.1)
        assert len(feed.sent) == count

    asyncio.run(scene())


def test_slow_reads_do_not_stack_up(lab: Cluster, monkeypatch: pytest.MonkeyPatch):
    running, most = 0, 0
    lock = threading.Lock()
    read = Feed.read

    def slow(self: Feed) -> Any:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.05)
        with lock:
            running -= 1
        return read(self)

    monkeypatch.setattr(Feed, "read", slow)

    async def scene() -> None:
        feed = Watched(lab)
        feed.hear("hello")
        await until(lambda: feed.kinds().count("frame") >= 4)
        feed.close()

    asyncio.run(scene())
    assert most == 1


def test_an_error_is_said_and_the_ticks_go_on(lab: Cluster, monkeypatch: pytest.MonkeyPatch):
    read = Feed.read
    full = threading.Event()
    full.set()

    def broken(self: Feed) -> Any:
        if full.is_set():
            raise HotStoreError("the disk is full", mend="make room")
        return read(self)

    monkeypatch.setattr(Feed, "read", broken)

    async def scene() -> None:
        feed = Watched(lab)
        feed.hear("hello")
        await until(lambda: feed.problem == "the disk is full; make room")
        full.clear()
        await until(lambda: feed.problem == "")
        assert feed.sent[0]["full"]
        feed.close()

    asyncio.run(scene())
