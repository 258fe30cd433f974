"""A viewer without a browser: fetches the page and speaks the kernel's protocol over the websocket.

In: the address of a dashboard. Out: messages, and the ticks of the live feed with their times.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.request import ProxyHandler, build_opener

from websockets.asyncio.client import connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from websockets.asyncio.client import ClientConnection

FEED = "scms.widgets.feed.feed.Feed"


@dataclass
class Tick:
    """One frame of the feed as it came in: when, how large, and how old its newest sample was."""

    at: float
    as_of: float
    age_seconds: float


@dataclass
class Viewer:
    """An open page."""

    kernel: str
    socket: ClientConnection
    size: int = 0
    messages: int = 0
    ticks: list[Tick] = field(default_factory=list)

    async def send(self, kind: str, content: dict[str, Any], channel: str = "shell") -> str:
        """Send a message; returns its id."""
        header = {
            "msg_id": uuid.uuid4().hex,
            "msg_type": kind,
            "session": "viewer",
            "username": "",
            "version": "5.3",
            "date": "2026-01-01T00:00:00Z",
        }
        parts = [json.dumps(part).encode() for part in (header, {}, {}, content)]
        await self.socket.send(_packed([channel.encode(), *parts]))
        return header["msg_id"]

    async def receive(self) -> tuple[dict[str, Any], bytes]:
        """The header of the next message, and its content."""
        data = await self.socket.recv()
        assert isinstance(data, bytes)
        self.size += len(data)
        self.messages += 1
        _, header, _, _, content, *_ = _parts(data)
        return json.loads(header), content

    async def feed(self) -> str:
        """The id of the feed of the page."""
        control = uuid.uuid4().hex
        version = {"metadata": {"version": "1.0.0"}}
        opened = {"comm_id": control, "target_name": "jupyter.widget.control", "data": {}}
        await self._comm("comm_open", opened, version)
        await self.custom(control, {"method": "request_states"})
        while True:
            header, content = await self.receive()
            if header["msg_type"] != "comm_msg" or b"update_states" not in content:
                continue
            states = json.loads(content)["data"]["states"]
            (found,) = [i for i, s in states.items() if s["state"].get("_anywidget_id") == FEED]
            return str(found)

    async def custom(self, comm: str, data: dict[str, Any]) -> None:
        """A message to a widget."""
        await self.send("comm_msg", {"comm_id": comm, "data": data})

    async def watch(self, seconds: float) -> None:
        """Watch the live page as a browser does; fills ``ticks``."""
        feed = await self.feed()
        await self._tell(feed, "hello")
        beats = asyncio.create_task(self._beat(feed))
        try:
            async with asyncio.timeout(seconds):
                while True:
                    header, content = await self.receive()
                    if header["msg_type"] == "comm_msg" and b'"frame"' in content:
                        self._note(json.loads(content)["data"]["content"])
        except TimeoutError:
            return
        finally:
            beats.cancel()

    def _note(self, frame: dict[str, Any]) -> None:
        at, as_of, newest = time.time(), frame["as_of"] / 1000, frame["newest"]
        if newest is not None:
            self.ticks.append(Tick(at, as_of, at - as_of + newest))

    async def _beat(self, feed: str) -> None:
        while True:
            await asyncio.sleep(2)
            await self._tell(feed, "ping")

    async def _tell(self, feed: str, kind: str) -> None:
        await self.custom(feed, {"method": "custom", "content": {"kind": kind}})

    async def _comm(self, kind: str, content: dict[str, Any], metadata: dict[str, Any]) -> None:
        header = {"msg_id": uuid.uuid4().hex, "msg_type": kind, "session": "viewer"}
        header |= {"username": "", "version": "5.3", "date": "2026-01-01T00:00:00Z"}
        parts = [json.dumps(p).encode() for p in (header, {}, metadata["metadata"], content)]
        await self.socket.send(_packed([b"shell", *parts]))


@asynccontextmanager
async def viewer(url: str) -> AsyncIterator[Viewer]:
    """A page that is open until the block ends; its kernel is then told good-bye."""
    page = await asyncio.to_thread(fetched, url)
    found = re.search(r'id="jupyter-config-data"[^>]*>(.*?)</script>', page, re.DOTALL)
    assert found is not None, page[:500]
    kernel = json.loads(found[1])["kernelId"]
    where = f"{url.replace('http', 'ws', 1)}api/kernels/{kernel}/channels?session_id=viewer"
    protocol: Any = "v1.kernel.websocket.jupyter.org"
    async with connect(where, subprotocols=[protocol], max_size=None, proxy=None) as socket:
        yield Viewer(kernel, socket)
    await asyncio.to_thread(fetched, f"{url}scms/good-bye/{kernel}", b"")


def fetched(url: str, body: bytes | None = None) -> str:
    """What is there, or what posting says."""
    with build_opener(ProxyHandler({})).open(url, body, timeout=120) as answer:
        return str(answer.read().decode())


def _packed(parts: list[bytes]) -> bytes:
    offsets = [8 * (len(parts) + 2)]
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    return b"".join(n.to_bytes(8, "little") for n in (len(offsets), *offsets)) + b"".join(parts)


def _parts(data: bytes) -> list[bytes]:
    count = int.from_bytes(data[:8], "little")
    at = [int.from_bytes(data[8 * n : 8 * n + 8], "little") for n in range(1, count + 1)]
    return [data[start:end] for start, end in pairwise(at)]
