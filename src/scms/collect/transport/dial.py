"""A socket to a server on which sshd has begun to speak, within deadlines.

In: a `Target`. Out: a socket for paramiko. Dead and frozen servers are found here, where no
handshake slot is held.
"""

from __future__ import annotations

import re
import select
import socket
import subprocess
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from scms.collect.transport.faults import translated
from scms.errors import ConnectError

if TYPE_CHECKING:
    from collections.abc import Callable

    from scms.collect.transport.resolve import Target

CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 10.0
#: A sample of a server with 8 GPUs. As much is held for every connection.
_AHEAD_BYTES: Final = 4096


def dial(target: Target) -> socket.socket:
    """A connected socket on which sshd has begun to speak; no handshake slot is held meanwhile.

    Raises:
        ConnectError: There is nobody, or nobody who speaks.
    """
    with translated(target, "connect"):
        sock = _connected(target) if target.proxy_command is None else _proxied(target)
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        if not poll.poll(ANSWER_SECONDS * 1000):
            sock.close()
            raise ConnectError(
                f"{target.host}:{target.port} accepts connections but says nothing "
                f"for {ANSWER_SECONDS:.0f} s",
                mend="its sshd hangs, or something else listens there; "
                f"try: {target.ssh_command('true')}",
            )
        return sock


def _connected(target: Target) -> socket.socket:
    sock = socket.create_connection((target.host, target.port), timeout=CONNECT_SECONDS)
    for level, option, value in (
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 15),
        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
        (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
        (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 20_000),
    ):
        sock.setsockopt(level, option, value)
    return sock


def _proxied(target: Target) -> socket.socket:
    """A socket to the ProxyCommand of ssh_config, which ends when the socket is closed."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            ["/bin/sh", "-c", f"exec {expanded(target)}"],
            stdin=theirs.fileno(),
            stdout=theirs.fileno(),
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    threading.Thread(target=process.wait, name="proxy command", daemon=True).start()
    return ours


def expanded(target: Target) -> str:
    """The ProxyCommand of a target with its ``%h``, ``%p``, ``%r`` and ``%n`` filled in."""
    values = {"%": "%", "h": target.host, "p": str(target.port), "r": target.user}
    values["n"] = target.address
    return re.sub("%(.)", lambda found: values.get(found[1], found[0]), target.proxy_command or "")


class ReadAhead:
    """A socket that takes what there is at once: paramiko asks for each packet in three pieces.

    It has all that the socket has; only one thread may receive.
    """

    def __init__(self, sock: Any) -> None:
        self.sock = sock
        self.on_idle: Callable[[], None] | None = None  # called when nothing has come in time
        self._ahead = b""

    def recv(self, size: int) -> bytes:
        """At most ``size`` bytes; empty at the end."""
        if not self._ahead:
            try:
                self._ahead = self.sock.recv(max(size, _AHEAD_BYTES))
            except TimeoutError:
                if self.on_idle is not None:
                    self.on_idle()
                raise
        data, self._ahead = self._ahead[:size], self._ahead[size:]
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sock, name)


def cut(sock: Any) -> None:
    """End a connection so that whoever waits for it wakes at once."""
    sock = sock.sock if isinstance(sock, ReadAhead) else sock
    with suppress(OSError):  # it has ended already
        if isinstance(sock, socket.socket):
            sock.shutdown(socket.SHUT_RDWR)
    sock.close()
