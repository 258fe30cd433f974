from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scms.errors import PeriodError
from scms.reports.period import Period, parse_period

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 3, 12, 34, tzinfo=UTC)

ZONES = st.sampled_from(
    [
        ZoneInfo(name)
        for name in (
            "UTC",
            "Europe/Berlin",
            "America/New_York",
            "Asia/Kolkata",
            "Asia/Kathmandu",
            "Australia/Lord_Howe",
            "America/St_Johns",
            "Asia/Beirut",
            "America/Havana",
            "Pacific/Auckland",
        )
    ]
)
MOMENTS = st.datetimes(
    min_value=datetime(1975, 1, 1),  # noqa: DTZ001  hypothesis wants naive bounds
    max_value=datetime(2090, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
TEXTS = st.one_of(
    st.sampled_from(["today", "yesterday", "this-week", "last-week", "last-month"]),
    st.sampled_from(["last month", "LAST_YEAR", "this-quarter", "last-quarter", "this-year"]),
    st.dates(date(1971, 1, 1), date(2090, 1, 1)).map(date.isoformat),
    st.dates(date(1971, 1, 1), date(2090, 1, 1)).map(lambda day: f"{day:%Y-%m}"),
    st.dates(date(1971, 1, 1), date(2090, 1, 1)).map(lambda day: f"{day:%G-W%V}"),
    st.integers(1971, 2090).map(str),
    st.tuples(st.integers(1971, 2090), st.integers(1, 4)).map(lambda p: f"{p[0]}-Q{p[1]}"),
    st.integers(1, 400).map(lambda count: f"{count}d"),
    st.tuples(st.dates(date(1971, 1, 1), date(2090, 1, 1)), st.integers(0, 400)).map(
        lambda p: f"{p[0]}..{p[0] + timedelta(days=p[1])}"
    ),
)


def _days(period: Period) -> tuple[str, str]:
    return period.first_day.isoformat(), period.last_day.isoformat()


@pytest.mark.parametrize(
    ("text", "first", "last", "kind", "title"),
    [
        ("today", "2026-11-03", "2026-11-03", "day", "3 November 2026"),
        ("yesterday", "2026-11-02", "2026-11-02", "day", "2 November 2026"),
        ("2026-10-05", "2026-10-05", "2026-10-05", "day", "5 October 2026"),
        ("2026-W41", "2026-10-05", "2026-10-11", "week", "Week 41, 5–11 October 2026"),
        ("2026-W53", "2026-12-28", "2027-01-03", "week", None),
        ("2026-10", "2026-10-01", "2026-10-31", "month", "October 2026"),
        ("2024-02", "2024-02-01", "2024-02-29", "month", "February 2024"),
        ("2026-Q4", "2026-10-01", "2026-12-31", "quarter", "Quarter 4 of 2026"),
        ("2026", "2026-01-01", "2026-12-31", "year", "2026"),
        ("7d", "2026-10-28", "2026-11-03", "days", "28 October – 3 November 2026"),
        ("this-month", "2026-11-01", "2026-11-30", "month", "November 2026"),
        ("last-month", "2026-10-01", "2026-10-31", "month", "October 2026"),
        ("last-week", "2026-10-26", "2026-11-01", "week", None),
        ("last-quarter", "2026-07-01", "2026-09-30", "quarter", "Quarter 3 of 2026"),
        ("last-year", "2025-01-01", "2025-12-31", "year", "2025"),
        ("2026-10-01..2026-10-15", "2026-10-01", "2026-10-15", "days", "1–15 October 2026"),
        (" Last Month ", "2026-10-01", "2026-10-31", "month", "October 2026"),
    ],
)
def test_every_form_is_read(text: str, first: str, last: str, kind: str, title: str | None) -> None:
    period = parse_period(text, BERLIN, NOW)
    assert (*_days(period), period.kind) == (first, last, kind)
    assert title is None or period.title == title


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "is no period"),
        ("next-week", "is no period"),
        ("2026-13", "month must be in 1..12"),
        ("2026-02-30", "day"),
        ("2026-W54", "54"),
        ("2025-W53", "53"),
        ("2026-Q5", "Q1 to Q4"),
        ("0d", "from 1 to"),
        ("2026-10-15..2026-10-01", "before its first"),
        ("0001", "out of range"),
        ("٢٠٢٦", "is no period"),
    ],
)
def test_what_is_no_period_is_refused_with_the_forms_that_are(text: str, complaint: str) -> None:
    with pytest.raises(PeriodError) as caught:
        parse_period(text, BERLIN, NOW)
    assert complaint in str(caught.value)
    assert "expected" in str(caught.value)


