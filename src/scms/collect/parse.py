"""Lines of the wire protocol become `Hello` and `Tick`. Pure: bytes in, checked values out.

What a server sends is not trusted: every number is range-checked, every text loses its control
characters, and what cannot be used is None. Only a line that is no message at all is an error.
"""

from __future__ import annotations

import json
import math
from typing import Any, Final

from scms.collect.message import CpuProcess, Device, Filesystem, GpuProcess, Hello, Tick
from scms.errors import ProtocolError

PROTOCOL: Final = 1
#: More bytes than any machine has; NVML's sentinels (2^64 - 1 and 9.2e18) lie above.
MAX_BYTES: Final = 2**60
_MAX_COUNTER: Final = 2**63
_LATEST_EPOCH: Final = 32503680000.0  # the year 3000
_MAX_ROWS: Final = 256


def parse_line(line: bytes, nonce: str | None = None) -> Hello | Tick:
    """Read one line.

    Args:
        line: One JSON object, with or without its line end.
        nonce: What stands before the object, where the channel has not taken it off.

    Raises:
        ProtocolError: The line is no hello and no sample of protocol 1.
    """
    message = _message(line, nonce)
    kind = message.get("type")
    if kind == "hello":
        return _hello(message)
    if kind == "sample":
        return _tick(message)
    raise ProtocolError(
        f"a message of type {str(kind)[:40]!r}", expected='type "hello" or "sample"'
    )


def _message(line: bytes, nonce: str | None) -> dict[str, Any]:
    body = line
    if nonce is not None:
        prefix = nonce.encode() + b" "
        if not line.startswith(prefix):
            raise ProtocolError(f"a line that begins {line[:40]!r}", expected="the session's nonce")
        body = line[len(prefix) :]
    try:
        message = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ProtocolError(
            f"a line that is no JSON ({line[:40]!r})", expected="one JSON object"
        ) from error
    if not isinstance(message, dict):
        raise ProtocolError(f"a JSON {type(message).__name__}", expected="a JSON object")
    return message


def _hello(message: dict[str, Any]) -> Hello:
    protocol = message.get("protocol")
    if protocol != PROTOCOL or isinstance(protocol, bool):
        raise ProtocolError(
            f"protocol {str(protocol)[:40]!r}", expected=str(PROTOCOL), mend="update the collector"
        )
    return Hello(
        hostname=text(message.get("hostname")),
        kernel=text(message.get("kernel")),
        python=text(message.get("python")),
        machine_id=text(message.get("machine_id")),
        boot_id=text(message.get("boot_id")),
        cpu_model=text(message.get("cpu_model")),
        interval_seconds=number(message.get("interval_seconds"), 0.01, 1e6),
        time=number(message.get("time"), 0, _LATEST_EPOCH),
        simulated=message.get("simulated") is True,
    )


def _tick(message: dict[str, Any]) -> Tick:
    monotonic = number(message.get("monotonic"), 0, 1e12)
    if monotonic is None:
        raise ProtocolError(
            f"a sample whose monotonic clock is {str(message.get('monotonic'))[:40]!r}",
            expected="seconds",
        )
    cpu = tuple(number(value, 0, 1e13) for value in _items(message.get("cpu"), 8))
    memory = _mapping(message.get("memory"))
    gpu = _mapping(message.get("gpu"))
    scan = _mapping(message.get("processes"))
    seconds = number(scan.get("scan_seconds"), 0, 1e6)
    return Tick(
        sequence=whole(message.get("sequence"), 0, _MAX_COUNTER),
        time=number(message.get("time"), 0, _LATEST_EPOCH),
        monotonic=monotonic,
        cpu_count=whole(message.get("cpu_count"), 1, 1_000_000),
        cpu=None if None in cpu else tuple(value for value in cpu if value is not None),
        load=tuple(number(value, 0, 1e7) for value in _items(message.get("load"), 3)),
        memory_total_bytes=whole(memory.get("total"), 0, MAX_BYTES),
        memory_available_bytes=whole(memory.get("available"), 0, MAX_BYTES),
        swap_total_bytes=whole(memory.get("swap_total"), 0, MAX_BYTES),
        swap_free_bytes=whole(memory.get("swap_free"), 0, MAX_BYTES),
        disk=tuple(whole(v, 0, _MAX_COUNTER) for v in _items(message.get("disk"), 2)),
        network=tuple(whole(v, 0, _MAX_COUNTER) for v in _items(message.get("network"), 2)),
        filesystems=_filesystems(message.get("filesystems")),
        uptime_seconds=number(message.get("uptime"), 0, 1e10),
        users_logged_in=whole(message.get("users_logged_in"), 0, 1_000_000),
        process_count=whole(message.get("process_count"), 0, 100_000_000),
        scan_seconds=seconds,
        scan=None if seconds is None else _cpu_processes(scan.get("rows")),
        gpu_problem=text(gpu.get("problem"), 300),
        gpu_driver=text(gpu.get("driver")),
        gpu_age_seconds=number(gpu.get("age_seconds"), 0, 1e9),
        devices=_devices(message.get("devices")),
    )


