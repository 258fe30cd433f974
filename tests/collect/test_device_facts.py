"""What devices say beyond the usual becomes columns and detail; all of it is optional."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collect.collecting import hello_line, sample_line
from collect.test_parse_lines import json_values
from scms.collect.assemble import Assembler
from scms.collect.message import Hello, Tick
from scms.collect.parse import parse_line
from scms.collect.parse_devices import throttle_words
from scms.collect.rows import Watch
from scms.states import DeviceState, device_state

DEVICE_KEYS = [
    "parent", "mig", "xid", "memory_free", "memory_reserved", "memory_clock", "performance_state",
    "throttle", "encoder", "decoder", "energy", "memory_temperature", "processes",
]  # fmt: skip
FACT_KEYS = [
    "pci_bus", "sm_clock_max", "memory_clock_max", "fan", "ecc", "retired_pages", "remapped_rows",
    "pcie", "nvlink", "persistence", "compute_mode", "mig",
]  # fmt: skip
FACTS: dict[str, Any] = {
    "pci_bus": "00000000:01:00.0",
    "sm_clock_max": 1.98e9,
    "memory_clock_max": 2.6e9,
    "fan": 55,
    "ecc": [9, 0, 99, 2],
    "retired_pages": 7,
    "remapped_rows": 3,
    "pcie": [5, 16, 0],
    "pcie_throughput": [1500000, 0],
    "nvlink": [18, 1],
    "persistence": True,
    "compute_mode": 3,
    "mig": False,
}


class Server:
    """A server with one or two devices, a tick a second."""

    def __init__(self) -> None:
        self.assembler = Assembler(Watch("alpha", interval_seconds=1.0))
        self.n = -1
        self.begin()

    def begin(self) -> None:
        hello = parse_line(hello_line())
        assert isinstance(hello, Hello)
        self.assembler.begin(hello, "ssh")

    def record(self, *devices: dict[str, Any], **changes: Any) -> Any:
        self.n += 1
        tick = parse_line(sample_line(self.n, devices=list(devices), **changes))
        assert isinstance(tick, Tick)
        return self.assembler.tick(tick, 1_800_000_000_000 + 1000 * self.n)

    def device(self, device: dict[str, Any], **changes: Any) -> dict[str, Any]:
        row: dict[str, Any] = self.record({"uuid": "GPU-1", **device}, **changes).tables[
            "device_sample"
        ][0]
        return row


@given(
    st.dictionaries(st.sampled_from(DEVICE_KEYS), json_values),
    st.dictionaries(st.sampled_from(FACT_KEYS), json_values) | json_values,
)
def test_facts_of_any_values_make_a_row(device: dict[str, Any], facts: Any) -> None:
    row = Server().device(device, device_facts={"GPU-1": facts})
    for name, value in row.items():
        if name.endswith("_ratio"):
            assert value is None or 0 <= value <= 2
        elif name.endswith("_count"):
            assert value is None or value >= 0


def test_values_of_a_tick_are_columns() -> None:
    row = Server().device(
        {
            "memory_clock": 2.6e9,
            "performance_state": 0,
            "throttle": 0x44,
            "encoder": 10,
            "decoder": 20,
            "energy": 5000.5,
            "memory_temperature": 61,
            "xid": 13,
        }
    )
    expected = {
        "memory_clock_hertz": 2.6e9,
        "performance_state": 0,
        "throttle_reasons": "power limit, too hot (hardware)",
        "encoder_utilization_ratio": 0.1,
        "decoder_utilization_ratio": 0.2,
        "energy_counter_joules": 5000.5,
        "memory_temperature_celsius": 61.0,
        "xid": 13,
        "parent_device": None,
        "ecc_corrected_count": None,
    }
    assert {name: row[name] for name in expected} == expected


def test_facts_stand_until_they_are_read_again() -> None:
    server = Server()
    server.device({}, device_facts={"GPU-1": FACTS})
    row = server.device({})
    expected = {
        "fan_speed_ratio": 0.55,
        "ecc_corrected_count": 9,
        "ecc_uncorrected_count": 0,
        "ecc_corrected_lifetime_count": 99,
        "ecc_uncorrected_lifetime_count": 2,
        "retired_page_count": 7,
        "remapped_row_count": 3,
        "pcie_generation": 5,
        "pcie_width": 16,
        "pcie_replay_count": 0,
        "nvlink_active_count": 18,
        "nvlink_error_count": 1,
    }
    assert {name: row[name] for name in expected} == expected
    server.begin()
    assert server.device({})["ecc_corrected_count"] is None


def test_the_rest_is_detail() -> None:
    known = {"uuid": "GPU-1", "memory_free": 5, "memory_reserved": 6}
    record = Server().record(known, device_facts={"GPU-1": FACTS})
    assert record.detail["devices"] == {
        "GPU-1": {
            "memory_free_bytes": 5,
            "memory_reserved_bytes": 6,
            "pci_bus": "00000000:01:00.0",
            "sm_clock_max_hertz": 1.98e9,
            "memory_clock_max_hertz": 2.6e9,
            "pcie_receive_bytes_per_second": 1.5e6,
            "pcie_transmit_bytes_per_second": 0.0,
            "persistence_mode": True,
            "compute_mode": "exclusive process",
            "mig_mode": False,
        }
    }


def test_cuda_is_a_column_of_the_server() -> None:
    record = Server().record(gpu={"driver": "550.1", "cuda": "12.4"})
    assert record.tables["server_sample"][0]["gpu_cuda_version"] == "12.4"


def test_a_process_has_its_share_and_container() -> None:
    rows = [[1, "ann", "x", 5, None, 50.5, "abc"], [2, "bob", "y", 5, None]]
    record = Server().record({"uuid": "GPU-1", "processes": rows})
    made = [
        (row["pid"], row["sm_utilization_ratio"], row["container"])
        for row in record.tables["process_sample"]
    ]
    assert made == [(1, 0.505, "abc"), (2, None, None)]


def test_a_part_is_a_device_with_the_facts_of_its_gpu_in_detail_only() -> None:
    part = {"uuid": "MIG-1", "parent": "GPU-1", "mig": True, "memory_used": 0, "processes": []}
    record = Server().record(part, device_facts={"GPU-1": FACTS})
    (row,) = record.tables["device_sample"]
    assert (row["device"], row["parent_device"], row["state"]) == ("MIG-1", "GPU-1", "free")
    assert row["ecc_corrected_count"] is None
    assert record.detail["devices"]["MIG-1"]["pci_bus"] == "00000000:01:00.0"


def test_a_whole_in_mig_mode_is_not_free() -> None:
    row = Server().device({"mig": True, "memory_used": 0, "processes": []})
    assert (row["state"], row["state_reason"]) == (
        "unknown",
        "in MIG mode, and no part of it can be seen",
    )


def test_a_fault_says_more_than_mig_mode() -> None:
    state, _ = device_state(
        utilization_ratio=None,
        memory_used_bytes=None,
        process_count=None,
        idle_seconds=None,
        fault="lost",
        divided=True,
    )
    assert state is DeviceState.FAULTY


@pytest.mark.parametrize(
    ("bits", "words"),
    [
        (0, ()),
        (1, ("idle",)),
        (0x88, ("hardware slowdown", "power brake")),
        (1 << 40, ()),
        (None, None),
        (-1, None),
        ("4", None),
    ],
)
def test_throttle_reasons_are_words(bits: object, words: tuple[str, ...] | None) -> None:
    assert throttle_words(bits) == words
