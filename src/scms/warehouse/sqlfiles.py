"""The SQL files of warehouse/views: one SELECT each, with a header that says what it gives.

Input: a folder. Output: `ViewFile` by name, and which relations a query needs, in order.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scms.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_TEXT_OR_COMMENT: Final = re.compile(r"'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/", re.DOTALL)
#: A star that stands for columns: not one that multiplies, which has an operand on its left.
_STAR: Final = re.compile(r"(?:\bselect|\bdistinct|,|\.|\()\s*\*")
_COUNT: Final = re.compile(r"\bcount\s*\(\s*\*\s*\)")
_FROM: Final = re.compile(r"\bfrom\b")
_SELECT: Final = re.compile(r"\bselect\b")
#: Words of queries that may mean columns without naming them.
_ALL_COLUMNS: Final = frozenset({"natural", "columns", "pivot", "unpivot", "summarize", "describe"})
_VALUE: Final = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class ViewColumn:
    """A column as the header of a view tells it."""

    name: str
    unit: str
    doc: str


@dataclass(frozen=True, slots=True)
class ViewFile:
    """One view: what a row of it is, its columns, and the query.

    A view with parameters is called like a function: ``FROM usage_by_user($start, $end)``.
    """

    name: str
    doc: str
    grain: str
    parameters: tuple[str, ...]
    columns: tuple[ViewColumn, ...]
    select: str


def read_views(folder: Path) -> dict[str, ViewFile]:
    """The views of a folder by name.

    Raises:
        QueryError: The folder cannot be read.
    """
    try:
        texts = {path.stem: path.read_text("utf-8") for path in sorted(folder.glob("*.sql"))}
    except OSError as error:
        raise QueryError(f"{folder} cannot be read: {error}", expected="SQL files") from error
    return {name: parse_view(name, text) for name, text in texts.items()}


def parse_view(name: str, text: str) -> ViewFile:
    """A view from its text.

    The header is the comment at the head: free lines say what it is, ``-- grain:`` what a row is,
    ``-- parameters:`` what is to be given, and each line after ``-- columns:`` has name, unit and
    meaning of a column.
    """
    parts: dict[str, list[str]] = {"doc": [], "grain": [], "parameters": [], "columns": []}
    part = "doc"
    lines = text.splitlines()
    header = next((i for i, line in enumerate(lines) if not line.startswith("--")), len(lines))
    for line in lines[:header]:
        said = line.removeprefix("--").strip()
        begins, colon, rest = said.partition(":")
        if colon and begins in parts:
            part, said = begins, rest.strip()
        if said:
            parts[part].append(said)
    return ViewFile(
        name=name,
        doc=" ".join(parts["doc"]),
        grain=" ".join(parts["grain"]),
        parameters=tuple(_WORD.findall(" ".join(parts["parameters"]))),
        columns=tuple(_column(name, said) for said in parts["columns"]),
        select="\n".join(lines[header:]).strip().removesuffix(";"),
    )


def words(sql: str) -> set[str]:
    """The names in a query that may be relations, in lower case."""
    return {word.lower() for word in _WORD.findall(_TEXT_OR_COMMENT.sub(" ", sql))}


def parameters(sql: str) -> set[str]:
    """The names of the values that a query asks for, as ``$name``."""
    return set(_VALUE.findall(_TEXT_OR_COMMENT.sub(" ", sql)))


def needed(
    sql: str, views: Mapping[str, ViewFile], base: Iterable[str]
) -> tuple[list[ViewFile], set[str]]:
    """What a query needs: views, each after those it is made of, and base relations.

    A name that only looks like a relation costs a little time and changes nothing.
    """
    known = set(base)
    ordered: dict[str, ViewFile] = {}
    bases: set[str] = set()

    def visit(text: str, above: tuple[str, ...]) -> None:
        for word in sorted(words(text).difference(above)):
            if word in views and word not in ordered:
                visit(views[word].select, (*above, word))
                ordered[word] = views[word]
            elif word in known:
                bases.add(word)

    visit(sql, ())
    return list(ordered.values()), bases


def named_columns(relation: str, texts: Iterable[str]) -> set[str] | None:
    """Names among which are all columns that queries take of a relation; None for all columns.

    For sources that are dear to read as a whole. When in doubt, it is all.
    """
    named: set[str] = set()
    for text in texts:
        plain = _TEXT_OR_COMMENT.sub(" ", text).lower()
        used = words(text)
        if relation not in used:
            continue
        begun_with_from = len(_FROM.findall(plain)) > len(_SELECT.findall(plain))
        if begun_with_from or _ALL_COLUMNS & used or _STAR.search(_COUNT.sub(" ", plain)):
            return None
        named |= used
    return named


def _column(view: str, said: str) -> ViewColumn:
    parts = said.split(None, 2)
    if len(parts) != 3:
        raise QueryError(
            f"{view}.sql: the header has the line {said!r}", expected="a name, a unit and a meaning"
        )
    return ViewColumn(parts[0], parts[1], parts[2])
