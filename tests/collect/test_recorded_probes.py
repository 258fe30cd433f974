"""Outputs of the probe, recorded from real runs: what they are read as stays the same.

A new system is a new file in ``tests/recorded``: what it is, the messages, and what the last of
them should say.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from scms.collect.assemble import Assembler
from scms.collect.message import Hello, Tick
from scms.collect.parse import parse_line
from scms.collect.rows import Watch

if TYPE_CHECKING:
    from scms.collect.record import Record

RECORDED = sorted((Path(__file__).parents[1] / "recorded").glob("*.json"))


def replay(lines: list[dict[str, Any]]) -> list[Record]:
    """The records that a collector made of these messages when they came."""
    assembler = Assembler(Watch("recorded", interval_seconds=1.0))
    hello, *ticks = (parse_line(json.dumps(line).encode()) for line in lines)
    assert isinstance(hello, Hello)
    assembler.begin(hello, "ssh")
    records = []
    for tick in ticks:
        assert isinstance(tick, Tick)
        assert tick.time is not None
        records.append(assembler.tick(tick, round(tick.time * 1000)))
    return records


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_recorded_output_is_read_as_it_should_be(path: Path) -> None:
    recorded = json.loads(path.read_text(encoding="utf-8"))
    last = replay(recorded["lines"])[-1].tables
    row: dict[str, Any] = dict(last["server_sample"][0])
    row["device_states"] = [device["state"] for device in last["device_sample"]]
    expected = recorded["expected"]
    assert {key: row[key] for key in expected} == expected
    assert 0 < row["cpu_utilization_ratio"] <= 1
    assert row["observed_seconds"] == pytest.approx(1, abs=0.1)


def test_there_are_recorded_outputs() -> None:
    assert len(RECORDED) >= 7
