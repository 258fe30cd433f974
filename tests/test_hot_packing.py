"""Rows are stored as numbers and texts, and come back as rows."""

from __future__ import annotations

import logging
import math
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scms.collect.record import Record, complete
from scms.errors import HotStoreError
from scms.hot.codec import decode, decode_tables, encode
from scms.hot.packing import (
    NULL_INTEGER,
    UnpackableError,
    layout_of,
    layouts_of,
    pack,
    unpack,
)
from scms.tables import DEVICE_SAMPLE, EVENT

#: Integers in a column of floats are kept as floats, so only such as are the same as one.
values = st.one_of(
    st.none(),
    st.integers(-(2**53), 2**53),
    st.text(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.lists(st.text(), max_size=2),
)
devices = st.lists(
    st.builds(
        lambda watts, name, index: complete(
            DEVICE_SAMPLE, power_watts=watts, user=name, device_index=index, server="a"
        ),
        values,
        values,
        values,
    ),
    max_size=4,
)


def kind_of(column: str, *found: object) -> str:
    """The kind of a column that has these values, and that they come back."""
    rows = [complete(DEVICE_SAMPLE, **{column: value}) for value in found]
    layout, numbers, texts = pack("device_sample", rows)
    assert unpack(layout, layout.numbers.unpack(numbers), texts) == rows
    return layout.kinds[DEVICE_SAMPLE.column_names().index(column)]


@given(devices)
def test_rows_that_are_stored_come_back(rows: list[dict[str, Any]]) -> None:
    record = Record("a", 1000, {"device_sample": rows, "event": []}, {"os": "é"})
    assert decode(1, encode(record)).record == record


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        ((None, None), "n"),
        ((1.5, 1.5), "f"),
        ((1.5, 2.5), "F"),
        ((1.5, 2), "F"),
        ((1.5, None), "G"),
        ((1.5, "much"), "T"),
        (("much", "much"), "t"),
        ((5,), "i"),
    ],
)
def test_floats_are_stored_by_what_they_have_in_common(found: tuple[object], kind: str) -> None:
    assert kind_of("power_watts", *found) == kind


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        ((3, 3), "i"),
        ((3, 4), "I"),
        ((3, None), "H"),
        ((3, 1.5), "T"),
        ((NULL_INTEGER, 1), "T"),
        ((NULL_INTEGER, NULL_INTEGER), "t"),
        ((2**63 - 1, -(2**63) + 1), "I"),
    ],
)
def test_integers_are_stored_by_what_they_have_in_common(found: tuple[object], kind: str) -> None:
    assert kind_of("device_index", *found) == kind


def test_numbers_that_are_not_finite_are_unknown_and_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rows = [complete(DEVICE_SAMPLE, power_watts=watts) for watts in (1.0, math.inf, math.nan)]
    found = decode(1, encode(Record("a", 1000, {"device_sample": rows}, {}))).record
    assert [row["power_watts"] for row in found.tables["device_sample"]] == [1.0, None, None]
    assert "a record of a had a number that is not finite" in caplog.text


def test_floats_whose_sum_is_too_large_are_floats(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert kind_of("power_watts", 1.7e308, 1.6e308) == "F"
    assert not caplog.text


@pytest.mark.parametrize(
    "odd",
    [
        [{"server": "a"}],
        [dict(reversed(complete(DEVICE_SAMPLE, server="a").items()))],
        [complete(DEVICE_SAMPLE, server="a"), {"server": "a"}],
        [complete(DEVICE_SAMPLE, device_index=2**64)],
    ],
)
def test_rows_of_another_form_are_stored_as_they_are(odd: list[dict[str, Any]]) -> None:
    with pytest.raises(UnpackableError):
        pack("device_sample", odd)
    body = encode(Record("a", 1000, {"device_sample": odd}, {}))
    assert decode(1, body).record.tables == {"device_sample": odd}
    assert decode_tables([(7, body)]).odd == {"device_sample": [(7, row) for row in odd]}


def test_columns_that_came_since_are_not_in_rows_from_before() -> None:
    row = complete(DEVICE_SAMPLE, server="a", power_watts=1.0)
    layout, numbers, texts = pack("device_sample", [row])
    earlier = layout_of("device_sample", 1, layout.kinds[:-1])
    last = DEVICE_SAMPLE.column_names()[-1]
    (found,) = unpack(earlier, earlier.numbers.unpack(numbers), texts)
    assert found == {name: value for name, value in row.items() if name != last}


def test_layouts_come_back_from_their_texts() -> None:
    first, second = layout_of("event", 0, ""), layout_of("device_sample", 8, "tFn")
    found, size = layouts_of(f"{first.text};{second.text}".encode())
    assert found == (first, second)
    assert size == 8 * 8


def damaged(change: bytes) -> bytes:
    rows = [complete(EVENT, server="a", sampled_at=1000, kind="up", collector="main")]
    data = zlib.decompress(encode(Record("a", 1000, {"event": rows}, {})))
    return zlib.compress(data.replace(b"event 1", change) if change else data[:-1])


@pytest.mark.parametrize("change", [b"", b"avent 1", b"event x"])
def test_a_record_that_does_not_fit_together_is_said_to_be_damaged(change: bytes) -> None:
    with pytest.raises(HotStoreError, match="record 7 of the hot store is damaged"):
        decode(7, damaged(change))
