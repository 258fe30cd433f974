"""What is read now and then stands until it is read again; rates of single disks and the like."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collect.collecting import sample_line
from collect.test_parse_lines import json_values
from scms.collect.message import Tick
from scms.collect.parse import parse_line
from scms.collect.rows import Watch, server_row
from scms.collect.standing import Standing

OPTIONAL = [
    "cores", "cpu_frequency", "pressure", "swap", "disk_operations", "network_errors", "disks",
    "interfaces", "temperatures", "process_states", "network_filesystems", "filesystems",
]  # fmt: skip


def tick(n: int = 0, **changes: Any) -> Tick:
    parsed = parse_line(sample_line(n, **changes))
    assert isinstance(parsed, Tick)
    return parsed


def row(now: Tick, before: Tick | None = None) -> dict[str, Any]:
    return server_row(Watch("alpha", interval_seconds=1.0), 5, now, before, filesystems=None)


@given(st.lists(st.dictionaries(st.sampled_from(OPTIONAL), json_values), min_size=2, max_size=3))
def test_facts_of_any_values_make_a_row_and_a_detail(changes: list[dict[str, Any]]) -> None:
    standing = Standing()
    ticks = [tick(n, **values) for n, values in enumerate(changes)]
    for one in ticks:
        standing.take(one)
    made = row(ticks[-1], ticks[-2]) | standing.columns()
    for name, value in made.items():
        if name.endswith(("_ratio", "_ratio_max")):
            assert value is None or 0 <= value <= 1
        elif name.endswith(("_per_second", "_count")):
            assert value is None or value >= 0
    standing.detail()


def test_facts_of_the_kernel_are_columns() -> None:
    before = tick(0, swap=[0, 100], disk_operations=[10, 20], network_errors=1)
    now = tick(
        2,
        cores=[10, 95],
        pressure=[0.5, 0.1, None, 0.2, 0.0],
        swap=[4096, 100],
        disk_operations=[30, 20],
        network_errors=2,
        process_states=[1, 3],
        memory={"total": 8000, "available": 6000, "cached": 500},
    )
    made = row(now, before)
    expected = {
        "cpu_core_utilization_ratio_max": 0.95,
        "cpu_pressure_ratio": 0.5,
        "memory_pressure_ratio": 0.1,
        "memory_pressure_full_ratio": None,
        "io_pressure_ratio": 0.2,
        "io_pressure_full_ratio": 0.0,
        "memory_cached_bytes": 500,
        "swap_in_bytes_per_second": 2048.0,
        "swap_out_bytes_per_second": 0.0,
        "disk_reads_per_second": 10.0,
        "disk_writes_per_second": 0.0,
        "network_errors_per_second": 0.5,
        "zombie_process_count": 1,
        "blocked_process_count": 3,
    }
    assert {name: made[name] for name in expected} == expected


def test_a_probe_that_says_none_of_it_leaves_it_unknown() -> None:
    made = row(tick(1), tick(0))
    assert made["cpu_core_utilization_ratio_max"] is None
    assert made["swap_in_bytes_per_second"] is None
    assert set(Standing().columns().values()) == {None}


def test_what_was_read_once_stands_until_it_is_read_again() -> None:
    standing = Standing()
    standing.take(tick(0, temperatures=[["coretemp", 61.5], ["nvme", 40]], cpu_frequency=2e9))
    standing.take(tick(1))
    assert standing.columns()["temperature_celsius_max"] == 61.5
    assert standing.columns()["cpu_frequency_hertz"] == 2e9
    assert standing.detail()["temperatures_celsius"] == {"coretemp": 61.5, "nvme": 40.0}


def test_a_disk_has_its_throughput_wait_and_busy_time() -> None:
    standing = Standing()
    standing.take(tick(0, disks=[["sda", 0, 0, 0, 0, 0, 0]]))
    assert standing.detail()["disks"] == []
    standing.take(tick(5))
    standing.take(tick(10, disks=[["sda", 1000, 5000, 30, 10, 200, 5000], ["sdb"] + [1] * 6]))
    assert standing.detail()["disks"] == [
        {
            "name": "sda",
            "read_bytes_per_second": 100.0,
            "write_bytes_per_second": 500.0,
            "reads_per_second": 3.0,
            "writes_per_second": 1.0,
            "wait_seconds": pytest.approx(0.005),
            "busy_ratio": 0.5,
        }
    ]


def test_a_disk_that_did_nothing_has_no_wait() -> None:
    standing = Standing()
    for n in (0, 10):
        standing.take(tick(n, disks=[["sda", 1, 1, 1, 1, 1, 1]]))
    disks: Any = standing.detail()["disks"]
    assert disks[0]["wait_seconds"] is None


def test_an_interface_has_its_throughput_errors_and_drops() -> None:
    standing = Standing()
    standing.take(tick(0, interfaces=[["eth0", 0, 0, 0, 5]]))
    standing.take(tick(10, interfaces=[["eth0", 100, 50, 20, 2]]))
    assert standing.detail()["interfaces"] == [
        {
            "name": "eth0",
            "receive_bytes_per_second": 10.0,
            "transmit_bytes_per_second": 5.0,
            "errors_per_second": 2.0,
            "drops_per_second": None,
        }
    ]


def test_users_compute_with_a_tenth_of_a_core_or_a_gpu() -> None:
    standing = Standing()
    on_gpu = {"uuid": "A", "processes": [[1, "eve", "x", 1, None], [2, None, None, 1, None]]}
    standing.take(tick(0, devices=[on_gpu]))
    assert standing.columns()["users_computing"] is None
    rows = [
        [7, "ann", "x", 0.08, 1, None],
        [None, "ann", "", 0.05, 1, None],
        [8, "bob", "y", 0.02, 1, None],
    ]
    standing.take(tick(1, devices=[on_gpu], processes={"scan_seconds": 10, "rows": rows}))
    assert standing.columns()["users_computing"] == 2
    standing.take(tick(2))
    assert standing.columns()["users_computing"] == 1


def test_mounts_that_were_never_listed_are_not_known_to_be_fine() -> None:
    standing = Standing()
    assert standing.columns()["hung_mount_count"] is None
    standing.take(tick(network_filesystems=[]))
    assert standing.columns()["hung_mount_count"] == 0
