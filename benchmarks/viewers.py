"""Measures the page: memory, start, ticks and how old it is with many viewers, beside its peers.

    python benchmarks/viewers.py [--servers 200] [--seconds 30] [--peers VENV]

One lab, real Chromium, viewers without a browser for the many. VENV is an environment with
jupyterlab and jupyterlab-nvdashboard; without it that row says what is missing. ``--quick`` is for
a quiet machine: starts and ages only, in less than five minutes.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.measured import tree_cpu_seconds
from benchmarks.viewers_lab import collected, make
from benchmarks.viewers_pages import (
    browsing,
    kernels,
    pss_mb,
    starts,
    wait,
    watch,
    watched_page,
)
from benchmarks.viewers_peers import bare_voila, nvdashboard

from scms.serve import serve, wait_until_ready

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.viewers_pages import Watched
    from playwright.sync_api import Browser, Page

    from scms.inventory import Inventory
    from scms.serve import Dashboard

NUMBERS = ".scms-tile-value"
PAGES = (
    ("reports", ".scms-reports table tbody tr"),
    ("find", ".scms-form"),
    ("outlook", ".scms-outlook, .scms-page-outlook [data-drawn]"),
)


def row(what: str, measured: str, beside: str = "") -> str:
    return f"| {what} | {measured} | {beside} |"


def settled(dashboard: Dashboard, kept: int) -> None:
    """Wait until nothing but the warm kernels is there and they have done their work."""
    wait(lambda: len(kernels(dashboard.process.pid)) == kept, f"{kept} kernels")
    wait(lambda: dashboard.running and _idle(dashboard), "idle kernels")


def _idle(dashboard: Dashboard) -> bool:
    pids = kernels(dashboard.process.pid)
    before = [tree_cpu_seconds(pid) for pid in pids]
    time.sleep(0.5)
    after = [tree_cpu_seconds(pid) for pid in pids]
    return all(b - a < 0.05 for a, b in zip(before, after, strict=True))


def busiest(dashboard: Dashboard) -> int:
    """The kernel of the one page; another is there that waits, and a page may get a new one."""
    return max(kernels(dashboard.process.pid), key=tree_cpu_seconds)


def started(inventory: Inventory, browser: Browser, times: int) -> Iterator[str]:
    for pool, name in ((0, "no kernel waits"), (1, "a kernel waits")):
        with serve(inventory, port=0, pool=pool) as dashboard:
            wait_until_ready(dashboard, timeout=120)
            ready = partial(settled, dashboard, pool)
            ready()
            before = tree_cpu_seconds(dashboard.process.pid)
            taken = starts(browser, dashboard.url, NUMBERS, ready, times=times)
            ready()  # the next kernel that waits is a part of the cost
            cost = (tree_cpu_seconds(dashboard.process.pid) - before) / times
            warm = statistics.median(taken[1:])
            yield row(
                f"request to first numbers, {name}",
                f"{warm:.2f} s",
                f"empty cache {taken[0]:.2f}; CPU of Voila and kernels {cost:.2f} s a start",
            )


def memory(dashboard: Dashboard, page: Page, warm: float) -> Iterator[str]:
    yield row("memory (PSS) of a kernel that waits", f"{warm:.0f} MB")
    page.wait_for_timeout(20_000)
    yield row("of one whose page is live", f"{pss_mb(busiest(dashboard)):.0f} MB", "aim 120 MB")
    for key, drawn in PAGES:
        if page.locator(f".scms-switch [data-key={key}]").count() == 0:
            continue
        page.click(f".scms-switch [data-key={key}]")
        script = "s => document.querySelector(s) !== null"
        page.wait_for_function(script, arg=drawn, polling=200, timeout=180_000)
        page.wait_for_timeout(5000)
        yield row(f"after {key.capitalize()}", f"{pss_mb(busiest(dashboard)):.0f} MB")
    page.click(".scms-switch [data-key=live]")
    server = pss_mb(dashboard.process.pid)
    yield row("of Voila itself", f"{server:.0f} MB")


def many(dashboard: Dashboard, page: Page, seconds: float) -> Iterator[str]:
    for count in (1, 5, 20):
        seen = watch(dashboard, count - 1, seconds, page)
        ages = [tick.age_seconds for tick in seen.ticks]
        shown = f"{statistics.median(seen.shown):.1f} / {max(seen.shown):.1f} s"
        others = (
            f"{statistics.median(ages):.1f} / {seen.percentile(ages, 99):.1f} s" if ages else ""
        )
        yield row(
            f"{count} viewers: age of the newest sample when it is shown, median / worst",
            shown,
            f"when it arrives at the others, median / p99: {others}" if others else "",
        )
        yield row(
            f"{count} viewers: CPU",
            f"{seen.kernel_cpu / seen.seconds:.2f} cores in kernels",
            f"{seen.server_cpu / seen.seconds:.2f} in Voila",
        )
        if count == 5:
            yield from tick_costs(seen)


def tick_costs(seen: Watched) -> Iterator[str]:
    ticks = len(seen.ticks) * 5 / 4  # the browser's page has as many as any other
    size = sum(each.size for each in seen.viewers) / len(seen.ticks)
    messages = sum(each.messages for each in seen.viewers) / len(seen.ticks)
    yield row(
        "a tick",
        f"{seen.kernel_cpu / ticks * 1000:.0f} ms of CPU in the kernel",
        f"{seen.server_cpu / ticks * 1000:.1f} ms in Voila, {size / 1000:.0f} kB in "
        f"{messages:.1f} messages",
    )


def live(inventory: Inventory, browser: Browser, options: argparse.Namespace) -> Iterator[str]:
    with serve(inventory, port=0, pool=1) as dashboard:
        wait_until_ready(dashboard, timeout=120)
        settled(dashboard, 1)
        (kernel,) = kernels(dashboard.process.pid)
        warm = pss_mb(kernel)
        page = watched_page(browser, dashboard.url)
        if not options.quick:
            yield from memory(dashboard, page, warm)
        yield from many(dashboard, page, options.seconds)
        kernel = busiest(dashboard)
        page.context.close()
        gone = wait(lambda: kernel not in kernels(dashboard.process.pid), "the kernel to end")
        yield row("until the kernel of a closed tab is gone", f"{gone:.1f} s")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--servers", type=int, default=200)
    options.add_argument("--seconds", type=float, default=30)
    options.add_argument("--peers", type=Path)
    options.add_argument("--lab", type=Path, help="a lab that an earlier run made and kept")
    options.add_argument("--quick", action="store_true")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="scms-bench-") as folder:
        place = Path(folder) if given.lab is None else given.lab
        inventory = make(place, given.servers, days=0 if given.quick else 2)
        print("| what | measured | beside it |\n|---|---|---|")
        with browsing() as browser:
            parts = [bare_voila(browser), nvdashboard(browser, given.peers, given.seconds)]
            with collected(inventory):
                parts[:0] = [started(inventory, browser, 4), live(inventory, browser, given)]
                for part in parts:
                    for line in part:
                        print(line, flush=True)


if __name__ == "__main__":
    main()
