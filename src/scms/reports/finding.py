"""One finding, and how the rules that make them write: `Finding` and small words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from scms.settings import FindingSettings

Row = dict[str, Any]
#: The tables of a report, their total and thresholds in; findings out.
Rule = Callable[[Mapping[str, Sequence[Row]], Row, FindingSettings], "Iterable[Finding]"]
#: So many names are said; the rest are counted.
_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence and the GPU-hours it is about (None when that is not known).

    ``evidence`` is the name of the table that it was read from, to be linked to.
    """

    kind: str
    sentence: str
    gpu_hours: float | None
    evidence: str = ""


def listed(names: Sequence[str], noun: str = "other") -> str:
    """The first names with commas between them, the others counted.

    >>> listed(["a", "b", "c", "d"])
    'a, b, c and 1 other'
    """
    said = ", ".join(names[:_NAMED])
    more = len(names) - _NAMED
    return f"{said} and {more} {noun}{'s' if more > 1 else ''}" if more > 0 else said


def server_name(row: Row) -> str:
    """The server of a row, marked where it is simulated."""
    return f"{row['server']} (simulated)" if row["simulated"] else str(row["server"])
