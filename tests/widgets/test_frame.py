from __future__ import annotations

import json
import math
from array import array
from datetime import timedelta
from typing import Any

from scms.widgets.feed.frame import Frame, Packer, late_after
from widgets.rows import NOW, device, server, snapshot

HOSTILE = "<script>window.pwned = 1</script>"


def packer() -> Packer:
    return Packer(zone="UTC", interval_seconds=5)


def column(frame: Frame, spec: Any) -> list[float]:
    return list(array("d" if spec["type"] == "float64" else "f", frame.buffers[spec["buffer"]]))


def test_unknown_is_nan_and_never_zero():
    frame = packer().pack(snapshot([server("a")], [device("a", 0, "unknown")]))
    assert math.isnan(column(frame, frame.content["servers"]["cpu_utilization_ratio"])[0])
    assert math.isnan(column(frame, frame.content["devices"]["gpu_utilization_ratio"])[0])


def test_texts_are_sent_once_and_again_when_they_change():
    maker = packer()
    before = snapshot([server("a"), server("b")], [])
    after = snapshot([server("a"), server("b", state="down", reason="gone")], [])
    assert set(maker.pack(before, full=True).content["texts"]) == {"a", "b"}
    assert maker.pack(before).content["texts"] == {}
    assert set(maker.pack(after).content["texts"]) == {"b"}


def test_a_full_frame_says_everything_again():
    maker = packer()
    state = snapshot([server("a")], [])
    maker.pack(state, full=True)
    again = maker.pack(state, full=True).content
    assert again["names"] == ["a"]
    assert set(again["texts"]) == {"a"}


def test_a_frame_is_json():
    rows = [server("a", group=HOSTILE, users=[HOSTILE])]
    frame = packer().pack(snapshot(rows, [device("a", 0, device_name=HOSTILE)]), full=True)
    said = json.loads(json.dumps(frame.content, allow_nan=False))
    assert said["texts"]["a"]["group"] == HOSTILE


def test_devices_are_in_the_order_of_their_texts():
    rows = [server("a"), server("b")]
    devices = [device("a", 0, memory_used_bytes=1024), device("b", 0), device("b", 1)]
    frame = packer().pack(snapshot(rows, devices), full=True)
    assert column(frame, frame.content["devices"]["server"]) == [0, 1, 1]
    assert column(frame, frame.content["devices"]["memory_used_bytes"])[0] == 1024
    assert [len(frame.content["texts"][n]["devices"]) for n in ("a", "b")] == [1, 2]


def test_what_cannot_be_used_is_hatched_on_the_heat_map():
    devices = [device("a", n, state) for n, state in enumerate(("busy", "faulty", "unknown"))]
    frame = packer().pack(snapshot([server("a")], devices))
    assert frame.content["charts"]["heat"]["columns"]["hatch"] == [" ", "x", "."]


def test_the_past_keeps_its_gaps():
    history = [
        {"server": "a", "sampled_at": NOW - timedelta(seconds=s), **_load(0.5)} for s in (80, 10)
    ]
    state = snapshot([server("a", cpu_count=8)], [device("a", 0, gpu_utilization_ratio=0.5)])
    frame = packer().pack_past(state, history)
    gpu = column(frame, frame.content["charts"]["load"]["columns"]["gpu"])
    assert [None if math.isnan(v) else v for v in gpu] == [50, 50, *[None] * 5, 50, 50]


def test_one_of_many_servers_does_not_speak_for_all():
    rows = [server(name, cpu_count=8) for name in "abc"]
    history = [
        {"server": name, "sampled_at": NOW - timedelta(seconds=age), **_load(0.5)}
        for name, age in (("a", 30), ("a", 10), ("b", 10))
    ]
    frame = packer().pack_past(snapshot(rows, []), history)
    cpu = column(frame, frame.content["charts"]["load"]["columns"]["cpu"])[:-1]
    assert [None if math.isnan(v) else v for v in cpu] == [None, None, 50]


def test_a_slow_interval_is_no_gap():
    ages = range(240, 0, -60)
    history = [
        {"server": "a", "sampled_at": NOW - timedelta(seconds=age), **_load(0.5)} for age in ages
    ]
    state = snapshot([server("a", cpu_count=8)], [device("a", 0, gpu_utilization_ratio=0.5)])
    frame = Packer(zone="UTC", interval_seconds=60).pack_past(state, history)
    assert column(frame, frame.content["charts"]["load"]["columns"]["gpu"]) == [50] * 25


def test_the_line_of_a_card_ends_now():
    row = {"server": "a", "sampled_at": NOW - timedelta(seconds=1), **_load(0.25)}
    frame = packer().pack_past(snapshot([server("a")], []), [row])
    line = column(frame, frame.content["sparks"]["values"])
    assert len(line) == frame.content["sparks"]["points"]
    assert line[-1] == 0.25
    assert math.isnan(line[-2])


def test_data_is_late_soon_after_a_missed_tick():
    assert late_after(2.0) == 5.0


def _load(ratio: float) -> dict[str, float]:
    names = ("gpu_utilization_ratio", "gpu_memory_ratio", "cpu_utilization_ratio")
    return dict.fromkeys(names, ratio)
