"""What the page does when something is wrong: silence, restarts, hostile servers, strangers."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from browser.browsing import PATIENCE_MS, visit, wait_until
from scms.serve import serve, wait_until_ready
from widgets.simulated import Collector
from widgets.simulated import inventory as simulated

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from playwright.sync_api import Browser

    from scms.collect.record import Record
    from scms.serve import Dashboard

pytestmark = [pytest.mark.browser, pytest.mark.slow]
HOSTILE = "<script>window.pwned = 1</script><img src=x onerror='window.pwned = 1'>"


@contextmanager
def small_lab(
    tmp_path: Path, *, dashboard: dict[str, Any] | None = None, **options: Any
) -> Iterator[tuple[Collector, Dashboard]]:
    """Four simulated servers, a collector that can be stopped, and a dashboard."""
    inventory = simulated(tmp_path, servers=4, dashboard=dashboard or {})
    collector = Collector(inventory, **options)
    collector.past(minutes=0.5, step=5)
    collector.start()
    try:
        with serve(inventory, port=0, pool=0) as served:
            wait_until_ready(served, timeout=60)
            yield collector, served
    finally:
        collector.close()


def hostile(record: Record) -> Record:
    """The record as a server would send it that wants to run code on the page."""
    tables = {
        name: [
            {k: HOSTILE if k in {"device_name", "user", "reason", "command"} else v
             for k, v in row.items()}
            for row in rows
        ]
        for name, rows in record.tables.items()
    }  # fmt: skip
    for row in tables["server_sample"]:
        row["state"] = "degraded"
    return replace(record, tables=tables)


def kernels(dashboard: Dashboard) -> list[int]:
    """The process ids of the kernels of a dashboard: they are forks of its nursery."""
    nurseries = [p for p in _children(str(dashboard.process.pid)) if b"nursery" in _command(p)]
    return [int(pid) for nursery in nurseries for pid in _children(nursery)]


def _children(pid: str) -> list[str]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [child for task in tasks for child in task.read_text().split()]


def _command(pid: str) -> bytes:
    try:
        return Path("/proc", pid, "cmdline").read_bytes()
    except FileNotFoundError:
        return b""


def ask(url: str, *, host: str | None = None, method: str = "GET") -> tuple[int, str]:
    """Status and body of an answer."""
    request = Request(url, headers={"Host": host} if host else {}, method=method)
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=30) as answer:
            return answer.status, answer.read().decode(errors="replace")
    except HTTPError as error:
        return error.code, ""


def test_a_silent_collector_is_said_within_seconds(browser: Browser, tmp_path: Path):
    with small_lab(tmp_path) as (collector, dashboard), visit(browser, dashboard.url) as seen:
        seen.wait_drawn()
        collector.stop()
        seen.page.wait_for_selector(".scms-age[data-state=late]", timeout=12_000)
        assert "Not live · newest data" in seen.text(".scms-age")
        assert seen.text(".scms-link") == "Connected"
        collector.start()
        seen.page.wait_for_selector(".scms-age[data-state=live]", timeout=PATIENCE_MS)


def test_a_lost_kernel_is_said_and_the_page_comes_back(browser: Browser, tmp_path: Path):
    with small_lab(tmp_path) as (_, dashboard), visit(browser, dashboard.url) as seen:
        seen.wait_drawn()
        (kernel,) = kernels(dashboard)
        os.kill(kernel, signal.SIGKILL)
        seen.page.wait_for_selector(".scms-link[data-state=bad]", timeout=PATIENCE_MS)
        assert seen.text(".scms-age").startswith("Not live")
        seen.page.wait_for_selector(".scms-link[data-state=ok]", timeout=PATIENCE_MS)
        seen.wait_drawn()


def test_a_script_that_got_lost_is_fetched_again(browser: Browser, tmp_path: Path):
    lost: list[str] = []

    def lose_one(route: Any) -> None:
        if lost:
            route.continue_()
        else:
            lost.append(route.request.url)
            route.abort("failed")

    with small_lab(tmp_path) as (_, dashboard), visit(browser, "about:blank") as seen:
        seen.page.route("**/widgets-manager8/static/*.js*", lose_one)
        seen.page.goto(dashboard.url, timeout=PATIENCE_MS)
        seen.wait_drawn()
        assert len(lost) == 1


def test_a_kernel_ends_with_its_page(browser: Browser, tmp_path: Path):
    with small_lab(tmp_path) as (_, dashboard), visit(browser, dashboard.url) as seen:
        seen.wait_drawn()
        assert len(kernels(dashboard)) == 1
        seen.page.goto("about:blank")
        wait_until(lambda: not kernels(dashboard), seconds=20)


def test_what_servers_send_is_text(browser: Browser, tmp_path: Path):
    with (
        small_lab(tmp_path, twist=hostile) as (_, dashboard),
        visit(browser, dashboard.url) as seen,
    ):
        seen.wait_drawn()
        assert seen.text(".scms-card .scms-reason").startswith("degraded: <script>")
        for key, ready in (("find", ".scms-form"), ("reports", ".scms-reports .scms-table")):
            seen.open(key)
            seen.page.wait_for_selector(ready, timeout=PATIENCE_MS)
        seen.page.locator(".scms-use-head select").first.select_option("User")
        seen.page.wait_for_selector("td:has-text('<script>')", timeout=PATIENCE_MS)
        assert seen.page.evaluate("window.pwned") is None


def test_viewers_see_no_code_and_no_files(tmp_path: Path):
    with small_lab(tmp_path) as (_, dashboard):
        status, page = ask(dashboard.url)
        assert status == 200
        assert "import scms" not in page
        paths = ("voila/files/scms.ipynb", "voila/api/contents", "voila/tree", "scms.ipynb",
                 "api/contents", "api/sessions", "scms/..%2fscms.ipynb")  # fmt: skip
        for path in paths:
            assert ask(dashboard.url + path)[0] in {403, 404}, path


def test_names_of_other_machines_are_not_answered(tmp_path: Path):
    with small_lab(tmp_path) as (_, dashboard):
        assert ask(dashboard.url, host="evil.example")[0] == 403


def test_the_plain_page_says_the_same_without_scripts_and_escapes_it(tmp_path: Path):
    with small_lab(tmp_path, twist=hostile) as (_, dashboard):
        status, page = ask(f"{dashboard.url}plain")
        assert status == 200
        assert "4 of 4 servers answer" in page
        assert "&lt;script&gt;window.pwned" in page
        assert "<script" not in page


def test_the_plain_page_can_be_left_as_it_is(tmp_path: Path):
    with small_lab(tmp_path) as (_, dashboard):
        assert 'http-equiv="refresh"' in ask(f"{dashboard.url}plain")[1]
        still = ask(f"{dashboard.url}plain?still")[1]
        assert 'http-equiv="refresh"' not in still
        assert "this page stays as it is" in still


def test_one_viewer_too_many_is_told_so(browser: Browser, tmp_path: Path):
    with (
        small_lab(tmp_path, dashboard={"max_viewers": 1}) as (_, dashboard),
        visit(browser, dashboard.url) as seen,
    ):
        seen.wait_drawn()
        assert ask(dashboard.url)[0] == 503
        assert ask(f"{dashboard.url}plain")[0] == 200
        seen.page.goto("about:blank")
        wait_until(lambda: ask(dashboard.url)[0] == 200, seconds=30)


def test_a_stranger_needs_the_token(browser: Browser, tmp_path: Path):
    inventory = simulated(tmp_path, servers=2)
    with serve(inventory, host="0.0.0.0", port=0, pool=0) as dashboard:
        local = dashboard.url_here
        wait_until_ready(dashboard, timeout=60)
        assert dashboard.token is not None
        with visit(browser, local.split("?")[0]) as seen:
            assert seen.page.locator(".scms-app").count() == 0
        with visit(browser, local) as seen:
            seen.page.wait_for_selector(".scms-tile", timeout=PATIENCE_MS)
