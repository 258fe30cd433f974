"""Records of the two earlier forms are read, and a writer takes their files over."""

from __future__ import annotations

import json
import sqlite3
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from scms.collect.record import Record, complete
from scms.errors import HotStoreError
from scms.hot import HotStore
from scms.hot.columns import unpacked
from scms.tables import DEVICE_SAMPLE

if TYPE_CHECKING:
    from pathlib import Path

NAMES = DEVICE_SAMPLE.column_names()
DEVICES = [complete(DEVICE_SAMPLE, server="a", device_index=index) for index in range(2)]
#: How each version of SCMS stored these.
FORMS = {
    1: DEVICES,
    2: [2, [[0, 1] if name == "device_index" else DEVICES[0][name] for name in NAMES]],
}


def written(path: Path, version: int) -> Path:
    """A file as an earlier SCMS left it, with one record."""
    HotStore.create(path).close()
    body = json.dumps(["a", 1000, {"device_sample": FORMS[version]}, {}]).encode()
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("INSERT INTO record VALUES (1, 'a', 1000, ?)", (zlib.compress(body),))
        connection.execute("INSERT INTO newest VALUES ('a', '', 1)")
        connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    return path


@pytest.mark.parametrize("version", FORMS)
def test_records_of_earlier_forms_are_read_as_ever(tmp_path: Path, version: int) -> None:
    store = HotStore.open(written(tmp_path / "hot.sqlite", version))
    (found,) = store.latest()
    assert found.record.tables == {"device_sample": DEVICES}
    assert store.tables_after(0).odd == {"device_sample": [(1, row) for row in DEVICES]}


@pytest.mark.parametrize("version", FORMS)
def test_a_writer_takes_a_file_of_an_earlier_form_over(tmp_path: Path, version: int) -> None:
    store = HotStore.create(written(tmp_path / "hot.sqlite", version))
    store.append([Record("b", 2000, {}, {})])
    assert store.query("PRAGMA user_version") == [(3,)]
    assert [s.record.server for s in store.after(0)] == ["a", "b"]


@pytest.mark.parametrize("version", FORMS)
def test_a_reader_leaves_a_file_of_an_earlier_form_as_it_is(tmp_path: Path, version: int) -> None:
    reader = HotStore.open(written(tmp_path / "hot.sqlite", version))
    assert len(reader.after(0)) == 1
    assert reader.query("PRAGMA user_version") == [(version,)]


def test_a_column_that_came_since_is_not_in_rows_from_before() -> None:
    stored: Any = [1, ["a", *[None] * (len(NAMES) - 2)]]
    assert unpacked("device_sample", stored) == [dict.fromkeys(NAMES[:-1]) | {"server": "a"}]


def test_of_many_records_the_damaged_one_is_named(tmp_path: Path) -> None:
    store = HotStore.create(tmp_path / "hot.sqlite")
    store.append([Record("a", at, {}, {}) for at in range(3)])
    with store.transaction() as connection:
        connection.execute("UPDATE record SET body = x'00' WHERE id = 2")
    with pytest.raises(HotStoreError, match="record 2 of the hot store is damaged"):
        store.tables_after(0, 10)
