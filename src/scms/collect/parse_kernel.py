"""What a sample says of the kernel: JSON in, checked `Kernel` out. Pure; see `scms.collect.parse`.

All of it is optional: a probe, or a simulated server, that does not say it leaves it unknown.
"""

from __future__ import annotations

from typing import Any, Final

from scms.collect.checked import (
    MAX_BYTES,
    MAX_COUNTER,
    items,
    mapping,
    number,
    percentage,
    rows_of,
    text,
    whole,
)
from scms.collect.message import (
    Disk,
    Filesystem,
    Interface,
    Kernel,
    NetworkFilesystem,
    Pressure,
)

_MOST_CORES: Final = 4096
_MAX_PROCESSES: Final = 100_000_000


def parse_kernel(message: dict[str, Any]) -> Kernel:
    """The part of a sample that is about the kernel."""
    states = items(message.get("process_states"), 2)
    memory = mapping(message.get("memory"))
    return Kernel(
        core_utilization_ratios=_cores(message.get("cores")),
        cpu_frequency_hertz=number(message.get("cpu_frequency"), 1e6, 1e11),
        pressure=Pressure(*(number(v, 0, 1) for v in items(message.get("pressure"), 5))),
        memory_cached_bytes=whole(memory.get("cached"), 0, MAX_BYTES),
        swap=_counters(items(message.get("swap"), 2)),
        disk_operations=_counters(items(message.get("disk_operations"), 2)),
        network_errors=whole(message.get("network_errors"), 0, MAX_COUNTER),
        disks=_disks(message.get("disks")),
        interfaces=_interfaces(message.get("interfaces")),
        temperatures=_temperatures(message.get("temperatures")),
        zombie_count=whole(states[0], 0, _MAX_PROCESSES),
        blocked_count=whole(states[1], 0, _MAX_PROCESSES),
        network_filesystems=_network_filesystems(message.get("network_filesystems")),
    )


def parse_filesystems(value: object) -> tuple[Filesystem, ...] | None:
    """Local file systems: ``[mount, type, total, used, free]``, and the inodes where known."""
    if not isinstance(value, list):
        return None
    found = (_filesystem(items(item, 5, 7)) for item in rows_of(value))
    return tuple(filesystem for filesystem in found if filesystem is not None)


def _filesystem(row: list[Any]) -> Filesystem | None:
    mount = text(row[0], 200)
    if mount is None:
        return None
    sizes = [whole(size, 0, MAX_BYTES) for size in row[2:7]]
    return Filesystem(mount, text(row[1], 32), *sizes)


def _network_filesystems(value: object) -> tuple[NetworkFilesystem, ...] | None:
    if not isinstance(value, list):
        return None
    found: list[NetworkFilesystem] = []
    for item in rows_of(value):
        row = items(item, 9)
        filesystem = _filesystem(row)
        if filesystem is not None:
            found.append(NetworkFilesystem(filesystem, number(row[7], 0, 1e9), text(row[8])))
    return tuple(found)


def _cores(value: object) -> tuple[float, ...] | None:
    if not isinstance(value, list) or not 0 < len(value) <= _MOST_CORES:
        return None
    ratios = [percentage(item) for item in value]
    known = tuple(ratio for ratio in ratios if ratio is not None)
    return known if len(known) == len(ratios) else None


def _counters(values: list[Any]) -> tuple[int | None, ...]:
    return tuple([whole(value, 0, MAX_COUNTER) for value in values])


def _disks(value: object) -> tuple[Disk, ...] | None:
    if not isinstance(value, list):
        return None
    rows = [(text(row[0], 64), row) for row in (items(item, 7) for item in rows_of(value))]
    return tuple(Disk(name, *_counters(row[1:])) for name, row in rows if name is not None)


def _interfaces(value: object) -> tuple[Interface, ...] | None:
    if not isinstance(value, list):
        return None
    rows = [(text(row[0], 64), row) for row in (items(item, 5) for item in rows_of(value))]
    return tuple(Interface(name, *_counters(row[1:])) for name, row in rows if name is not None)


def _temperatures(value: object) -> dict[str, float] | None:
    if not isinstance(value, list):
        return None
    found: dict[str, float] = {}
    for item in rows_of(value):
        chip, celsius = items(item, 2)
        name, known = text(chip, 64), number(celsius, -60, 250)
        if name is not None and known is not None:
            found[name] = known
    return found
