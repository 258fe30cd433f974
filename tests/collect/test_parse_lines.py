"""The parser trusts nothing: any bytes give checked values or a ProtocolError."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collect.collecting import hello_line, sample_line
from scms.collect.checked import MAX_BYTES, number, text, whole
from scms.collect.message import Hello, Tick
from scms.collect.parse import parse_line
from scms.errors import ProtocolError

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=9) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
KEYS = list(json.loads(sample_line()))
DEVICE_KEYS = [
    "uuid", "index", "name", "utilization", "memory_utilization", "memory_used", "memory_total",
    "power", "power_limit", "temperature", "sm_clock", "fault", "processes",
]  # fmt: skip


def tick(**changes: Any) -> Tick:
    parsed = parse_line(sample_line(**changes))
    assert isinstance(parsed, Tick)
    return parsed


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_no_bytes_raise_anything_but_a_protocol_error(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_line(line)


@given(json_values)
def test_no_json_raises_anything_but_a_protocol_error(value: Any) -> None:
    with pytest.raises(ProtocolError):
        parse_line(json.dumps(value).encode())


@given(st.dictionaries(st.sampled_from(KEYS), json_values))
def test_a_sample_of_any_values_is_in_range(changes: dict[str, Any]) -> None:
    try:
        parsed = tick(**{**changes, "type": "sample"})
    except ProtocolError:
        return  # the one value that a sample cannot do without
    assert parsed.cpu is None or (len(parsed.cpu) == 8 and min(parsed.cpu) >= 0)
    assert len(parsed.load) == 3
    assert len(parsed.disk) == len(parsed.network) == 2
    for value in (parsed.memory_total_bytes, parsed.swap_total_bytes):
        assert value is None or 0 <= value <= MAX_BYTES
    for said in (parsed.gpu_problem, parsed.gpu_driver):
        assert said is None or said.isprintable()


@given(st.lists(st.dictionaries(st.sampled_from(DEVICE_KEYS), json_values), max_size=4))
def test_devices_of_any_values_are_in_range(devices: list[dict[str, Any]]) -> None:
    parsed = tick(devices=devices).devices
    assert parsed is not None
    assert len({device.uuid for device in parsed}) == len(parsed)
    for device in parsed:
        assert device.uuid.isprintable()
        for ratio in (device.utilization_ratio, device.memory_bandwidth_ratio):
            assert ratio is None or 0 <= ratio <= 1
        assert device.temperature_celsius is None or -60 <= device.temperature_celsius <= 250
        for value in (device.memory_used_bytes, device.power_watts, device.sm_clock_hertz):
            assert value is None or value >= 0


@given(st.text())
def test_text_is_printable_and_can_be_stored(value: str) -> None:
    found = text(value)
    assert found is None or (found.isprintable() and found.encode() and len(found) <= 200)


@given(json_values, st.integers(-100, 100), st.integers(0, 100))
def test_numbers_are_in_range_or_none(value: Any, low: int, width: int) -> None:
    for found in (number(value, low, low + width), whole(value, low, low + width)):
        assert found is None or low <= found <= low + width


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"", "no JSON"),
        (b"\xff\xfe", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"9" * 5000, "no JSON"),
        (b"[1]", "JSON list"),
        (b'{"type":"other"}', "type 'other'"),
        (hello_line(protocol=2), "protocol '2'.*update the collector"),
        (hello_line(protocol=True), "protocol 'True'"),
        (sample_line(monotonic=None), "monotonic clock"),
    ],
)
def test_what_is_no_message_says_what_it_is(line: bytes, message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        parse_line(line)


def test_the_nonce_is_required_where_it_is_named() -> None:
    assert isinstance(parse_line(b"abc " + hello_line(), "abc"), Hello)
    with pytest.raises(ProtocolError, match="the session's nonce"):
        parse_line(hello_line(), "abc")


def test_a_hello() -> None:
    hello = parse_line(hello_line(kernel="6.1", interval_seconds=5, simulated=True))
    assert isinstance(hello, Hello)
    assert (hello.hostname, hello.kernel, hello.interval_seconds) == ("a", "6.1", 5.0)
    assert hello.simulated is True


def test_zero_is_a_value_and_null_is_none() -> None:
    parsed = tick(uptime=0, users_logged_in=0, process_count=None, load=[0, None, 0.5])
    assert (parsed.uptime_seconds, parsed.users_logged_in, parsed.process_count) == (0, 0, None)
    assert parsed.load == (0, None, 0.5)


@pytest.mark.parametrize("value", ["5", True, float("nan"), float("inf"), -1, [1], 2**64 - 1])
def test_what_is_no_size_is_none(value: Any) -> None:
    memory = {"total": value, "available": value}
    assert tick(memory=memory).memory_total_bytes is None


def test_one_unknown_counter_makes_cpu_unknown() -> None:
    assert tick(cpu=[1, 2, None, 4, 5, 6, 7, 8]).cpu is None
    assert tick(cpu=[1, 2]).cpu is None


def test_escapes_and_direction_marks_are_dropped() -> None:
    row = [1, "ann\x1b[31m", "a\u202eb\x00\ud800", 5, None]
    device = {"uuid": "GPU-1\n", "processes": [row]}
    (parsed,) = tick(devices=[device]).devices or ()
    assert parsed.uuid == "GPU-1"
    assert parsed.processes is not None
    assert (parsed.processes[0].user, parsed.processes[0].command) == ("ann[31m", "ab")


def test_devices_without_uuid_or_twice_are_left_out() -> None:
    devices = [{"uuid": None}, {"uuid": ""}, {"uuid": "A", "power": 1}, {"uuid": "A", "power": 2}]
    parsed = tick(devices=devices).devices
    assert parsed is not None
    assert [(device.uuid, device.power_watts) for device in parsed] == [("A", 1.0)]


def test_no_list_of_devices_is_not_an_empty_one() -> None:
    assert tick(devices=None).devices is None
    assert tick(devices=[]).devices == ()
    assert tick(devices=[{"uuid": "A"}]).devices[0].processes is None  # type: ignore[index]


def test_percentages_become_ratios_and_more_than_all_is_unknown() -> None:
    devices = [{"uuid": "A", "utilization": 90}, {"uuid": "B", "utilization": 101}]
    parsed = tick(devices=devices).devices
    assert parsed is not None
    assert [device.utilization_ratio for device in parsed] == [0.9, None]


def test_a_scan_without_its_length_is_no_scan() -> None:
    rows = [
        [1, "ann", "x", 0.5, 100, None],
        [None, "ann", "", 0.1, 5, None],
        ["x", "b", "", 1, 1, 1],
    ]
    assert tick(processes={"rows": rows}).scan is None
    scan = tick(processes={"rows": rows, "scan_seconds": 10}).scan
    assert scan is not None
    assert [(p.pid, p.cpu_cores_used) for p in scan] == [(1, 0.5), (None, 0.1)]


def test_absent_and_empty_file_systems_differ() -> None:
    assert tick().filesystems is None
    assert tick(filesystems=[]).filesystems == ()
    (root,) = tick(filesystems=[["/", "ext4", 100, 60, 35], [1, 2]]).filesystems or ()
    assert (root.mount, root.total_bytes, root.used_bytes, root.free_bytes) == ("/", 100, 60, 35)
