"""The reports page in a real browser: what stands out, drilling down, the address, downloads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe

from browser.browsing import PATIENCE_MS, visit

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

    from browser.browsing import Visit
    from scms.serve import Dashboard

pytestmark = [pytest.mark.browser, pytest.mark.slow]

_ROWS = ".scms-usage .scms-table tbody tr"
_STILL = """() => [...document.querySelectorAll('.scms-reports .scms-progress')]
    .every((line) => line.dataset.state === 'idle')"""


def wait_still(seen: Visit) -> None:
    """Wait until there are rows and nothing is being worked on."""
    seen.page.wait_for_selector(_ROWS, timeout=PATIENCE_MS)
    seen.wait(_STILL)


def wait_rows(seen: Visit, count: int) -> None:
    seen.wait(f"n => document.querySelectorAll('{_ROWS}').length === n", count)
    seen.wait(_STILL)


def serious(seen: Visit) -> list[tuple[str, str]]:
    return [
        (rule["id"], node["html"][:200])
        for rule in Axe().run(seen.page).response["violations"]
        if rule["impact"] in {"serious", "critical"}
        for node in rule["nodes"]
    ]


def test_findings_come_first_with_their_rule_and_figures(
    browser: Browser, dashboard: Dashboard
) -> None:
    with visit(browser, f"{dashboard.url}#reports?period=7d", color_scheme="light") as seen:
        wait_still(seen)
        top = "s => document.querySelector(`.scms-reports ${s}`).getBoundingClientRect().top"
        assert seen.page.evaluate(top, ".scms-findings") < seen.page.evaluate(top, ".scms-figure")
        finding = seen.page.locator(".scms-finding").first
        finding.get_by_text("Why").click()
        assert "Said from here on" in finding.locator(".scms-why-text").inner_text()
        assert seen.complaints == []
        found = serious(seen)
        seen.open("dark")
        assert found + serious(seen) == []
        more = seen.page.locator(".scms-all")
        if more.count():
            more.click()
        seen.page.locator(".scms-finding[data-kind=idle_held] .scms-act").click()
        seen.wait("document.querySelector('.scms-use-head h3').textContent === 'Use by users'")
        for width in (390, 3840):
            seen.page.set_viewport_size({"width": width, "height": 900})
            wide = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
            seen.wait(wide)
        assert seen.foreign == []


def test_a_row_narrows_the_report_and_the_address_brings_it_back(
    browser: Browser, dashboard: Dashboard
) -> None:
    with visit(browser, f"{dashboard.url}#reports?period=7d") as seen:
        wait_still(seen)
        name = seen.page.locator(f"{_ROWS} .scms-drill", has_text="gpu-a01")
        assert name.evaluate("node => node.translate") is False
        name.focus()
        seen.page.keyboard.press("Enter")
        seen.wait("document.querySelector('.scms-narrowed') !== null")
        seen.wait("location.hash.includes('server=gpu-a01') && location.hash.includes('by=user')")
        wait_still(seen)
        url = seen.page.url
    with visit(browser, url) as seen:
        wait_still(seen)
        assert seen.text(".scms-use-head h3") == "Use by users"
        assert seen.text(".scms-narrowed b") == "gpu-a01"
        seen.page.get_by_role("button", name="Remove this filter").click()
        seen.wait("!location.hash.includes('server=')")
        seen.wait("document.querySelector('.scms-narrowed') === null")
        seen.page.locator(".scms-use-head select").first.select_option("Server")
        seen.wait(f"document.querySelectorAll('{_ROWS}').length > 1")


def test_a_day_is_looked_into_and_left_by_stepping(browser: Browser, dashboard: Dashboard) -> None:
    with visit(browser, f"{dashboard.url}#reports?period=7d&by=day&picture=grid") as seen:
        wait_rows(seen, 7)
        seen.page.wait_for_selector(".scms-pictures [role=img][data-drawn]", timeout=PATIENCE_MS)
        assert "GPUs over" in seen.text(".scms-pictures .scms-figure-words")
        seen.page.locator(f"{_ROWS} .scms-drill").nth(4).click()
        seen.wait("location.hash.includes('by=hour')")
        wait_rows(seen, 24)
        day = seen.page.url.split("period=")[1].split("&")[0]
        assert len(day) == len("2026-11-05")
        seen.page.get_by_role("button", name="Previous").click()
        seen.wait("day => !location.hash.includes(day)", day)
        wait_rows(seen, 24)
        assert seen.complaints == []


def test_a_narrowed_report_is_downloaded_and_its_server_has_a_page(
    browser: Browser, dashboard: Dashboard, tmp_path: Path
) -> None:
    with visit(browser, f"{dashboard.url}#reports?period=7d&where=gpu-a02") as seen:
        wait_rows(seen, 1)
        with seen.page.expect_download(timeout=PATIENCE_MS) as download:
            seen.page.get_by_role("button", name="XLSX").click()
        path = tmp_path / "report.xlsx"
        download.value.save_as(path)
        assert path.read_bytes().startswith(b"PK")
        assert "gpu-a02" in download.value.suggested_filename
        field = seen.page.locator(".scms-filter input")
        field.fill("colour:red")
        field.press("Enter")
        seen.wait("document.querySelector('.scms-reports').textContent.includes(\"'colour'\")")
        seen.page.locator(f"{_ROWS} .scms-page-link").click()
        assert seen.text(".scms-server-line h2") == "gpu-a02"
