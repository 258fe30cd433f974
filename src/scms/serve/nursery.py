"""Kernels by fork: one process that has imported what a page needs, and begets every kernel.

In: requests of `scms.serve.forked.Nursery` over a socket: arguments, environment and folder of a
kernel. Out: its process id and a pidfd. What was imported here is shared by all kernels, and a
kernel starts in a tenth of the time. It has one thread and no event loop, else it could not fork;
when the server closes the socket it ends, and the kernels end when they see that.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, Final

#: What every page of the dashboard imports. Nothing here starts a thread.
PRELOADED: Final = (
    "ipykernel.kernelapp",
    "ipykernel.ipkernel",
    "ipywidgets",
    "scms.cluster",
    "scms.widgets.app",
    "scms.widgets.feed.charts",
    "scms.live",
    "scms.recommend.holds",
    "bokeh.embed",
)


def main() -> None:
    """Serve requests on the socket whose descriptor is the first argument."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    # Kernels watch their parent, whom they learn of when their class is made.
    os.environ["JPY_PARENT_PID"] = str(os.getpid())
    gc.disable()
    for name in PRELOADED:
        import_module(name)
    gc.collect()
    gc.freeze()  # a collection in a kernel would write into every shared page
    threads = len(list(Path("/proc/self/task").iterdir()))
    channel.sendall(json.dumps({"threads": threads}).encode() + b"\n")
    # Nobody waits for the kernels: whoever asked for one sees by its pidfd that it has ended.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with channel, channel.makefile("rb") as requests:
        for line in requests:
            request = json.loads(line)
            pid = os.fork()
            if pid == 0:
                break
            _tell(channel, pid)
        else:
            return
    run_kernel(request)


def _tell(channel: socket.socket, pid: int) -> None:
    """Say which process was made, with something by which its end is seen."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        channel.sendall(b'{"pid": null}\n')
        return
    socket.send_fds(channel, [json.dumps({"pid": pid}).encode() + b"\n"], [handle])
    os.close(handle)


def run_kernel(request: dict[str, Any]) -> None:
    """Be the kernel, until it is told to end."""
    from ipykernel.kernelapp import IPKernelApp
    from ipywidgets import register_comm_target

    os.setsid()  # an interrupt is for its own group only
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    gc.enable()
    kernel = IPKernelApp.instance()
    kernel.initialize(request["arguments"])
    register_comm_target()  # when it was imported, there was no kernel to register with
    kernel.start()


if __name__ == "__main__":
    main()
