"""What a page that is kept open goes through: a network that is gone, a restart, a night's sleep.

Each time it says within 5 s that it is not live, and comes back by itself, never blank.
"""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from browser.browsing import PATIENCE_MS, visit
from browser.cable import cable
from browser.test_faults import kernels, small_lab
from scms.serve import serve, wait_until_ready

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

    from browser.browsing import Visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]
#: The page says so within 5 s; this browser shares its machine with what it looks at.
SAID_MS = 5_000 + 1_500
#: How long a laptop sleeps here: long enough for the kernel to stop its ticks.
SLEEP_SECONDS = 15


def wait_lost(seen: Visit, *, within_ms: float = SAID_MS) -> None:
    """Wait until the page says that it is not connected, and how old its data is."""
    seen.page.wait_for_selector(".scms-link[data-state=bad]", timeout=within_ms)
    assert seen.text(".scms-link").startswith("Not connected")
    assert seen.text(".scms-age").startswith("Not live")
    assert seen.page.locator(".scms-card").count() == 4  # what was known stands there still


def wait_back(seen: Visit) -> None:
    """Wait until the page is live again without anybody's help."""
    seen.page.wait_for_selector(".scms-link[data-state=ok]", timeout=PATIENCE_MS)
    seen.wait_drawn()


def test_a_network_that_is_gone_is_said_and_the_page_comes_back(browser: Browser, tmp_path: Path):
    with (
        small_lab(tmp_path) as (_, dashboard),
        cable(dashboard.port) as line,
        visit(browser, dashboard.url.replace(str(dashboard.port), str(line.port))) as seen,
    ):
        seen.wait_drawn()
        line.pull()
        wait_lost(seen)
        seen.wait("/for (\\d\\d) s/.test(document.querySelector('.scms-link').textContent)")
        line.plug()
        wait_back(seen)


def test_a_kernel_that_hangs_is_said_and_the_page_goes_on_with_it(browser: Browser, tmp_path: Path):
    with small_lab(tmp_path) as (_, dashboard), visit(browser, dashboard.url) as seen:
        seen.wait_drawn()
        (kernel,) = kernels(dashboard)
        os.kill(kernel, signal.SIGSTOP)
        try:
            wait_lost(seen)
        finally:
            os.kill(kernel, signal.SIGCONT)
        wait_back(seen)


def test_a_kernel_that_is_killed_is_said_within_seconds(browser: Browser, tmp_path: Path):
    with small_lab(tmp_path) as (_, dashboard), visit(browser, dashboard.url) as seen:
        seen.wait_drawn()
        (kernel,) = kernels(dashboard)
        os.kill(kernel, signal.SIGKILL)
        wait_lost(seen)
        wait_back(seen)


def test_a_dashboard_that_is_restarted_gives_the_page_a_new_kernel(
    browser: Browser, tmp_path: Path
):
    with small_lab(tmp_path) as (collector, dashboard):
        port = dashboard.port
        with visit(browser, f"{dashboard.url}#live?order=Name&view=Table") as seen:
            seen.wait("document.querySelectorAll('.scms-servers tbody tr').length === 4")
            seen.wait("document.querySelector('.scms-age')?.dataset.state === 'live'")
            dashboard.stop()
            seen.page.wait_for_selector(".scms-link[data-state=bad]", timeout=SAID_MS)
            assert seen.page.locator(".scms-servers tbody tr").count() == 4
            with serve(collector.inventory, port=port, pool=0) as again:
                wait_until_ready(again, timeout=60)
                seen.page.wait_for_selector(".scms-link[data-state=ok]", timeout=PATIENCE_MS)
                seen.wait("document.querySelector('.scms-age')?.dataset.state === 'live'")
                # It shows what it showed before.
                seen.wait("document.querySelectorAll('.scms-servers tbody tr').length === 4")
                assert seen.page.url.endswith("#live?order=Name&view=Table")


def test_a_laptop_that_slept_wakes_up_to_a_live_page(browser: Browser, tmp_path: Path):
    with small_lab(tmp_path) as (_, dashboard), visit(browser, dashboard.url) as seen:
        seen.wait_drawn()
        tools = seen.page.context.new_cdp_session(seen.page)
        slept_at = seen.page.evaluate("performance.now()")
        tools.send("Page.setWebLifecycleState", {"state": "frozen"})
        seen.page.wait_for_timeout(SLEEP_SECONDS * 1000)  # this is the sleep, not a wait
        tools.send("Page.setWebLifecycleState", {"state": "active"})
        assert seen.page.evaluate("performance.now()") - slept_at >= SLEEP_SECONDS * 900
        wait_back(seen)
        before = seen.text(".scms-age")
        seen.wait("old => document.querySelector('.scms-age').textContent !== old", before)
