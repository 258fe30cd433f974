"""Every page under axe, which judges what a keyboard and a screen reader find."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe

from browser.browsing import PATIENCE_MS, visit
from browser.screenshots import show_find, show_reports

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from browser.browsing import Visit
    from scms.serve import Dashboard

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def show_server(seen: Visit) -> None:
    seen.page.get_by_role("link", name="gpu-a01", exact=True).click()
    seen.page.wait_for_selector(".scms-gpu", timeout=PATIENCE_MS)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_page(browser: Browser, dashboard: Dashboard, theme: str):
    with visit(browser, dashboard.url, color_scheme=theme) as seen:
        seen.wait_drawn()
        found = serious(seen)
        for show in (show_server, show_reports, show_find):
            show(seen)
            found += serious(seen)
    assert found == []


def serious(seen: Visit) -> list[tuple[str, str]]:
    """What axe calls serious or critical on what is shown: the rule, and where."""
    return [
        (rule["id"], node["html"][:200])
        for rule in Axe().run(seen.page).response["violations"]
        if rule["impact"] in {"serious", "critical"}
        for node in rule["nodes"]
    ]
