"""The finder and the scorecard in a real browser: a watch, a hold, and what was kept of answers."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from browser.browsing import PATIENCE_MS, visit
from browser.test_access import serious
from scms.cluster import Cluster

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from browser.browsing import Visit
    from scms.inventory import Inventory
    from scms.serve import Dashboard

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def find(seen: Visit, gpus: int = 8) -> None:
    seen.page.wait_for_selector(".scms-form", timeout=PATIENCE_MS)
    asked = "n => document.querySelector('.scms-form input').value === String(n)"
    seen.wait(asked, gpus)  # as the link says
    seen.page.click(".scms-form .scms-primary")


def test_who_finds_nothing_is_told_when_something_is_free(
    browser: Browser, dashboard: Dashboard, inventory: Inventory
):
    lab = Cluster(inventory)
    own = Counter(str(device["server"]) for device in lab.snapshot().devices)
    large = [server for server, count in own.items() if count >= 8]
    for server in large:  # nobody else may have them
        lab.hold(server, [str(n) for n in range(own[server])], user=f"ada of {server}")
    try:
        with visit(browser, f"{dashboard.url}#find?gpus=8&hours=1") as seen:
            find(seen)
            seen.page.get_by_role("button", name="Tell me when it is free").click(
                timeout=PATIENCE_MS
            )
            seen.page.wait_for_selector(".scms-watch[data-state=watching]", timeout=PATIENCE_MS)
            assert "scms watch --gpus 8 --hours 1" in seen.text(".scms-watch code")
            assert seen.page.locator(".scms-holds li").count() >= 8
            assert "minutes left" in seen.text(".scms-holds .scms-left")
            assert serious(seen) == []
            seen.page.get_by_role("button", name="Stop watching").click()
            seen.page.wait_for_selector(".scms-watch", state="hidden", timeout=PATIENCE_MS)
    finally:
        for server in large:
            lab.release(user=f"ada of {server}")


def test_the_first_choice_is_held_with_a_click(
    browser: Browser, dashboard: Dashboard, inventory: Inventory
):
    lab = Cluster(inventory)
    try:
        with visit(browser, f"{dashboard.url}#find?gpus=2&hours=1") as seen:
            find(seen, 2)
            seen.page.wait_for_selector(".scms-candidate", timeout=PATIENCE_MS)
            seen.page.locator(".scms-form [placeholder='for holds']").fill("yan")
            seen.page.locator(".scms-candidate .scms-button").first.click()
            seen.page.wait_for_selector(".scms-candidate .scms-button:disabled")
            assert seen.text(".scms-candidate .scms-button:disabled") == "Held"
            assert list(lab.holds()["user"]).count("yan") == 2
    finally:
        lab.release(user="yan")


@pytest.mark.parametrize(
    ("theme", "width", "locale"), [("light", 1440, "en-GB"), ("dark", 390, "zh-CN")]
)
def test_servers_that_do_together_are_asked_for_shown_and_held(
    browser: Browser,
    dashboard: Dashboard,
    inventory: Inventory,
    theme: str,
    width: int,
    locale: str,
):
    lab = Cluster(inventory)
    free = Counter(row["server"] for row in lab.snapshot().devices if row["state"] == "free")
    gpus = max(free.values()) + 2  # more than a server has, also when one comes free meanwhile
    look: dict[str, Any] = {"size": (width, 900), "color_scheme": theme, "locale": locale}
    try:
        with visit(browser, f"{dashboard.url}#find?gpus={gpus}&hours=1", **look) as seen:
            find(seen, gpus)
            seen.page.wait_for_selector(".scms-rejected", timeout=PATIENCE_MS)
            assert seen.page.locator(".scms-candidate").count() == 0
            form = seen.page.locator(".scms-form")
            form.locator(".widget-toggle-button").click()
            form.locator("input[type=checkbox]").uncheck()
            seen.wait("location.hash.includes('same_server=no')")
            form.locator("[placeholder='for holds'], [placeholder='用于预留']").fill("zoe")
            seen.page.click(".scms-form .scms-primary")
            seen.page.wait_for_selector(".scms-together", timeout=PATIENCE_MS)
            assert seen.page.locator(".scms-command code:visible").count() >= 2
            assert serious(seen) == []
            assert seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            seen.page.locator(".scms-together .scms-button").first.click()
            seen.page.wait_for_selector(".scms-holds li", timeout=PATIENCE_MS)
            held = lab.holds()
            own = held[held["user"] == "zoe"]
            assert (len(own), own["server"].nunique() > 1) == (gpus, True)
            assert own["hold_id"].str.split(".").str[0].nunique() == 1
            assert seen.complaints == []
    finally:
        lab.release(user="zoe")


def recommended(server: str, at: datetime, probability: float) -> dict[str, object]:
    return {
        "recommendation_id": f"{at.timestamp():.3f}",
        "said_at": round(at.timestamp() * 1000),
        "rank": 1,
        "server": server,
        "devices": "GPU-x",
        "gpus": 1,
        "hours": 1.0,
        "probability": probability,
        "pool_probability": probability,
        "cases": 9,
        "policy": "best",
        "request": "{}",
        "user": "zoe",
        "hold_id": None,
        "made_by": "zoe test",
    }


@pytest.mark.parametrize(("theme", "width"), [("dark", 1440), ("light", 390)])
def test_the_scorecard_shows_how_answers_came_out(
    browser: Browser, dashboard: Dashboard, inventory: Inventory, theme: str, width: int
):
    lab = Cluster(inventory)
    yesterday = datetime.now(UTC) - timedelta(days=2)
    moments = [yesterday + timedelta(hours=n) for n in range(6)]
    lab.hot.say("recommendation", [recommended("gpu-v02", at, 0.93) for at in moments])
    kept = lab.scorecard("30d").summary.set_index("what")["kept"].astype(float).to_dict()
    url = f"{dashboard.url}#scorecard"
    with visit(browser, url, size=(width, 900), color_scheme=theme) as seen:
        seen.page.wait_for_selector(".scms-scorecard [data-drawn]", timeout=PATIENCE_MS)
        told = seen.text("[data-key=first-choice] .scms-tile-value")
        assert float(told) == pytest.approx(100 * kept["first choice"], abs=0.51)
        assert serious(seen) == []
        assert seen.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert seen.foreign == []
        assert seen.complaints == []
