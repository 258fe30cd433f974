"""The devices of a sample: JSON in, checked `Device` out. Pure; see `scms.collect.parse`."""

from __future__ import annotations

from typing import Any

from scms.collect.checked import (
    LATEST_EPOCH,
    MAX_BYTES,
    MAX_ROWS,
    items,
    mapping,
    number,
    percentage,
    text,
    whole,
)
from scms.collect.message import Device, GpuProcess


def parse_devices(value: object) -> tuple[Device, ...] | None:
    """The devices that have a UUID, each once; None where there is no list of them."""
    if not isinstance(value, list):
        return None
    found: dict[str, Device] = {}
    for item in value[:MAX_ROWS]:
        device = mapping(item)
        uuid = text(device.get("uuid"), 96)
        if uuid is not None and uuid not in found:
            found[uuid] = _device(uuid, device)
    return tuple(found.values())


def _device(uuid: str, device: dict[str, Any]) -> Device:
    return Device(
        uuid=uuid,
        index=whole(device.get("index"), 0, 1023),
        name=text(device.get("name"), 96),
        utilization_ratio=percentage(device.get("utilization")),
        memory_bandwidth_ratio=percentage(device.get("memory_utilization")),
        memory_used_bytes=whole(device.get("memory_used"), 0, MAX_BYTES),
        memory_total_bytes=whole(device.get("memory_total"), 1, MAX_BYTES),
        power_watts=number(device.get("power"), 0, 20_000),
        power_limit_watts=number(device.get("power_limit"), 0, 20_000),
        temperature_celsius=number(device.get("temperature"), -60, 250),
        sm_clock_hertz=number(device.get("sm_clock"), 0, 1e11),
        fault=text(device.get("fault"), 300),
        processes=_gpu_processes(device.get("processes")),
    )


def _gpu_processes(value: object) -> tuple[GpuProcess, ...] | None:
    if not isinstance(value, list):
        return None
    found: dict[int, GpuProcess] = {}
    for item in value[:MAX_ROWS]:
        pid, user, command, memory, started = items(item, 5)
        known = whole(pid, 1, 2**31)
        if known is not None and known not in found:
            found[known] = GpuProcess(
                pid=known,
                user=text(user, 64),
                command=text(command, 64),
                memory_used_bytes=whole(memory, 0, MAX_BYTES),
                started_at=number(started, 0, LATEST_EPOCH),
            )
    return tuple(found.values())
