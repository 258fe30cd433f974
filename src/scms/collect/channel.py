"""What a session reads from: one line at a time, each wait with a deadline.

A channel is made by a `Connector`: over SSH or on this machine by `scms.collect.transport`, for the
simulated lab by `scms.demo`. In: a server and its interval. Out: lines of the wire protocol.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal, Protocol, runtime_checkable

from scms.inventory import Server

if TYPE_CHECKING:
    from scms.errors import CollectError

SessionKind = Literal["ssh", "local", "simulated"]

#: A longer line is no sample: 8 GPUs make 4 kB.
MAX_LINE_BYTES: Final = 1024 * 1024


class Channel(Protocol):
    """An open connection to one probe."""

    @property
    def kind(self) -> SessionKind:
        """How the server is reached; shown on the live page."""

    def readline(self, timeout: float) -> bytes:
        """The next line of the protocol: one JSON object, without its nonce and line end.

        Args:
            timeout: Seconds to wait for it at most.

        Raises:
            ConnectError: The connection ended, was closed, or stayed silent for ``timeout``.
            ProbeError: The probe ended; the message has what it said last.
            ProtocolError: The line is longer than `MAX_LINE_BYTES`.
        """

    def close(self) -> None:
        """End the connection and the probe; safe from any thread, and more than once."""


@runtime_checkable
class SelfReading(Channel, Protocol):
    """A channel that can read by itself, so that no thread has to wait for its lines."""

    def hand_over(
        self,
        take: Callable[[bytes], None],
        ended: Callable[[CollectError], None],
        *,
        silence: float,
    ) -> None:
        """Give every further line to ``take``; ``readline`` is not called any more.

        Args:
            take: Called by one thread at a time, in order. A `CollectError` that it raises ends
                the connection.
            ended: Called once, after the last line and when the channel is closed, with the
                reason.
            silence: The connection ends when no line has come for so many seconds.
        """


#: Opens a channel to a server at an interval in seconds; raises `scms.errors.CollectError`.
Connector = Callable[[Server, float], Channel]
