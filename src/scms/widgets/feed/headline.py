"""The headline of the live page: tiles and alerts.

In: a `scms.live.Snapshot`. Out: rows of text for the tiles, and what is wrong in plain words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scms.states import DeviceState, ServerState
from scms.units import format_ratio

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from scms.live import Snapshot

Row = dict[str, Any]


def is_free(device: Mapping[str, Any]) -> bool:
    """Free and not on hold: somebody could start there now."""
    return device["state"] == DeviceState.FREE and device["held_by"] is None


def alerts(server: Mapping[str, Any], devices: Iterable[Mapping[str, Any]]) -> list[str]:
    """What is wrong with a server, in one sentence each: itself, then its faulty devices."""
    found = []
    if server["state"] != ServerState.UP:
        reason = server["reason"]
        found.append(server["state"] if reason is None else f"{server['state']}: {reason}")
    found += [
        f"GPU {device['device_index']} faulty: {device['state_reason']}"
        for device in devices
        if device["server"] == server["server"] and device["state"] == DeviceState.FAULTY
    ]
    return found


def faulty(devices: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The faulty ones: few, so that each server may look through them."""
    return [device for device in devices if device["state"] == DeviceState.FAULTY]


def observed(snapshot: Snapshot) -> int:
    """How many servers there is fresh data of; all numbers of the page are of these."""
    return sum(
        server["state"] in {ServerState.UP, ServerState.DEGRADED} for server in snapshot.servers
    )


def load(snapshot: Snapshot) -> dict[str, float | None]:
    """The load of all servers together, 0 to 1: ``gpu`` (mean of devices), ``gpu_memory``, ``cpu``.

    Only what is known counts; CPU is weighted by the number of CPUs.
    """
    devices, servers = snapshot.devices, snapshot.servers
    return {
        "gpu": weighted((d["gpu_utilization_ratio"], 1.0) for d in devices),
        "gpu_memory": share(devices, "memory_used_bytes", "memory_total_bytes"),
        "cpu": weighted((s["cpu_utilization_ratio"], s["cpu_count"]) for s in servers),
    }


def weighted(pairs: Iterable[tuple[float | None, float | None]]) -> float | None:
    """The mean of values with weights; pairs with an unknown part do not count."""
    known = [(value, weight) for value, weight in pairs if value is not None and weight is not None]
    total = sum(weight for _, weight in known)
    return sum(value * weight for value, weight in known) / total if total else None


def share(rows: Sequence[Mapping[str, Any]], part: str, whole: str) -> float | None:
    """Sum of ``part`` over sum of ``whole``, over the rows where both are known."""
    known = [(r[part], r[whole]) for r in rows if r[part] is not None and r[whole] is not None]
    total = sum(whole_of for _, whole_of in known)
    return sum(part_of for part_of, _ in known) / total if total else None


def tiles(snapshot: Snapshot) -> list[Row]:
    """The tiles: ``key, label, value, suffix, ratio (for the bar), tone, title``."""
    servers, devices = snapshot.servers, snapshot.devices
    free = [device for device in devices if is_free(device)]
    held = sum(device["held_by"] is not None for device in devices)
    loads = load(snapshot)
    watts = [d["power_watts"] for d in devices if d["power_watts"] is not None]
    power, unit = _power(sum(watts)) if watts else ("–", "")
    broken = faulty(devices)
    wrong = [f"{s['server']}: {text}" for s in servers for text in alerts(s, broken)]
    tone = "bad" if any(s["state"] == ServerState.DOWN for s in servers) else "warn"
    return [
        _tile("up", "Servers up", str(observed(snapshot)), f"/ {len(servers)}"),
        _tile(
            "free",
            "Free GPUs",
            str(len(free)) if devices else "–",
            f"/ {len(devices)}",
            ratio=len(free) / len(devices) if devices else None,
            title=f"idle and not held; {held} on hold",
        ),
        _ratio_tile("gpu", "GPU utilisation", loads["gpu"], "mean of all GPUs that can be read"),
        _ratio_tile("gpu_memory", "GPU memory", loads["gpu_memory"], "used of all GPU memory"),
        _tile("power", "GPU power", power, unit, title=f"{len(watts)} of {len(devices)} GPUs"),
        _tile(
            "alerts",
            "Alerts",
            str(len(wrong)),
            tone=tone if wrong else "ok",
            title="\n".join(wrong[:20]) if wrong else "nothing is wrong",
        ),
    ]


def _tile(
    key: str,
    label: str,
    value: str,
    suffix: str = "",
    *,
    ratio: float | None = None,
    tone: str = "",
    title: str = "",
) -> Row:
    return {
        "key": key,
        "label": label,
        "value": value,
        "suffix": suffix,
        "ratio": ratio,
        "tone": tone,
        "title": title,
    }


def _ratio_tile(key: str, label: str, ratio: float | None, title: str) -> Row:
    number, _, unit = format_ratio(ratio).partition(" ")
    return _tile(key, label, number, unit, ratio=ratio, title=title)


def _power(watts: float) -> tuple[str, str]:
    return (f"{watts / 1000:.1f}", "kW") if watts >= 1000 else (f"{watts:.0f}", "W")
