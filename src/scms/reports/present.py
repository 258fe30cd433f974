"""How a number or a key of a report reads: values of a table in, short texts out.

Every form of a report (page, Markdown, charts) writes through here, so that they agree. Unknown is
an en dash.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from scms.units import format_ratio

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

UNKNOWN: Final = "–"
_MONTHS: Final = (
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
)
_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_NOBODY: Final = {
    "user": "(nobody visible)",
    "group": "(no group)",
    "tag": "(no tag)",
    "model": "(model not told)",
    "server": "(server not told)",
}
_TIMES: Final = ("hour", "day", "month", "weekday", "hour_of_day", "hour_of_week")
_SIGNIFICANT: Final = 100.0


def hours(value: float | None) -> str:
    """Hours or kilowatt-hours: one decimal below a hundred, none above, thousands apart.

    >>> hours(1234.5), hours(9.96), hours(None)
    ('1,234', '10.0', '–')
    """
    if unknown(value):
        return UNKNOWN
    amount = float(value or 0.0)
    return f"{amount:,.1f}" if abs(amount) < _SIGNIFICANT else f"{amount:,.0f}"


def ratio(value: float | None) -> str:
    """A ratio as a percentage; a trace of something is not nothing, nor almost all of it all.

    >>> ratio(0.004), ratio(0.996), ratio(0.5)
    ('< 1 %', '> 99 %', '50 %')
    """
    if unknown(value):
        return UNKNOWN
    amount = float(value or 0.0)
    if 0 < amount < 0.01:
        return "< 1 %"
    if 0.99 < amount < 1:
        return "> 99 %"
    return format_ratio(amount)


def count(value: float | None) -> str:
    """A whole number."""
    return UNKNOWN if unknown(value) else f"{float(value or 0.0):,.0f}"


def text(value: Any) -> str:
    """A word, or an en dash."""
    return UNKNOWN if unknown(value) else str(value)


def unknown(value: Any) -> bool:
    """Whether a cell of a table holds nothing."""
    return value is None or bool(value != value)  # noqa: PLR0124  NaN and NaT differ from themselves


def key_label(value: Any, by: str, *, with_day: bool = False) -> str:
    """The key of a row for people.

    >>> key_label(None, "user")
    '(nobody visible)'
    """
    if unknown(value):
        return _NOBODY.get(by, UNKNOWN)
    if by == "hour":
        clock = f"{value:%H:%M}"
        return f"{value.day} {_MONTHS[value.month - 1]} {clock}" if with_day else clock
    return _LABELS.get(by, str)(value)


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table, with None for what is unknown."""
    return [
        {str(name): None if unknown(value) else value for name, value in row.items()}
        for row in frame.to_dict("records")
    ]


@dataclass(frozen=True, slots=True)
class Column:
    """A column as it is shown."""

    name: str
    heading: str
    kind: Literal["text", "number", "use", "coverage"]
    write: Callable[[Any], str]
    unit: str = ""

    @property
    def title(self) -> str:
        """Heading and unit in one line."""
        return f"{self.heading}, {self.unit}" if self.unit else self.heading


