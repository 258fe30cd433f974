"""A socket to a server on which sshd has begun to speak, within deadlines.

In: a `Target`. Out: a socket for paramiko. Dead and frozen servers are found here, where no
handshake slot is held.
"""

from __future__ import annotations

import re
import select
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import paramiko

from scms.collect.transport.faults import translated
from scms.errors import ConnectError

if TYPE_CHECKING:
    from scms.collect.transport.resolve import Target

CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 10.0


def dial(target: Target) -> Any:
    """A connected socket on which sshd has begun to speak; no handshake slot is held meanwhile."""
    with translated(target, "connect"):
        if target.proxy_command is not None:
            return paramiko.ProxyCommand(_expanded(target, target.proxy_command))
        sock = socket.create_connection((target.host, target.port), timeout=CONNECT_SECONDS)
        for level, option, value in (
            (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
            (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 15),
            (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
            (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
            (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 20_000),
        ):
            sock.setsockopt(level, option, value)
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


def _expanded(target: Target, command: str) -> str:
    values = {"%": "%", "h": target.host, "p": str(target.port), "r": target.user}
    values["n"] = target.address
    return re.sub("%(.)", lambda found: values.get(found[1], found[0]), command)


def cut(sock: Any) -> None:
    """End a connection so that whoever waits for it wakes at once."""
    with suppress(OSError):  # it has ended already
        if isinstance(sock, socket.socket):
            sock.shutdown(socket.SHUT_RDWR)
    sock.close()
