"""Some columns of stored records are what reading the whole records would give."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from scms.collect.record import Record, complete
from scms.hot import HotStore, rows_since
from scms.hot.chosen import chosen_rows
from scms.hot.codec import decode, decode_tables, encode
from scms.tables import DEVICE_SAMPLE, SERVER_SAMPLE

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS = ("power_watts", "device_index", "device_name", "gpu_utilization_ratio")
values = st.one_of(
    st.none(),
    st.integers(-(2**53), 2**53),
    st.text(),
    st.floats(allow_nan=False, allow_infinity=False),
)
devices = st.lists(
    st.builds(
        lambda watts, index, name: complete(
            DEVICE_SAMPLE, power_watts=watts, device_index=index, device_name=name, server="a"
        ),
        values,
        values,
        values,
    ),
    max_size=4,
)


def stored(records: list[list[dict[str, Any]]]) -> list[tuple[int, bytes]]:
    return [
        (number, encode(Record("a", 1, {DEVICE_SAMPLE.name: rows}, {})))
        for number, rows in enumerate(records, start=1)
    ]


@given(st.lists(devices, max_size=4))
def test_chosen_columns_are_those_of_the_whole_rows(records: list[list[dict[str, Any]]]) -> None:
    bodies = stored(records)
    found = chosen_rows(decode_tables(bodies), DEVICE_SAMPLE.name, COLUMNS)
    for number, body in bodies:
        whole = decode(number, body).record.tables[DEVICE_SAMPLE.name]
        assert found.get(number, []) == [{n: row[n] for n in COLUMNS} for row in whole]


def test_rows_of_an_earlier_form_have_them_too() -> None:
    rows = [{"device": "x", "power_watts": 7.5}]
    body = zlib.compress(json.dumps(["a", 1, {DEVICE_SAMPLE.name: rows}, {}]).encode())
    found = chosen_rows(decode_tables([(1, body)]), DEVICE_SAMPLE.name, ("power_watts", "state"))
    assert found == {1: [{"power_watts": 7.5, "state": None}]}


def test_rows_since_are_the_last_of_each_stretch_by_server(tmp_path: Path) -> None:
    hot = HotStore.create(tmp_path / "hot.sqlite")
    hot.append(
        [
            Record(name, at, {SERVER_SAMPLE.name: [complete(SERVER_SAMPLE, sampled_at=at)]}, {})
            for name, at in (("a", 500), ("a", 1100), ("b", 1200), ("a", 1900))
        ]
    )
    chosen = {SERVER_SAMPLE.name: ("sampled_at",), DEVICE_SAMPLE.name: ("state",)}

    def told(**options: int) -> list[tuple[str, object]]:
        found = [*rows_since(hot, 1000, chosen, **options)]
        assert [tables[DEVICE_SAMPLE.name] for _, tables in found] == [[]] * len(found)
        return [(name, t[SERVER_SAMPLE.name][0]["sampled_at"]) for name, t in found]

    assert told() == [("a", 1100), ("b", 1200), ("a", 1900)]
    assert told(every_ms=1000) == [("b", 1200), ("a", 1900)]