#: Headings over the tables of use, by their key.
TITLES: Final = {
    "server": "Servers",
    "user": "Users",
    "group": "Groups",
    "model": "GPU models",
    "device": "GPUs",
    "hour": "Hours",
    "day": "Days",
    "month": "Months",
    "tag": "Tags",
    "weekday": "Days of the week",
    "hour_of_day": "Hours of the day",
    "hour_of_week": "Hours of the week",
}
_LABELS: Final[dict[str, Callable[[Any], str]]] = {
    "day": lambda day: f"{_WEEKDAYS[day.weekday()]} {day.day} {_MONTHS[day.month - 1]}",
    "month": lambda month: f"{_MONTHS[month.month - 1]} {month.year}",
    "weekday": lambda number: _WEEKDAYS[int(number) - 1],
    "hour_of_day": lambda hour: f"{int(hour):02}:00",
    "hour_of_week": lambda hour: f"{_WEEKDAYS[int(hour) // 24]} {int(hour) % 24:02}:00",
}
#: Headings over the other tables of a report, and what is in them.
OTHERS: Final = {
    "periods": (
        "Beside earlier periods",
        "Each as far as this one has passed; of one observed too little only that is told.",
    ),
    "contention": (
        "Requests without a place",
        "How long no server had so many GPUs free, and what stood free meanwhile, in pieces.",
    ),
    "intensity": (
        "How hard servers worked",
        "In half, and in 95 %, of the observed time not more than this; and the highest tick.",
    ),
    "peak": ("GPUs in use at once", "Means of quarters of an hour."),
    "room": (
        "Free while others were full",
        "Free GPU-hours that servers with none free, and GPUs no larger, could have used.",
    ),
    "unpopular": ("Little used servers", "And what speaks against them."),
    "concentration": (
        "How uneven use is",
        "Gini: 0 when all are used alike, near 100 % when one has everything.",
    ),
    "sharing": ("Who uses whose servers", "Groups own servers; people belong to groups."),
    "outages": (
        "Outages",
        "Quarters of an hour in a row with time down are one outage. MTBF: time up per outage.",
    ),
    "health": (
        "Health of GPUs",
        "Those that were hot, held back, faulty, or made memory errors.",
    ),
    "advice": (
        "Recommendations",
        "Those whose hours are over: the chance that was told, and how many stayed free so long.",
    ),
    "holds": (
        "Holds",
        "Kept: renewed because their user worked there. Others were given back or left to lapse.",
    ),
}
_HEADINGS: Final = {
    "server": "Server",
    "device": "GPU",
    "user": "User",
    "group": "Group",
    "tag": "Tag",
    "weekday": "Weekday",
    "hour_of_day": "Hour",
    "hour_of_week": "Hour",
    "model": "GPU model",
    "hour": "Hour",
    "day": "Day",
    "month": "Month",
}
_COLUMNS: Final = (
    Column("server", "Server", "text", text),
    Column("group", "Group", "text", text),
    Column("device_index", "Index", "number", count),
    Column("device_name", "GPU model", "text", text),
    Column("server_count", "Servers", "number", count),
    Column("gpu_count", "GPUs", "number", count),
    Column("gpu_hours_available", "Available", "number", hours, "GPU-h"),
    Column("gpu_hours_used", "Used", "number", hours, "GPU-h"),
    Column("gpu_hours_idle_held", "Held idle", "number", hours, "GPU-h"),
    Column("gpu_hours_free", "Free", "number", hours, "GPU-h"),
    Column("gpu_use_ratio", "Use", "use", ratio),
    Column("gpu_utilization_ratio", "Mean utilisation", "number", ratio),
    Column("energy_kwh", "Energy", "number", hours, "kWh"),
    Column("cpu_hours_used", "CPU used", "number", hours, "CPU-h"),
    Column("cpu_utilization_ratio", "CPU use", "number", ratio),
    Column("coverage_ratio", "Observed", "coverage", ratio),
)
#: What says nothing in a table of that key: one server is one server.
_OMITTED: Final = {
    "device": {"gpu_count", "cpu_hours_used", "cpu_utilization_ratio"},
    "model": {"cpu_hours_used", "cpu_utilization_ratio"},
    "hour": {"server_count", "gpu_count"},
    "day": {"server_count", "gpu_count"},
    "month": {"server_count", "gpu_count"},
    "weekday": {"server_count", "gpu_count"},
    "hour_of_day": {"server_count", "gpu_count"},
    "hour_of_week": {"server_count", "gpu_count"},
}


def column(name: str) -> Column | None:
    """The column that a table of use has under a name, if it has one."""
    return next((column for column in _COLUMNS if column.name == name), None)


def columns_of(frame: pd.DataFrame, by: str) -> tuple[Column, ...]:
    """The columns that a table shows: its key, then those with anything in them."""
    key = Column(by, _HEADINGS[by], "text", lambda value: key_label(value, by))
    omitted = {by} | _OMITTED.get(by, set())
    shown = tuple(
        column
        for column in _COLUMNS
        if column.name in frame.columns
        and column.name not in omitted
        and (column.name == "coverage_ratio" or frame[column.name].notna().any())
    )
    return (key, *shown)


def simulated_mark(row: dict[str, Any], by: str) -> str:
    """What to write beside a row that speaks of simulated servers; nothing beside times."""
    if not row.get("simulated") or by in _TIMES:
        return ""
    real = row.get("server_count", 1) - row.get("simulated_server_count", 1)
    return "partly simulated" if real > 0 else "simulated"
