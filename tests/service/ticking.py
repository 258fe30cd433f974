"""Servers that tick as fast as a test wants, and note every tick that they hand out."""

from __future__ import annotations

import json
import os
import threading
import time
from typing import TYPE_CHECKING, Any

from scms.errors import ConnectError
from scms.inventory import Inventory

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from scms.inventory import Server

SERVERS = ("a", "b", "c")


def inventory_of(directory: Path, interval: float = 0.1, **data: Any) -> Inventory:
    """Three servers with a shorter interval than people may set."""
    checked = Inventory.from_mapping(
        {"servers": [{"name": name} for name in SERVERS], **data}, base=directory, source="test"
    )
    settings = checked.settings.model_copy(update={"interval": interval})
    return Inventory(checked.servers, settings, directory=checked.directory, source="test")


class Ticking:
    """A channel with a tick each interval; the n-th says an uptime of ``first + n`` seconds."""

    kind: Any = "simulated"

    def __init__(self, server: str, interval: float, first: int, note: Callable[[str], None]):
        self._server, self._interval, self._next = server, interval, first
        self._note = note
        self._closed = threading.Event()
        self._hello = True

    def readline(self, timeout: float) -> bytes:  # noqa: ARG002  part of the protocol
        if self._hello:
            self._hello = False
            return json.dumps({"type": "hello", "protocol": 1, "hostname": self._server}).encode()
        if self._closed.wait(self._interval):
            raise ConnectError("closed")
        number = self._next
        self._next += 1
        self._note(f"{self._server} {number}\n")
        return json.dumps(
            {
                "type": "sample",
                "sequence": number,
                "time": time.time(),
                "monotonic": time.monotonic(),
                "uptime": number,
                "devices": [{"uuid": f"GPU-{self._server}", "index": 0, "utilization": 50}],
            }
        ).encode()

    def close(self) -> None:
        self._closed.set()


def ticking(first: int = 0, note: Callable[[str], None] = lambda _line: None) -> Any:
    """A connector to such servers."""

    def connect(server: Server, interval: float) -> Ticking:
        return Ticking(server.name, interval, first, note)

    return connect


def appender(path: Path) -> Callable[[str], None]:
    """Writes lines that survive the process: each is with the kernel when the call returns."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def append(line: str) -> None:
        os.write(file, line.encode())

    return append


def eventually(condition: Callable[[], Any], seconds: float = 30) -> Any:
    """Wait for a condition to hold; what it gave."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.02)
    return found
