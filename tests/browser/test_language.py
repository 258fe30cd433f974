"""The page in Chinese, in a real browser: every page whole, the switch, and names as they are."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from browser.browsing import PATIENCE_MS, visit
from scms.cluster import Cluster
from scms.demo.roster import hall_users
from scms.evidence import CHANCES, CHOICES
from scms.filters import FIELDS
from scms.forecast.ahead import KEY
from scms.serve import serve, wait_until_ready
from widgets.simulated import Collector
from widgets.simulated import inventory as simulated

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

    from browser.browsing import Visit
    from scms.collect.record import Record
    from scms.inventory import Inventory
    from scms.serve import Dashboard

pytestmark = [pytest.mark.browser, pytest.mark.slow]

#: What Chinese labs write in Latin letters, too: names of things, units, what is typed.
TERMS = re.compile(
    r"gpu<5 and free>=2|group:vision not tag:old gpus>=4|last-month|W41|scms collect|cluster\.toml"
    r"|GPU-[0-9a-f-]{36}|\b(SCMS|GPUs?|CPUs?|RAM|NVIDIA|Tesla|GeForce|RTX|CUDA|NVLink|PCIe|ECC|XID|Xid|MTBF|PID|EUR|kg"
    r"|[KMGTP]iB|GB|kWh?|[MG]Hz|CO2|UTC|HTML|PDF|XLSX|CSV|findings|Brier"
    r"|CRPS|ETS|blend|analog|last_value|seasonal_naive|null|ext4|xfs|nfs4?)\b"
)
#: Texts and what is told of them, but what is marked as not to be translated.
_SAID = """() => {
  const left = '[translate="no"], code, pre, script, style, textarea';
  const found = [];
  const walk = (node) => {
    if (node.nodeType === Node.TEXT_NODE) found.push(node.data);
    if (node.nodeType !== Node.ELEMENT_NODE) return;
    for (const name of ['title', 'placeholder', 'aria-label']) {
      const text = node.getAttribute(name);
      if (text && !(node.translate === false && text === node.textContent)) found.push(text);
    }
    if (!node.matches(left)) node.childNodes.forEach(walk);
  };
  document.querySelectorAll('.scms-app').forEach(walk);
  return found;
}"""
_IDLE = "[...document.querySelectorAll('.scms-progress')].every((p) => p.dataset.state !== 'busy')"


@pytest.fixture(scope="module")
def names(inventory: Inventory) -> list[str]:
    """What servers and people are called in the lab, the longest first."""
    snapshot = Cluster(inventory).snapshot()
    found: set[Any] = {user.name for user in hall_users(0)}
    found |= {inventory.settings.name, inventory.settings.timezone, *FIELDS}
    found |= {"root", "nosuch", "memry"}  # and what the tests ask for
    for server in snapshot.servers:
        found |= {server["server"], server["group"], *server["tags"], *server["users"]}
        found |= {v for v in server["detail"].values() if isinstance(v, str)}
        found |= {server["gpu_driver_version"], server["detail"].get("cpu_model")}
        for place in server["detail"].get("filesystems", ()):
            found |= {place["mount"], place["type"]}
    for device in snapshot.devices:
        model = device["device_name"]
        found.add(device["device"])
        found |= {model, re.sub(r"[\s-](SXM\d?|PCIE|NVL|HBM\d?e?|\d+\s?GB)\b", "", model)}
        found.add(re.sub(r"\b(NVIDIA|Tesla|GeForce|Quadro)\s+", "", model))
    found |= {process["command"] for process in snapshot.processes}
    known = {str(name).replace("\u00a0", " ") for name in found if name}
    return sorted((name for name in known if len(name) > 1), key=len, reverse=True)


@pytest.fixture(scope="module")
def learnt(inventory: Inventory) -> Iterator[None]:
    """The lab has learnt once; what it learnt is forgotten at the end."""
    cluster = Cluster(inventory)
    cluster.learn()
    yield
    for key in (CHANCES, CHOICES, KEY):
        cluster.hot.set_meta(key, None)


def english(seen: Visit, names: list[str]) -> list[str]:
    """What is still said in Latin letters and is neither a name nor a term."""
    found = []
    for said in dict.fromkeys(seen.page.evaluate(_SAID)):
        text = TERMS.sub("", said.replace("\u00a0", " "))
        for name in names:
            text = text.replace(name, "")
        if re.search(r"[A-Za-z]{2}", text):
            found.append(said)
    return found


def open_page(seen: Visit, place: str, ready: str) -> None:
    seen.wait_drawn()
    seen.page.evaluate("place => { location.hash = place }", place)
    seen.page.wait_for_selector(ready, timeout=PATIENCE_MS)
    seen.wait(_IDLE)


@pytest.mark.parametrize(
    ("place", "ready"),
    [
        ("live", ".scms-card .scms-users"),
        ("live?view=Table", ".scms-servers .scms-col-users"),
        ("live?search=memry%3E5", ".scms-empty:not(:empty)"),
        ("server/gpu-a01", ".scms-server-view [data-drawn]"),
        ("server/nosuch", ".scms-progress[data-state=problem]"),
        ("outlook", ".scms-outlook [data-drawn]"),
        ("scorecard", ".scms-scorecard"),
        ("reports", ".scms-reports [data-drawn]"),
        ("reports?by=user&table=outages", ".scms-reports [data-drawn]"),
        ("find", ".scms-form"),
    ],
)
@pytest.mark.usefixtures("learnt")
def test_a_page_is_wholly_in_chinese(
    browser: Browser, dashboard: Dashboard, names: list[str], place: str, ready: str
):
    with visit(browser, dashboard.url, locale="zh-CN") as seen:
        open_page(seen, place, ready)
        assert english(seen, names) == []
        assert seen.page.evaluate("document.documentElement.lang") == "zh-CN"
        assert seen.complaints == []


@pytest.mark.usefixtures("learnt")
def test_an_answer_of_the_finder_is_in_chinese(
    browser: Browser, dashboard: Dashboard, names: list[str]
):
    with visit(browser, dashboard.url, locale="zh-CN") as seen:
        open_page(seen, "find", ".scms-form")
        seen.page.click(".scms-form .scms-primary")
        seen.page.wait_for_selector(".scms-candidate", timeout=PATIENCE_MS)
        for details in seen.page.locator(".scms-result details").all():
            details.locator("summary").click()
        assert english(seen, names) == []


@pytest.mark.usefixtures("learnt")
def test_servers_that_do_together_are_told_in_chinese(
    browser: Browser, dashboard: Dashboard, names: list[str]
):
    with visit(browser, dashboard.url, locale="zh-CN") as seen:
        open_page(seen, "find?gpus=12&same_server=no", ".scms-form")
        seen.page.click(".scms-form .scms-primary")
        seen.page.wait_for_selector(".scms-together, .scms-rejected", timeout=PATIENCE_MS)
        for details in seen.page.locator(".scms-result details").all():
            details.locator("summary").click()
        assert english(seen, names) == []


def test_before_the_kernel_answers_the_page_speaks_chinese(browser: Browser, dashboard: Dashboard):
    with visit(browser, dashboard.url, locale="zh-CN") as seen:
        said = "document.getElementById('loading_text')?.textContent ?? ''"
        seen.wait(f"/正在/.test({said}) || document.querySelector('.scms-app') !== null")
        seen.wait_drawn()
        assert seen.text(".scms-switch [aria-pressed=true]") == "实时"


def test_the_switch_changes_the_language_and_gives_the_english_back(
    browser: Browser, dashboard: Dashboard
):
    with visit(browser, dashboard.url, locale="en-GB") as seen:
        seen.wait_drawn()
        search = seen.page.locator(".scms-search input")
        before = seen.page.locator(".scms-tile-label").all_inner_texts()
        assert before[0] == "Servers up"
        seen.open("zh")
        seen.page.wait_for_selector("html[lang=zh-CN]")
        assert seen.page.locator(".scms-tile-label").first.inner_text() == "在线服务器"
        assert "搜索" in (search.get_attribute("placeholder") or "")
        assert seen.page.locator("[data-key=zh]").get_attribute("aria-pressed") == "true"
        seen.open("en")
        seen.page.wait_for_selector("html[lang=en]")
        assert seen.page.locator(".scms-tile-label").all_inner_texts() == before
        assert "Search" in (search.get_attribute("placeholder") or "")
        assert english(seen, []) != []
        assert not re.search("[\u4e00-\u9fff]", seen.page.inner_text(".scms-page-live"))


def test_charts_are_drawn_anew_in_the_other_language(browser: Browser, dashboard: Dashboard):
    script = "JSON.stringify(Bokeh.documents.slice(-2).map((d) => d.to_json())).includes"
    with visit(browser, dashboard.url, locale="en-GB") as seen:
        seen.wait_drawn()
        assert seen.page.evaluate(f"{script}('GPU memory')")
        seen.open("zh")
        seen.wait(f"{script}('显存')")
        seen.wait_drawn()
        seen.open("en")
        seen.wait(f"!{script}('显存')")
        seen.wait_drawn()


def test_what_was_chosen_is_kept(browser: Browser, dashboard: Dashboard):
    with visit(browser, dashboard.url, locale="en-GB") as seen:
        seen.wait_drawn()
        seen.open("zh")
        seen.page.wait_for_selector("html[lang=zh-CN]")
        seen.page.reload()
        seen.wait_drawn()
        assert seen.page.evaluate("document.documentElement.lang") == "zh-CN"


@pytest.mark.parametrize("address", ["?lang=zh", "#find?lang=zh"])
def test_the_address_may_ask_for_a_language(browser: Browser, dashboard: Dashboard, address: str):
    with visit(browser, f"{dashboard.url}{address}", locale="en-GB") as seen:
        seen.page.wait_for_selector("html[lang=zh-CN]", timeout=PATIENCE_MS)
        seen.page.wait_for_selector(".scms-switch", timeout=PATIENCE_MS)
        seen.page.reload()  # which the page does by itself when its kernel is lost
        seen.page.wait_for_selector("html[lang=zh-CN]", timeout=PATIENCE_MS)
        seen.wait("document.querySelector('.scms-switch button') !== null")
        seen.open("en")
        seen.page.wait_for_selector("html[lang=en]")
        assert "lang=" not in seen.page.url


class Renamed(Collector):
    """Calls a server of the lab "free", and all people "Reports"."""

    def _record(self, server: str, at: float) -> Record:
        record = super()._record("gpu-a01" if server == "free" else server, at)
        name = server if server == "free" else record.server
        tables = {
            table: [
                row | {"server": name} | ({"user": "Reports"} if row.get("user") else {})
                for row in rows
            ]
            for table, rows in record.tables.items()
        }
        return replace(record, server=name, tables=tables)


@contextmanager
def lab_of_words(folder: Path) -> Iterator[Dashboard]:
    """Two servers, one of them called "free" in a group "Alerts", with a tag "busy"."""
    rows: Any = [
        {"name": "free", "group": "Alerts", "tags": ["busy"], "simulated": True},
        {"name": "gpu-a02", "group": "Alerts", "simulated": True},
    ]
    own = simulated(folder, servers=2)
    own = type(own).from_mapping(
        {"name": "Live", "interval": 1, "data": str(folder), "servers": rows},
        base=folder,
        source="test",
    )
    collector = Renamed(own)
    collector.past(minutes=0.5, step=5)
    collector.start()
    try:
        with serve(own, port=0, pool=0) as served:
            wait_until_ready(served, timeout=60)
            yield served
    finally:
        collector.close()


def test_names_that_are_words_stay_as_they_are(browser: Browser, tmp_path: Path):
    with (
        lab_of_words(tmp_path) as dashboard,
        visit(browser, dashboard.url, locale="zh-CN") as seen,
    ):
        seen.wait_drawn()
        assert seen.text(".scms-subtitle") == "Live"
        card = seen.page.locator(".scms-card[data-server=free]")
        assert card.locator("h3").inner_text() == "free"
        assert card.locator("h3 a").get_attribute("title") == "free"
        assert card.locator(".scms-users").inner_text() == "Reports"
        assert card.locator(".scms-users").get_attribute("title") == "正在使用其 GPU\uff1aReports"
        assert card.locator(".scms-group").inner_text() == "Alerts"
        open_page(seen, "server/free", ".scms-gpu .scms-users")
        assert seen.text(".scms-server-line h2") == "free"
        assert seen.page.locator(".scms-server-line .scms-plain").all_inner_texts() == [
            "Alerts",
            "busy",
        ]
        people = seen.page.locator(".scms-gpu .scms-users[translate=no]").all_inner_texts()
        assert set(people) == {"Reports"}
        seen.page.wait_for_selector(".scms-server-view .scms-table td", timeout=PATIENCE_MS)
        assert "Reports" in seen.page.inner_text(".scms-server-view .scms-table")


def test_the_plain_page_is_in_the_language_of_the_browser(dashboard: Dashboard):
    def ask(languages: str) -> str:
        request = Request(f"{dashboard.url}plain", headers={"Accept-Language": languages})
        with build_opener(ProxyHandler({})).open(request, timeout=30) as answer:
            return str(answer.read().decode())

    chinese = ask("zh-CN,zh;q=0.9,en;q=0.8")
    assert '<html lang="zh-CN">' in chinese
    assert "台服务器中" in chinese
    assert '<th scope="col">服务器</th>' in chinese
    assert 'translate="no">gpu-a01<' in chinese
    assert "servers answer" in ask("en-GB,en")
