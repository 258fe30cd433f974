"""The filter language: ``gpu<5 and memory>20 not group:vision atlas``.

In: a text as people type it. Out: a `Filter` that says of a server's live row whether it is meant.

A word must occur in the name, group, tags, GPU model or users of a server. A condition compares a
field with a value: ``<  <=  >  >=  =  !=`` for numbers (shares in percent, sizes such as 64GiB),
``:`` (contains), ``=`` and ``!=`` for texts. Terms side by side must all hold; ``or``, ``not`` and
parentheses do as usual. What is not known is neither true nor false (Kleene's logic), so that a
server which does not answer is shown neither by ``gpu<5`` nor by ``not gpu<5``.
"""

from __future__ import annotations

import difflib
import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from scms.errors import FilterError, QuantityError
from scms.units import parse_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    #: Says of a row: true, false, or None where it is not known.
    Rule = Callable[[Mapping[str, Any]], bool | None]

Row = dict[str, Any]

#: Fields with numbers: what they are read from, and what a person's number is multiplied with.
_NUMBERS: Final[dict[str, tuple[tuple[str, ...], float | None]]] = {
    "gpu": (("gpu_utilization_ratio",), 0.01),
    "gpu_memory": (("gpu_memory_used_bytes", "gpu_memory_total_bytes"), 0.01),
    "cpu": (("cpu_utilization_ratio",), 0.01),
    "memory": (("memory_used_bytes", "memory_total_bytes"), 0.01),
    "gpus": (("gpus_total",), 1),
    "free": (("gpus_free",), 1),
    "busy": (("gpus_busy",), 1),
    "idle_held": (("gpus_idle_held",), 1),
    "cpus": (("cpu_count",), 1),
    "load": (("load_1m",), 1),
    "power": (("gpu_power_watts",), 1),
    "age": (("age_seconds",), 1),
    "ram": (("memory_total_bytes",), None),
    "scratch": (("scratch_free_bytes",), None),
}
_TEXTS: Final = {
    "server": "server",
    "group": "group",
    "tag": "tags",
    "user": "users",
    "model": "gpu_model",
    "state": "state",
    "reason": "reason",
}
FIELDS: Final = (*_NUMBERS, *_TEXTS)
_COMPARE: Final = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "!=": operator.ne,
}
_TOKEN: Final = re.compile(
    r'\s*(?:(?P<quoted>"[^"]*")|(?P<mark><=|>=|!=|==|[<>=:()])|(?P<word>[^\s()<>=!:"]+))'
)
_KEYWORDS: Final = frozenset({"and", "or", "not"})


@dataclass(frozen=True, slots=True)
class Filter:
    """What a person asked to see.

    Attributes:
        text: As it was typed.
        words: The words, where it has nothing but words; else None.
    """

    text: str
    words: tuple[str, ...] | None
    _rule: Rule

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether a server's live row (see `scms.live.Snapshot.servers`) is meant."""
        return self._rule(row) is True

    def rows(self, rows: Iterable[Row]) -> list[Row]:
        """The rows that are meant, in their order."""
        return [row for row in rows if self.matches(row)]


def parse_filter(text: str) -> Filter:
    """Read a filter; an empty text means everything.

    Raises:
        FilterError: It cannot be read; the message says where, and what would be.

    >>> parse_filter("gpu<5 and free>=2").matches({"gpu_utilization_ratio": 0.0, "gpus_free": 4})
    True
    >>> parse_filter("gpu<5").matches({"gpu_utilization_ratio": None})
    False
    """
    tokens = _tokens(text)
    plain = all(kind != "mark" and token not in _KEYWORDS for kind, token in tokens)
    words = tuple(token.lower() for _, token in tokens) if plain else None
    return Filter(text, words, _Reader(tokens, text).everything())


