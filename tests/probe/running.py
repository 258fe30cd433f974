"""A probe started as a server's shell would start it, read line by line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from scms.collect.bootstrap import bootstrap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


class RunningProbe:
    """``next()`` is the next message of the probe, as a dict."""

    def __init__(self, process: subprocess.Popen[bytes], nonce: str) -> None:
        self.process = process
        self._nonce = nonce.encode()

    def next(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith(self._nonce + b" {"), line
        message: dict[str, Any] = json.loads(line[len(self._nonce) + 1 :])
        return message

    def until(self, condition: Callable[[dict[str, Any]], Any], seconds: float = 15) -> Any:
        """The first message for which the condition holds."""
        deadline = time.monotonic() + seconds
        while True:
            message = self.next()
            if condition(message):
                return message
            assert time.monotonic() < deadline, f"not within {seconds} s; last: {message}"


@contextmanager
def running_probe(
    environment: Mapping[str, str] | None = None,
    *,
    interval_seconds: float = 0.2,
    hang_seconds: float = 10.0,
    python: str = sys.executable,
) -> Iterator[RunningProbe]:
    """Start the probe; it ends when its input is closed."""
    boot = bootstrap(
        interval_seconds=interval_seconds, hang_seconds=hang_seconds, pythons=(python,)
    )
    with subprocess.Popen(
        ["/bin/sh", "-c", boot.command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **(environment or {})},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == f"{boot.nonce} READY\n".encode()
        process.stdin.write(boot.payload)
        process.stdin.flush()
        try:
            yield RunningProbe(process, boot.nonce)
        finally:
            process.stdin.close()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
