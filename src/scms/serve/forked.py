"""How the server asks for kernels by fork, and does without where that cannot be had.

In: what Jupyter wants to start. Out: a process as its provisioner knows it. Where there is no
pidfd (not Linux), or the nursery does not answer, kernels are started one by one as ever.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner

_LAUNCHER: Final = "ipykernel_launcher"
#: Few arenas, and freed memory given back: a kernel has threads that are hardly ever busy.
_LEAN: Final = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_TRIM_THRESHOLD_": "131072",
    "OPENBLAS_NUM_THREADS": "1",  # its threads would stand in the way of a fork
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}
#: Nobody types into these kernels: nothing to remember in a file, no debugger to attach.
_QUIET: Final = ("--HistoryManager.enabled=False", "--log-level=ERROR")


class NurseryError(Exception):
    """The nursery cannot make a kernel; another way is taken."""


class Forked:
    """A kernel that the nursery made: the part of `subprocess.Popen` that Jupyter uses."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int, handle: int) -> None:
        self.pid = pid
        self._handle = handle

    def poll(self) -> int | None:
        """None while it runs; how it ended is known to nobody."""
        return self.wait() if self._ended(0) else None

    def wait(self) -> int:
        """Wait for its end."""
        self._ended(None)
        return 0

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._handle, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    def _ended(self, timeout: float | None) -> bool:
        poll = select.poll()
        poll.register(self._handle, select.POLLIN)
        return bool(poll.poll(None if timeout is None else timeout * 1000))

    def __del__(self) -> None:
        os.close(self._handle)


class Nursery:
    """The process that makes the kernels; started when the first is wanted, and again if lost."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None

    def start(self, arguments: list[str], environment: dict[str, str], folder: str) -> Forked:
        """Make a kernel; blocks for some milliseconds, the first time until all is imported.

        Raises:
            NurseryError: It cannot.
        """
        request = {"arguments": arguments, "environment": environment, "folder": folder}
        with self._lock:
            try:
                return self._ask(self._open(), json.dumps(request).encode() + b"\n")
            except (OSError, ValueError) as error:
                self._close()
                raise NurseryError(str(error)) from error

    def close(self) -> None:
        """End it; the kernels see that and end too."""
        with self._lock:
            self._close()

    def _open(self) -> socket.socket:
        if self._channel is not None and self._process is not None and self._process.poll() is None:
            return self._channel
        self._close()
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", "scms.serve.nursery", str(theirs.fileno())]
            self._process = subprocess.Popen(
                command,
                env=os.environ | _LEAN,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        self._channel = ours
        ours.settimeout(60)
        ready = json.loads(ours.recv(4096) or b"{}")
        if ready.get("threads") != 1:
            raise ValueError(f"the nursery cannot fork: {ready or 'it has ended'}")
        return ours

    @staticmethod
    def _ask(channel: socket.socket, request: bytes) -> Forked:
        channel.sendall(request)
        answer, handles, _, _ = socket.recv_fds(channel, 4096, 1)
        pid = json.loads(answer or b"{}").get("pid")
        if pid is None or not handles:
            raise ValueError("the nursery made no kernel")
        return Forked(pid, handles[0])

    def _close(self) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None


class ForkingProvisioner(LocalProvisioner):  # type: ignore[misc]  # jupyter_client is not followed
    """Starts kernels through the nursery; all else is as with any local kernel."""

    nursery: Nursery

    async def launch_kernel(self, cmd: list[str], **values: Any) -> Any:
        """Start a kernel."""
        known = {"env", "cwd", "kernel_id", "extra_arguments"}
        if _LAUNCHER not in cmd or not values.keys() <= known:
            return await super().launch_kernel(cmd, **values)
        arguments = [*cmd[cmd.index(_LAUNCHER) + 1 :], *_QUIET]
        self.cwd = values.get("cwd") or Path.cwd()
        environment = dict(values.get("env") or os.environ)
        try:
            self.process = await asyncio.to_thread(
                self.nursery.start, arguments, environment, str(self.cwd)
            )
        except NurseryError as error:
            self.log.warning("kernels are started one by one: %s", error)
            return await super().launch_kernel(cmd, **values)
        self.pid = self.pgid = self.process.pid
        return self.connection_info


class ForkingFactory(KernelProvisionerFactory):  # type: ignore[misc]  # as above
    """Gives every kernel of this process our provisioner; make it with ``instance()`` first."""

    nursery: Nursery

    def create_provisioner_instance(self, kernel_id: str, kernel_spec: Any, parent: Any) -> Any:
        """The provisioner of one kernel."""
        made = ForkingProvisioner(kernel_id=kernel_id, kernel_spec=kernel_spec, parent=parent)
        made.nursery = self.nursery
        return made


def fork_kernels() -> Nursery | None:
    """Let all kernels of this process come from a nursery, where there can be one."""
    if not hasattr(os, "pidfd_open") or not hasattr(signal, "pidfd_send_signal"):
        return None
    nursery = Nursery()
    ForkingFactory.instance().nursery = nursery
    return nursery
