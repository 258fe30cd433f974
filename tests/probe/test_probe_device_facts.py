"""What NVML says beyond the usual: values, N/A, sentinels, errors, MIG; through the whole probe."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from nvml.fake import GIB, uuid
from probe.running import running_probe
from scms.collect import bootstrap
from scms.collect.program import packed, sections
from scms.probe import gpu, nvml

if TYPE_CHECKING:
    from nvml.fake import FakeDriver


def first_sample(driver: FakeDriver) -> dict[str, Any]:
    with running_probe(driver.environment) as probe:
        probe.next()
        sample: dict[str, Any] = probe.next()
        return sample


def test_values_of_every_tick(driver: FakeDriver) -> None:
    driver.set(
        "field.82=61",
        gpus=1,
        mem_clock=2619,
        pstate=0,
        throttle=0x44,
        encoder=12,
        decoder=34,
        energy=5_000_500,
    )
    (device,) = first_sample(driver)["devices"]
    expected = {
        "memory_clock": 2_619_000_000,
        "performance_state": 0,
        "throttle": 0x44,
        "encoder": 12,
        "decoder": 34,
        "energy": 5000.5,
        "memory_temperature": 61,
    }
    assert {key: device[key] for key in expected} == expected


def test_values_that_hardly_change(driver: FakeDriver) -> None:
    driver.set(
        *("field.29=3", "field.30=4", "field.38=1", "field.45=2", "field.52=3", "field.59=4"),
        gpus=1,
        fan=55,
        ecc_corrected=9,
        ecc_corrected_lifetime=99,
        ecc_lifetime=2,
        remap_corrected=1,
        remap_uncorrected=2,
        pcie_generation=5,
        pcie_width=8,
        pcie_replays=7,
        nvlinks=12,
        compute_mode=3,
        persistence=0,
    )
    assert first_sample(driver)["device_facts"] == {
        uuid(0): {
            "pcie_throughput": [],
            "pci_bus": "00000000:01:00.0",
            "sm_clock_max": 1_980_000_000,
            "memory_clock_max": 2_619_000_000,
            "power_limit": 400.0,
            "fan": 55,
            "ecc": [9, 0, 99, 2],
            "retired_pages": 7,
            "remapped_rows": 3,
            "pcie": [5, 8, 7],
            "nvlink": [12, 10],
            "persistence": False,
            "compute_mode": 3,
            "mig": None,
        }
    }


def test_traffic_over_pcie_is_measured_from_the_second_minute_on(
    driver: FakeDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasty = sections()["nvidia"].replace("SLOW_SECONDS = 60.0", "SLOW_SECONDS = 0.5")
    sent = packed({**sections(), "nvidia": hasty})
    monkeypatch.setattr(bootstrap, "program", lambda: sent)
    driver.set(gpus=1, pcie_received=1500, pcie_sent=250)
    with running_probe(driver.environment) as probe:
        facts = probe.until(lambda m: "device_facts" in m)["device_facts"][uuid(0)]
        later = probe.until(lambda m: "device_facts" in m)["device_facts"][uuid(0)]
    assert facts["pcie_throughput"] == []
    assert later["pcie_throughput"] == [1_500_000, 250_000]


OPTIONAL = [
    "mem_clock", "pstate", "throttle", "encoder", "decoder", "energy", "clock_max", "mem_clock_max",
    "limit", "fan", "ecc", "ecc_corrected", "ecc_lifetime", "ecc_corrected_lifetime",
    "remap_corrected", "pcie_generation", "pcie_width", "pcie_replays", "persistence",
    "compute_mode", "pci", "cuda",
]  # fmt: skip


def test_what_is_not_supported_is_null_and_nothing_else_is(driver: FakeDriver) -> None:
    driver.set(*(f"{key}=NA" for key in OPTIONAL), gpus=1)
    sample = first_sample(driver)
    (device,), (facts,) = sample["devices"], sample["device_facts"].values()
    for key in ("memory_clock", "performance_state", "throttle", "encoder", "decoder", "energy"):
        assert device[key] is None
    assert facts == {
        **dict.fromkeys(facts),
        "ecc": [None] * 4,
        "pcie_throughput": [],
        "pcie": [None] * 3,
        "nvlink": [None] * 2,
    }
    assert device["fault"] is None
    assert device["utilization"] == 0
    assert sample["gpu"] == {**sample["gpu"], "cuda": None, "driver": "999.00", "problem": None}


def test_sentinels_are_null(driver: FakeDriver) -> None:
    driver.set(
        "field.82=18446744073709551615",
        gpus=1,
        energy=18446744073709551615,
        fan=4294967295,
        pcie_replays=4294967295,
        ecc_lifetime=18446744073709551615,
        throttle=18446744073709551615,
    )
    sample = first_sample(driver)
    (device,), (facts,) = sample["devices"], sample["device_facts"].values()
    assert (device["energy"], device["memory_temperature"], device["throttle"]) == (None,) * 3
    assert (facts["fan"], facts["pcie"][2], facts["ecc"][3]) == (None,) * 3


@pytest.mark.parametrize("code", [2, 3, 4, 6, 13, 999])
def test_an_error_of_a_call_costs_its_value_only(driver: FakeDriver, code: int) -> None:
    names = "FieldValues TotalEnergyConsumption PciInfo_v3 CurrentClocksThrottleReasons"
    lines = [f"error.nvmlDeviceGet{name}={code}" for name in names.split()]
    driver.set(*lines, f"error.nvmlSystemGetCudaDriverVersion={code}", gpus=1)
    sample = first_sample(driver)
    (device,) = sample["devices"]
    assert (device["energy"], device["throttle"], device["fault"]) == (None, None, None)
    assert device["memory_clock"] == 1_593_000_000
    assert sample["gpu"]["problem"] is None


def test_a_lost_gpu_is_lost_by_whatever_call_says_so(driver: FakeDriver) -> None:
    driver.set("gpu.1.error.nvmlDeviceGetTotalEnergyConsumption=15", gpus=2)
    assert [d["fault"] for d in first_sample(driver)["devices"]] == [
        None,
        "GPU lost: reset or reboot",
    ]


def test_slow_facts_come_once(driver: FakeDriver) -> None:
    with running_probe(driver.environment) as probe:
        probe.next()
        assert len(probe.next()["device_facts"]) == 8
        assert "device_facts" not in probe.next()


def test_an_xid_of_a_program_is_said(driver: FakeDriver) -> None:
    driver.set("gpu.1.xid=13", gpus=2)
    devices = first_sample(driver)["devices"]
    assert [(d["xid"], d["fault"]) for d in devices] == [(None, None), (13, None)]


def test_the_use_of_a_process_is_the_mean_of_its_samples(driver: FakeDriver) -> None:
    pid = os.getpid()
    samples = [f"gpu.0.sm={pid}:{percent}" for percent in (40, 61, 4000)]  # 4000: misread
    driver.set(f"gpu.0.proc={pid}:{GIB}", *samples, gpus=1)
    assert first_sample(driver)["devices"][0]["processes"][0][5] == 50.5


class TestMig:
    def test_the_parts_take_the_place_of_the_gpu(self, driver: FakeDriver) -> None:
        pid = os.getpid()
        driver.set(
            *("gpu.1.mig=2", "gpu.1.temp=50", "gpu.1.util=NA", "gpu.2001.name=Fake MIG 3g.40gb"),
            *("gpu.2001.total=42949672960", f"gpu.2001.used={GIB}", f"gpu.2001.proc={pid}:{GIB}"),
            gpus=2,
        )
        devices = first_sample(driver)["devices"]
        assert [(d["uuid"], d.get("parent"), d["mig"]) for d in devices] == [
            (uuid(0), None, None),
            ("MIG-00000000-0000-0000-0000-000000001001", uuid(1), True),
            ("MIG-00000000-0000-0000-0000-000000002001", uuid(1), True),
        ]
        part = devices[2]
        assert (part["name"], part["index"]) == ("Fake MIG 3g.40gb", 1)
        assert (part["memory_total"], part["memory_used"]) == (40 * GIB, GIB)
        assert (part["utilization"], part["power"], part["temperature"]) == (None, None, 50)
        assert [row[0] for row in part["processes"]] == [pid]
        assert devices[1]["processes"] == []

    def test_a_gpu_in_mig_mode_without_parts_is_the_gpu(self, driver: FakeDriver) -> None:
        driver.set(gpus=1, mig=0)
        (device,) = first_sample(driver)["devices"]
        assert (device["uuid"], device["mig"]) == (uuid(0), True)

    def test_parts_of_a_lost_gpu_are_lost(self, driver: FakeDriver) -> None:
        driver.set(gpus=1, mig=2)
        with running_probe(driver.environment) as probe:
            probe.until(lambda m: m["type"] == "sample")
            driver.set("error.nvmlDeviceGetUtilizationRates=15", gpus=1, mig=2)
            lost = probe.until(lambda m: m["devices"][0]["fault"] is not None)["devices"]
        assert [d["parent"] for d in lost] == [uuid(0)] * 2
        assert {d["fault"] for d in lost} == {"GPU lost: reset or reboot"}

    def test_parts_that_are_gone_are_listed_anew(self, driver: FakeDriver) -> None:
        driver.set(gpus=1, mig=3)
        gone = "gpu.3000.error.nvmlDeviceGetMemoryInfo"
        with running_probe(driver.environment) as probe:
            assert len(probe.until(lambda m: m["type"] == "sample")["devices"]) == 3
            driver.set(f"{gone}=6", f"{gone}_v2=6", gpus=1, mig=2)
            fewer = probe.until(lambda m: len(m["devices"]) == 2)
        assert [d["fault"] for d in fewer["devices"]] == [None, None]


def test_cuda_versions_are_written_as_people_write_them() -> None:
    assert nvml.version_words(12040) == "12.4"
    assert nvml.version_words(11080) == "11.8"


def test_a_blank_device_keeps_the_gpu_it_is_a_part_of() -> None:
    known = {"uuid": "MIG-1", "index": 0, "name": "x", "memory_total": 5, "parent": "GPU-1"}
    assert {k: gpu.blank(known, "lost")[k] for k in known} == known
