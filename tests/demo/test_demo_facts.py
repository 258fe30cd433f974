"""The simulated lab says what a real probe says, and its facts agree with each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from demo.labs import DAY, lab, past, tick
from scms.tables import DEVICE_SAMPLE, SERVER_SAMPLE

if TYPE_CHECKING:
    import pandas as pd

    from scms.tables import Table

#: What no simulated server has: an opinion on it, or that thing itself.
SERVER_NEVER = {"reason", "gpu_problem", "cpu_core_utilization_ratio_max", "hung_mount_count"}
DEVICE_NEVER = {"parent_device", "xid"}


@pytest.fixture(scope="module")
def days() -> dict[str, pd.DataFrame]:
    return {name: table.to_pandas() for name, table in past(DAY, DAY + 86400).items()}


@pytest.mark.parametrize(
    ("table", "never"),
    [(SERVER_SAMPLE, SERVER_NEVER), (DEVICE_SAMPLE, DEVICE_NEVER)],
    ids=["server", "device"],
)
def test_every_column_is_told_by_some(
    days: dict[str, pd.DataFrame], table: Table, never: set[str]
) -> None:
    frame = days[table.name]
    assert {name for name in frame if frame[name].isna().all()} - never == set()


def test_energy_never_runs_backwards_and_agrees_with_the_power(
    days: dict[str, pd.DataFrame],
) -> None:
    boots = days["server_sample"][["server", "sampled_at", "boot_id"]]
    frame = days["device_sample"].merge(boots, on=["server", "sampled_at"])
    frame = frame.sort_values("sampled_at").dropna(subset=["energy_counter_joules"])
    for _, one in frame.groupby(["device", "boot_id"]):
        joules = one.energy_counter_joules.to_numpy()
        assert (np.diff(joules) >= 0).all()
    counted = frame.groupby(["device", "boot_id"]).energy_counter_joules.agg(np.ptp).sum()
    drawn = (frame.power_watts * frame.observed_seconds).sum()
    assert counted == pytest.approx(drawn, rel=0.15)


def test_clocks_and_states_follow_the_work(days: dict[str, pd.DataFrame]) -> None:
    frame = days["device_sample"]
    idle = frame[(frame.gpu_utilization_ratio == 0) & frame.power_watts.notna()]
    assert set(idle.throttle_reasons) == {"idle"}
    busy = frame[frame.gpu_utilization_ratio > 0.5]
    assert set(busy.performance_state) == {0}
    assert set(busy.throttle_reasons) <= {"", "power limit", "too hot (software)",
                                          "power limit, too hot (software)"}  # fmt: skip


def test_a_model_has_what_such_cards_have(days: dict[str, pd.DataFrame]) -> None:
    frame = days["device_sample"]
    links = frame.groupby("device_name").nvlink_active_count.max()
    assert links["NVIDIA H100 80GB HBM3"] == 18
    assert np.isnan(links["NVIDIA GeForce RTX 4090"])
    ecc = frame.groupby("device_name").ecc_corrected_count.max()
    assert ecc.isna()["NVIDIA GeForce RTX 3090"]
    assert not ecc.isna()["NVIDIA L40S"]
    fans = frame.groupby("device_name").fan_speed_ratio.min()
    assert 0.3 <= fans["NVIDIA GeForce RTX 4090"] <= 1


def test_pressure_rises_with_the_cores_in_use(days: dict[str, pd.DataFrame]) -> None:
    frame = days["server_sample"].dropna(subset=["cpu_utilization_ratio"])
    ranked = frame.sort_values("cpu_utilization_ratio").cpu_pressure_ratio.to_numpy()
    assert ranked[-20:].mean() > 5 * ranked[: len(ranked) // 2].mean()
    assert frame.cpu_pressure_ratio.between(0, 1).all()


def test_the_kernel_of_a_server_is_read_whole() -> None:
    kernel = tick("gpu-a01", DAY + 60).kernel
    assert kernel.cpu_frequency_hertz == pytest.approx(3e9, rel=0.3)
    assert kernel.temperatures is not None
    assert set(kernel.temperatures) == {"k10temp", "nvme"}
    assert lab().samples("gpu-a01", np.array([DAY + 60.0]), 2.0)[0]["network_errors"] == 0
