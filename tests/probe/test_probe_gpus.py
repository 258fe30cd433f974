"""The real pynvml on the fake driver, through the whole probe."""

from __future__ import annotations

import getpass
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nvml.fake import GIB, uuid
from probe.running import running_probe
from scms.probe import gpu, nvml

if TYPE_CHECKING:
    from nvml.fake import FakeDriver


def first_sample(driver: FakeDriver) -> dict[str, Any]:
    with running_probe(driver.environment) as probe:
        probe.next()
        return probe.next()


def test_eight_gpus_with_their_values(driver: FakeDriver) -> None:
    driver.set_jobs((0, os.getpid(), 30 * GIB))
    sample = first_sample(driver)
    assert [device["uuid"] for device in sample["devices"]] == [uuid(n) for n in range(8)]
    assert sample["devices"][0] | {"processes": None} == {
        "uuid": uuid(0),
        "index": 0,
        "name": "Fake GPU 80GB",
        "utilization": 90,
        "memory_utilization": 0,
        "memory_used": 30 * GIB,
        "memory_total": 80 * GIB,
        "power": 350.0,
        "power_limit": 400.0,
        "temperature": 35,
        "sm_clock": 210_000_000,
        "fault": None,
        "processes": None,
        "memory_free": 80 * GIB - 30 * GIB - 629145600,
        "memory_reserved": 629145600,
        "memory_clock": 1_593_000_000,
        "performance_state": 8,
        "throttle": 1,
        "encoder": 0,
        "decoder": 0,
        "energy": 1.0,
        "memory_temperature": None,
        "mig": None,
        "xid": None,
    }
    assert sample["gpu"]["driver"] == "999.00"
    assert sample["gpu"]["cuda"] == "12.4"
    assert sample["gpu"]["problem"] is None
    assert sample["gpu"]["age_seconds"] < 2


def test_a_process_has_its_user_command_and_memory(driver: FakeDriver) -> None:
    driver.set_jobs((3, os.getpid(), 5 * GIB))
    (row,) = first_sample(driver)["devices"][3]["processes"]
    pid, user, command, memory, started_at, sm, _ = row
    assert sm is None
    assert (pid, user, memory) == (os.getpid(), getpass.getuser(), 5 * GIB)
    assert command == Path("/proc/self/comm").read_text().strip()
    assert started_at > 1_600_000_000


def test_a_process_that_is_gone_is_left_out(driver: FakeDriver) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as done:
        done.wait()
    driver.set_jobs((0, done.pid, GIB), (1, os.getpid(), GIB))
    devices = first_sample(driver)["devices"]
    sees_all = Path("/proc/2/comm").exists() and "kthreadd" in Path("/proc/2/comm").read_text()
    unseen = [] if sees_all else [[done.pid, None, None, GIB, None, None, None]]
    assert devices[0]["processes"] == unseen
    assert len(devices[1]["processes"]) == 1


def test_memory_of_a_process_that_cannot_be_told_is_null(driver: FakeDriver) -> None:
    driver.set(f"gpu.0.proc={os.getpid()}:NA")
    assert first_sample(driver)["devices"][0]["processes"][0][3] is None


def test_what_is_not_supported_is_null(driver: FakeDriver) -> None:
    driver.set("power=NA", "util=NA", "temp=NA", "limit=NA", "clock=NA")
    device = first_sample(driver)["devices"][0]
    for key in ("power", "utilization", "memory_utilization", "temperature", "sm_clock"):
        assert device[key] is None
    assert device["memory_used"] == 0
    assert device["fault"] is None


def test_unified_memory_is_null(driver: FakeDriver) -> None:
    driver.set("total=NA", "used=NA")
    device = first_sample(driver)["devices"][0]
    assert (device["memory_used"], device["memory_total"]) == (None, None)


def test_sentinels_are_null(driver: FakeDriver) -> None:
    driver.set("power=4294967295", "used=9223372036854775807")
    device = first_sample(driver)["devices"][0]
    assert (device["power"], device["memory_used"]) == (None, None)


def test_a_power_of_zero_is_zero(driver: FakeDriver) -> None:
    driver.set("power=0", "temp=0")
    device = first_sample(driver)["devices"][0]
    assert (device["power"], device["temperature"]) == (0, 0)


