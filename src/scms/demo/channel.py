"""A channel to a simulated server, for the collector's own sessions.

In: a server of the inventory and an interval. Out: a `scms.collect.channel.Channel` whose lines
come when a real probe's would, one each interval. An outage ends it with an error, and
connecting during one fails.
"""

from __future__ import annotations

import math
import threading
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from scms.demo.lab import DEFAULT_SEED, Lab, unreachable
from scms.demo.noise import Draw, key_of
from scms.demo.roster import HALL_SIZE
from scms.errors import ConnectError, UnknownServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from scms.collect.channel import SessionKind
    from scms.inventory import Server

#: How many servers `connect` knows; those of a smaller lab are among them.
KNOWN_SERVERS: Final = 20 * HALL_SIZE


class SimulatedChannel:
    """Reads one server of a lab in real time.

    Args:
        lab: The lab.
        server: The name of the server in it.
        interval: Seconds between samples.
        clock: The time in epoch seconds.

    Raises:
        ConnectError: The server is down now, or the lab has no such server.
    """

    def __init__(
        self, lab: Lab, server: str, interval: float, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._lab = lab
        self._server = server
        self._interval = interval
        self._clock = clock
        self._closed = threading.Event()
        self._due: float | None = None
        self._phase = Draw(key_of("phase", server)).uniform("phase") * interval
        now = clock()
        try:
            self._boot_id = lab.boot_id(server, now)
            self._check(now)
        except UnknownServer as error:
            raise ConnectError(error.got, expected=error.expected) from error

    @property
    def kind(self) -> SessionKind:
        """Always ``simulated``."""
        return "simulated"

    def readline(self, timeout: float) -> bytes:
        """The hello at once, then a sample each interval.

        Args:
            timeout: Seconds to wait at most.

        Raises:
            ConnectError: The server went down or was restarted, the channel was closed, or the
                next sample is not due within ``timeout``.
        """
        now = self._clock()
        if self._closed.is_set():
            raise self._ended("the connection was closed")
        if self._due is None:
            self._check(now)
            self._due = self._beat(now) + self._interval
            return self._lab.hello(self._server, now, self._interval)
        wait = max(self._due - now, 0.0)
        if self._closed.wait(min(wait, timeout)):
            raise self._ended("the connection was closed")
        if wait > timeout:
            raise self._ended(f"silent for {timeout:.0f} s")
        at = max(self._due, self._beat(now))  # beats that nobody waited for are left out
        self._check(at)
        self._due = at + self._interval
        return self._lab.line(self._server, at, self._interval)

    def close(self) -> None:
        """End it; a waiting `readline` ends at once."""
        self._closed.set()

    def _beat(self, at: float) -> float:
        """The last time before ``at`` at which a sample was due; servers take turns."""
        beats = math.floor((at - self._phase) / self._interval)
        return beats * self._interval + self._phase

    def _check(self, at: float) -> None:
        spell = self._lab.outage(self._server, at)
        if spell is not None:
            raise unreachable(self._server, spell)
        if self._lab.boot_id(self._server, at) != self._boot_id:
            raise self._ended("connection reset: the server was restarted")

    def _ended(self, why: str) -> ConnectError:
        return ConnectError(f"{self._server}: {why}", mend="the collector tries again by itself")


def connect(server: Server, interval: float) -> SimulatedChannel:
    """Connect to a server of the simulated lab: a `scms.collect.channel.Connector`.

    Raises:
        ConnectError: It is down in the simulation now, or the lab has no server of its name.
    """
    return SimulatedChannel(_lab(), server.name, interval)


@lru_cache(maxsize=1)
def _lab() -> Lab:
    return Lab(DEFAULT_SEED, servers=KNOWN_SERVERS)
