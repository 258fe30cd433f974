"""Connections to bastions, shared: fifty servers behind one bastion make one connection to it."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from scms.errors import CollectError

if TYPE_CHECKING:
    from collections.abc import Callable

    from scms.collect.transport.ssh import Login
    from scms.inventory import Server

#: So long a bastion that could not be reached is not tried again for another server.
_RETRY_SECONDS: Final = 10.0


@dataclass
class _Gateway:
    lock: threading.Lock = field(default_factory=threading.Lock)
    login: Login | None = None
    users: int = 0
    failure: CollectError | None = None
    failed_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Lease:
    """A share in a connection to a bastion; ``release`` it once."""

    login: Login
    release: Callable[[], None]


class Gateways:
    """The open connections to bastions. Thread-safe."""

    def __init__(self, connect: Callable[[Server], Login]) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._gateways: dict[tuple[object, ...], _Gateway] = {}

    def lease(self, server: Server) -> Lease:
        """A share in the connection to a bastion, which is opened if need be.

        Raises:
            CollectError: The bastion cannot be reached.
        """
        key = (server.address, server.port, server.user, server.via, server.identity_file)
        with self._lock:
            gateway = self._gateways.setdefault(key, _Gateway())
        with gateway.lock:
            login = gateway.login
            if login is None or not login.connection.is_connected:
                login = self._open(gateway, server)
            gateway.users += 1
        return Lease(login, _once(lambda: _release(gateway, login)))

    def _open(self, gateway: _Gateway, server: Server) -> Login:
        recent = time.monotonic() - gateway.failed_at < _RETRY_SECONDS
        if gateway.failure is not None and recent:
            raise type(gateway.failure)(
                gateway.failure.got, expected=gateway.failure.expected, mend=gateway.failure.mend
            )
        if gateway.login is not None:
            gateway.login.close()  # what is left of the one that was lost
        gateway.login, gateway.users = None, 0
        try:
            gateway.login = self._connect(server)
        except CollectError as error:
            gateway.failure, gateway.failed_at = error, time.monotonic()
            raise
        gateway.failure = None
        return gateway.login


def _release(gateway: _Gateway, login: Login) -> None:
    with gateway.lock:
        if gateway.login is not login:
            return  # it was lost, and opened anew for others
        gateway.users -= 1
        if gateway.users == 0:
            gateway.login = None
            login.close()


def _once(action: Callable[[], None]) -> Callable[[], None]:
    done = threading.Lock()

    def act() -> None:
        if done.acquire(blocking=False):
            action()

    return act
