"""What a report contains, in order: its tables with their columns, for every form of a document.

In: a report. Out: `Content`, one per table that has rows. Tables of use have the columns that
`present` chooses for them; of any other table the columns are read from their names, which carry
the unit, so that a table that is added to a report is in every form by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from scms.reports import present

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from scms.reports.document import Report
    from scms.reports.present import Column

#: Unit in the name of a column: how it is headed, and how its values are written.
_UNITS: Final[tuple[tuple[str, str, Callable[[Any], str]], ...]] = (
    ("_gpu_hours", "GPU-h", present.hours),
    ("_cpu_hours", "CPU-h", present.hours),
    ("_ratio", "", present.ratio),
    ("_hours", "h", present.hours),
    ("_kwh", "kWh", present.hours),
    ("_kilograms", "kg", present.hours),
    ("_seconds", "s", present.hours),
    ("_celsius", "°C", present.count),
    ("_watts", "W", present.count),
)
_WORDS: Final = {"gpu": "GPU", "gpus": "GPUs", "cpu": "CPU", "ecc": "ECC", "mtbf": "MTBF"}


@dataclass(frozen=True, eq=False)
class Content:
    """One table of a report.

    Attributes:
        name: Its key in `Report.tables`.
        title: For people.
        columns: Those a reader is shown, in order.
        frame: All rows and columns.
        note: What a row says, where that needs a sentence.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    frame: pd.DataFrame
    note: str = ""

    def all_columns(self) -> tuple[Column, ...]:
        """Those shown, then the others that have anything in them."""
        shown = {column.name for column in self.columns}
        others = (
            described(str(name), self.frame)
            for name in self.frame.columns
            if name not in shown and self.frame[name].notna().any()
        )
        return (*self.columns, *others)

    def texts(self) -> list[list[str]]:
        """The rows as a reader is shown them; what is simulated is marked."""
        rows = []
        for row in present.rows_of(self.frame):
            cells = [column.write(row[column.name]) for column in self.columns]
            mark = present.simulated_mark(row, self.name)
            cells[0] += f" ({mark})" if mark else ""
            rows.append(cells)
        return rows


def contents(report: Report) -> tuple[Content, ...]:
    """The tables of a report that have rows."""
    return tuple(
        Content(name, title_of(name), shown_columns(name, frame), frame, note_of(name))
        for name, frame in report.tables.items()
        if not frame.empty
    )


def title_of(name: str) -> str:
    """The heading over a table."""
    if name in present.OTHERS:
        return present.OTHERS[name][0]
    return present.TITLES[name] if name in present.TITLES else headed(name)


def note_of(name: str) -> str:
    """The sentence under the heading of a table."""
    return present.OTHERS[name][1] if name in present.OTHERS else ""


def shown_columns(name: str, frame: pd.DataFrame) -> tuple[Column, ...]:
    """The columns of a table that a reader is shown."""
    if name in present.TITLES:
        return present.columns_of(frame, name)
    return tuple(described(str(column), frame) for column in frame.columns if column != "simulated")


def described(name: str, frame: pd.DataFrame) -> Column:
    """A column from its name and its values: heading, unit, and how a value is written."""
    known = present.column(name)
    if known is not None:
        return known
    write = _words_of(frame[name])
    # Of a column without a value only its name says what it is.
    if write is not None and (frame[name].notna().any() or _unit(name) is None):
        return present.Column(name, headed(name.removesuffix("_at")), "text", write)
    if name.endswith("_count"):
        return present.Column(name, f"{headed(name[:-6])}s", "number", present.count)
    measured = _unit(name)
    if measured is not None:
        part, unit, how = measured
        stem = f"_{name}".replace(part, "", 1).strip("_")
        return present.Column(name, headed(stem or name), "number", how, unit)
    values = frame[name].dropna()
    whole = bool((values == values.round()).all())
    return present.Column(name, headed(name), "number", present.count if whole else present.hours)


def _unit(name: str) -> tuple[str, str, Callable[[Any], str]] | None:
    """The part of a name that is its unit, that unit, and how its values are written."""
    return next((measured for measured in _UNITS if measured[0] in f"_{name}"), None)


def _words_of(values: pd.Series) -> Callable[[Any], str] | None:
    """How values are written that are no numbers; None for numbers."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    if values.dtype.kind == "M":
        return _moment
    if is_bool_dtype(values):
        return _yes_or_no
    return None if is_numeric_dtype(values) else present.text


def headed(name: str) -> str:
    """A name of the data dictionary as a heading.

    >>> headed("gpu_count"), headed("top_users")
    ('GPU count', 'Top users')
    """
    words = [_WORDS.get(word, word) for word in name.split("_")]
    text = " ".join(words)
    return text[:1].upper() + text[1:]


def _moment(value: Any) -> str:
    if present.unknown(value):
        return present.UNKNOWN
    assert isinstance(value, datetime)
    return f"{value:%Y-%m-%d %H:%M}"


def _yes_or_no(value: Any) -> str:
    return present.UNKNOWN if present.unknown(value) else "yes" if value else "no"
