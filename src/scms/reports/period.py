"""What people call a stretch of time, as an exact one: text in, `Period` out.

Days begin at midnight in the cluster's time zone, so a day may have 23, 24 or 25 hours and need
not begin at a whole hour of UTC. The clock is passed in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

from scms.errors import PeriodError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

Kind = Literal["day", "week", "month", "quarter", "year", "days"]

ACCEPTED: Final = (
    "today, yesterday, this-week, last-week (also month, quarter, year), a day 2026-10-05, "
    "an ISO week 2026-W41, a month 2026-10, a quarter 2026-Q4, a year 2026, the last days 7d, "
    "or a range of days 2026-10-01..2026-10-15, its last day included"
)
_FIRST_YEAR: Final = 1970
_LAST_YEAR: Final = 2999
_MOST_DAYS: Final = 3660
_ONE_DAY: Final = timedelta(days=1)
_UNITS: Final[dict[str, Kind]] = {
    "week": "week",
    "month": "month",
    "quarter": "quarter",
    "year": "year",
}
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_FORMS: Final = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"|(?P<week>(?P<week_year>[0-9]{4})-w(?P<week_number>[0-9]{1,2}))"
    r"|(?P<month>(?P<month_year>[0-9]{4})-(?P<month_number>[0-9]{2}))"
    r"|(?P<quarter>(?P<quarter_year>[0-9]{4})-q(?P<quarter_number>[0-9]))"
    r"|(?P<year>[0-9]{4})"
    r"|(?P<days>[0-9]{1,4})d"
    r"|(?P<from>[0-9]{4}-[0-9]{2}-[0-9]{2})\.\.(?P<to>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"|(?P<which>this|last)[-_ ](?P<unit>week|month|quarter|year)"
)


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days in a row, in one time zone.

    Attributes:
        start: The first instant, UTC.
        end: The first instant after it, UTC.
        label: The period in a form that `parse_period` reads back.
        kind: day, week, month, quarter, year, or days (a range).
        zone: The time zone whose midnights bound it.
    """

    start: datetime
    end: datetime
    label: str
    kind: Kind
    zone: ZoneInfo

    @property
    def first_day(self) -> date:
        """The first day, in the zone."""
        return self.start.astimezone(self.zone).date()

    @property
    def last_day(self) -> date:
        """The last day, in the zone; it belongs to the period."""
        return (self.end - timedelta(microseconds=1)).astimezone(self.zone).date()

    @property
    def title(self) -> str:
        """The period for people, such as "October 2026"."""
        return _title(self)

    def days(self) -> Iterator[date]:
        """Its days, in order."""
        day = self.first_day
        while day <= self.last_day:
            yield day
            day += _ONE_DAY

    def previous(self) -> Period:
        """The period of the same kind just before; of a range, as many days."""
        before = self.first_day - _ONE_DAY
        if self.kind == "days":
            count = (self.last_day - self.first_day).days
            return _days(before - timedelta(days=count), before, self.zone)
        return _calendar(self.kind, before, self.zone)

    def following(self) -> Period:
        """The period of the same kind just after; of a range, as many days."""
        after = self.last_day + _ONE_DAY
        if self.kind == "days":
            return _days(after, after + (self.last_day - self.first_day), self.zone)
        return _calendar(self.kind, after, self.zone)

    def of_kind(self, kind: Kind) -> Period:
        """The day, week, month, quarter or year that its first day is in."""
        return _calendar(kind, self.first_day, self.zone)

    def year_ago(self) -> Period:
        """The same one a year before: week 41 of week 41, 29 February of the 28th, W53 of W52.

        A range begins on the same date and has as many days.
        """
        if self.kind == "week":
            year, week, _ = self.first_day.isocalendar()
            last_week = date(year - 1, 12, 28).isocalendar().week
            first = date.fromisocalendar(year - 1, min(week, last_week), 1)
        else:
            first = _year_before(self.first_day)
        if self.kind == "days":
            return _days(first, first + (self.last_day - self.first_day), self.zone)
        return _calendar(self.kind, first, self.zone)

    def until(self, now: datetime) -> datetime:
        """Where it ends as far as it has passed: its end, or ``now``, or its start."""
        return min(max(now.astimezone(UTC), self.start), self.end)

    def elapsed(self, now: datetime) -> timedelta:
        """How much of it has passed."""
        return self.until(now) - self.start


