from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from scms import live
from scms.collect.record import Record, complete
from scms.errors import UnknownServer
from scms.hot import HotStore
from scms.inventory import Inventory
from scms.tables import DEVICE_SAMPLE, PROCESS_SAMPLE, SERVER_SAMPLE

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
GIB = 1024**3


@pytest.fixture
def inventory(tmp_path):
    servers = [{"name": "a", "group": "vision"}, {"name": "b"}]
    data = {"interval": 2, "data": str(tmp_path), "servers": servers}
    return Inventory.from_mapping(data, base=tmp_path, source="test")


@pytest.fixture
def hot(inventory):
    store = HotStore.create(inventory.directory / "hot.sqlite")
    yield store
    store.close()


def record(at, *, server="a", state="up", devices=(), users=()):
    """A record with the given devices, and one process of each (device, user)."""
    milliseconds = round(at.timestamp() * 1000)
    common = {"server": server, "sampled_at": milliseconds, "observed_seconds": 2.0}
    sample = complete(
        SERVER_SAMPLE,
        **common,
        state=state,
        reason=None if state == "up" else "no route to it",
        collector="main",
        simulated=False,
        interval_seconds=2.0,
        cpu_count=8 if state == "up" else None,
        cpu_utilization_ratio=0.5 if state == "up" else None,
    )
    tables = {
        "server_sample": [sample],
        "device_sample": [complete(DEVICE_SAMPLE, **common, **device) for device in devices],
        "process_sample": [
            complete(PROCESS_SAMPLE, **common, device=device, user=user) for device, user in users
        ],
        "event": [],
    }
    return Record(server, milliseconds, tables, {})


def gpu(number, state="free", utilization=0.0):
    return {
        "device": f"GPU-{number}",
        "device_index": number,
        "device_name": "A100",
        "state": state,
        "gpu_utilization_ratio": utilization,
        "memory_total_bytes": 80 * GIB,
        "memory_used_bytes": 8 * GIB,
    }


def test_a_fresh_server_has_its_measurements_and_the_sums_over_its_gpus(hot, inventory):
    devices = [gpu(0, "busy", 0.8), gpu(1)]
    hot.append([record(NOW, devices=devices, users=[("GPU-0", "ada"), ("GPU-0", "bob")])])
    row, other = live.snapshot(hot, inventory, now=NOW + timedelta(seconds=1)).servers
    assert (row["state"], row["cpu_utilization_ratio"], row["age_seconds"]) == ("up", 0.5, 1.0)
    assert (row["gpus_total"], row["gpus_free"], row["gpus_busy"]) == (2, 1, 1)
    assert row["gpu_utilization_ratio"] == pytest.approx(0.4)
    assert (row["gpu_memory_used_bytes"], row["users"]) == (16 * GIB, ["ada", "bob"])
    assert (other["state"], other["reason"]) == ("unknown", "never seen by the collector")


def test_a_silent_server_is_stale_with_null_measurements_and_unknown_gpus(hot, inventory):
    hot.append([record(NOW, devices=[gpu(0, "busy", 0.8)], users=[("GPU-0", "ada")])])
    snapshot = live.snapshot(hot, inventory, now=NOW + timedelta(seconds=12))
    row, (device,) = snapshot.servers[0], snapshot.devices
    assert (row["state"], row["reason"]) == ("stale", "silent for 12 s")
    assert (row["cpu_utilization_ratio"], row["gpus_free"], row["gpus_unknown"]) == (None, 0, 1)
    assert (device["state"], device["gpu_utilization_ratio"], device["users"]) == (
        "unknown",
        None,
        [],
    )
    assert (device["device_name"], device["memory_total_bytes"]) == ("A100", 80 * GIB)


def test_a_server_that_went_down_keeps_its_gpus_as_unknown_and_says_why(hot, inventory):
    later = NOW + timedelta(seconds=5)
    hot.append([record(NOW, devices=[gpu(0)]), record(later, state="down")])
    snapshot = live.snapshot(hot, inventory, now=later)
    assert snapshot.servers[0]["state"] == "down"
    assert snapshot.servers[0]["reason"] == "no route to it"
    assert [device["state"] for device in snapshot.devices] == ["unknown"]


def test_a_hold_is_shown_on_its_device(hot, inventory):
    hot.append([record(NOW, devices=[gpu(0), gpu(1)])])
    holds = [{"server": "a", "device": "GPU-1", "user": "ada"}]
    snapshot = live.snapshot(hot, inventory, now=NOW, holds=holds)
    assert [device["held_by"] for device in snapshot.devices] == [None, "ada"]
    assert snapshot.servers[0]["gpus_on_hold"] == 1


def test_history_has_every_tick_or_the_last_of_each_step(hot, inventory):
    times = [NOW + timedelta(seconds=2 * n) for n in range(15)]
    hot.append([record(at) for at in times])
    assert [row["sampled_at"] for row in live.history(hot, since=NOW)] == times
    stepped = live.history(hot, since=NOW, step_seconds=10)
    assert [row["sampled_at"] for row in stepped] == [times[4], times[9], times[14]]


def test_a_tick_that_failed_is_a_gap_in_the_history(hot, inventory):
    hot.append([record(NOW), record(NOW + timedelta(seconds=2), state="down")])
    ratios = [row["cpu_utilization_ratio"] for row in live.history(hot, since=NOW)]
    assert ratios == [0.5, None]


def test_processes_are_those_of_the_newest_tick_and_of_the_newest_scan(hot, inventory):
    scan = record(NOW, users=[("GPU-0", "ada"), (None, "bob")])
    hot.append([scan, record(NOW + timedelta(seconds=2), users=[("GPU-0", "eve")])])
    found = live.processes(hot, now=NOW + timedelta(seconds=3))
    assert [(row["device"], row["user"]) for row in found] == [("GPU-0", "eve"), (None, "bob")]
    assert live.processes(hot, now=NOW + timedelta(minutes=2)) == []


def test_a_closeup_has_what_is_known_of_one_server_and_nothing_of_others(hot, inventory):
    held = {"server": "a", "device": "GPU-0", "user": "bob"}
    for second, use in ((30, 0.1), (15, 0.3), (1, 0.9)):
        at = NOW - timedelta(seconds=second)
        hot.append(
            [
                record(at, devices=[gpu(0, "busy", use)], users=[("GPU-0", "ada")]),
                record(at, server="b", devices=[gpu(7)], users=[("GPU-7", "eve")]),
            ]
        )
    seen = live.closeup(hot, inventory, "a", now=NOW, holds=[held])
    assert seen.server["server"] == "a"
    assert [(d["device"], d["held_by"]) for d in seen.devices] == [("GPU-0", "bob")]
    assert [p["user"] for p in seen.processes] == ["ada"]
    assert [row["gpu_utilization_ratio"] for row in seen.past] == [0.1, 0.3, 0.9]


def test_there_is_no_closeup_of_a_stranger(hot, inventory):
    with pytest.raises(UnknownServer):
        live.closeup(hot, inventory, "z", now=NOW)
