"""Rows as the hot store keeps them make the Arrow tables that the same rows make."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scms.collect.record import Record
from scms.errors import HotStoreError
from scms.hot.codec import StoredTables, decode_tables, encode
from scms.hot.packing import layout_of
from scms.tables import ALL, DEVICE_SAMPLE
from scms.warehouse.rows import arrow_rows
from scms.warehouse.storedrows import stored_rows
from warehouse.made import DAY, row

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Values that fit, and such as cannot be held: beyond 64 bits, of another type, no Unicode, times
#: beyond all calendars.
watts = st.one_of(st.none(), st.floats(0, 700), st.integers(0, 700), st.just("much"))
users = st.one_of(st.none(), st.text(max_size=3), st.just("\ud800"), st.just(5))
counts = st.one_of(
    st.none(), st.integers(0, 2**31), st.just(2**70), st.just(-(2**63)), st.just(1.5)
)
starts = st.one_of(st.none(), st.integers(0, 2**40), st.just(2**62))
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
        max_size=3,
    ),
    min_size=1,
    max_size=5,
)
scans = st.lists(
    st.lists(
        st.builds(
            lambda u, at, n: row("process_sample", DAY, user=u, started_at=at, pid=n),
            users,
            starts,
            counts,
        ),
        max_size=3,
    ),
    max_size=4,
)


def stored(table: str, *parts: list[dict[str, Any]]) -> StoredTables:
    """Records of these rows, as they are read from a file."""
    bodies = [encode(Record("a", 1000, {table: rows}, {})) for rows in parts]
    return decode_tables([*enumerate(bodies, start=1)])


def listed(rows: Any) -> list[str]:
    """The rows, in an order that does not depend on theirs."""
    return sorted(map(repr, rows.to_pylist()))


def same(table: str, parts: Iterable[list[dict[str, Any]]]) -> None:
    whole = arrow_rows(ALL[table], [row for part in parts for row in part])
    found = stored_rows(ALL[table], stored(table, *parts))
    assert found.schema.equals(whole.schema)
    assert listed(found) == listed(whole)


@given(ticks)
@settings(deadline=None)
def test_rows_of_numbers_and_texts_are_those_of_rows(parts: list[list[dict[str, Any]]]) -> None:
    same("device_sample", parts)


@given(scans)
@settings(deadline=None)
def test_times_that_cannot_be_held_are_null(parts: list[list[dict[str, Any]]]) -> None:
    same("process_sample", parts)


def test_records_that_fit_and_such_as_do_not_go_together() -> None:
    fits = [row("device_sample", DAY, device_index=n) for n in (2, 3)]
    text = [row("device_sample", DAY, device_index=4, power_watts="much")]
    beyond = [row("device_sample", DAY, device_index=5, pcie_width=2**64)]
    found = stored("device_sample", fits, text, beyond)
    assert [number for number, _ in found.odd["device_sample"]] == [3]
    rows = stored_rows(DEVICE_SAMPLE, found, number="record")
    assert sorted(rows.select(["record", "device_index"]).to_pylist(), key=repr) == [
        {"record": number, "device_index": index}
        for number, index in [(1, 2), (1, 3), (2, 4), (3, 5)]
    ]


def test_columns_that_came_since_are_null() -> None:
    found = stored("device_sample", [row("device_sample", DAY, device_index=n) for n in (1, 2)])
    ((layout, packed),) = found.packed.items()
    earlier = layout_of("device_sample", 2, layout.kinds[:-2])
    rows = stored_rows(DEVICE_SAMPLE, replace(found, packed={earlier: packed}))
    assert rows.num_rows == 2
    assert rows[DEVICE_SAMPLE.column_names()[-1]].null_count == 2


def test_no_rows_are_an_empty_table() -> None:
    assert stored_rows(DEVICE_SAMPLE, stored("device_sample", [])).num_rows == 0
    assert stored_rows(DEVICE_SAMPLE, stored("event")).num_rows == 0


def test_a_row_without_a_required_value_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    rows = [row("device_sample", DAY, device_index=1), row("device_sample", DAY, server=None)]
    found = stored_rows(DEVICE_SAMPLE, stored("device_sample", rows))
    assert found["device_index"].to_pylist() == [1]
    assert "1 rows lack a required value" in caplog.text


def test_texts_that_are_damaged_are_said() -> None:
    found = stored("device_sample", [row("device_sample", DAY)])
    (packed,) = found.packed.values()
    packed.texts[0] = b"["
    with pytest.raises(HotStoreError, match="texts of device_sample in the hot store are damaged"):
        stored_rows(DEVICE_SAMPLE, found)