class _Reader:
    """A recursive descent over the tokens: or, and, not, term."""

    def __init__(self, tokens: Sequence[tuple[str, str]], text: str) -> None:
        self._tokens = tokens
        self._text = text
        self._at = 0

    def everything(self) -> Rule:
        if not self._tokens:
            return lambda _row: True
        rule = self._either()
        if self._at < len(self._tokens):
            raise self._error(f"{self._tokens[self._at][1]!r} stands alone")
        return rule

    def _either(self) -> Rule:
        rules = [self._all()]
        while self._take("word", "or"):
            rules.append(self._all())
        return rules[0] if len(rules) == 1 else lambda row: _any(rule(row) for rule in rules)

    def _all(self) -> Rule:
        rules = [self._negated()]
        while self._at < len(self._tokens):
            kind, token = self._tokens[self._at]
            if (kind, token) in {("word", "or"), ("mark", ")")}:
                break
            self._take("word", "and")
            rules.append(self._negated())
        return rules[0] if len(rules) == 1 else lambda row: _every(rule(row) for rule in rules)

    def _negated(self) -> Rule:
        if self._take("word", "not"):
            rule = self._negated()
            return lambda row: None if (said := rule(row)) is None else not said
        if self._take("mark", "("):
            rule = self._either()
            if not self._take("mark", ")"):
                raise self._error("a parenthesis is not closed")
            return rule
        return self._term()

    def _term(self) -> Rule:
        kind, word = self._next("a word or a condition")
        if kind == "mark" or (kind == "word" and word in _KEYWORDS):
            raise self._error(f"{word!r} stands where a word or a condition should")
        if kind == "word" and self._at < len(self._tokens):
            mark_kind, mark = self._tokens[self._at]
            if mark_kind == "mark" and mark not in {"(", ")"}:
                self._at += 1
                return self._condition(word, "=" if mark == "==" else mark)
        return lambda row: word.lower() in haystack(row)

    def _condition(self, field: str, mark: str) -> Rule:
        kind, value = self._next(f"a value after {field}{mark}")
        if kind == "mark":
            raise self._error(f"{field}{mark} has no value")
        if field in _TEXTS and mark in {":", "=", "!="}:
            return _text_rule(_TEXTS[field], mark, value.lower())
        if field in _NUMBERS and mark in _COMPARE:
            columns, factor = _NUMBERS[field]
            return _number_rule(columns, mark, self._amount(field, value, factor))
        if field in FIELDS:
            wanted = ": = !=" if field in _TEXTS else "< <= > >= = !="
            raise self._error(f"{field} cannot be compared by {mark}", expected=wanted)
        near = difflib.get_close_matches(field, FIELDS, n=1)
        raise self._error(
            f"there is no field {field!r}",
            expected=f"one of {', '.join(FIELDS)}",
            mend=f'did you mean "{near[0]}"?' if near else None,
        )

    def _amount(self, field: str, value: str, factor: float | None) -> float:
        try:
            if factor is None:
                return parse_bytes(value)
            return float(value.removesuffix("%")) * factor
        except (ValueError, QuantityError):
            wanted = "a size such as 64GiB" if factor is None else "a number"
            raise self._error(f"{value!r} is no value of {field}", expected=wanted) from None

    def _take(self, kind: str, token: str) -> bool:
        found = self._at < len(self._tokens) and self._tokens[self._at] == (kind, token)
        self._at += found
        return found

    def _next(self, wanted: str) -> tuple[str, str]:
        if self._at == len(self._tokens):
            raise self._error("the filter ends too early", expected=wanted)
        self._at += 1
        return self._tokens[self._at - 1]

    def _error(
        self, got: str, *, expected: str | None = None, mend: str | None = None
    ) -> Exception:
        known = "words, or conditions such as gpu<5, free>=2, group:vision, with and, or, not"
        return FilterError(
            f"the filter {self._text!r} cannot be read: {got}",
            expected=known if expected is None else expected,
            mend=mend,
        )


def haystack(row: Mapping[str, Any]) -> str:
    """The text in which words are looked for: name, group, tags, GPU model and users."""
    words = (row["server"], row["group"], *row["tags"], row["gpu_model"], *row["users"])
    return " ".join(word for word in words if word is not None).lower()


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            raise FilterError(
                f"the filter {text!r} cannot be read from {text[at:].strip()!r} on",
                expected='words, conditions such as gpu<5, or "words in quotes"',
            )
        kind = str(match.lastgroup)
        token = match[kind]
        found.append((kind, token.strip('"') if kind == "quoted" else token))
        at = match.end()
    return found


def _number_rule(columns: tuple[str, ...], mark: str, amount: float) -> Rule:
    compare = _COMPARE[mark]

    def rule(row: Mapping[str, Any]) -> bool | None:
        values = [row[column] for column in columns]
        if any(value is None for value in values):
            return None
        if len(values) == 1:
            return bool(compare(values[0], amount))
        return bool(compare(values[0] / values[1], amount)) if values[1] else None

    return rule


def _text_rule(column: str, mark: str, wanted: str) -> Rule:
    def rule(row: Mapping[str, Any]) -> bool | None:
        value = row[column]
        if value is None:
            return None
        texts = [str(t).lower() for t in (value if isinstance(value, list) else [value])]
        if mark == ":":
            return any(wanted in text for text in texts)
        return (wanted in texts) == (mark == "=")

    return rule


def _every(said: Iterable[bool | None]) -> bool | None:
    answers = list(said)
    if False in answers:
        return False
    return None if None in answers else True


def _any(said: Iterable[bool | None]) -> bool | None:
    answers = list(said)
    if True in answers:
        return True
    return None if None in answers else False
