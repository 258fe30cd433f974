"""This machine as a server: the same bootstrap, run by ``/bin/sh`` as a child process."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
from typing import Final

from scms.errors import ConnectError

#: The Python that runs the collector is there for certain.
PYTHONS: Final = (sys.executable,)
_PATIENCE_SECONDS: Final = 2.0


class LocalStream:
    """A child process. One thread reads and sends; any thread may close."""

    def __init__(self, command: str) -> None:
        try:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the collector, which then ends the probe
            )
        except OSError as error:
            raise ConnectError(f"/bin/sh cannot be started: {error}") from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        self._closing, self._reading = threading.Lock(), threading.Lock()
        self._closed = False

    def receive(self, timeout: float) -> bytes | None:
        """What has come; empty at the end of it, None when nothing came in ``timeout`` seconds."""
        with self._reading:
            if self._output.closed:
                return b""
            poll = select.poll()
            poll.register(self._output, select.POLLIN)
            if not poll.poll(timeout * 1000):
                return None
            return os.read(self._output.fileno(), 65536)

    def send(self, data: bytes) -> None:
        """Send all of it."""
        try:
            self._input.write(data)
            self._input.flush()
        except (OSError, ValueError) as error:
            raise ConnectError(f"the local probe ended ({self.ending()})") from error

    def ending(self) -> str:
        """How it ended, for people."""
        try:
            return f"exit status {self._process.wait(_PATIENCE_SECONDS)}"
        except subprocess.TimeoutExpired:
            return "its output was closed"

    def close(self) -> None:
        """End the probe: it goes when its input ends, and is killed where it does not."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            with contextlib.suppress(OSError):  # what was left to send has nobody to read it
                self._input.close()
            try:
                self._process.wait(_PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)  # of a shell and the probe
                self._process.wait()
        with self._reading:  # a reader has seen the end by now
            self._output.close()
