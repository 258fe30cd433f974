"""The outlook page in a real browser, over a lab of which the collector has said something."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from browser.browsing import PATIENCE_MS, visit
from browser.test_access import serious
from scms.cluster import Cluster
from scms.evidence import CHANCES, CHOICES
from scms.forecast.ahead import KEY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from browser.browsing import Visit
    from scms.inventory import Inventory
    from scms.serve import Dashboard

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def lab(inventory: Inventory) -> Iterator[Cluster]:
    """The simulated lab, which has learnt once; what it learnt is forgotten at the end."""
    cluster = Cluster(inventory)
    cluster.learn()
    yield cluster
    for key in (CHANCES, CHOICES, KEY):
        cluster.hot.set_meta(key, None)


def wait_for_map(seen: Visit) -> None:
    seen.page.wait_for_selector(".scms-outlook .scms-chance-cell", timeout=PATIENCE_MS)
    seen.page.wait_for_selector(".scms-outlook [data-drawn]", timeout=PATIENCE_MS)


def test_the_map_says_what_the_cluster_says(browser: Browser, dashboard: Dashboard, lab: Cluster):
    said = {one.server: one for one in lab.ahead().servers if len(one.chances) >= 2}
    with visit(browser, f"{dashboard.url}#outlook?gpus=2") as seen:
        wait_for_map(seen)
        rows = seen.page.locator(".scms-chances tbody tr")
        assert rows.count() == len(said)
        row = seen.page.locator('.scms-chances tr[data-server="gpu-a01"]')
        first = row.locator(".scms-chance-cell").first.inner_text()
        assert first == str(said["gpu-a01"].chances_of(2)[0])
        assert seen.foreign == []
        assert seen.complaints == []


def test_a_chosen_server_is_shown_with_its_model_and_is_in_the_address(
    browser: Browser, dashboard: Dashboard, lab: Cluster
):
    model = next(one.model for one in lab.ahead().servers if one.server == "gpu-a02")
    with visit(browser, f"{dashboard.url}#outlook") as seen:
        wait_for_map(seen)
        seen.page.get_by_role("button", name="gpu-a02", exact=True).click()
        seen.wait("document.querySelector('.scms-facts .scms-title').textContent === 'gpu-a02'")
        assert model in seen.text(".scms-facts dl")
        seen.wait("location.hash === '#outlook?server=gpu-a02'")
        seen.page.get_by_role("button", name="48 h").click()
        seen.wait("document.querySelectorAll('.scms-chosen .scms-chance-cell').length === 48")


@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 390)])
def test_axe_finds_nothing_serious(
    browser: Browser, dashboard: Dashboard, lab: Cluster, theme: str, width: int
):
    assert lab.ahead().servers
    url = f"{dashboard.url}#outlook"
    with visit(browser, url, size=(width, 900), color_scheme=theme) as seen:
        wait_for_map(seen)
        assert serious(seen) == []
        assert seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
