"""The same of two peers: a bare Voila page, and jupyterlab-nvdashboard.

In: a browser, and an environment with the peer. Out: rows of a table; a peer that is not there, or
cannot run, is told so.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from benchmarks.measured import row, tree_cpu_seconds
from benchmarks.viewers_pages import kernels, pss_mb, show, starts, wait

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

CELL = "import ipywidgets\nipywidgets.HTML('<b class=there>there</b>')"
_NVDASHBOARD = ("gpu_utilization", "gpu_usage", "gpu_resource")


def free_port() -> int:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def running(command: list[str], url: str, folder: Path, **environment: str) -> Iterator[int]:
    """A server, once it answers; its process id."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=os.environ | environment, stdout=log, stderr=log
        )
    try:
        wait(lambda: _answers(url), f"{url}: {(folder / 'log').read_text()[-400:]}", 120)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def _answers(url: str) -> bool:
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=30) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def bare_voila(browser: Browser) -> Iterator[str]:
    """Voila as it is, with one widget that does nothing."""
    with tempfile.TemporaryDirectory(prefix="scms-bench-") as name:
        folder, port = Path(name), free_port()
        cell: dict[str, Any] = {"cell_type": "code", "id": "a", "source": CELL}
        cell |= {"metadata": {}, "outputs": [], "execution_count": None}
        spec = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
        notebook = {"cells": [cell], "metadata": spec, "nbformat": 4, "nbformat_minor": 5}
        (folder / "bare.ipynb").write_text(json.dumps(notebook))
        url = f"http://127.0.0.1:{port}/"
        command = [sys.executable, "-m", "voila", "bare.ipynb", f"--port={port}", "--no-browser"]
        # The stock template asks other hosts for a font: those requests fail at once here.
        with running(
            [*command, "--Voila.ip=127.0.0.1"], f"{url}voila/static/voila.js", folder
        ) as pid:
            context = browser.new_context()
            page = context.new_page()
            show(page, url, ".there")
            (kernel,) = kernels(pid)[-1:]
            memory = pss_mb(kernel)
            context.close()
            taken = starts(browser, url, ".there", lambda: None, times=6)
            yield row("bare Voila, one widget: memory (PSS) of the kernel", f"{memory:.0f} MB", "")
            yield row(
                "bare Voila: request to the widget, no kernel waits",
                f"{statistics.median(taken[1:]):.2f} s",
                f"empty cache {taken[0]:.2f}",
            )


def nvdashboard(browser: Browser, venv: Path | None, seconds: float) -> Iterator[str]:
    """The notebook-native view, of one machine with 8 GPUs of a fake driver."""
    if venv is None or not (venv / "bin" / "jupyter").exists():
        yield row("jupyterlab-nvdashboard", "not measured", "no --peers with jupyterlab in it")
        return
    from nvml.fake import FakeDriver, build

    with tempfile.TemporaryDirectory(prefix="scms-bench-") as name:
        folder, port = Path(name), free_port()
        driver = FakeDriver(build(folder / "nvml", "cc"), folder / "gpus")
        driver.set(gpus=8, util=40)
        url = f"http://127.0.0.1:{port}/"
        command = [str(venv / "bin" / "jupyter"), "lab", "--no-browser", f"--port={port}",
                   "--ip=127.0.0.1", "--IdentityProvider.token=", "--allow-root"]  # fmt: skip
        if hasattr(os, "geteuid") and os.geteuid() != 0:
            command.remove("--allow-root")
        with running(command, f"{url}api/status", folder, **driver.environment) as pid:
            before = pss_mb(pid)
            yield from _charts(browser, url, pid, seconds, before)


def _charts(browser: Browser, url: str, pid: int, seconds: float, before: float) -> Iterator[str]:
    page = browser.new_context().new_page()
    first = show(page, f"{url}lab", ".jp-Launcher-body, .jp-LauncherCard")
    again = show(page, f"{url}lab", ".jp-Launcher-body, .jp-LauncherCard")
    script = """async ([names, seconds]) => {
      const seen = { messages: 0, bytes: 0 };
      const base = location.origin.replace("http", "ws") + "/nvdashboard/";
      const open = names.map((name) => new WebSocket(base + name));
      for (const socket of open) socket.onmessage = ({ data }) => {
        seen.messages += 1;
        seen.bytes += data.length;
      };
      await new Promise((done) => setTimeout(done, seconds * 1000));
      open.forEach((socket) => socket.close());
      return seen;
    }"""
    spent, began = tree_cpu_seconds(pid), time.monotonic()
    seen: dict[str, Any] = page.evaluate(script, [list(_NVDASHBOARD), seconds])
    spent, taken = tree_cpu_seconds(pid) - spent, time.monotonic() - began
    yield row(
        "jupyterlab-nvdashboard, 8 GPUs of one machine: memory (PSS) of its server",
        f"{pss_mb(pid):.0f} MB",
        f"{before:.0f} MB before the first page; one for all viewers of one user",
    )
    yield row("JupyterLab there: request to its launcher", f"{again:.2f} s", f"first {first:.2f}")
    if not seen["messages"]:
        yield row("its tick", "no messages", "it found no GPU")
        return
    ticks = seen["messages"] / len(_NVDASHBOARD)
    yield row(
        "its tick of three charts",
        f"{spent / ticks * 1000:.1f} ms of CPU in its server ({taken:.0f} s)",
        f"{seen['bytes'] / ticks / 1000:.1f} kB in {len(_NVDASHBOARD)} messages",
    )
    page.context.close()
