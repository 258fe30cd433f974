"""The three pages in a real browser, over a real Voila, a real collector and a real warehouse."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from browser.browsing import PATIENCE_MS, visit
from browser.screenshots import show_find, show_reports, take
from scms.cluster import Cluster

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

    from scms.inventory import Inventory
    from scms.serve import Dashboard

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_every_page_draws_and_asks_nobody_else(browser: Browser, dashboard: Dashboard):
    with visit(browser, dashboard.url) as seen:
        seen.wait_drawn()
        show_reports(seen)
        show_find(seen)
        assert seen.foreign == []
        assert seen.complaints == []
        assert len(seen.requests) > 10


def test_numbers_change_by_themselves(browser: Browser, dashboard: Dashboard):
    with visit(browser, dashboard.url) as seen:
        seen.wait_drawn()
        before = seen.text(".scms-age")
        # Of all cards: at night what a single tile rounds to may stay the same for minutes.
        numbers = (
            "[...document.querySelectorAll('.scms-meter-value')].map((e) => e.textContent).join()"
        )
        shown = seen.page.evaluate(numbers)
        seen.wait("old => document.querySelector('.scms-age').textContent !== old", before)
        seen.wait(f"old => {numbers} !== old", shown)


def test_the_page_says_what_the_cluster_says(
    browser: Browser, dashboard: Dashboard, inventory: Inventory
):
    devices = Cluster(inventory).snapshot().devices
    with visit(browser, dashboard.url) as seen:
        seen.wait_drawn()
        assert seen.text("[data-key=up] .scms-tile-suffix") == f"/ {len(inventory.servers)}"
        assert seen.page.locator(".scms-card .scms-cell").count() == len(devices)
        assert "20 simulated" in seen.text(".scms-count")


def test_search_and_filter_leave_what_they_say(browser: Browser, dashboard: Dashboard):
    with visit(browser, dashboard.url) as seen:
        seen.wait_drawn()
        seen.page.locator(".scms-search input").fill("gpu-a")
        seen.wait("document.querySelector('.scms-count').textContent.startsWith('4 of')")
        names = seen.page.locator(".scms-card:not([hidden]) h3").all_inner_texts()
        assert sorted(names) == ["gpu-a01", "gpu-a02", "gpu-a03", "gpu-a04"]
        seen.page.locator(".scms-search input").fill("nothing like it")
        assert "No server matches" in seen.text(".scms-empty")


def test_conditions_leave_the_servers_that_meet_them(
    browser: Browser, dashboard: Dashboard, inventory: Inventory
):
    wanted = sorted(Cluster(inventory).now("gpus>=8 not gpu-a")["server"])
    with visit(browser, dashboard.url) as seen:
        seen.wait_drawn()
        seen.page.locator(".scms-search input").fill("gpus>=8 not gpu-a")
        seen.wait(
            f"document.querySelector('.scms-count').textContent.startsWith('{len(wanted)} of')"
        )
        names = seen.page.locator(".scms-card:not([hidden]) h3").all_inner_texts()
        assert sorted(names) == wanted
        seen.page.locator(".scms-search input").fill("memry>5")
        seen.wait("document.querySelector('.scms-empty').textContent.includes('\"memory\"')")


def test_a_server_has_a_page_of_its_own(
    browser: Browser, dashboard: Dashboard, inventory: Inventory
):
    known = Cluster(inventory).server("gpu-a01")
    with visit(browser, dashboard.url) as seen:
        seen.wait_drawn()
        seen.page.get_by_role("link", name="gpu-a01", exact=True).click()
        assert seen.text(".scms-server-line h2") == "gpu-a01"
        seen.wait(f"document.querySelectorAll('.scms-gpu').length === {len(known.devices)}")
        seen.wait("document.querySelector('.scms-server-view [data-drawn]') !== null")
        assert seen.page.url.endswith("#server/gpu-a01")
        seen.page.get_by_role("link", name="All servers").click()
        seen.wait("document.querySelector('.scms-app').dataset.page === 'live'")
        before = seen.text(".scms-age")
        seen.wait("old => document.querySelector('.scms-age').textContent !== old", before)
        seen.wait_drawn()
        assert seen.foreign == []
        assert seen.complaints == []


def test_states_of_gpus_differ_without_colour(browser: Browser, dashboard: Dashboard):
    with visit(browser, dashboard.url) as seen:
        seen.wait_drawn()
        labels = seen.page.locator(".scms-card .scms-cell")
        words = [labels.nth(n).get_attribute("aria-label") or "" for n in range(8)]
        assert all(word.startswith("GPU ") and ":" in word for word in words)


def test_the_theme_follows_the_system_and_the_switch(browser: Browser, dashboard: Dashboard):
    ground = "getComputedStyle(document.querySelector('.scms-app')).backgroundColor"
    with visit(browser, dashboard.url, color_scheme="light") as seen:
        seen.wait_drawn()
        assert seen.page.evaluate(ground) == "rgb(244, 246, 249)"
        seen.open("dark")
        assert seen.page.evaluate(ground) == "rgb(11, 14, 20)"
        seen.page.reload()
        seen.wait_drawn()
        assert seen.page.evaluate(ground) == "rgb(11, 14, 20)"


def test_the_address_keeps_the_page(browser: Browser, dashboard: Dashboard):
    with visit(browser, f"{dashboard.url}#find") as seen:
        seen.page.wait_for_selector(".scms-form", timeout=PATIENCE_MS)
        seen.open("reports")
        seen.page.wait_for_selector(".scms-reports", timeout=PATIENCE_MS)
        assert seen.page.url.endswith("#reports")
        assert not seen.page.locator(".scms-form").is_visible()


def test_a_hold_is_seen_on_another_page_and_in_another_lab(
    browser: Browser, dashboard: Dashboard, inventory: Inventory
):
    with visit(browser, dashboard.url) as first, visit(browser, dashboard.url) as second:
        second.wait_drawn()
        show_find(first)
        first.page.click(".scms-candidate .scms-button")
        first.page.wait_for_selector(".scms-holds li", timeout=PATIENCE_MS)
        holds = Cluster(inventory).holds()
        assert set(holds["user"]) == {"ada"}
        second.page.wait_for_selector(".scms-held", timeout=PATIENCE_MS)
        assert second.text(".scms-held") == "held by ada"
        while first.page.locator(".scms-holds li").count():
            left = first.page.locator(".scms-holds li").count()
            first.page.click(".scms-holds li .scms-button")
            first.wait("n => document.querySelectorAll('.scms-holds li').length < n", left)
        assert Cluster(inventory).holds().empty


def test_a_report_is_downloaded_as_it_is(browser: Browser, dashboard: Dashboard, tmp_path: Path):
    with visit(browser, dashboard.url) as seen:
        show_reports(seen)
        with seen.page.expect_download(timeout=PATIENCE_MS) as download:
            seen.page.get_by_role("button", name="CSV").click()
        path = tmp_path / "report.csv"
        download.value.save_as(path)
        assert "gpu_hours_used" in path.read_text().splitlines()[0]
        with seen.page.expect_download(timeout=PATIENCE_MS) as download:
            seen.page.get_by_role("button", name="PDF").click()
        download.value.save_as(tmp_path / "report.pdf")
        assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF-")


@pytest.mark.parametrize("key", ["live", "reports", "find"])
def test_a_phone_needs_no_sideways_scrolling(browser: Browser, dashboard: Dashboard, key: str):
    shows = {"live": lambda seen: seen.wait_drawn(), "reports": show_reports, "find": show_find}
    with visit(browser, dashboard.url, size=(390, 844)) as seen:
        shows[key](seen)
        wide = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        assert seen.page.evaluate(wide)


def test_pictures_are_taken(browser: Browser, dashboard: Dashboard, repository: Path):
    taken = take(browser, dashboard.url, repository / "screenshots")
    assert len(taken) == 9
    assert all(path.stat().st_size > 20_000 for path in taken)
