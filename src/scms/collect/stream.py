"""A stream of bytes becomes lines of the protocol: noise is dropped, the probe kept alive.

In: a `Stream` (SSH or a child process) on which a bootstrap command was started. Out: a `Channel`.
"""

from __future__ import annotations

import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

from scms.collect.bootstrap import AUTHORIZED, HEARTBEAT_SECONDS
from scms.collect.channel import MAX_LINE_BYTES
from scms.collect.parse import text
from scms.errors import CollectError, ConnectError, ProbeError, ProtocolError

if TYPE_CHECKING:
    from scms.collect.bootstrap import Bootstrap
    from scms.collect.channel import SessionKind

#: What login shells print before the first line, and what may come between two lines.
MAX_NOISE_BYTES: Final = 256 * 1024
_SHOWN_BYTES: Final = 1000


class Stream(Protocol):
    """Bytes both ways. Errors of the library beneath are raised as `CollectError`."""

    def receive(self, timeout: float) -> bytes | None:
        """What has come; empty at the end of it, None when nothing came in ``timeout`` seconds."""

    def send(self, data: bytes) -> None:
        """Send all of it."""

    def close(self) -> None:
        """End both directions; safe from any thread, and more than once."""

    def ending(self) -> str:
        """How it ended, for people; such as ``exit status 1``."""


class StreamChannel:
    """A `Channel` over a stream."""

    def __init__(
        self, stream: Stream, bootstrap: Bootstrap, *, kind: SessionKind, target: str
    ) -> None:
        self.kind: SessionKind = kind
        self._stream = stream
        self._bootstrap: Bootstrap | None = bootstrap
        self._target = target
        self._mark = bootstrap.nonce.encode() + b" "
        self._buffer = bytearray()
        self._noise_bytes = 0  # since the last line
        self._noise: deque[str] = deque(maxlen=3)
        self._heard = False
        self._spoke_at: float | None = None  # nothing is said before the probe is sent

    def start(self, timeout: float) -> None:
        """Wait until the far shell is ready, then send it the probe."""
        deadline = time.monotonic() + timeout
        assert self._bootstrap is not None, "a channel is started once"
        payload = None
        while payload is None:
            payload = self._bootstrap.answer(self._line(deadline, timeout))
        self._bootstrap = None  # it is large
        self._say(payload)

    def readline(self, timeout: float) -> bytes:
        """The next line; see `scms.collect.channel.Channel`."""
        line = self._line(time.monotonic() + timeout, timeout)
        self._heard = True
        return line

    def close(self) -> None:
        """End the connection and the probe."""
        self._stream.close()

    def _line(self, deadline: float, timeout: float) -> bytes:
        late = False
        while True:
            line = self._buffered()
            if line is not None:
                return line
            if late:
                raise self._silent(timeout)
            wait = deadline - time.monotonic()
            late = wait <= 0  # what is there already counts: this process may have been suspended
            if self._spoke_at is not None:
                self._beat()
                wait = min(wait, HEARTBEAT_SECONDS)
            data = self._stream.receive(max(wait, 0.001))
            if data == b"":
                raise self._ended()
            self._buffer += data or b""

    def _beat(self) -> None:
        """Say that somebody listens, if that has not been said for a while."""
        if self._spoke_at is not None and time.monotonic() - self._spoke_at >= HEARTBEAT_SECONDS:
            self._say(b"\n")

    def _say(self, data: bytes) -> None:
        with suppress(CollectError):  # it has ended: what it said last, which is read next, is why
            self._stream.send(data)
        self._spoke_at = time.monotonic()

    def _buffered(self) -> bytes | None:
        """The next line that carries the nonce; all before it is noise."""
        mark = self._mark
        start = self._buffer.find(mark)
        if start < 0 and self._spoke_at is None:  # a server with a command of its own has none
            mark, start = b"", self._buffer.find(AUTHORIZED)
        self._drop(self._buffer.rfind(b"\n") + 1 if start < 0 else start)
        if self._noise_bytes + (len(self._buffer) if start < 0 else 0) > MAX_NOISE_BYTES:
            raise self._unusable("more than 256 KiB of noise")
        end = self._buffer.find(b"\n")
        if end > MAX_LINE_BYTES or (end < 0 and len(self._buffer) > MAX_LINE_BYTES):
            raise self._unusable("a line of more than 1 MiB")
        if end < 0:
            return None
        line = bytes(self._buffer[len(mark) : end])
        del self._buffer[: end + 1]
        self._noise_bytes = 0
        return line

    def _drop(self, size: int) -> None:
        """Take noise off the buffer. Only its end is looked at: somebody may send it on purpose."""
        if size == 0:
            return
        last = self._buffer[max(0, size - _SHOWN_BYTES) : size].splitlines()[-3:]
        said = [text(line.decode("utf-8", "replace")) for line in last]
        self._noise += [each for each in said if each is not None]
        self._noise_bytes += size
        del self._buffer[:size]

    def _silent(self, seconds: float) -> ConnectError:
        return ConnectError(
            f"no line for {seconds:.0f} s", mend=f"look whether it answers: {self._look()}"
        )

    def _unusable(self, what: str) -> ProtocolError:
        return ProtocolError(
            what, expected="lines of the probe", mend=f"look at what it prints: {self._look()}"
        )

    def _ended(self) -> ConnectError | ProbeError:
        how = self._stream.ending()
        last = text(self._buffer[:1000].decode("utf-8", "replace"))
        said = " / ".join([*self._noise, *([last] if last else [])])
        detail = f"{how}: {said}" if said else how
        if self._heard:
            return ConnectError(f"the connection ended ({detail})")
        return ProbeError(
            f"no probe could be started ({detail})", mend=f"see what it says: {self._look()}"
        )

    def _look(self) -> str:
        look = "python3 -V" if self.kind == "local" else f"ssh {self._target} python3 -V"
        return f"{look}; or step by step: scms doctor"
