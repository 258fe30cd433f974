from __future__ import annotations

import contextlib
import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

import scms.units
from scms.errors import QuantityError
from scms.units import format_bytes, format_duration, parse_bytes, parse_duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("24GiB", 24 * 1024**3),
        ("24 gb", 24 * 1000**3),
        ("512MiB", 512 * 1024**2),
        ("1.5k", 1500),
        (".5TiB", 2**39),
        (1024, 1024),
        ("0", 0),
    ],
)
def test_sizes_are_read_in_every_customary_form(text, expected):
    assert parse_bytes(text) == expected


@pytest.mark.parametrize(
    "text", ["24 giraffes", "", "GiB", "-1GiB", "1e3", "nan", float("inf"), True]
)
def test_what_is_no_size_is_refused_with_the_accepted_forms(text):
    with pytest.raises(QuantityError, match=r"is not a size in bytes; expected a size such as"):
        parse_bytes(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8h", 28800),
        ("90 min", 5400),
        ("2d", 172800),
        ("1.5h", 5400),
        ("30", 30),
        (7, 7),
        ("1w", 604800),
    ],
)
def test_durations_are_read_in_every_customary_form(text, expected):
    assert parse_duration(text) == expected


def test_a_bare_duration_takes_the_unit_that_the_caller_names():
    assert parse_duration("8", bare_unit="h") == 28800


@given(st.text())
def test_any_text_is_a_size_or_a_quantity_error(text):
    with contextlib.suppress(QuantityError):
        assert parse_bytes(text) >= 0


@given(st.integers(min_value=0, max_value=2**50))
def test_a_written_size_reads_back_to_three_digits(value):
    assert parse_bytes(format_bytes(value)) == pytest.approx(value, rel=0.005, abs=0.5)


@given(st.floats(min_value=1, max_value=1e8))
def test_a_written_duration_reads_back_to_its_two_largest_units(seconds):
    words = format_duration(seconds).split(" ")
    total = sum(
        parse_duration(f"{count}{unit}")
        for count, unit in zip(words[::2], words[1::2], strict=True)
    )
    assert total == pytest.approx(seconds, rel=0.05, abs=0.5)


def test_the_examples_in_the_docstrings_hold():
    assert doctest.testmod(scms.units).failed == 0
