"""GPUs of AMD: what amd-smi prints, by a program that prints it and through the whole probe."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from probe.running import running_probe
from scms.collect import bootstrap
from scms.collect.program import packed, sections
from scms.probe import amd, readers
from servers.sshd import wait_until

RECORDED = Path(__file__).parents[1] / "recorded" / "amd"
USED = 29777 * 2**20


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """An amd-smi that prints what was recorded."""
    made = tmp_path / "bin" / "amd-smi"
    made.parent.mkdir()
    made.write_text(f'#!/bin/sh\nexec cat "{RECORDED}/$1.json"\n')
    made.chmod(0o755)
    return made


def described(pid: int) -> list[Any]:
    return ["ann", "train", 1_800_000_000.0, None] if pid == 213952 else [None] * 4


def read(reader: amd.Amd) -> dict[str, Any]:
    reader.ask()
    wait_until(lambda: reader.aside.since is None and (reader.aside.value or reader.aside.error))
    answer: dict[str, Any] = reader.answer(0.0)
    return answer


def test_what_was_recorded_becomes_devices(program: Path) -> None:
    answer = read(amd.Amd(str(program), described))
    one, two = answer["devices"]
    assert answer["gpu"] == {"problem": None, "driver": "6.16.6"}
    assert one == {
        "uuid": "c8ff7551-0000-1000-8000-000000000003",
        "index": 0,
        "name": "AMD Radeon AI PRO R9700",
        "power_limit": 300,
        "fault": None,
        "utilization": 100,
        "memory_utilization": 1,
        "memory_total": 32624 * 2**20,
        "memory_used": USED,
        "memory_free": 2847 * 2**20,
        "power": 103,
        "temperature": 79,
        "memory_temperature": 84,
        "sm_clock": 2_920_000_000,
        "memory_clock": 1_258_000_000,
        "energy": None,
        "processes": [[213952, "ann", "train", 21008920000, 1_800_000_000.0, None, None]],
    }
    assert two["processes"] == []
    assert answer["device_facts"][one["uuid"]] == {
        "fan": 38.82,
        "ecc": [0, 0, None, None],
        "pcie": [None, 16, None],
    }


def test_an_older_version_has_no_object_around_its_rows() -> None:
    assert amd.by_gpu([{"gpu": 0}, "noise", {"gpu": "N/A"}]) == [{"gpu": 0}]


def test_what_is_not_available_is_null_and_zero_is_zero() -> None:
    row = {"usage": "N/A", "power": {"socket_power": {"value": 0, "unit": "W"}}, "energy": "N/A"}
    found = amd.measures(row)
    assert (found["utilization"], found["power"], found["energy"]) == (None, 0, None)


def test_a_program_that_fails_is_a_problem(program: Path) -> None:
    program.write_text("#!/bin/sh\nexit 3\n")
    answer = read(amd.Amd(str(program), described))
    assert answer == {
        "gpu": {"problem": "amd-smi static: exit status 3", "driver": None},
        "devices": None,
    }


def test_a_program_that_hangs_leaves_the_devices_faulty(program: Path) -> None:
    reader = amd.Amd(str(program), described, hang_seconds=0.05)
    read(reader)
    fifo = program.parent / "fifo"
    os.mkfifo(fifo)
    program.write_text(f'#!/bin/sh\nexec cat "{fifo}"\n')
    reader.next_at = 0.0
    reader.ask()
    wait_until(lambda: reader.answer(0.0)["gpu"]["problem"] == "amd-smi hangs")
    assert [d["fault"] for d in reader.answer(0.0)["devices"]] == ["amd-smi hangs"] * 2
    fifo.write_text("")  # whoever reads it reads its end


def test_without_the_driver_nothing_is_asked(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(program.parent))
    assert readers.amd_program("amd-smi", kfd=str(tmp_path / "absent")) is None
    assert readers.amd_program("amd-smi", kfd=str(tmp_path)) == str(program)
    assert readers.amd_program("no-such-program", kfd=str(tmp_path)) is None


def test_they_come_through_the_whole_probe(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = sections()["first"].replace('"/dev/kfd"', repr(str(tmp_path)))
    sent = packed({**sections(), "first": there})
    monkeypatch.setattr(bootstrap, "program", lambda: sent)
    path = f"{program.parent}:{os.environ['PATH']}"
    with running_probe({"PATH": path}) as probe:
        sample = probe.until(lambda m: m.get("devices"))
    assert [device["memory_used"] for device in sample["devices"]] == [USED] * 2
    assert sample["gpu"]["driver"] == "6.16.6"