def test_an_old_driver_without_version_2_gives_memory_too(driver: FakeDriver) -> None:
    driver.set("error.nvmlDeviceGetMemoryInfo_v2=13", used=GIB, reserved=0)
    assert first_sample(driver)["devices"][0]["memory_used"] == GIB


def test_what_the_driver_reserves_is_not_used(driver: FakeDriver) -> None:
    driver.set(used=GIB, reserved=GIB)
    assert first_sample(driver)["devices"][0]["memory_used"] == GIB


def test_a_refused_process_list_is_null(driver: FakeDriver) -> None:
    driver.set(
        "error.nvmlDeviceGetComputeRunningProcesses_v3=4",
        "error.nvmlDeviceGetGraphicsRunningProcesses_v3=4",
    )
    assert first_sample(driver)["devices"][0]["processes"] is None


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        (["gpu.1.error.nvmlDeviceGetUtilizationRates=15"], "GPU lost: reset or reboot"),
        (["gpu.1.error.nvmlDeviceGetPowerUsage=16"], "GPU needs a reset"),
        (["gpu.1.ecc=3"], "ECC: uncorrectable memory errors since the driver was loaded"),
        (["gpu.1.remap_failed=1"], "row remapping failed: replace the GPU"),
        (["gpu.1.remap_pending=1"], "row remapping pending: reset the GPU"),
        (["gpu.1.xid=79"], "XID 79: see dmesg there"),
        (
            [
                "gpu.1.error.nvmlDeviceGetUtilizationRates=999",
                "gpu.1.error.nvmlDeviceGetMemoryInfo_v2=999",
                "gpu.1.error.nvmlDeviceGetMemoryInfo=999",
            ],
            "NVML says: Unknown Error",
        ),
    ],
)
def test_one_broken_gpu_is_told_from_the_others(
    driver: FakeDriver, lines: list[str], fault: str
) -> None:
    driver.set(*lines)
    devices = first_sample(driver)["devices"]
    assert [device["fault"] for device in devices] == [None, fault, *[None] * 6]
    assert devices[1]["uuid"] == uuid(1)


def test_an_xid_of_a_program_is_no_fault(driver: FakeDriver) -> None:
    driver.set("gpu.1.xid=13")
    assert first_sample(driver)["devices"][1]["fault"] is None


def test_a_gpu_lost_in_the_middle_keeps_its_uuid_and_comes_back(driver: FakeDriver) -> None:
    with running_probe(driver.environment) as probe:
        probe.until(lambda m: m["type"] == "sample")
        driver.set("gpu.2.error.nvmlDeviceGetUtilizationRates=15")
        lost = probe.until(lambda m: m["devices"][2]["fault"] is not None)["devices"][2]
        driver.set()
        found = probe.until(lambda m: m["devices"][2]["fault"] is None)["devices"][2]
    assert lost["uuid"] == uuid(2)
    assert lost["utilization"] is None
    assert found["utilization"] == 0


def test_a_gpu_that_was_never_seen_is_a_problem_not_a_device(driver: FakeDriver) -> None:
    driver.set("gpu.7.error.nvmlDeviceGetHandleByIndex_v2=15")
    sample = first_sample(driver)
    assert len(sample["devices"]) == 7
    assert sample["gpu"]["problem"] == "GPU 7 cannot be read: GPU lost: reset or reboot"


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        (18, "driver/library mismatch: reboot"),
        (4, "no permission to use the NVIDIA devices"),
        (999, "NVML says: Unknown Error"),
    ],
)
def test_a_driver_that_cannot_be_initialised_says_why(
    driver: FakeDriver, code: int, problem: str
) -> None:
    driver.set(f"error.nvmlInitWithFlags={code}")
    sample = first_sample(driver)
    assert sample["gpu"]["problem"] == problem
    assert sample["devices"] is None


