"""A Spark Connect server with two workers, for tests: Sail, which PyPI has."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from servers.sshd import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

_SETTINGS = {
    "SAIL_MODE": "local-cluster",
    "SAIL_CLUSTER__WORKER_INITIAL_COUNT": "2",
    "RUST_LOG": "error",
}


def sail_program() -> Path:
    """Where Sail's command is, beside this Python."""
    return Path(sys.executable).with_name("sail")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def spark_connect(folder: Path, port: int) -> Iterator[str]:
    """Start one with two workers; gives its address once it answers."""
    with (folder / "sail.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sail_program(), "spark", "server", "--port", str(port)],
            env=os.environ | _SETTINGS,
            stdout=log,
            stderr=log,
        )
        try:
            wait_until(lambda: answers(port), seconds=60)
            yield f"sc://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=30)


def answers(port: int) -> bool:
    """Whether anything listens there."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
