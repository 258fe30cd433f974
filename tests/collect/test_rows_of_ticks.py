"""Ticks become complete rows: differences, states, shares."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collect.collecting import sample_line
from scms.collect.message import Device, Filesystem, GpuProcess, Tick
from scms.collect.parse import parse_line
from scms.collect.record import complete
from scms.collect.rows import (
    Reading,
    Watch,
    cpu_process_rows,
    device_row,
    down_row,
    gpu_process_rows,
    observed_seconds,
    server_row,
)
from scms.states import DeviceState
from scms.tables import DEVICE_SAMPLE, PROCESS_SAMPLE, SERVER_SAMPLE

WATCH = Watch("alpha", interval_seconds=1.0)
DEVICE = Device("GPU-1", 0, "A100", 0.5, 0.2, 10, 100, 300.0, 400.0, 60.0, 1e9, None, None)


def tick(n: int = 0, **changes: Any) -> Tick:
    parsed = parse_line(sample_line(n, **changes))
    assert isinstance(parsed, Tick)
    return parsed


def row(now: Tick, before: Tick | None = None, **known: Any) -> dict[str, Any]:
    return server_row(WATCH, 5, now, before, filesystems=None, **known)


def process(pid: int, user: str | None, memory: int | None = 1) -> GpuProcess:
    return GpuProcess(pid, user, "train", memory, 1_700_000_000.25)


def test_rows_have_exactly_the_columns_of_their_tables() -> None:
    reading = Reading(replace(DEVICE, processes=(process(1, "ann"),)), DeviceState.BUSY, "")
    scan = {"scan_seconds": 10, "rows": [[1, "ann", "x", 0.5, 100, None]]}
    rows = {
        SERVER_SAMPLE: [row(tick(1), tick(0)), down_row(WATCH, 5, 0.0, "refused")],
        DEVICE_SAMPLE: [device_row(WATCH, 5, 1.0, reading)],
        PROCESS_SAMPLE: [
            *gpu_process_rows(WATCH, 5, 1.0, reading),
            *cpu_process_rows(WATCH, 5, tick(processes=scan)),
        ],
    }
    for table, made in rows.items():
        assert [tuple(one) for one in made] == [table.column_names()] * len(made)


def test_a_column_that_the_table_does_not_have_is_an_error() -> None:
    with pytest.raises(KeyError, match="server_sample has no column colour"):
        complete(SERVER_SAMPLE, colour="blue")


def test_the_first_tick_observes_nothing_and_has_no_rates() -> None:
    first = row(tick(0))
    assert first["observed_seconds"] == 0
    assert first["cpu_utilization_ratio"] is None
    assert first["network_receive_bytes_per_second"] is None
    assert first["memory_used_bytes"] == 2000


def test_rates_are_differences_over_the_time_of_the_server() -> None:
    made = row(tick(4), tick(2))
    assert made["cpu_utilization_ratio"] == 0.5
    assert made["cpu_user_ratio"] == 0.5
    assert made["disk_read_bytes_per_second"] == 1000
    assert made["network_transmit_bytes_per_second"] == 20
    assert made["observed_seconds"] == 2


def test_waiting_for_io_is_not_use() -> None:
    before, now = tick(0, cpu=[0] * 8), tick(1, cpu=[1, 1, 1, 3, 2, 1, 0, 1])
    made = row(now, before)
    assert made["cpu_utilization_ratio"] == 0.5
    assert made["cpu_iowait_ratio"] == 0.2
    assert made["cpu_irq_ratio"] == 0.1


def test_io_wait_may_run_backwards_a_little() -> None:
    made = row(tick(1, cpu=[1, 0, 0, 1, 9.5, 0, 0, 0]), tick(0, cpu=[0, 0, 0, 0, 10, 0, 0, 0]))
    assert made["cpu_utilization_ratio"] == 0.5


def test_counters_that_began_anew_give_null_for_that_tick() -> None:
    made = row(
        tick(1, cpu=[1] * 8, disk=[5, 5], network=[5, 5]),
        tick(0, cpu=[90] * 8, disk=[9, 9], network=[9, 9]),
    )
    for column in (
        "cpu_utilization_ratio",
        "disk_read_bytes_per_second",
        "network_receive_bytes_per_second",
    ):
        assert made[column] is None


def test_a_gap_is_observed_for_three_intervals_at_most() -> None:
    assert observed_seconds(tick(0), tick(100), 1.0) == 3.0


def test_a_clock_that_runs_backwards_observes_nothing() -> None:
    assert observed_seconds(tick(5), tick(4), 1.0) == 0.0


@given(
    st.lists(st.floats(0, 1e12), min_size=8, max_size=8),
    st.lists(st.floats(0, 1e12), min_size=8, max_size=8),
)
def test_ratios_of_any_counters_are_between_0_and_1(before: list[float], now: list[float]) -> None:
    made = row(tick(1, cpu=now), tick(0, cpu=before))
    for name, value in made.items():
        if name.startswith("cpu_") and name.endswith("_ratio"):
            assert value is None or 0 <= value <= 1


def test_more_available_than_there_is_was_misread() -> None:
    made = row(tick(memory={"total": 10, "available": 11, "swap_total": 5, "swap_free": 9}))
    assert (made["memory_available_bytes"], made["memory_used_bytes"]) == (None, None)
    assert made["swap_used_bytes"] is None


def test_space_is_summed_and_scratch_is_the_roomiest() -> None:
    disks = [Filesystem("/", "ext4", 100, 60, 35), Filesystem("/data", "xfs", 900, 100, 800)]
    made = server_row(WATCH, 5, tick(), None, filesystems=disks)
    assert made["filesystem_total_bytes"] == 1000
    assert made["filesystem_used_bytes"] == 160
    assert made["scratch_free_bytes"] == 800


def test_gpus_that_answer_are_counted_and_unknown_is_not_none() -> None:
    devices = [{"uuid": "A"}, {"uuid": "B", "fault": "GPU lost"}]
    assert row(tick(devices=devices))["gpu_count"] == 1
    assert row(tick(devices=[]))["gpu_count"] == 0
    assert row(tick(devices=None))["gpu_count"] is None


def test_users_share_a_device_equally_and_so_do_the_processes_of_one() -> None:
    reading = Reading(
        replace(
            DEVICE,
            processes=(process(1, "ann"), process(2, "ann"), process(3, "bob"), process(4, None)),
        ),
        DeviceState.BUSY,
        "",
    )
    rows = gpu_process_rows(WATCH, 5, 1.0, reading)
    shares = [row["device_share_ratio"] for row in rows]
    assert shares == [pytest.approx(v) for v in (1 / 6, 1 / 6, 1 / 3, 1 / 3)]
    assert {row["device_state"] for row in rows} == {"busy"}
    assert rows[0]["started_at"] == 1_700_000_000_250
    assert rows[0]["cpu_cores_used"] is None


@given(st.lists(st.sampled_from(["ann", "bob", "eve", None]), min_size=1, max_size=20))
def test_the_shares_of_a_device_sum_to_1(users: list[str | None]) -> None:
    processes = tuple(process(n + 1, user) for n, user in enumerate(users))
    reading = Reading(replace(DEVICE, processes=processes), DeviceState.BUSY, "")
    shares: list[Any] = [
        row["device_share_ratio"] for row in gpu_process_rows(WATCH, 5, 1.0, reading)
    ]
    assert sum(shares) == pytest.approx(1)


def test_the_user_of_a_device_holds_most_of_its_memory() -> None:
    processes = (
        process(1, "ann", 5),
        process(2, "bob", 3),
        process(3, "bob", 4),
        process(4, None, 99),
    )
    reading = Reading(replace(DEVICE, processes=processes), DeviceState.BUSY, "")
    assert device_row(WATCH, 5, 1.0, reading)["user"] == "bob"
    assert device_row(WATCH, 5, 1.0, reading)["process_count"] == 4


def test_a_device_whose_processes_are_hidden_has_no_count_and_no_user() -> None:
    made = device_row(WATCH, 5, 1.0, Reading(DEVICE, DeviceState.BUSY, ""))
    assert (made["process_count"], made["user"]) == (None, None)


def test_a_scan_stands_for_its_own_time() -> None:
    rows = [[1, "ann", "x", 0.5, 100, None]]
    (made,) = cpu_process_rows(WATCH, 5, tick(processes={"scan_seconds": 10.5, "rows": rows}))
    assert made["observed_seconds"] == 10.5
    (late,) = cpu_process_rows(WATCH, 5, tick(processes={"scan_seconds": 400, "rows": rows}))
    assert late["observed_seconds"] == 30


def test_commands_are_left_out_where_the_settings_say_so() -> None:
    private = replace(WATCH, commands=False)
    reading = Reading(replace(DEVICE, processes=(process(1, "ann"),)), DeviceState.BUSY, "")
    scan = tick(processes={"scan_seconds": 10, "rows": [[1, "ann", "x", 0.5, 100, None]]})
    made = [*gpu_process_rows(private, 5, 1.0, reading), *cpu_process_rows(private, 5, scan)]
    assert [(row["command"], row["user"]) for row in made] == [(None, "ann")] * 2
