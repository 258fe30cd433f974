"""The words of the page: what the matcher says, in Python and in a browser, and the catalogue."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from browser.browsing import chromium
from scms.widgets.base.language import hand_out_words, language_module
from scms.widgets.base.part import asset
from scms.widgets.base.words import CATALOGUE, Words, catalogue, prefers_chinese, words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

#: Texts as the page has them, and their Chinese; null where there is none.
SAID = json.loads(Path(__file__).with_name("spoken.json").read_text(encoding="utf-8"))
_HOLE = re.compile(r"\{([#@&+=]?)(\w+)\}")


@pytest.fixture(scope="module")
def page(chromium_program: str) -> Iterator[Page]:
    with chromium(chromium_program) as browser:
        yield browser.new_page()


@pytest.mark.parametrize("text", SAID)
def test_a_text_is_said_in_chinese(text: str):
    assert words().say(text) == SAID[text]


@pytest.mark.browser
def test_the_browser_says_the_same(page: Page):
    script = """async ([source, catalogue, texts]) => {
      const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
      const { Words } = await import(url);
      const words = new Words(catalogue);
      return texts.map((text) => words.say(text));
    }"""
    said = page.evaluate(script, [asset("words.js"), catalogue(), list(SAID)])
    assert dict(zip(SAID, said, strict=True)) == SAID


def test_what_says_most_is_meant():
    own = Words({"{what} is down": "{what}停了", "the {@name} is down": "{@name}停机", "it": "它"})
    assert own.say("it is down") == "它停了"
    assert own.say("the it is down") == "it停机"


def test_a_name_that_looks_like_a_placeholder_stays():
    assert words().say("held by {who}, {#n}") == "由 {who}、{#n} 预留"


def test_no_entry_is_there_twice():
    keys: list[str] = []

    def kind_only(hole: re.Match[str]) -> str:
        return hole[0] if hole[1] == "=" else f"{{{hole[1]}}}"

    def remember(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys.extend(_HOLE.sub(kind_only, key) for key, _ in pairs)
        return dict(pairs)

    json.loads(CATALOGUE.read_text(encoding="utf-8"), object_pairs_hook=remember)
    assert sorted({key for key in keys if keys.count(key) > 1}) == []


def test_every_entry_says_what_it_was_given():
    """The Chinese has the values of the English, each once or more, and none of its own."""
    wrong = [
        english
        for english, chinese in catalogue().items()
        if not english.startswith("=")
        and set(_HOLE.findall(english)) != set(_HOLE.findall(chinese))
    ]
    assert wrong == []


def test_every_class_of_words_is_in_the_catalogue():
    known = catalogue()
    asked = {name for english in known for kind, name in _HOLE.findall(english) if kind == "="}
    assert sorted(f"={name}" for name in asked if f"={name}" not in known) == []


def test_no_entry_stands_in_the_way_of_another():
    """Each is found by an example of itself; those for names in a row have no say alone."""
    known = catalogue()
    values = {"#": "7", "@": "xx", "&": "xx", "+": "xx", "": "xx"}

    def example(hole: re.Match[str]) -> str:
        kind, name = hole.groups()
        return known[f"={name}"].split("|")[0] if kind == "=" else values[kind]

    missed = []
    for english, chinese in known.items():
        if english.startswith(("=", "{&")) or any(
            kind == "=" for kind, _ in _HOLE.findall(english)
        ):
            continue
        text = _HOLE.sub(example, english)
        if words().say(text) not in {_HOLE.sub(example, chinese), text}:
            missed.append((text, words().say(text)))
    assert missed == []


def test_a_page_without_a_server_of_ours_gets_the_words_from_the_kernel():
    sent: list[Any] = []

    class Asked:
        send = sent.append

    hand_out_words(Asked(), {"kind": "words"}, [])  # type: ignore[arg-type]
    hand_out_words(Asked(), {"kind": "else"}, [])  # type: ignore[arg-type]
    assert sent == [{"kind": "words", "words": catalogue()}]


def test_the_script_brings_its_matcher():
    assert "class Words" in language_module()
    assert "class Language" in language_module()


@pytest.mark.parametrize(
    ("asked", "chinese"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", True),
        ("de,en;q=0.7,zh;q=0.3", False),
        ("de,zh;q=0.3", True),
        ("", False),
        (None, False),
        ("zh;q=much", False),
    ],
)
def test_a_browser_says_which_language_it_wants(asked: str | None, chinese: bool):
    assert prefers_chinese(asked) is chinese
