"""A collector that is restarted goes on counting for how long devices do nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from collect.collecting import hello_line, sample_line
from scms.collect.assemble import Assembler
from scms.collect.idle import idle_since
from scms.collect.message import Hello, Tick
from scms.collect.parse import parse_line
from scms.collect.rows import Watch
from scms.hot import FILE_NAME, HotStore
from scms.service.remembering import idle_devices

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from scms.collect.record import Record

GIB = 1024**3
RESTART = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
MINUTE = 60_000


class Collector:
    """An assembler of one server with one GPU, whose memory is held."""

    def __init__(self, interval: float = 15.0) -> None:
        self.assembler = Assembler(Watch("a", interval))
        hello = parse_line(hello_line())
        assert isinstance(hello, Hello)
        self.assembler.begin(hello, "ssh")

    def tick(self, at: datetime, *, utilization: int = 0, memory: int = 20 * GIB) -> Record:
        device = {
            "uuid": "GPU-1", "index": 0, "utilization": utilization, "memory_used": memory,
            "memory_total": 80 * GIB, "processes": [[7, "ann", "train", memory, None]],
        }  # fmt: skip
        if memory == 0:
            device["processes"] = []
        tick = parse_line(sample_line(devices=[device], time=at.timestamp()))
        assert isinstance(tick, Tick)
        return self.assembler.tick(tick, round(at.timestamp() * 1000))

    def past(self, minutes: Iterable[float], **device: Any) -> list[Record]:
        """Ticks so many minutes before the restart."""
        return [self.tick(RESTART - timedelta(minutes=m), **device) for m in minutes]


def state_after_restart(folder: Path, records: list[Record], after: timedelta) -> str:
    hot = HotStore.create(folder / FILE_NAME)
    hot.append(records)
    restarted = Collector()
    restarted.assembler.remember(idle_devices(hot, RESTART).get("a", {}))
    (row,) = restarted.tick(RESTART + after).tables["device_sample"]
    return str(row["state"])


def steps(begin: float, end: float) -> list[float]:
    """Every 15 s from ``begin`` minutes before the restart to ``end``."""
    return [begin - n / 4 for n in range(round(4 * (begin - end)) + 1)]


def test_what_was_idle_held_stays_so(tmp_path: Path) -> None:
    records = Collector().past(steps(20, 0.25))
    assert records[-1].tables["device_sample"][0]["state"] == "idle_held"
    assert state_after_restart(tmp_path, records, timedelta(seconds=5)) == "idle_held"


def test_the_quarter_of_an_hour_goes_on(tmp_path: Path) -> None:
    records = Collector().past(steps(10, 0.25))
    assert records[-1].tables["device_sample"][0]["state"] == "busy"
    assert state_after_restart(tmp_path, records, timedelta(minutes=4)) == "busy"
    assert state_after_restart(tmp_path / "x", records, timedelta(minutes=6)) == "idle_held"


@pytest.fixture(autouse=True)
def folders(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()


def test_work_in_between_begins_it_anew(tmp_path: Path) -> None:
    collector = Collector()
    records = [
        *collector.past(steps(20, 5.25)),
        *collector.past([5], utilization=80),
        *collector.past(steps(4.75, 0.25)),
    ]
    assert state_after_restart(tmp_path, records, timedelta(minutes=8)) == "busy"
    assert state_after_restart(tmp_path / "x", records, timedelta(minutes=11)) == "idle_held"


def test_after_a_long_gap_nothing_is_known(tmp_path: Path) -> None:
    records = Collector().past(steps(40, 11))
    assert records[-1].tables["device_sample"][0]["state"] == "idle_held"
    assert state_after_restart(tmp_path, records, timedelta(seconds=5)) == "busy"


def test_servers_whose_devices_are_free_are_not_looked_at(tmp_path: Path) -> None:
    hot = HotStore.create(tmp_path / FILE_NAME)
    hot.append(Collector().past(steps(5, 0), memory=0))
    assert idle_devices(hot, RESTART) == {}


def row(at: int, state: str, use: float | None, memory: int) -> dict[str, Any]:
    return {
        "device": "GPU-1", "sampled_at": at, "state": state, "gpu_utilization_ratio": use,
        "memory_used_bytes": memory, "process_count": 1 if memory else 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], {}),
        ([row(5, "busy", 0.0, GIB)], {"GPU-1": 5}),
        ([row(5, "busy", 0.0, GIB), row(9, "busy", 0.5, GIB)], {"GPU-1": 9}),
        ([row(5, "busy", 0.0, GIB), row(9, "free", 0.0, 0)], {"GPU-1": 9}),
        ([row(99 * MINUTE, "idle_held", 0.0, GIB)], {"GPU-1": 84 * MINUTE}),
        ([row(5, "busy", 0.0, GIB), row(9, "faulty", None, 0)], {"GPU-1": 5}),
    ],
)
def test_the_rule(rows: list[dict[str, Any]], expected: dict[str, int]) -> None:
    assert idle_since(rows) == expected