def test_a_call_that_hangs_leaves_the_rest_alone_and_is_named(driver: FakeDriver) -> None:
    with running_probe(driver.environment, hang_seconds=0.5) as probe:
        probe.until(lambda m: m["type"] == "sample")
        driver.set("delay_us.nvmlDeviceGetPowerUsage=-1")
        hung = probe.until(lambda m: m["gpu"]["problem"] is not None)
        after = [probe.next() for _ in range(3)]
        driver.set()
        again = probe.until(lambda m: m["gpu"]["problem"] is None)
    text = "NVML call nvmlDeviceGetPowerUsage hangs"
    assert hung["gpu"]["problem"] == text
    assert [d["fault"] for d in hung["devices"]] == [text] * 8
    assert [d["uuid"] for d in hung["devices"]] == [uuid(n) for n in range(8)]
    assert hung["devices"][0]["utilization"] is None
    gaps = [b["monotonic"] - a["monotonic"] for a, b in zip([hung, *after], after, strict=False)]
    assert max(gaps) < 1
    assert all(sample["cpu"] is not None for sample in after)
    assert again["devices"][0]["fault"] is None


def test_a_driver_that_hangs_from_the_start_is_named(driver: FakeDriver) -> None:
    driver.set("delay_us.nvmlInitWithFlags=-1")
    with running_probe(driver.environment, hang_seconds=0.3) as probe:
        sample = probe.until(lambda m: "hangs" in (m.get("gpu", {}).get("problem") or ""))
    assert sample["gpu"]["problem"] == "NVML call nvmlInit hangs"
    assert sample["devices"] is None


def test_a_driver_that_forgot_everything_is_initialised_again(driver: FakeDriver) -> None:
    driver.set("error.nvmlDeviceGetPowerUsage=1")
    with running_probe(driver.environment) as probe:
        probe.until(lambda m: "stay initialised" in (m.get("gpu", {}).get("problem") or ""))
        driver.set()
        sample = probe.until(lambda m: m["gpu"]["problem"] is None)
    assert len(sample["devices"]) == 8


def test_a_driver_that_is_slow_to_start_is_no_problem_yet(driver: FakeDriver) -> None:
    driver.set("delay_us.nvmlInitWithFlags=2500000")
    with running_probe(driver.environment, interval_seconds=0.5) as probe:
        probe.next()
        first = probe.next()
        later = probe.until(lambda m: m["devices"] is not None)
    assert (first["gpu"]["problem"], first["devices"]) == (None, None)
    assert len(later["devices"]) == 8


def test_a_slow_driver_is_waited_for_within_the_tick(driver: FakeDriver) -> None:
    driver.set("delay_us.nvmlDeviceGetCount_v2=300000")
    with running_probe(driver.environment, interval_seconds=1.0) as probe:
        probe.next()
        samples = [probe.next() for _ in range(2)]
    assert [len(sample["devices"]) for sample in samples] == [8, 8]


def pci(folder: Path, vendor: str, kind: str) -> str:
    slot = folder / "0000:01:00.0"
    slot.mkdir(parents=True)
    (slot / "vendor").write_text(f"{vendor}\n")
    (slot / "class").write_text(f"{kind}\n")
    return str(folder)


@pytest.mark.parametrize(
    ("vendor", "kind", "expected"),
    [
        ("0x10de", "0x030200", ("no driver", None)),
        ("0x10de", "0x020000", (None, [])),  # a network card of theirs
        ("0x8086", "0x030000", (None, [])),
    ],
)
def test_a_missing_driver_is_a_problem_only_where_there_is_a_gpu(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    vendor: str,
    kind: str,
    expected: tuple[str | None, list[Any] | None],
) -> None:
    library = nvml.Nvml("", pci(tmp_path / "pci", vendor, kind))
    monkeypatch.setattr(library, "_load", lambda: (12, "no driver"))
    reader = gpu.Gpus(library, {}.get)
    reader.ask()
    answer = reader.answer(5.0)
    assert (answer["gpu"]["problem"], answer["devices"]) == expected


def test_a_driver_that_is_not_loaded_is_a_problem_only_where_there_is_a_gpu(tmp_path: Path) -> None:
    assert nvml.Nvml("", pci(tmp_path / "gpu", "0x10de", "0x030000")).hardware()
    assert not nvml.Nvml("", str(tmp_path / "absent")).hardware()