def _devices(value: object) -> tuple[Device, ...] | None:
    if not isinstance(value, list):
        return None
    found: dict[str, Device] = {}
    for item in value[:_MAX_ROWS]:
        device = _mapping(item)
        uuid = text(device.get("uuid"), 96)
        if uuid is not None and uuid not in found:
            found[uuid] = _device(uuid, device)
    return tuple(found.values())


def _device(uuid: str, device: dict[str, Any]) -> Device:
    return Device(
        uuid=uuid,
        index=whole(device.get("index"), 0, 1023),
        name=text(device.get("name"), 96),
        utilization_ratio=_percentage(device.get("utilization")),
        memory_bandwidth_ratio=_percentage(device.get("memory_utilization")),
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
    for item in value[:_MAX_ROWS]:
        pid, user, command, memory, started = _items(item, 5)
        known = whole(pid, 1, 2**31)
        if known is not None and known not in found:
            found[known] = GpuProcess(
                pid=known,
                user=text(user, 64),
                command=text(command, 64),
                memory_used_bytes=whole(memory, 0, MAX_BYTES),
                started_at=number(started, 0, _LATEST_EPOCH),
            )
    return tuple(found.values())


def _cpu_processes(value: object) -> tuple[CpuProcess, ...]:
    found: list[CpuProcess] = []
    for item in value[:_MAX_ROWS] if isinstance(value, list) else ():
        pid, user, command, cores, memory, started = _items(item, 6)
        known = whole(pid, 1, 2**31)
        if known is None and pid is not None:
            continue
        found.append(
            CpuProcess(
                pid=known,
                user=text(user, 64),
                command=text(command, 64),
                cpu_cores_used=number(cores, 0, 1_000_000),
                memory_used_bytes=whole(memory, 0, MAX_BYTES),
                started_at=number(started, 0, _LATEST_EPOCH),
            )
        )
    return tuple(found)


def _filesystems(value: object) -> tuple[Filesystem, ...] | None:
    if not isinstance(value, list):
        return None
    found: list[Filesystem] = []
    for item in value[:_MAX_ROWS]:
        mount, kind, total, used, free = _items(item, 5)
        known = text(mount, 200)
        if known is not None:
            sizes = [whole(size, 0, MAX_BYTES) for size in (total, used, free)]
            found.append(Filesystem(known, text(kind, 32), *sizes))
    return tuple(found)


def number(value: object, low: float, high: float) -> float | None:
    """A finite number from ``low`` to ``high``, or None."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if low <= value <= high and math.isfinite(value) else None


def whole(value: object, low: int, high: int) -> int | None:
    """A whole number from ``low`` to ``high``, or None; a number with a fraction is rounded."""
    if isinstance(value, float):
        value = round(value) if math.isfinite(value) else None
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if low <= value <= high else None


def text(value: object, limit: int = 200) -> str | None:
    """A text without control characters and lone surrogates, cut at ``limit``; None when empty."""
    if not isinstance(value, str):
        return None
    kept = "".join(c for c in value[: limit * 4] if c.isprintable()).strip()
    return kept[:limit] or None


def _percentage(value: object) -> float | None:
    found = number(value, 0, 100)
    return None if found is None else found / 100


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _items(value: object, count: int) -> list[Any]:
    """Exactly ``count`` items: a list of another length has none that can be trusted."""
    return value if isinstance(value, list) and len(value) == count else [None] * count
