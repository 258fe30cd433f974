from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scms.states import (
    HELD_MEMORY_BYTES,
    IDLE_HELD_SECONDS,
    DeviceState,
    ServerState,
    device_state,
    server_state,
)

GIB = 1024**3


@pytest.mark.parametrize(
    ("reading", "expected"),
    [
        ({"utilization_ratio": 0.0, "memory_used_bytes": 0, "process_count": 0}, "free"),
        ({"utilization_ratio": 0.9, "memory_used_bytes": GIB, "process_count": 1}, "busy"),
        ({"utilization_ratio": 0.0, "memory_used_bytes": GIB, "process_count": 1}, "busy"),
        ({"utilization_ratio": 0.0, "memory_used_bytes": GIB, "process_count": 0}, "ghost"),
        ({"utilization_ratio": None, "memory_used_bytes": None, "process_count": None}, "unknown"),
        (
            {"utilization_ratio": 0.0, "memory_used_bytes": HELD_MEMORY_BYTES, "process_count": 0},
            "free",
        ),
        ({"utilization_ratio": 0.0, "memory_used_bytes": GIB, "process_count": None}, "busy"),
    ],
)
def test_the_state_of_a_device_follows_from_several_signals(reading, expected):
    state, _ = device_state(**reading, idle_seconds=None)
    assert state == expected


def test_a_held_device_without_work_becomes_idle_held_after_a_while():
    held = partial(device_state, utilization_ratio=0.0, memory_used_bytes=8 * GIB, process_count=1)
    before, _ = held(idle_seconds=IDLE_HELD_SECONDS - 1)
    after, reason = held(idle_seconds=IDLE_HELD_SECONDS)
    assert (before, after) == (DeviceState.BUSY, DeviceState.IDLE_HELD)
    assert reason == "memory held, no work for 15 min"


@given(
    utilization=st.none() | st.floats(0, 1),
    memory=st.none() | st.integers(0, 100 * GIB),
    processes=st.none() | st.integers(0, 9),
)
def test_a_fault_comes_before_everything_else(utilization, memory, processes):
    state, reason = device_state(
        utilization_ratio=utilization,
        memory_used_bytes=memory,
        process_count=processes,
        idle_seconds=None,
        fault="GPU is lost",
    )
    assert (state, reason) == (DeviceState.FAULTY, "GPU is lost")


@given(
    memory=st.integers(HELD_MEMORY_BYTES + 1, 100 * GIB), utilization=st.none() | st.floats(0, 1)
)
def test_a_device_whose_memory_is_held_is_never_free(memory, utilization):
    state, _ = device_state(
        utilization_ratio=utilization,
        memory_used_bytes=memory,
        process_count=None,
        idle_seconds=None,
    )
    assert state != DeviceState.FREE


@pytest.mark.parametrize(
    ("last", "age", "expected"),
    [
        (None, None, ServerState.UNKNOWN),
        ("up", 1.0, ServerState.UP),
        ("degraded", 1.0, ServerState.DEGRADED),
        ("up", 12.0, ServerState.STALE),
        ("down", 300.0, ServerState.DOWN),
        ("down", 601.0, ServerState.UNKNOWN),
    ],
)
def test_the_state_of_a_server_follows_from_its_last_record_and_its_age(last, age, expected):
    assert server_state(last, age_seconds=age, interval_seconds=2) == expected