@pytest.mark.parametrize(
    ("day", "zone", "hours"),
    [
        ("2026-03-29", "Europe/Berlin", 23.0),
        ("2026-10-25", "Europe/Berlin", 25.0),
        ("2026-10-26", "Europe/Berlin", 24.0),
        ("2026-03-29", "Asia/Beirut", 23.0),
        ("2026-10-04", "Australia/Lord_Howe", 23.5),
        ("2026-10-25", "Asia/Kolkata", 24.0),
    ],
)
def test_a_day_has_the_hours_its_zone_gives_it(day: str, zone: str, hours: float) -> None:
    period = parse_period(day, ZoneInfo(zone), NOW)
    assert (period.end - period.start).total_seconds() / 3600 == hours


def test_days_begin_at_midnight_of_a_half_hour_zone() -> None:
    period = parse_period("2026-10-05", ZoneInfo("Asia/Kolkata"), NOW)
    assert period.start == datetime(2026, 10, 4, 18, 30, tzinfo=UTC)


def test_today_is_that_of_the_zone() -> None:
    late = datetime(2026, 11, 3, 23, 30, tzinfo=UTC)
    assert parse_period("today", BERLIN, late).label == "2026-11-04"


def test_a_day_that_a_zone_left_out_is_refused() -> None:
    with pytest.raises(PeriodError, match="skipped"):
        parse_period("1994-12-31", ZoneInfo("Pacific/Kiritimati"), NOW)


def test_elapsed_is_bounded_by_the_period() -> None:
    period = parse_period("2026-11-03", ZoneInfo("UTC"), NOW)
    assert period.elapsed(NOW) == timedelta(hours=12, minutes=34)
    assert period.elapsed(NOW - timedelta(days=3)) == timedelta(0)
    assert period.elapsed(NOW + timedelta(days=3)) == timedelta(days=1)


def test_a_clock_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        parse_period("today", BERLIN, NOW.replace(tzinfo=None))


@given(TEXTS, ZONES, MOMENTS)
def test_a_label_reads_back_as_the_same_period(text: str, zone: ZoneInfo, now: datetime) -> None:
    period = parse_period(text, zone, now)
    assert parse_period(period.label, zone, now) == period


@given(TEXTS, ZONES, MOMENTS)
def test_the_previous_period_ends_where_this_one_begins(
    text: str, zone: ZoneInfo, now: datetime
) -> None:
    period = parse_period(text, zone, now)
    before = period.previous()
    assert before.end == period.start
    assert before.kind == period.kind
    assert before.following() == period


def test_a_month_has_the_quarter_and_the_day_it_begins_in() -> None:
    month = parse_period("2026-05", BERLIN, NOW)
    assert month.of_kind("day").label == "2026-05-01"
    assert month.of_kind("week").label == "2026-W18"
    assert month.of_kind("quarter").label == "2026-Q2"
    assert month.of_kind("year").label == "2026"


@given(TEXTS, ZONES, MOMENTS)
def test_a_period_is_its_days_without_gaps(text: str, zone: ZoneInfo, now: datetime) -> None:
    period = parse_period(text, zone, now)
    days = list(period.days())
    assert days[0] == period.first_day
    assert days[-1] == period.last_day
    spans = [parse_period(day.isoformat(), zone, now) for day in days[:40]]
    assert spans[0].start == period.start
    assert all(a.end == b.start for a, b in pairwise(spans))


@given(ZONES, MOMENTS)
def test_now_is_in_today(zone: ZoneInfo, now: datetime) -> None:
    today = parse_period("today", zone, now)
    assert today.start <= now < today.end


@given(st.text(max_size=24), ZONES)
def test_any_text_is_a_period_or_a_period_error(text: str, zone: ZoneInfo) -> None:
    try:
        period = parse_period(text, zone, NOW)
    except PeriodError:
        return
    assert period.start < period.end


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("2026-10-05", "2025-10-05"),
        ("2024-02-29", "2023-02-28"),
        ("2026-W41", "2025-W41"),
        ("2020-W53", "2019-W52"),
        ("2026-10", "2025-10"),
        ("2026-Q4", "2025-Q4"),
        ("2026", "2025"),
        ("2024-02-20..2024-03-02", "2023-02-20..2023-03-03"),
    ],
)
def test_a_year_ago_is_the_same_part_of_the_year_before(text: str, label: str) -> None:
    period = parse_period(text, BERLIN, NOW)
    assert period.year_ago().label == label
    assert period.year_ago().kind == period.kind


@given(TEXTS, ZONES, MOMENTS)
def test_a_year_ago_is_a_year_ago(text: str, zone: ZoneInfo, now: datetime) -> None:
    period = parse_period(text, zone, now)
    days = (period.first_day - period.year_ago().first_day).days
    assert 363 <= days <= 372
