from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from scms.widgets.server.hours import grid

NOW = datetime(2026, 10, 5, 12, 20, tzinfo=UTC)


def row(hours_ago: int = 0, **values: Any) -> dict[str, Any]:
    """A GPU that was observed for an hour, all of it free."""
    hour = NOW.replace(minute=0) - timedelta(hours=hours_ago)
    return {
        "device": "GPU-1", "ts": pd.Timestamp(hour), "device_index": 0, "device_name": "A100",
        "observed_seconds": 3600.0, "free_seconds": 3600.0, "busy_seconds": 0.0,
        "held_seconds": 0.0, "faulty_seconds": 0.0, "utilization_mean": 0.0,
        "utilization_min": 0.0, "utilization_max": 0.0, "users": [],
    } | values  # fmt: skip


def cells(*rows: dict[str, Any], hours: int = 4) -> list[Any]:
    made = grid(pd.DataFrame(list(rows)), hours=hours, now=NOW, zone="Europe/Berlin")
    return list(made["devices"][0]["cells"])


def test_the_present_hour_is_the_last():
    assert cells(row(3), row(0)) == [["free", 0.0, 0.0, 0.0, []], None, None,
                                     ["free", 0.0, 0.0, 0.0, []]]  # fmt: skip


def test_the_grid_begins_so_many_hours_ago():
    made = grid(pd.DataFrame([row()]), hours=24, now=NOW, zone="UTC")
    assert made["start"] == datetime(2026, 10, 4, 13, tzinfo=UTC).timestamp() * 1000


def test_what_is_older_has_no_cell():
    assert cells(row(9)) == [None] * 4


def test_a_spike_stands_beside_the_mean():
    busy = row(free_seconds=3500.0, busy_seconds=100.0, utilization_mean=0.02, utilization_max=1.0)
    assert cells(busy)[-1][:4] == ["busy", 0.02, 0.0, 1.0]


def test_unknown_use_is_none():
    values: dict[str, Any] = dict.fromkeys(
        ("utilization_mean", "utilization_min", "utilization_max"), float("nan")
    )
    assert cells(row(free_seconds=0.0, busy_seconds=3600.0, **values))[-1][:4] == [
        "busy",
        None,
        None,
        None,
    ]


def test_an_hour_is_called_after_what_it_mostly_was():
    held = row(free_seconds=600.0, held_seconds=2000.0, busy_seconds=1000.0, users=["ada"])
    assert cells(held)[-1][0] == "idle_held"
    assert (
        cells(row(free_seconds=0.0, faulty_seconds=3000.0, busy_seconds=600.0))[-1][0] == "faulty"
    )
    assert cells(row(free_seconds=0.0))[-1][0] == "unknown"


def test_users_are_told_and_a_hidden_one_is_none():
    assert cells(row(users=["ada", None]))[-1][4] == ["ada", None]


def test_a_gpu_that_moved_is_called_by_its_newest_index():
    made = grid(pd.DataFrame([row(1), row(0, device_index=3)]), hours=4, now=NOW, zone="UTC")
    assert [device["title"] for device in made["devices"]] == ["GPU 3"]


def test_without_gpus_there_is_nothing():
    empty = pd.DataFrame([row()]).iloc[:0]
    assert grid(empty, hours=4, now=NOW, zone="UTC")["devices"] == []
