"""Every page over the simulated lab of 200 servers: what is shown is what the cluster says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from browser.browsing import PATIENCE_MS, visit
from scms.cluster import Cluster
from scms.serve import Dashboard, serve, wait_until_ready
from scms.warehouse import Warehouse
from widgets.simulated import Collector
from widgets.simulated import inventory as simulated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from browser.browsing import Visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SERVERS = 200
PHONE = (390, 844)
CARDS = "[...document.querySelectorAll('.scms-card:not([hidden]) h3')].map((e) => e.textContent)"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """The lab as it was a moment ago: nobody collects, so that two looks see the same."""
    # Ticks that are an hour apart are fresh for longer than the tests take.
    inventory = simulated(tmp_path_factory.mktemp("demo"), servers=SERVERS, interval=3600)
    Warehouse.open(inventory).ensure_tables()
    collector = Collector(inventory)
    collector.past(minutes=1, step=30)
    collector.close()
    return Cluster(inventory)


@pytest.fixture(scope="module")
def dashboard(lab: Cluster) -> Iterator[Dashboard]:
    with serve(lab.inventory, port=0) as started:
        wait_until_ready(started, timeout=120)
        yield started


def wait_for_cards(seen: Visit) -> None:
    seen.wait("document.querySelector('.scms-card .scms-meter-value') !== null")
    seen.wait(f"document.querySelectorAll('.scms-card').length === {SERVERS}")


def tile(seen: Visit, key: str) -> str:
    return seen.text(f"[data-key={key}] .scms-tile-value")


def test_the_headline_is_the_sum_of_the_servers(
    browser: Browser, dashboard: Dashboard, lab: Cluster
):
    now, devices = lab.now(), lab.devices()
    with visit(browser, dashboard.url) as seen:
        wait_for_cards(seen)
        up = now["state"].isin(["up", "degraded"]).sum()
        free = ((devices["state"] == "free") & devices["held_by"].isna()).sum()
        assert tile(seen, "up") == str(up)
        assert tile(seen, "free") == str(free)
        assert seen.text("[data-key=free] .scms-tile-suffix") == f"/ {len(devices)}"
        assert seen.page.locator(".scms-card .scms-cell").count() == len(devices)
        assert seen.foreign == []
        assert seen.complaints == []


def test_a_search_leaves_what_the_cluster_leaves(
    browser: Browser, dashboard: Dashboard, lab: Cluster
):
    with visit(browser, dashboard.url) as seen:
        wait_for_cards(seen)
        for search in ("gpus>=8 not gpu-a", "group:nlp free>=2", "cpu>40"):
            wanted = sorted(lab.now(search)["server"])
            assert 0 < len(wanted) < SERVERS
            seen.page.locator(".scms-search input").fill(search)
            seen.wait(f"names => JSON.stringify({CARDS}.sort()) === JSON.stringify(names)", wanted)


def test_the_page_of_a_server_has_its_gpus_and_processes(
    browser: Browser, dashboard: Dashboard, lab: Cluster
):
    busy = lab.devices().query("state == 'busy'")["server"].iloc[0]
    count = int((lab.devices()["server"] == busy).sum())
    with visit(browser, f"{dashboard.url}#server/{busy}") as seen:
        assert seen.text(".scms-server-line h2") == busy
        seen.wait("n => document.querySelectorAll('.scms-gpu').length === n", count)
        assert seen.foreign == []
        assert seen.complaints == []


def test_a_report_draws(browser: Browser, dashboard: Dashboard):
    with visit(browser, f"{dashboard.url}#reports") as seen:
        seen.page.wait_for_selector(".scms-reports table tbody tr", timeout=PATIENCE_MS)
        assert seen.foreign == []
        assert seen.complaints == []


def test_find_names_servers_that_have_what_is_asked(
    browser: Browser, dashboard: Dashboard, lab: Cluster
):
    free = {*lab.now("free>=1")["server"]}
    with visit(browser, f"{dashboard.url}#find") as seen:
        seen.page.wait_for_selector(".scms-form", timeout=PATIENCE_MS)
        seen.page.get_by_role("button", name="Find servers").click()
        seen.page.wait_for_selector(".scms-candidate", timeout=PATIENCE_MS)
        named = seen.page.locator(".scms-candidate").first.get_attribute("data-server")
        assert named in free
        assert seen.foreign == []
        assert seen.complaints == []


def test_without_a_past_outlook_and_scorecard_say_so(browser: Browser, dashboard: Dashboard):
    with visit(browser, f"{dashboard.url}#outlook") as seen:
        problem = seen.page.get_by_text("0 hours of load are known; expected at least 48")
        problem.wait_for(timeout=PATIENCE_MS)
        seen.page.click(".scms-switch [data-key=scorecard]")
        seen.page.wait_for_selector(".scms-scorecard >> visible=true", timeout=PATIENCE_MS)
        assert seen.foreign == []
        assert seen.complaints == []


@pytest.mark.parametrize("key", ["live", "reports"])
def test_two_hundred_servers_fit_a_phone(browser: Browser, dashboard: Dashboard, key: str):
    ready = {"live": ".scms-card", "reports": ".scms-reports table tbody tr"}
    with visit(browser, f"{dashboard.url}#{key}", size=PHONE) as seen:
        seen.page.wait_for_selector(ready[key], timeout=PATIENCE_MS)
        wide = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        assert seen.page.evaluate(wide)


def test_the_plain_page_says_the_same(browser: Browser, dashboard: Dashboard, lab: Cluster):
    now = lab.now()
    with visit(browser, f"{dashboard.url}plain", size=PHONE) as seen:
        rows = seen.page.eval_on_selector_all(
            "tbody tr", "rows => rows.map((r) => [r.cells[0].textContent, r.cells[1].textContent])"
        )
        assert rows == [*map(list, zip(now["server"], now["state"], strict=True))]
        assert seen.complaints == []
