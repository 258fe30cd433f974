"""Reading the rows of records: milliseconds become times, and unknown values do not count."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from scms.tables import FACTS, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from scms.collect.record import Record

Row = dict[str, Any]
_TIMES: Final = {
    table.name: frozenset(c.name for c in table.columns if c.type == "timestamp") for table in FACTS
}


def rows_of(record: Record, table: Table) -> list[Row]:
    """The rows of a table in a record, with times for milliseconds."""
    return [_with_times(row, _TIMES[table.name]) for row in record.tables.get(table.name, [])]


def _with_times(row: Mapping[str, Any], times: frozenset[str]) -> Row:
    found = dict(row)
    for name in times:
        value = found.get(name)
        if value is not None:
            found[name] = moment(value)
    return found


def total(rows: Iterable[Mapping[str, Any]], column: str) -> float | None:
    """The sum of what is known; None when nothing is."""
    values = [row[column] for row in rows if row[column] is not None]
    return sum(values) if values else None


def mean(rows: Iterable[Mapping[str, Any]], column: str) -> float | None:
    """The mean of what is known; None when nothing is."""
    values = [row[column] for row in rows if row[column] is not None]
    return sum(values) / len(values) if values else None


def ratio(part: float | None, whole: float | None) -> float | None:
    """A part of a whole; None when either is unknown or there is no whole."""
    return part / whole if part is not None and whole else None


def moment(milliseconds: int) -> datetime:
    """A time, of milliseconds since the epoch."""
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)


def milliseconds(at: datetime) -> int:
    """Milliseconds since the epoch, of a time."""
    return round(at.timestamp() * 1000)
