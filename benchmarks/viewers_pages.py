"""What the benchmarks of the page measure: processes, starts in a real browser, many viewers.

In: a dashboard that runs, or another server of pages. Out: seconds, bytes and their medians.
"""

from __future__ import annotations

import asyncio
import statistics
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.measured import tree_cpu_seconds  # this makes the helpers of the tests importable

from browser.browsing import chromium
from serve.speaking import Tick, Viewer, viewer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from scms.serve import Dashboard

PATIENCE: Final = 180
SETTLING: Final = 20
#: Keeps, for every clock that the page shows anew, what it was told last and when it showed that.
_WATCH: Final = """(() => {
  window.scmsShown = [];
  let told = null, said = "";
  const Native = window.WebSocket;
  window.WebSocket = class extends Native {
    constructor(...values) {
      super(...values);
      this.addEventListener("message", ({ data }) => {
        if (!(data instanceof ArrayBuffer)) return;
        const text = new TextDecoder("latin1").decode(data.slice(0, 4000));
        const asOf = /"as_of": ([0-9.]+)/.exec(text), newest = /"newest": ([0-9.]+)/.exec(text);
        if (asOf && newest) told = Number(asOf[1]) - 1000 * Number(newest[1]);
      });
    }
  };
  setInterval(() => {
    const now = document.querySelector(".scms-age")?.textContent ?? "";
    if (now === said || told === null) return;
    said = now;
    window.scmsShown.push((Date.now() - told) / 1000);
  }, 20);
})()"""


def children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(child) for child in task.read_text().split()]
    return found


def command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode().replace("\0", " ")


def kernels(server: int) -> list[int]:
    """The kernels of a server: forks of a nursery below it, or programs of their own."""
    found = []
    for child in children(server):
        said = command(child)
        if "nursery" in said:
            found += children(child)
        elif "ipykernel" in said:
            found.append(child)
    return sorted(found)


def pss_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1000
    raise ValueError(f"process {pid} has no Pss")


def wait(condition: Any, what: str, seconds: float = PATIENCE) -> float:
    """Wait; returns how long that took."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            raise TimeoutError(what)
        time.sleep(0.02)
    return time.monotonic() - began


@contextmanager
def browsing(program: str = "/usr/bin/chromium") -> Iterator[Browser]:
    with chromium(program) as started:
        yield started


def show(page: Page, url: str, drawn: str) -> float:
    """Open a page; seconds until an element is there with a text, on the page's own clock."""
    page.goto(url, wait_until="commit", timeout=1000 * PATIENCE)
    script = "s => document.querySelector(s)?.textContent && performance.now() / 1000"
    found = page.wait_for_function(script, arg=drawn, polling=20, timeout=1000 * PATIENCE)
    return float(found.json_value())


def starts(browser: Browser, url: str, drawn: str, ready: Any, *, times: int) -> list[float]:
    """Seconds of so many starts in one browser; the first has nothing in its cache."""
    context = browser.new_context()
    taken = []
    for _ in range(times):
        ready()
        page = context.new_page()
        taken.append(show(page, url, drawn))
        page.close(run_before_unload=True)
    context.close()
    return taken


@dataclass
class Watched:
    """What a number of viewers at once saw and cost."""

    viewers: list[Viewer]
    shown: list[float]
    seconds: float
    kernel_cpu: float
    server_cpu: float

    @property
    def ticks(self) -> list[Tick]:
        return [tick for each in self.viewers for tick in each.ticks]

    def percentile(self, values: list[float], percent: int) -> float:
        return statistics.quantiles(values, n=100)[percent - 1] if len(values) > 1 else values[0]


def watch(dashboard: Dashboard, count: int, seconds: float, page: Page | None) -> Watched:
    """So many viewers without a browser, and one page in a browser if given."""
    found: list[Viewer] = []

    async def one() -> None:
        async with viewer(dashboard.url) as seen:
            found.append(seen)
            await seen.watch(seconds + SETTLING + 20)

    async def all_of_them() -> None:
        await asyncio.gather(*(one() for _ in range(count)))

    thread = threading.Thread(target=lambda: asyncio.run(all_of_them()))
    thread.start()
    wait(lambda: sum(bool(each.ticks) for each in found) == count, "viewers that see ticks")
    time.sleep(SETTLING)  # whoever comes reads a quarter of an hour once
    if page is not None:
        page.evaluate("window.scmsShown.length = 0")
    for each in found:
        each.ticks, each.size, each.messages = [], 0, 0
    before = _spent(dashboard)
    began = time.monotonic()
    time.sleep(min(seconds, 15) if not count else seconds)
    after, taken = _spent(dashboard), time.monotonic() - began
    # A page that was loaded anew has another kernel: what ended or began meanwhile does not count.
    of_kernels = sum(after[pid] - before[pid] for pid in after.keys() & before.keys())
    server = dashboard.process.pid
    copies = [Viewer(v.kernel, v.socket, v.size, v.messages, [*v.ticks]) for v in found]
    shown = [] if page is None else [float(n) for n in page.evaluate("window.scmsShown")]
    thread.join()
    of_server = after[server] - before[server]
    return Watched(copies, shown, taken, of_kernels - of_server, of_server)


def _spent(dashboard: Dashboard) -> dict[int, float]:
    """CPU seconds of each kernel with what it started, and of the server without."""
    server = dashboard.process.pid
    return {kernel: tree_cpu_seconds(kernel) for kernel in kernels(server)} | {
        server: time.clock_gettime((~server << 3) | 2)
    }


def watched_page(browser: Browser, url: str) -> Page:
    """The live page in a browser that keeps how old what it shows was."""
    page = browser.new_context().new_page()
    page.add_init_script(_WATCH)
    show(page, url, ".scms-tile-value")
    return page