def parse_period(text: str, zone: ZoneInfo, now: datetime) -> Period:
    """Read a period.

    Args:
        text: One of the forms of `ACCEPTED`, in upper or lower case.
        zone: The time zone of its days.
        now: What "today" and "last" are counted from; aware. ``7d`` are the seven days up to and
            with today.

    Raises:
        PeriodError: It is none of the forms, or names a day that does not exist.

    >>> from zoneinfo import ZoneInfo
    >>> noon = datetime(2026, 11, 3, 12, tzinfo=UTC)
    >>> parse_period("last-month", ZoneInfo("Europe/Berlin"), noon).title
    'October 2026'
    """
    if now.tzinfo is None:
        raise ValueError(f"now is {now!r}; expected a datetime with a time zone")
    plain = text.strip().lower()
    today = now.astimezone(zone).date()
    if plain in {"today", "yesterday"}:
        return _calendar("day", today if plain == "today" else today - _ONE_DAY, zone)
    match = _FORMS.fullmatch(plain)
    if match is None:
        raise PeriodError(f"{text!r} is no period", expected=ACCEPTED)
    try:
        period = _from_match(match, today, zone)
    except (ValueError, OverflowError) as error:
        raise PeriodError(f"{text!r} is no period: {error}", expected=ACCEPTED) from error
    if period.start >= period.end:
        raise PeriodError(f"{text!r} is a day that {zone} skipped", expected=ACCEPTED)
    if not _FIRST_YEAR <= period.first_day.year <= period.last_day.year <= _LAST_YEAR:
        raise PeriodError(
            f"{text!r} is out of range", expected=f"years from {_FIRST_YEAR} to {_LAST_YEAR}"
        )
    return period


def _from_match(match: re.Match[str], today: date, zone: ZoneInfo) -> Period:
    if match["unit"] is not None:
        period = _calendar(_UNITS[match["unit"]], today, zone)
        return period if match["which"] == "this" else period.previous()
    if match["days"] is not None:
        count = int(match["days"])
        if not 1 <= count <= _MOST_DAYS:
            raise ValueError(f"a number of days is from 1 to {_MOST_DAYS}")
        return _days(today - timedelta(days=count - 1), today, zone)
    if match["from"] is not None:
        first, last = date.fromisoformat(match["from"]), date.fromisoformat(match["to"])
        if last < first:
            raise ValueError("its last day is before its first")
        return _days(first, last, zone)
    return _calendar(*_named(match), zone)


def _named(match: re.Match[str]) -> tuple[Kind, date]:
    """The kind of a calendar period and a day in it."""
    if match["day"] is not None:
        return "day", date.fromisoformat(match["day"])
    if match["week"] is not None:
        return "week", date.fromisocalendar(int(match["week_year"]), int(match["week_number"]), 1)
    if match["month"] is not None:
        return "month", date(int(match["month_year"]), int(match["month_number"]), 1)
    if match["quarter"] is not None:
        number = int(match["quarter_number"])
        if not 1 <= number <= 4:
            raise ValueError("quarters are Q1 to Q4")
        return "quarter", date(int(match["quarter_year"]), 3 * number - 2, 1)
    return "year", date(int(match["year"]), 1, 1)


def _calendar(kind: Kind, day: date, zone: ZoneInfo) -> Period:
    """The day, week, month, quarter or year that a day is in."""
    if kind == "day":
        return _between(day, day, day.isoformat(), kind, zone)
    if kind == "week":
        year, week, weekday = day.isocalendar()
        first = day - timedelta(days=weekday - 1)
        return _between(first, first + timedelta(days=6), f"{year:04}-W{week:02}", kind, zone)
    months = {"month": 1, "quarter": 3, "year": 12}[kind]
    first = date(day.year, day.month - (day.month - 1) % months, 1)
    last = _months_later(first, months) - _ONE_DAY
    labels = {
        "month": f"{first:%Y-%m}",
        "quarter": f"{first:%Y}-Q{first.month // 3 + 1}",
        "year": f"{first:%Y}",
    }
    return _between(first, last, labels[kind], kind, zone)


def _days(first: date, last: date, zone: ZoneInfo) -> Period:
    return _between(first, last, f"{first}..{last}", "days", zone)


def _between(first: date, last: date, label: str, kind: Kind, zone: ZoneInfo) -> Period:
    return Period(_midnight(first, zone), _midnight(last + _ONE_DAY, zone), label, kind, zone)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """The instant at which a day begins.

    Where clocks jump over midnight, the time before the jump is that of the jump itself; where
    they strike it twice, fold 0 is the first.
    """
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def _months_later(day: date, count: int) -> date:
    years, month = divmod(day.month - 1 + count, 12)
    return date(day.year + years, month + 1, 1)


def _year_before(day: date) -> date:
    """The same date a year before; of 29 February the 28th."""
    leap_day = (day.month, day.day) == (2, 29)
    return day.replace(year=day.year - 1, day=28 if leap_day else day.day)


def _title(period: Period) -> str:
    first, last = period.first_day, period.last_day
    if period.kind == "year":
        return f"{first.year}"
    if period.kind == "quarter":
        return f"Quarter {first.month // 3 + 1} of {first.year}"
    if period.kind == "month":
        return f"{_MONTHS[first.month - 1]} {first.year}"
    span = _span(first, last)
    if period.kind == "week":
        return f"Week {first.isocalendar().week}, {span}"
    return span


def _span(first: date, last: date) -> str:
    end = f"{last.day} {_MONTHS[last.month - 1]} {last.year}"
    if first == last:
        return end
    if first.year != last.year:
        return f"{first.day} {_MONTHS[first.month - 1]} {first.year} – {end}"
    if first.month != last.month:
        return f"{first.day} {_MONTHS[first.month - 1]} – {end}"
    return f"{first.day}–{end}"
