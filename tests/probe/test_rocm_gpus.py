"""Older GPUs of AMD: what rocm-smi printed, and who is on them by the kernel's own list."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from probe.running import running_probe
from probe.test_pythons import FOUND
from scms.collect import bootstrap
from scms.collect.program import packed, sections
from scms.probe import rocm
from servers.sshd import wait_until

RECORDED = Path(__file__).parents[1] / "recorded" / "rocm"


def recorded(name: str) -> Any:
    return json.loads((RECORDED / f"{name}.json").read_text())


def printing(folder: Path, text: str, status: int = 0) -> Path:
    """A rocm-smi that prints this."""
    made = folder / "bin" / "rocm-smi"
    made.parent.mkdir(exist_ok=True)
    (folder / "said").write_text(text)
    made.write_text(f'#!/bin/sh\ncat "{folder / "said"}"\nexit {status}\n')
    made.chmod(0o755)
    return made


def kfd(folder: Path, *gpus: tuple[str, int], held: dict[int, dict[str, int]]) -> Path:
    """/sys/class/kfd/kfd of a processor and GPUs, (number, place), and the memory of processes."""
    for node, (number, place) in enumerate([("0", 0), *gpus]):
        made = folder / "kfd" / "topology" / "nodes" / str(node)
        made.mkdir(parents=True)
        (made / "gpu_id").write_text(f"{number}\n")
        (made / "properties").write_text(f"cpu_cores_count 0\nlocation_id {place}\ndomain 0\n")
    (folder / "kfd" / "proc").mkdir()
    for pid, memory in held.items():
        of_process = folder / "kfd" / "proc" / str(pid)
        of_process.mkdir()
        for number, size in memory.items():
            (of_process / f"vram_{number}").write_text(f"{size}\n")
    return folder / "kfd"


def described(pid: int) -> list[Any] | None:
    return None if pid == 9 else ["ann", f"job{pid}", 1_800_000_000.0, None]


def read(reader: rocm.Rocm) -> dict[str, Any]:
    reader.ask()
    wait_until(lambda: reader.aside.since is None and (reader.aside.value or reader.aside.error))
    answer: dict[str, Any] = reader.answer(0.0)
    return answer


def test_what_an_old_version_printed_becomes_a_device(tmp_path: Path) -> None:
    program = printing(tmp_path, (RECORDED / "mi50_rocm4.json").read_text())
    answer = read(rocm.Rocm(str(program), described, kfd=str(tmp_path / "absent")))
    (device,) = answer["devices"]
    assert answer["gpu"] == {"problem": None, "driver": "5.9.17"}
    assert device == {
        "uuid": "AMD-0x2f04861732000ea",
        "index": 0,
        "name": "Radeon Instinct MI50 32GB",
        "power_limit": 225,
        "fault": None,
        "utilization": 0,
        "memory_utilization": 0,
        "memory_total": 34342961152,
        "memory_used": 10850304,
        "memory_free": 34342961152 - 10850304,
        "power": 26,
        "temperature": 38,
        "memory_temperature": 35,
        "sm_clock": 1_725_000_000,
        "memory_clock": 1_000_000_000,
        "processes": None,
    }
    facts = {"fan": 0, "ecc": [None] * 4, "pcie": [4, 16, 0]}
    assert answer["device_facts"] == {"AMD-0x2f04861732000ea": facts}


def test_processes_are_those_that_hold_memory_of_the_card(tmp_path: Path) -> None:
    program = printing(tmp_path, (RECORDED / "mi100_rocm602.json").read_text())
    listed = kfd(
        tmp_path,
        ("55069", 0x8300),
        ("1234", 0xA300),
        held={7: {"55069": 5 << 30, "1234": 0}, 8: {"1234": 1 << 30}, 9: {"1234": 1 << 20}},
    )
    one, two = read(rocm.Rocm(str(program), described, kfd=str(listed)))["devices"]
    assert one["processes"] == [[7, "ann", "job7", 5 << 30, 1_800_000_000.0, None, None]]
    assert [row[0] for row in two["processes"]] == [8]  # the 9th has ended meanwhile
    assert (one["index"], two["index"]) == (0, 1)
    assert one["uuid"] != two["uuid"]


def test_a_newer_version_has_other_names_for_the_same() -> None:
    ((_, card),) = rocm.cards(recorded("rx6700xt_rocm612"))
    assert rocm.card_measures(card) == {
        **rocm.card_measures(card),
        "memory_utilization": 0,
        "memory_used": 1572745216,
        "sm_clock": 0,
        "power": 6,
    }
    assert rocm.identity(0, card)["name"] == "Navi 22 [Radeon RX 6700/6700 XT / 6800M]"
    power = {"current socket graphics package power (w)": "133.0"}
    assert rocm.card_measures(power)["power"] == 133


def test_a_card_without_a_number_is_known_by_its_slot_and_without_a_name_by_none() -> None:
    ((index, card),) = rocm.cards(recorded("rx6700xt_rocm430"))
    known = rocm.identity(index, card)
    assert known["uuid"] == f"AMD-{os.uname().nodename}-0000:07:00.0"
    assert known["name"] == "AMD GPU"


def test_what_is_not_there_is_null() -> None:
    ((_, card),) = rocm.cards({"card3": {"GPU use (%)": "N/A", "Fan speed (%)": "None"}})
    assert set(rocm.card_measures(card).values()) == {None}
    assert rocm.card_facts(card) == {"fan": None, "ecc": [None] * 4, "pcie": [None] * 3}


def test_cards_come_in_the_order_of_their_numbers() -> None:
    said: dict[str, dict[str, str]] = {"card10": {}, "card9": {}, "system": {}, "cards": {}}
    assert [number for number, _ in rocm.cards(said)] == [9, 10]


def test_a_warning_before_it_and_a_status_do_no_harm(tmp_path: Path) -> None:
    text = "WARNING: No AMD fan\n\n" + (RECORDED / "mi50_rocm4.json").read_text() + "\nfailed\n"
    program = printing(tmp_path, text, status=2)
    answer = read(rocm.Rocm(str(program), described, kfd=str(tmp_path / "absent")))
    assert [device["memory_used"] for device in answer["devices"]] == [10850304]


@pytest.mark.parametrize(("text", "status"), [("ERROR: no driver\n", 1), ("no JSON\n", 0)])
def test_one_that_says_nothing_is_a_problem(tmp_path: Path, text: str, status: int) -> None:
    answer = read(rocm.Rocm(str(printing(tmp_path, text, status)), described))
    assert answer["devices"] is None
    assert answer["gpu"]["problem"]


@pytest.mark.parametrize("python", FOUND)
def test_they_come_through_the_whole_probe_in_every_python(
    python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = printing(tmp_path, (RECORDED / "mi100_rocm602.json").read_text())
    there = sections()["first"].replace('"/dev/kfd"', repr(str(tmp_path)))
    sent = packed({**sections(), "first": there})
    monkeypatch.setattr(bootstrap, "program", lambda: sent)
    with running_probe(
        {"PATH": f"{program.parent}:{os.environ['PATH']}"}, python=FOUND[python]
    ) as probe:
        sample = probe.until(lambda m: m.get("devices"))
    assert [device["memory_used"] for device in sample["devices"]] == [6750208] * 2
    assert sample["gpu"]["driver"] == "6.3.6"
