"""The devices of a sample: JSON in, checked `Device` out. Pure; see `scms.collect.parse`."""

from __future__ import annotations

from typing import Any, Final

from scms.collect.checked import (
    LATEST_EPOCH,
    MAX_BYTES,
    MAX_COUNTER,
    MAX_ROWS,
    items,
    mapping,
    number,
    percentage,
    text,
    truth,
    whole,
)
from scms.collect.message import Device, DeviceFacts, GpuProcess

#: What each bit says of what holds a clock back; an idle GPU and chosen clocks are no throttling.
_THROTTLE: Final = (
    (0x001, "idle"),
    (0x002, "clocks set by the user"),
    (0x004, "power limit"),
    (0x008, "hardware slowdown"),
    (0x010, "sync boost"),
    (0x020, "too hot (software)"),
    (0x040, "too hot (hardware)"),
    (0x080, "power brake"),
    (0x100, "display clocks"),
    (0x200, "board limit"),
    (0x400, "reliability"),
)
_COMPUTE_MODES: Final = ("default", "exclusive thread", "prohibited", "exclusive process")


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
        parent=text(device.get("parent"), 96),
        mig=truth(device.get("mig")),
        xid=whole(device.get("xid"), 1, 100_000),
        memory_free_bytes=whole(device.get("memory_free"), 0, MAX_BYTES),
        memory_reserved_bytes=whole(device.get("memory_reserved"), 0, MAX_BYTES),
        memory_clock_hertz=number(device.get("memory_clock"), 0, 1e11),
        performance_state=whole(device.get("performance_state"), 0, 15),
        throttle_reasons=throttle_words(device.get("throttle")),
        encoder_utilization_ratio=percentage(device.get("encoder")),
        decoder_utilization_ratio=percentage(device.get("decoder")),
        energy_joules=number(device.get("energy"), 0, 1e15),
        memory_temperature_celsius=number(device.get("memory_temperature"), 1, 250),
    )


def throttle_words(bits: object) -> tuple[str, ...] | None:
    """The reasons for which a clock is lower than it could be, in words."""
    known = whole(bits, 0, MAX_COUNTER)
    return None if known is None else tuple([word for bit, word in _THROTTLE if known & bit])


def parse_device_facts(value: object) -> dict[str, DeviceFacts]:
    """What was read anew of GPUs, by UUID."""
    found: dict[str, DeviceFacts] = {}
    for key, item in list(mapping(value).items())[:MAX_ROWS]:
        uuid = text(key, 96)
        if uuid is not None:
            found[uuid] = _device_facts(mapping(item))
    return found


def _device_facts(facts: dict[str, Any]) -> DeviceFacts:
    ecc = [whole(count, 0, MAX_COUNTER) for count in items(facts.get("ecc"), 4)]
    generation, width, replays = items(facts.get("pcie"), 3)
    links, link_errors = items(facts.get("nvlink"), 2)
    received, sent = items(facts.get("pcie_throughput"), 2)
    mode = whole(facts.get("compute_mode"), 0, len(_COMPUTE_MODES) - 1)
    return DeviceFacts(
        pci_bus=text(facts.get("pci_bus"), 32),
        sm_clock_max_hertz=number(facts.get("sm_clock_max"), 0, 1e11),
        memory_clock_max_hertz=number(facts.get("memory_clock_max"), 0, 1e11),
        fan_speed_ratio=_fan(facts.get("fan")),
        ecc_corrected_count=ecc[0],
        ecc_uncorrected_count=ecc[1],
        ecc_corrected_lifetime_count=ecc[2],
        ecc_uncorrected_lifetime_count=ecc[3],
        retired_page_count=whole(facts.get("retired_pages"), 0, 1_000_000),
        remapped_row_count=whole(facts.get("remapped_rows"), 0, 1_000_000),
        pcie_generation=whole(generation, 1, 15),
        pcie_width=whole(width, 1, 64),
        pcie_replay_count=whole(replays, 0, MAX_COUNTER),
        pcie_receive_bytes_per_second=number(received, 0, 1e13),
        pcie_transmit_bytes_per_second=number(sent, 0, 1e13),
        nvlink_active_count=whole(links, 0, 1024),
        nvlink_error_count=whole(link_errors, 0, MAX_COUNTER),
        persistence_mode=truth(facts.get("persistence")),
        compute_mode=None if mode is None else _COMPUTE_MODES[mode],
        mig_mode=truth(facts.get("mig")),
    )


def _fan(value: object) -> float | None:
    """A fan may be driven faster than its rated speed."""
    percent = number(value, 0, 200)
    return None if percent is None else percent / 100


def _gpu_processes(value: object) -> tuple[GpuProcess, ...] | None:
    if not isinstance(value, list):
        return None
    found: dict[int, GpuProcess] = {}
    for item in value[:MAX_ROWS]:
        pid, user, command, memory, started, sm, container = items(item, 5, 7)
        known = whole(pid, 1, 2**31)
        if known is not None and known not in found:
            found[known] = GpuProcess(
                pid=known,
                user=text(user, 64),
                command=text(command, 64),
                memory_used_bytes=whole(memory, 0, MAX_BYTES),
                started_at=number(started, 0, LATEST_EPOCH),
                sm_utilization_ratio=percentage(sm),
                container=text(container, 64),
            )
    return tuple(found.values())
