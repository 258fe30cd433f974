"""What hostile servers and people write is text: no code, no colours, nothing turned about."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from browser.browsing import PATIENCE_MS, visit
from browser.test_faults import small_lab
from scms.cluster import Cluster

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

    from browser.browsing import Visit
    from scms.collect.record import Record

pytestmark = [pytest.mark.browser, pytest.mark.slow]
#: Code, a terminal's colour, and marks that turn what follows about.
MARKED = "<script>window.pwned=1</script>\x1b[31mred\u202egnp.exe\u2066x"
#: What a person sees of it: each mark is a mark.
SEEN = "<script>window.pwned=1</script>\ufffd[31mred\ufffdgnp.exe\ufffdx"
#: A name in letters that run from right to left, which is nothing hostile.
LEFTWARD = "\u0645\u062d\u0645\u062f"
#: Pages, and what stands there once there is something to read.
PLACES = {
    "live": ".scms-card .scms-users",
    "live?view=Table": ".scms-servers .scms-col-users",
    "server/gpu-a01": ".scms-gpu .scms-users",
    "find": ".scms-form",
    "reports": ".scms-reports .scms-table",
    "outlook": ".scms-outlook",
}
#: What ipywidgets puts into a label without a text.
_EMPTY = "\u200b"
_MARKS = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
#: Not the model of a GPU: it is also a choice of the finder, which the browser itself writes.
_FIELDS = frozenset({"user", "reason", "command", "container"})
#: Everything of the page that a person may read: texts and what is told of them.
_SAID = """() => {
  const app = document.querySelector('.scms-app');
  const walker = document.createTreeWalker(app, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const text = walker.currentNode;
    if (!text.parentElement.closest('script, style')) found.push(text.data);
  }
  for (const name of ['title', 'aria-label', 'placeholder', 'alt'])
    for (const node of app.querySelectorAll(`[${name}]`)) found.push(node.getAttribute(name));
  return found;
}"""


def marked(record: Record) -> Record:
    """A record that got past the parser, which drops such marks, with them."""
    tables = {
        name: [{k: MARKED if k in _FIELDS and v else v for k, v in row.items()} for row in rows]
        for name, rows in record.tables.items()
    }
    for row in tables["server_sample"]:
        row["state"], row["reason"] = "degraded", MARKED
    return replace(record, tables=tables)


def leftward(record: Record) -> Record:
    """A record whose users have a name that runs from right to left."""
    rows = [row | {"user": LEFTWARD} for row in record.tables.get("process_sample", [])]
    return replace(record, tables={**record.tables, "process_sample": rows})


def unseen(seen: Visit) -> list[str]:
    """The texts of the page that hold what cannot be seen; titles may have several lines."""
    said = [text for text in seen.page.evaluate(_SAID) if text != _EMPTY]
    assert len(said) > 20
    return [text for text in said if _MARKS & {unicodedata.category(c) for c in text if c != "\n"}]


def test_no_page_shows_marks_that_cannot_be_seen(browser: Browser, tmp_path: Path):
    with (
        small_lab(tmp_path, twist=marked) as (_, dashboard),
        visit(browser, dashboard.url) as seen,
    ):
        seen.wait_drawn()
        found = {}
        for place, ready in PLACES.items():
            seen.page.evaluate("place => { location.hash = place; }", place)
            seen.page.wait_for_selector(f"{ready} >> visible=true", timeout=PATIENCE_MS)
            found[place] = unseen(seen)
        assert found == {place: [] for place in PLACES}
        assert seen.page.evaluate("window.pwned") is None


def test_what_is_seen_of_marks_is_a_mark(browser: Browser, tmp_path: Path):
    with (
        small_lab(tmp_path, twist=marked) as (_, dashboard),
        visit(browser, dashboard.url) as seen,
    ):
        seen.wait_drawn()
        assert seen.text(".scms-card .scms-users") == SEEN
        assert seen.text(".scms-card .scms-reason").startswith("degraded: <script>")
        busy = seen.page.locator(".scms-card .scms-cell[data-state=busy]").first
        assert f"used by {SEEN}" in (busy.get_attribute("title") or "")


def test_a_name_that_runs_leftward_turns_nothing_else_about(browser: Browser, tmp_path: Path):
    with (
        small_lab(tmp_path, twist=leftward) as (_, dashboard),
        visit(browser, dashboard.url) as seen,
    ):
        seen.wait_drawn()
        users = seen.page.locator(".scms-card .scms-users", has_text=LEFTWARD).first
        assert users.evaluate("node => getComputedStyle(node).unicodeBidi") == "isolate"
        assert users.evaluate("node => getComputedStyle(node).direction") == "rtl"
        assert users.get_attribute("translate") == "no"
        group = seen.page.locator(".scms-card .scms-group").first
        assert group.evaluate("node => getComputedStyle(node).direction") == "ltr"


def test_who_holds_a_gpu_is_a_name_that_can_be_seen(browser: Browser, tmp_path: Path):
    with small_lab(tmp_path) as (collector, dashboard):
        lab = Cluster(collector.inventory)
        free = lab.devices().query("state == 'free'").iloc[0]
        lab.hold(free["server"], [free["device"]], user="<img src=x onerror='window.pwned=1'>")
        with visit(browser, dashboard.url) as seen:
            seen.wait_drawn()
            assert seen.text(".scms-held") == "held by <img src=x onerror='window.pwned=1'>"
            assert seen.page.evaluate("window.pwned") is None
