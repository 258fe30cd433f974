"""Lines of the wire protocol become `Hello` and `Tick`. Pure: bytes in, checked values out.

What a server sends is not trusted: every number is range-checked, every text loses its control
characters, and what cannot be used is None. Only a line that is no message at all is an error.
"""

from __future__ import annotations

import json
from typing import Any, Final

from scms.collect.checked import (
    LATEST_EPOCH,
    MAX_BYTES,
    MAX_COUNTER,
    items,
    mapping,
    number,
    rows_of,
    text,
    truth,
    whole,
)
from scms.collect.message import CpuProcess, Hello, Tick
from scms.collect.parse_devices import parse_device_facts, parse_devices
from scms.collect.parse_kernel import parse_filesystems, parse_kernel
from scms.errors import ProtocolError

__all__ = ["PROTOCOL", "parse_line", "parse_message", "text"]

PROTOCOL: Final = 1


def parse_line(line: bytes, nonce: str | None = None) -> Hello | Tick:
    """Read one line.

    Args:
        line: One JSON object, with or without its line end.
        nonce: What stands before the object, where the channel has not taken it off.

    Raises:
        ProtocolError: The line is no hello and no sample of protocol 1.
    """
    return parse_message(_message(line, nonce))


def parse_message(message: dict[str, Any]) -> Hello | Tick:
    """What a line holds, as JSON gives it: objects as dicts, arrays as lists.

    Raises:
        ProtocolError: It is no hello and no sample of protocol 1.
    """
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
        time=number(message.get("time"), 0, LATEST_EPOCH),
        simulated=message.get("simulated") is True,
        os=text(message.get("os"), 96),
        numa_node_count=whole(message.get("numa_nodes"), 1, 4096),
        shell=message.get("shell") is True,
        hidden_processes=truth(message.get("hidden_processes")),
    )


def _tick(message: dict[str, Any]) -> Tick:
    monotonic = number(message.get("monotonic"), 0, 1e12)
    if monotonic is None:
        raise ProtocolError(
            f"a sample whose monotonic clock is {str(message.get('monotonic'))[:40]!r}",
            expected="seconds",
        )
    cpu = tuple(number(value, 0, 1e13) for value in items(message.get("cpu"), 8))
    memory = mapping(message.get("memory"))
    gpu = mapping(message.get("gpu"))
    scan = mapping(message.get("processes"))
    seconds = number(scan.get("scan_seconds"), 0, 1e6)
    return Tick(
        sequence=whole(message.get("sequence"), 0, MAX_COUNTER),
        time=number(message.get("time"), 0, LATEST_EPOCH),
        monotonic=monotonic,
        cpu_count=whole(message.get("cpu_count"), 1, 1_000_000),
        cpu=None if None in cpu else tuple(value for value in cpu if value is not None),
        load=tuple(number(value, 0, 1e7) for value in items(message.get("load"), 3)),
        memory_total_bytes=whole(memory.get("total"), 0, MAX_BYTES),
        memory_available_bytes=whole(memory.get("available"), 0, MAX_BYTES),
        swap_total_bytes=whole(memory.get("swap_total"), 0, MAX_BYTES),
        swap_free_bytes=whole(memory.get("swap_free"), 0, MAX_BYTES),
        disk=tuple(whole(v, 0, MAX_COUNTER) for v in items(message.get("disk"), 2)),
        network=tuple(whole(v, 0, MAX_COUNTER) for v in items(message.get("network"), 2)),
        filesystems=parse_filesystems(message.get("filesystems")),
        uptime_seconds=number(message.get("uptime"), 0, 1e10),
        users_logged_in=whole(message.get("users_logged_in"), 0, 1_000_000),
        process_count=whole(message.get("process_count"), 0, 100_000_000),
        scan_seconds=seconds,
        scan=None if seconds is None else _cpu_processes(scan.get("rows")),
        gpu_problem=text(gpu.get("problem"), 300),
        gpu_driver=text(gpu.get("driver")),
        gpu_cuda=text(gpu.get("cuda"), 32),
        gpu_age_seconds=number(gpu.get("age_seconds"), 0, 1e9),
        devices=parse_devices(message.get("devices")),
        device_facts=parse_device_facts(message.get("device_facts")),
        kernel=parse_kernel(message),
    )


def _cpu_processes(value: object) -> tuple[CpuProcess, ...]:
    found: list[CpuProcess] = []
    for item in rows_of(value):
        pid, user, command, cores, memory, started = items(item, 6)
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
                started_at=number(started, 0, LATEST_EPOCH),
            )
        )
    return tuple(found)
