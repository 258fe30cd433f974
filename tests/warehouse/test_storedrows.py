"""Rows as the hot store keeps them make the Arrow tables that the same rows make."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from scms.hot.columns import packed
from scms.tables import DEVICE_SAMPLE
from scms.warehouse.rows import arrow_rows
from scms.warehouse.storedrows import stored_rows
from warehouse.made import DAY, row

if TYPE_CHECKING:
    import pytest

#: Values that fit, and such as cannot be held: beyond 64 bits, of another type, no Unicode.
watts = st.one_of(st.none(), st.floats(0, 700), st.just("much"))
users = st.one_of(st.none(), st.text(max_size=3), st.just("\ud800"))
counts = st.one_of(st.none(), st.integers(0, 2**31), st.just(2**70))
ticks = st.lists(
    st.lists(
        st.builds(
            lambda w, u, n: row(
                "device_sample", DAY, power_watts=w, user=u, memory_used_bytes=n, device_index=0
            ),
            watts,
            users,
            counts,
        ),
        min_size=1,
        max_size=3,
    ),
    min_size=1,
    max_size=5,
)


def stored(rows: list[dict[str, Any]]) -> list[Any]:
    """As it is read from a file."""
    found: list[Any] = json.loads(json.dumps(packed("device_sample", rows)))
    return found


@given(ticks)
@settings(deadline=None)
def test_rows_of_columns_are_those_of_rows(parts: list[list[dict[str, Any]]]) -> None:
    whole = arrow_rows(DEVICE_SAMPLE, [row for part in parts for row in part])
    assert stored_rows(DEVICE_SAMPLE, [stored(part) for part in parts]).equals(whole)


def test_a_record_of_the_first_form_goes_with_the_others() -> None:
    first = [row("device_sample", DAY, device_index=1)]
    second = [row("device_sample", DAY, device_index=n) for n in (2, 3)]
    rows = stored_rows(DEVICE_SAMPLE, [first, stored(second)])
    assert rows["device_index"].to_pylist() == [1, 2, 3]


def test_columns_that_came_since_are_null() -> None:
    count, columns = stored([row("device_sample", DAY, device_index=n) for n in (1, 2)])
    rows = stored_rows(DEVICE_SAMPLE, [[count, columns[:-1]]] * 2)
    assert rows.num_rows == 4
    assert rows[DEVICE_SAMPLE.column_names()[-1]].null_count == 4


def test_a_row_without_a_required_value_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    rows = [row("device_sample", DAY, device_index=1), row("device_sample", DAY, server=None)]
    assert stored_rows(DEVICE_SAMPLE, [stored(rows)])["device_index"].to_pylist() == [1]
    assert "1 rows lack a required value" in caplog.text
