"""Handmade rows of a snapshot for tests of the page's pure functions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from scms.live import Snapshot
from scms.tables import DEVICE_SAMPLE, SERVER_SAMPLE

NOW = datetime(2026, 10, 5, 12, 0, tzinfo=UTC)


def server(name: str, **values: Any) -> dict[str, Any]:
    """A server that is up and of which nothing else is known."""
    row: dict[str, Any] = dict.fromkeys(SERVER_SAMPLE.column_names())
    row |= {"server": name, "state": "up", "group": None, "tags": [], "simulated": False}
    row |= {"target": name, "age_seconds": 1.0, "users": [], "gpu_model": None}
    row |= {"gpu_utilization_ratio": None, "gpu_memory_used_bytes": None}
    row |= {"gpu_memory_total_bytes": None, "gpu_power_watts": None, "gpus_total": 0}
    row |= {"gpus_unknown": 0}
    return row | values


def device(owner: str, index: int, state: str = "free", **values: Any) -> dict[str, Any]:
    """A device in a state, of which nothing else is known."""
    row: dict[str, Any] = dict.fromkeys(DEVICE_SAMPLE.column_names())
    row |= {"server": owner, "device": f"GPU-{owner}-{index}", "device_index": index}
    row |= {"state": state, "users": [], "held_by": None, "group": None, "simulated": False}
    return row | values


def snapshot(servers: list[dict[str, Any]], devices: list[dict[str, Any]]) -> Snapshot:
    """A snapshot of these rows, with the counts of devices filled in."""
    for row in servers:
        own = [d for d in devices if d["server"] == row["server"]]
        row["gpus_total"] = len(own)
        row["gpus_unknown"] = sum(d["state"] == "unknown" for d in own)
    return Snapshot(as_of=NOW, servers=servers, devices=devices, processes=[])
