"""A catalogue of English and Chinese in, the Chinese of a text out; what words.js does in the page.

For pages without scripts. The catalogue is language.zh.json: English to Chinese. Case matters
only where two entries differ in it. An entry may have placeholders::

    {#n}      a number
    {@who}    a name, which stays as it is
    {&who}    names in a row; what is said around them is looked up in entries that begin with {&
    {+what}   parts with commas between them, each looked up
    {=month}  one of the words of the class "=month", an entry of the catalogue
    {what}    words, which are looked up themselves
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

CATALOGUE: Final = Path(__file__).parents[1] / "front" / "language.zh.json"
_LETTERS: Final = re.compile(r"[A-Za-z]")
_NUMBER: Final = re.compile(r"(?<![^\W_])\d+(?:[.,:]\d+)*|(?<![^\s(])–(?![^\s)])")
_HOLE: Final = re.compile(r"\{([#@&+=]?)(\w+)\}")
_SLOT: Final = "\0"
_ANYTHING: Final = r"(.+?)"
_GROUPS: Final = {"#": r"(\d+(?:[.,:]\d+)*|–)", "@": r"((?:(?! · |[;:,] ).)+?)", "&": r"(.+)"}
#: What stands between parts of a text, and what does there in Chinese.
_COMMA: Final = (", ", "\uff0c")
_LINES: Final = (("\n", "\n"), (" · ", " · "))
_JOINTS: Final = (*_LINES, ("; ", "\uff1b"), _COMMA, (": ", "\uff1a"))


@dataclass(frozen=True, slots=True)
class Pattern:
    """An entry with words in it, as an anchored expression."""

    expression: re.Pattern[str]
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    chinese: str
    weight: int

    @classmethod
    def of(cls, english: str, chinese: str, classes: Mapping[str, str]) -> Pattern:
        """Compile an entry."""
        kinds, names = _holes(english)
        pieces = _HOLE.sub(_SLOT, english).split(_SLOT)
        groups = [
            f"({classes[f'={name}']})" if kind == "=" else _GROUPS.get(kind, _ANYTHING)
            for kind, name in zip(kinds, names, strict=True)
        ]
        parts = zip(pieces, [*groups, ""], strict=True)
        source = "".join(re.escape(piece) + group for piece, group in parts)
        expression = re.compile(source, re.IGNORECASE | re.DOTALL)
        return cls(expression, names, kinds, chinese, len("".join(pieces)))


class Words:
    """What a catalogue says.

    Args:
        catalogue: Chinese by English, with placeholders.
    """

    def __init__(self, catalogue: Mapping[str, str]) -> None:
        self._exact: dict[str, str] = {}
        self._counted: dict[str, tuple[tuple[str, ...], str]] = {}
        patterns: list[Pattern] = []
        rows: list[Pattern] = []
        for english, chinese in catalogue.items():
            kinds, names = _holes(english)
            if english.startswith("="):
                continue
            if not names:
                self._exact.setdefault(english.lower(), chinese)
                self._exact[english] = chinese
            elif set(kinds) == {"#"}:
                self._counted[_HOLE.sub(_SLOT, english).lower()] = (names, chinese)
            else:
                some = rows if english.startswith("{&") else patterns
                some.append(Pattern.of(english, chinese, catalogue))
        self._patterns = sorted(patterns, key=lambda pattern: -pattern.weight)
        self._rows = sorted(rows, key=lambda pattern: -pattern.weight)
        self._dates = [pattern for pattern in self._patterns if set(pattern.kinds) <= {"#", "="}]

    def say(self, text: str) -> str | None:
        """The Chinese of a text, or None where there is none. Spaces around it stay."""
        if _LETTERS.search(text) is None:
            return None
        if "\n" in text:
            return self._parts(text, _LINES)
        core = text.strip().replace("\u00a0", " ")
        chinese = self._plain(core)
        if chinese is None:
            chinese = self._sentence(core, self._patterns)
        if chinese is None:
            chinese = self._parts(core, _JOINTS)
        return None if chinese is None else text.replace(text.strip(), chinese, 1)

    def _plain(self, core: str) -> str | None:
        lower = core.lower()
        for text in (core, lower):
            if text in self._exact:
                return self._exact[text]
        names, chinese = self._counted.get(_NUMBER.sub(_SLOT, lower), ((), ""))
        numbers = _NUMBER.findall(lower)
        if not names or len(names) != len(numbers):
            return None
        return _filled(chinese, names, numbers)

    def _sentence(self, core: str, patterns: Iterable[Pattern]) -> str | None:
        for pattern in patterns:
            found = pattern.expression.fullmatch(core)
            if found is not None:
                pairs = zip(pattern.kinds, found.groups(), strict=True)
                values = [self._value(kind, value) for kind, value in pairs]
                return _filled(pattern.chinese, pattern.names, values)
        return None

    def _value(self, kind: str, value: str) -> str:
        if kind == "&":
            return self._row(value)
        said = self._parts(value, [_COMMA]) if kind == "+" else None
        if said is None and kind in {"", "=", "+"}:
            said = self.say(value)
        return value if said is None else said

    def _row(self, value: str) -> str:
        """Names in a row: no name is looked up, only what is said around them, and dates."""
        said = self._sentence(value, [*self._rows, *self._dates])
        if said is None and ", " in value:
            return "、".join(self._row(part) for part in value.split(", "))
        if said is None and value[:1].isdigit():
            said = self.say(value)
        return value if said is None else said

    def _parts(self, core: str, joints: Iterable[tuple[str, str]]) -> str | None:
        """A text of several parts: where one of them is known, what is not stays as it is."""
        for joint, between in joints:
            if joint in core:
                parts = core.split(joint)
                said = [self.say(part) for part in parts]
                if any(chinese is not None for chinese in said):
                    pairs = zip(parts, said, strict=True)
                    return between.join(p if chinese is None else chinese for p, chinese in pairs)
        return None


def _holes(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The kinds and the names of the placeholders."""
    found = _HOLE.findall(text)
    return tuple(kind for kind, _ in found), tuple(name for _, name in found)


def _filled(chinese: str, names: Sequence[str], values: Sequence[str]) -> str:
    """The holes of a sentence, filled by name."""
    return _HOLE.sub(lambda hole: values[names.index(hole[2])], chinese)


@cache
def catalogue() -> dict[str, str]:
    """The entries: Chinese by English."""
    entries: dict[str, str] = json.loads(CATALOGUE.read_text(encoding="utf-8"))
    return entries


@cache
def words() -> Words:
    """The matcher over the catalogue."""
    return Words(catalogue())


def prefers_chinese(accept_language: str | None) -> bool:
    """Whether a browser asks for Chinese before English, by its ``Accept-Language``.

    >>> prefers_chinese("zh-CN,zh;q=0.9,en;q=0.8"), prefers_chinese("de,en;q=0.7,zh;q=0.3")
    (True, False)
    """
    asked = []
    for part in (accept_language or "").split(","):
        name, _, quality = part.strip().partition(";q=")
        try:
            asked.append((-float(quality or 1), name[:2].lower()))
        except ValueError:
            continue  # of a language that is asked for like this nobody knows how much
    spoken = [name for _, name in sorted(asked, key=lambda one: one[0]) if name in {"zh", "en"}]
    return bool(spoken) and spoken[0] == "zh"
