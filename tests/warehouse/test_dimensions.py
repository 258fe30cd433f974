"""A dimension has a row for each change, says when each held, and nothing twice."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from scms.collect.record import Record
from scms.inventory import Inventory
from scms.warehouse import dimensions
from scms.warehouse.dimensions import Seen, brought_up_to_date, keep_dimensions
from scms.warehouse.read import state_of
from warehouse.made import DAY, Place, milliseconds, row

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

GPU = {"device": "GPU-1", "device_index": 0, "device_name": "A100"}


def minute(n: float) -> datetime:
    return DAY + timedelta(minutes=n)


def seen(
    at: datetime,
    server: str = "gpu01",
    devices: tuple[dict[str, Any], ...] = (),
    detail: dict[str, object] | None = None,
    **values: Any,
) -> Record:
    tables = {
        "server_sample": [row("server_sample", at, server=server, **values)],
        "device_sample": [row("device_sample", at, server=server, **d) for d in devices],
    }
    return Record(
        server, milliseconds(at), tables, {"hostname": "h1"} if detail is None else detail
    )


def kept(place: Place, *records: Record, now: datetime = DAY) -> dict[str, int]:
    place.hot.append(records)
    return keep_dimensions(place.warehouse, place.hot, place.inventory, now=now)


def stretches(place: Place, table: str, column: str) -> list[tuple[Any, ...]]:
    sql = f"SELECT {column}, valid_from, valid_to FROM {table} ORDER BY server, valid_from, 1"
    rows = place.views.arrow(sql).to_pylist()
    return [tuple(r.values()) for r in rows]


def with_servers(place: Place, *servers: dict[str, Any], collector: str = "main") -> Inventory:
    return Inventory.from_mapping(
        {"collector": collector, "timezone": "UTC", "servers": list(servers)},
        base=place.inventory.directory.parent,
        source="test",
    )


def test_a_change_ends_the_row_that_held_and_begins_one(place: Place) -> None:
    kept(place, seen(minute(0), gpu_driver_version="535"))
    done = kept(place, seen(minute(5), gpu_driver_version="550"))
    assert done["server_dimension"] == 2
    assert stretches(place, "server_dimension", "gpu_driver_version") == [
        ("535", minute(0), minute(5)),
        ("550", minute(5), None),
    ]


def test_what_has_not_changed_is_not_written_again(place: Place) -> None:
    kept(place, seen(minute(0), devices=(GPU,), cpu_count=64))
    before = place.warehouse.table("server_dimension").metadata_location
    for n in (5, 10):
        assert kept(place, seen(minute(n), devices=(GPU,), cpu_count=64)) == {
            "server_dimension": 0,
            "device_dimension": 0,
        }
    assert place.warehouse.table("server_dimension").metadata_location == before


def test_what_a_server_that_is_down_does_not_say_stays_known(place: Place) -> None:
    kept(place, seen(minute(0), cpu_count=64))
    assert kept(place, seen(minute(5), state="down", detail={}))["server_dimension"] == 0
    assert stretches(place, "server_dimension", "cpu_count") == [(64, minute(0), None)]


def test_values_are_those_of_the_record_and_the_inventory(place: Place) -> None:
    inventory = with_servers(place, {"name": "gpu01", "group": "vision", "tags": ["a100", "big"]})
    detail: dict[str, object] = {
        "hostname": "node7",
        "machine_id": "m",
        "kernel": "6.1",
        "cpu_model": "EPYC",
        "os": "Debian",
    }
    facts: dict[str, Any] = {
        "cpu_count": 64,
        "memory_total_bytes": 2**38,
        "gpu_count": 1,
        "gpu_driver_version": "550",
        "gpu_cuda_version": "12.4",
    }
    place.hot.append([seen(DAY, detail=detail, **facts)])
    keep_dimensions(place.warehouse, place.hot, inventory, now=DAY)
    (found,) = place.views.arrow("SELECT * FROM server_dimension").to_pylist()
    del detail["os"]
    assert found == {
        "server": "gpu01",
        "valid_from": DAY,
        "valid_to": None,
        "group": "vision",
        "tags": ["a100", "big"],
        **detail,
        **facts,
        "simulated": False,
        "collector": "main",
    }


def test_another_group_in_the_inventory_is_a_change_and_so_is_none(place: Place) -> None:
    groups: list[dict[str, Any]] = [{"group": "vision"}, {"group": "speech"}, {}]
    for n, group in enumerate(groups):
        place.hot.append([seen(minute(n))])
        inventory = with_servers(place, {"name": "gpu01", **group})
        keep_dimensions(place.warehouse, place.hot, inventory, now=minute(n))
    assert stretches(place, "server_dimension", '"group"') == [
        ("vision", minute(0), minute(1)),
        ("speech", minute(1), minute(2)),
        (None, minute(2), None),
    ]


def test_a_server_that_leaves_the_inventory_ends_with_its_devices(place: Place) -> None:
    kept(place, seen(minute(0), devices=(GPU,)), seen(minute(0), "gpu02"))
    inventory = with_servers(place, {"name": "gpu02", "group": None})
    for n in (5, 6):
        keep_dimensions(place.warehouse, place.hot, inventory, now=minute(n))
    assert stretches(place, "server_dimension", "server") == [
        ("gpu01", minute(0), minute(5)),
        ("gpu02", minute(0), None),
    ]
    assert stretches(place, "device_dimension", "device") == [("GPU-1", minute(0), minute(5))]


def test_a_gpu_that_moves_ends_here_and_begins_there(place: Place) -> None:
    other = GPU | {"device": "GPU-2"}
    kept(place, seen(minute(0), devices=(GPU, other)), seen(minute(0), "gpu02"))
    kept(place, seen(minute(5), devices=(other,)), seen(minute(6), "gpu02", devices=(GPU,)))
    assert stretches(place, "device_dimension", "server || device") == [
        ("gpu01GPU-1", minute(0), minute(5)),
        ("gpu01GPU-2", minute(0), None),
        ("gpu02GPU-1", minute(6), None),
    ]


def test_gpus_of_a_server_that_shows_none_for_now_stay(place: Place) -> None:
    kept(place, seen(minute(0), devices=(GPU,)))
    assert kept(place, seen(minute(5), state="down"))["device_dimension"] == 0


def test_two_collectors_with_two_inventories_leave_each_other_alone(
    place: Place, tmp_path: Path
) -> None:
    """They share gpu02, and say different things of it."""
    second = Place(
        tmp_path / "second", collector="second", servers=[{"name": "gpu02", "group": "speech"}]
    )
    second.warehouse = place.another()
    kept(place, seen(minute(0)), seen(minute(0), "gpu02"))
    kept(second, seen(minute(1), "gpu02"))
    for n in range(2, 4):
        assert not any(kept(place, seen(minute(n)), seen(minute(n), "gpu02")).values())
        assert not any(kept(second, seen(minute(n), "gpu02")).values())
    assert stretches(place, "server_dimension", "server || collector") == [
        ("gpu01main", minute(0), None),
        ("gpu02main", minute(0), None),
        ("gpu02second", minute(1), None),
    ]


def test_a_commit_of_another_in_between_is_not_undone(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = Place(tmp_path / "second", collector="second", servers=[{"name": "gpu02"}])
    second.warehouse = place.another()
    done: list[int] = []

    def meanwhile(*arguments: Any) -> Any:
        state = state_of(*arguments)
        if not done:
            done.append(1)
            kept(second, seen(minute(1), "gpu02"))
        return state

    monkeypatch.setattr(dimensions, "state_of", meanwhile)
    kept(place, seen(minute(0)))
    assert [s[0] for s in stretches(place, "server_dimension", "server")] == ["gpu01", "gpu02"]


def test_what_was_seen_before_the_row_that_holds_changes_nothing() -> None:
    rows, _ = brought_up_to_date([], ("server",), [Seen(("a",), minute(5), {"kernel": "6"})], "m")
    older = Seen(("a",), minute(4), {"kernel": "5"})
    assert brought_up_to_date(rows, ("server",), [older], "m") == (rows, 0)


def test_the_views_show_what_holds_now(place: Place) -> None:
    for n, limit in ((0, 300.0), (5, 250.0)):
        device = GPU | {"power_limit_watts": limit}
        kept(place, seen(minute(n), devices=(device,), detail={"kernel": f"6.{n}"}))
    later = {"start": DAY, "end": DAY + timedelta(days=1)}
    (server,) = place.views.arrow("SELECT * FROM servers", **later).to_pylist()  # type: ignore[arg-type]
    (device,) = place.views.arrow("SELECT * FROM devices", **later).to_pylist()  # type: ignore[arg-type]
    assert (server["kernel"], device["power_limit_watts"]) == ("6.5", 250.0)


def test_what_began_long_ago_is_found_whatever_time_is_asked_for(place: Place) -> None:
    kept(place, seen(DAY))
    later = DAY + timedelta(days=30)
    found = place.views.arrow("SELECT server FROM server_dimension", start=later, end=later)
    assert found.num_rows == 1
