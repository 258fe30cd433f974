"""Rows are stored by columns, and come back as rows, from files of either form."""

from __future__ import annotations

import json
import sqlite3
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scms.collect.record import Record, complete
from scms.errors import HotStoreError
from scms.hot import HotStore
from scms.hot.columns import by_columns, packed, same_columns, unpacked
from scms.tables import DEVICE_SAMPLE

if TYPE_CHECKING:
    from pathlib import Path

values = st.one_of(st.none(), st.integers(), st.text(), st.floats(allow_nan=False))
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


def stored(rows: list[dict[str, Any]]) -> list[Any]:
    """As it is read from a file."""
    found: list[Any] = json.loads(json.dumps(packed("device_sample", rows)))
    return found


@given(devices)
def test_rows_that_are_packed_come_back(rows: list[dict[str, Any]]) -> None:
    assert unpacked("device_sample", stored(rows)) == rows


def test_a_value_that_all_rows_have_is_stored_once() -> None:
    rows = [complete(DEVICE_SAMPLE, server="a", device_index=n) for n in range(3)]
    count, columns = packed("device_sample", rows)
    names = DEVICE_SAMPLE.column_names()
    assert count == 3
    assert columns[names.index("server")] == "a"
    assert columns[names.index("device_index")] == (0, 1, 2)
    assert columns[names.index("power_watts")] is None


@pytest.mark.parametrize(
    "odd",
    [
        [{"server": "a"}],
        [dict(reversed(complete(DEVICE_SAMPLE, server="a").items()))],
        [complete(DEVICE_SAMPLE, server="a"), {"server": "a"}],
    ],
)
def test_rows_of_other_columns_are_stored_as_they_are(odd: list[dict[str, Any]]) -> None:
    assert packed("device_sample", odd) == odd
    assert not by_columns(odd)
    assert unpacked("device_sample", stored(odd)) == odd


def test_lists_are_values_too() -> None:
    rows = [complete(DEVICE_SAMPLE, user=["a", "b"]) for _ in range(2)]
    assert unpacked("device_sample", stored(rows)) == rows
    assert unpacked("device_sample", stored(rows[:1])) == rows[:1]


def test_a_column_that_came_since_is_not_in_rows_from_before() -> None:
    row = complete(DEVICE_SAMPLE, server="a", power_watts=1.0)
    count, columns = stored([row])
    last = DEVICE_SAMPLE.column_names()[-1]
    earlier = {name: value for name, value in row.items() if name != last}
    assert unpacked("device_sample", [count, columns[:-1]]) == [earlier]
    assert not same_columns([[count, columns], [count, columns[:-1]]])


def first_form(path: Path) -> None:
    """A file as it was written before rows were stored by columns, with one record."""
    HotStore.create(path).close()
    body = ["a", 1000, {"device_sample": [complete(DEVICE_SAMPLE, server="a")]}, {}]
    connection = sqlite3.connect(path)
    with connection:
        data = zlib.compress(json.dumps(body).encode())
        connection.execute("INSERT INTO record VALUES (1, 'a', 1000, ?)", (data,))
        connection.execute("INSERT INTO newest VALUES ('a', '', 1)")
        connection.execute("PRAGMA user_version = 1")
    connection.close()


def test_records_of_the_first_form_are_read_as_ever(tmp_path: Path) -> None:
    first_form(tmp_path / "hot.sqlite")
    (found,) = HotStore.open(tmp_path / "hot.sqlite").latest()
    assert found.record.tables == {"device_sample": [complete(DEVICE_SAMPLE, server="a")]}


def test_a_writer_takes_a_file_of_the_first_form_over(tmp_path: Path) -> None:
    path = tmp_path / "hot.sqlite"
    first_form(path)
    store = HotStore.create(path)
    store.append([Record("b", 2000, {}, {})])
    assert store.query("PRAGMA user_version") == [(2,)]
    assert [s.record.server for s in store.after(0)] == ["a", "b"]


def test_a_reader_leaves_a_file_of_the_first_form_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "hot.sqlite"
    first_form(path)
    reader = HotStore.open(path)
    assert len(reader.after(0)) == 1
    assert reader.query("PRAGMA user_version") == [(1,)]


def test_of_many_records_the_damaged_one_is_named(tmp_path: Path) -> None:
    store = HotStore.create(tmp_path / "hot.sqlite")
    store.append([Record("a", at, {}, {}) for at in range(3)])
    with store.transaction() as connection:
        connection.execute("UPDATE record SET body = x'00' WHERE id = 2")
    with pytest.raises(HotStoreError, match="record 2 of the hot store is damaged"):
        store.tables_after(0, 10)
