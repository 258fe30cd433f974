"""The tables of Iceberg are those that are declared, and stay readable when they grow."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from pyiceberg.transforms import DayTransform, MonthTransform

from scms.errors import WarehouseError
from scms.tables import ALL, EVENT, Column
from scms.warehouse.dictionary import dictionary
from warehouse.made import DAY, Place, row

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", ALL)
def test_a_field_id_is_the_position_of_its_column(place: Place, name: str) -> None:
    fields = place.warehouse.table(name).schema().fields
    declared = ALL[name].columns
    assert [(f.field_id, f.name, f.required, f.doc) for f in fields] == [
        (position, c.name, c.required, c.doc) for position, c in enumerate(declared, start=1)
    ]


def test_the_first_columns_never_move(place: Place) -> None:
    """Files of the past are read by these numbers: a change here misreads them."""
    fields = place.warehouse.table("device_sample").schema().fields
    assert [f.name for f in fields][:9] == [
        "server",
        "device",
        "sampled_at",
        "observed_seconds",
        "device_index",
        "device_name",
        "state",
        "state_reason",
        "gpu_utilization_ratio",
    ]


@pytest.mark.parametrize(
    ("name", "transform"), [("server_sample", DayTransform()), ("server_15m", MonthTransform())]
)
def test_partitions(place: Place, name: str, transform: object) -> None:
    spec = place.warehouse.table(name).spec()
    assert [field.transform for field in spec.fields] == [transform]


def test_files_are_sorted_as_declared(place: Place) -> None:
    rows = [
        row("device_sample", DAY, server=server, device=device)
        for server, device in (("b", "2"), ("a", "2"), ("b", "1"), ("a", "1"))
    ]
    place.warehouse.append("device_sample", rows)
    state = place.warehouse.state("device_sample")
    stored = state.arrow(state.files).select(["server", "device"]).to_pylist()
    order = place.warehouse.table("device_sample").sort_order().fields
    assert [tuple(r.values()) for r in stored] == [("a", "1"), ("a", "2"), ("b", "1"), ("b", "2")]
    assert [field.source_id for field in order] == [1, 2, 3]


def test_a_column_declared_later_is_added_and_null_in_older_rows(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.warehouse.append("event", [row("event", DAY)])
    longer = replace(EVENT, columns=(*EVENT.columns, Column("severity", "integer", "how bad")))
    monkeypatch.setitem(ALL, "event", longer)
    place.warehouse.append("event", [row("event", DAY) | {"severity": 3}])
    state = place.another().state("event")
    assert set(state.arrow(state.files)["severity"].to_pylist()) == {None, 3}
    assert place.warehouse.table("event").schema().find_field("severity").field_id == 7


def test_an_arrow_table_is_taken_in_any_order_of_columns(place: Place) -> None:
    rows = pa.table(
        {
            "collector": ["main"],
            "kind": ["up"],
            "server": ["gpu01"],
            "sampled_at": pa.array([DAY], pa.timestamp("ms", tz="UTC")),
        }
    )
    assert place.warehouse.append("event", rows) == 1
    assert place.values("event", "sampled_at") == [DAY]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"server": ["a"]}, "expected columns of event, .*'collector'"),
        (
            {"server": ["a"], "sampled_at": [DAY], "kind": ["up"], "collector": ["x"], "odd": [1]},
            r"no columns \['odd'\]",
        ),
        (
            {"server": ["a"], "sampled_at": ["then"], "kind": ["up"], "collector": ["x"]},
            "cannot be used",
        ),
    ],
)
def test_an_arrow_table_with_other_columns_is_refused(
    place: Place, columns: dict[str, list[object]], message: str
) -> None:
    with pytest.raises(WarehouseError, match=message):
        place.warehouse.append("event", pa.table(columns))


def test_a_table_that_is_not_declared_is_refused(place: Place) -> None:
    with pytest.raises(WarehouseError, match="no table is called 'evnt'"):
        place.warehouse.append("evnt", [])


def test_metadata_does_not_grow_without_bound(place: Place) -> None:
    for _ in range(14):
        place.warehouse.append("event", [row("event", DAY)])
    directory = place.inventory.directory / "warehouse/files/scms/event/metadata"
    assert len(list(directory.glob("*.metadata.json"))) <= 11


def test_the_data_dictionary_is_up_to_date(repository: Path) -> None:
    """Write it anew with: python -m scms.warehouse.dictionary."""
    assert (repository / "warehouse" / "README.md").read_text("utf-8") == dictionary()
