"""What people do with the live page and that of a server: sort, find their own, pause, hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe

from browser.browsing import PATIENCE_MS, visit
from scms.cluster import Cluster
from scms.widgets.live.choose import FILTERS, shown

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from browser.browsing import Visit
    from scms.inventory import Inventory
    from scms.serve import Dashboard

pytestmark = [pytest.mark.browser, pytest.mark.slow]
_LINES = ".scms-servers tbody tr:not([hidden])"


def lines(seen: Visit) -> list[str]:
    """The servers of the table, from its top."""
    rows = seen.page.locator(_LINES)
    return [str(rows.nth(n).get_attribute("data-server")) for n in range(rows.count())]


def wait_address(seen: Visit, expected: str) -> None:
    seen.wait("expected => location.hash === expected", expected)


def wait_table(seen: Visit) -> None:
    seen.wait(f"document.querySelectorAll('{_LINES} .scms-pill').length > 0")


def test_a_link_shows_what_its_sender_saw(browser: Browser, dashboard: Dashboard):
    words = "live?search=gpu-a&show=Free+GPUs&order=Name"
    with visit(browser, f"{dashboard.url}#{words}&colour=red") as seen:
        seen.wait_drawn()
        assert seen.page.input_value(".scms-search input") == "gpu-a"
        wait_address(seen, f"#{words}")  # and nothing that means nothing
        seen.page.fill(".scms-search input", "gpu-h")
        wait_address(seen, "#live?search=gpu-h&show=Free+GPUs&order=Name")
        seen.open("find")
        wait_address(seen, "#find")
        seen.open("live")
        wait_address(seen, "#live?search=gpu-h&show=Free+GPUs&order=Name")


def test_the_table_has_the_servers_of_the_cards_and_sorts_by_keyboard(
    browser: Browser, dashboard: Dashboard, inventory: Inventory
):
    with visit(browser, f"{dashboard.url}#live?view=Table") as seen:
        wait_table(seen)
        assert sorted(lines(seen)) == sorted(server.name for server in inventory.servers)
        cells = seen.page.locator(".scms-servers .scms-cell").count()
        assert cells == len(Cluster(inventory).devices())
        head = seen.page.get_by_role("button", name="Server", exact=True)
        head.focus()
        seen.page.keyboard.press("Enter")
        wait_address(seen, "#live?view=Table&sort=server")
        assert lines(seen) == sorted(lines(seen))
        seen.page.keyboard.press("Enter")
        wait_address(seen, "#live?view=Table&sort=-server")
        assert lines(seen) == sorted(lines(seen), reverse=True)
        column = seen.page.get_by_role("columnheader", name="Server")
        assert column.get_attribute("aria-sort") == "descending"


def test_mine_are_the_servers_where_i_compute_and_my_browser_knows_me(
    browser: Browser, dashboard: Dashboard, inventory: Inventory
):
    lab = Cluster(inventory)
    user = min({name for row in lab.snapshot().servers for name in row["users"]})
    with visit(browser, f"{dashboard.url}#live?view=Table") as seen:
        wait_table(seen)
        seen.page.get_by_role("button", name="Mine", exact=True).click()
        assert "Say who you are" in seen.text(".scms-empty")
        seen.page.get_by_role("textbox", name="Your name").locator("visible=true").fill(user)
        wait_address(seen, f"#live?show=Mine&user={user}&view=Table")
        mine = shown(lab.snapshot(), show=FILTERS.index("Mine"), user=user)
        assert sorted(lines(seen)) == sorted(row["server"] for row in mine)
        assert seen.page.locator(f"{_LINES} .scms-cell[data-mine=true]").count() > 0
        assert seen.page.evaluate("localStorage.getItem('scms-user')") == user


def test_a_paused_page_says_of_when_it_is_and_catches_up(browser: Browser, dashboard: Dashboard):
    with visit(browser, dashboard.url) as seen:
        seen.wait_drawn()
        seen.page.get_by_role("button", name="Pause").click()
        seen.wait("document.querySelector('.scms-age').dataset.state === 'paused'")
        said = seen.text(".scms-age")
        assert said.startswith("Paused · as of ")
        paused_at = seen.page.evaluate("performance.now()")
        seen.wait("since => performance.now() - since > 5000", paused_at)  # more than two ticks
        assert seen.text(".scms-age") == said
        seen.page.get_by_role("button", name="Resume").click()
        seen.wait("document.querySelector('.scms-age').dataset.state === 'live'")
        seen.wait("said => !document.querySelector('.scms-age').textContent.endsWith(said)",
                  said.removeprefix("Paused · as of "))  # fmt: skip


def test_far_down_the_page_it_is_still_said_whether_it_is_live(
    browser: Browser, dashboard: Dashboard, inventory: Inventory
):
    with visit(browser, dashboard.url, size=(390, 844)) as seen:
        seen.wait_drawn()
        seen.page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
        for part in (".scms-age", ".scms-observed", ".scms-pause"):
            box = seen.page.locator(part).first.bounding_box()
            assert box is not None
            assert 0 <= box["y"] < 100, part
        count = len(inventory.servers)
        assert seen.text(".scms-observed").endswith(f" of {count} servers observed")


def test_a_wall_screen_is_filled_and_charts_stay_in_their_panels(
    browser: Browser, dashboard: Dashboard
):
    with visit(browser, dashboard.url, size=(3840, 2160)) as seen:
        seen.wait_drawn()
        board = seen.page.locator(".scms-board").bounding_box()
        assert board is not None
        assert board["width"] > 0.9 * 3840
        for figure in seen.page.locator(".scms-live .scms-figure").all():
            panel, drawn = figure.bounding_box(), figure.locator("canvas").first.bounding_box()
            assert panel is not None
            assert drawn is not None
            assert panel["x"] <= drawn["x"]
            assert drawn["x"] + drawn["width"] <= panel["x"] + panel["width"] + 1
        assert seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_hours_of_gpus_can_be_walked_through(browser: Browser, dashboard: Dashboard):
    with visit(browser, f"{dashboard.url}#server/gpu-a01?reach=7+days") as seen:
        grid = seen.page.locator(".scms-hours")
        grid.locator("tbody tr").first.wait_for(timeout=PATIENCE_MS)  # the past is read last
        assert grid.locator("tbody tr").count() == 8
        assert grid.locator("tbody tr").first.locator("td").count() == 168
        grid.focus()
        seen.page.keyboard.press("ArrowLeft")
        newest = seen.text(".scms-hours-said b")
        assert newest.startswith("GPU 0, ")
        seen.page.keyboard.press("ArrowDown")
        assert seen.text(".scms-hours-said b").startswith("GPU 1, ")
        seen.page.get_by_role("button", name="24 hours").click()
        wait_address(seen, "#server/gpu-a01")
        seen.wait("document.querySelector('.scms-hours tbody tr').cells.length === 25")


def test_a_hold_is_taken_and_given_back_on_the_page_of_a_server(
    browser: Browser, dashboard: Dashboard, inventory: Inventory
):
    lab = Cluster(inventory)
    free = lab.devices().query("state == 'free' and held_by.isna()").iloc[0]
    with visit(browser, f"{dashboard.url}#server/{free['server']}") as seen:
        seen.page.wait_for_selector(".scms-gpu .scms-button", timeout=PATIENCE_MS)
        name = seen.page.get_by_role("textbox", name="Your name").locator("visible=true")
        name.fill("grace")
        seen.wait("localStorage.getItem('scms-user') === 'grace'")
        seen.page.locator(".scms-gpu .scms-button", has_text="Hold").first.click()
        seen.page.wait_for_selector(".scms-gpu .scms-held", timeout=PATIENCE_MS)
        assert set(lab.holds()["user"]) == {"grace"}
        seen.page.locator(".scms-gpu .scms-button", has_text="Release").first.click()
        seen.wait("document.querySelector('.scms-gpu .scms-held') === null")
        assert lab.holds().empty


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nobody_is_kept_out(browser: Browser, dashboard: Dashboard, theme: str):
    places = {
        "live": ".scms-card .scms-pill",
        "live?view=Table": ".scms-servers .scms-pill",
        "server/gpu-a01": ".scms-hours td[data-state]",
    }
    with visit(browser, dashboard.url, color_scheme=theme) as seen:
        for place, ready in places.items():
            seen.page.evaluate("place => { location.hash = place; }", place)
            seen.page.wait_for_selector(f"{ready} >> visible=true", timeout=PATIENCE_MS)
            found = Axe().run(seen.page).response["violations"]
            grave = [rule["id"] for rule in found if rule["impact"] in {"serious", "critical"}]
            assert grave == [], (place, grave)
