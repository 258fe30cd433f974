"""The lab that the tests look at, and how to find something in it."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from scms.collect.message import Hello, Tick
from scms.collect.parse import parse_line
from scms.demo.lab import Lab
from scms.demo.past import Stretch, facts, watches_of
from scms.demo.weather import era_of, era_start

if TYPE_CHECKING:
    import pyarrow as pa

    from scms.demo.weather import Spell

#: Tuesday 2026-11-17, midnight UTC.
DAY = datetime(2026, 11, 17, tzinfo=UTC).timestamp()
ERA = era_of(DAY)
ERA_START = era_start(ERA)


@lru_cache(maxsize=1)
def lab() -> Lab:
    return Lab()


def tick(server: str, at: float, interval: float = 2.0) -> Any:
    """A `Tick`; Any, because a test that reads None as a number may fail on it."""
    found = parse_line(lab().line(server, at, interval))
    assert isinstance(found, Tick)
    return found


def hello(server: str, at: float) -> Hello:
    found = parse_line(lab().hello(server, at, 2.0))
    assert isinstance(found, Hello)
    return found


def spell(kind: str) -> tuple[str, Spell]:
    """A server and a spell of the given kind, after the maintenance."""
    return next(
        (spec.name, found)
        for spec in lab().servers
        for found in lab().history(spec.name, ERA).spells[1:]
        if found.kind == kind
    )


def past(start: float, end: float, servers: list[str] | None = None) -> dict[str, pa.Table]:
    names = [spec.name for spec in lab().servers] if servers is None else servers
    watches = watches_of(names, collector="test", commands=True)
    return facts(lab(), watches, Stretch(start, end))


def rows(table: pa.Table, **where: Any) -> list[dict[str, Any]]:
    return [
        row
        for row in table.to_pylist()
        if all(row[column] == value for column, value in where.items())
    ]
