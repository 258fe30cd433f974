"""A connection that reads by itself: the thread of its SSH transport hands the lines on.

In: a `StreamChannel` over SSH that has said hello. Out: its lines, and at last why it ended. A
thread that waited for each server would cost a second change of threads per sample, and its memory.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from paramiko.buffered_pipe import BufferedPipe

from scms.collect.bootstrap import HEARTBEAT_SECONDS
from scms.collect.stream import StreamChannel
from scms.errors import CollectError

if TYPE_CHECKING:
    from collections.abc import Callable

    from scms.collect.bootstrap import Bootstrap
    from scms.collect.transport.ssh import SshStream

_LOG: Final = logging.getLogger(__name__)
#: Past its deadline a server is listened to for so long before it is given up.
_LAST_LOOK_SECONDS: Final = 0.05


class Tap(BufferedPipe):  # type: ignore[misc]  # paramiko is not typed
    """What a channel has received. Tells whoever asked for it when there is more, and the end."""

    def __init__(self) -> None:
        super().__init__()
        self.on_data: Callable[[], None] | None = None
        self.on_end: Callable[[], None] | None = None

    def feed(self, data: Any) -> None:
        """More has come; called by the thread of the transport."""
        super().feed(data)
        if self.on_data is not None:
            self.on_data()

    def close(self) -> None:
        """Nothing more comes; called by any thread, with or without locks of the channel held."""
        super().close()
        if self.on_end is not None:
            self.on_end()


class SshChannel(StreamChannel):
    """A `scms.collect.channel.SelfReading` over SSH."""

    _stream: SshStream

    def __init__(self, stream: SshStream, bootstrap: Bootstrap, *, target: str) -> None:
        super().__init__(stream, bootstrap, kind="ssh", target=target)
        self._reading = threading.Lock()
        self._finishing = threading.Lock()
        self._verdict: CollectError | None = None
        self._over = False
        self._last_look = False

    def hand_over(
        self,
        take: Callable[[bytes], None],
        ended: Callable[[CollectError], None],
        *,
        silence: float,
    ) -> None:
        """Give every further line to ``take``; see `scms.collect.channel.SelfReading`."""
        self._take, self._ended_with, self._silence = take, ended, silence
        self._line_at = time.monotonic()
        self._stream.follow(self._more, self._idle, self._end)
        self._wait(min(HEARTBEAT_SECONDS, silence))
        self._more()  # what came before

    def _beat(self) -> None:
        if self._stream.ready():  # the thread of the transport must not wait for itself
            super()._beat()

    def _wait(self, seconds: float) -> None:
        self._waits = seconds
        self._stream.idle_after(seconds)

    def _more(self) -> None:
        """Something has come: hand on the lines in it."""
        with self._reading:
            if self._over or self._verdict is not None:
                return
            try:
                self._hand_on(self._stream.receive_now())
                self._beat()
            except CollectError as error:
                self._give_up(error)
            except Exception as error:  # noqa: BLE001  ours: logged, shown, and tried again
                _LOG.error("reading from %s failed", self._target, exc_info=error)
                self._give_up(CollectError(repr(error), mend="report this as a bug"))
            if time.monotonic() - self._line_at >= self._silence:  # it was noise
                self._give_up(self._silent(self._silence))
            if self._last_look or self._waits < min(HEARTBEAT_SECONDS, self._silence):
                self._last_look = False
                self._wait(min(HEARTBEAT_SECONDS, self._silence))

    def _hand_on(self, data: bytes) -> None:
        self._buffer += data
        while (line := self._buffered()) is not None:
            self._heard = True
            self._line_at = time.monotonic()
            self._take(line)

    def _idle(self) -> None:
        """Nothing has come for as long as was asked for: say that we listen, or give up."""
        left = self._line_at + self._silence - time.monotonic()
        if left > 0:
            self._beat()
            self._wait(max(_LAST_LOOK_SECONDS, min(HEARTBEAT_SECONDS, left)))
        elif self._last_look:
            self._give_up(self._silent(self._silence))
        else:  # this process may have been suspended, and the lines lie there
            self._last_look = True
            self._wait(_LAST_LOOK_SECONDS)

    def _give_up(self, error: CollectError) -> None:
        self._verdict = error if self._verdict is None else self._verdict
        self._stream.cut()

    def _end(self) -> None:
        """The connection or the probe has ended: nobody may wait here, so a thread sees to it."""
        if self._finishing.acquire(blocking=False):
            name = f"ending {self._target}"
            try:
                threading.Thread(target=self._finish, name=name, daemon=True).start()
            except RuntimeError:  # there are no more threads: whoever closes this tries again
                self._finishing.release()

    def _finish(self) -> None:
        with self._reading:
            self._over = True
            try:
                while self._verdict is None and (data := self._stream.receive(0.0)):
                    self._hand_on(data)
            except CollectError as error:
                self._verdict = error
            reason = self._ended() if self._verdict is None else self._verdict
        self.close()
        self._ended_with(reason)
