"""A network cable between a browser and a dashboard that can be pulled out."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK = 65536


class Cable:
    """Hands bytes to and fro; while it is pulled out nothing arrives, and nobody is told why.

    As on a network that is gone, connections stay open at both ends.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self._in_place = threading.Event()
        self._in_place.set()
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def pull(self) -> None:
        """Pull it out."""
        self._in_place.clear()

    def plug(self) -> None:
        """Put it back."""
        self._in_place.set()

    def close(self) -> None:
        """End all connections."""
        self._in_place.set()
        for end in (self._listener, *self._sockets):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                near, _ = self._listener.accept()
                self._in_place.wait()
                far = socket.create_connection(("127.0.0.1", self._to))
                self._sockets += [near, far]
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(source, target), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(_CHUNK):
                self._in_place.wait()
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)


@contextmanager
def cable(port: int) -> Iterator[Cable]:
    """A cable to a port of this machine, in place until the block ends."""
    made = Cable(port)
    try:
        yield made
    finally:
        made.close()
