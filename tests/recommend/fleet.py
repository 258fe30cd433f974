"""Live rows of made-up servers, as `scms.live` gives them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
GIB = 1024**3


def server(name: str = "gpu-1", **changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "server": name,
        "state": "up",
        "reason": None,
        "group": None,
        "tags": [],
        "simulated": False,
        "target": f"alice@{name}.example",
        "sampled_at": NOW,
        "age_seconds": 2.0,
        "cpu_count": 64,
        "cpu_utilization_ratio": 0.25,
        "memory_total_bytes": 512 * GIB,
        "memory_available_bytes": 256 * GIB,
        "scratch_free_bytes": 1000 * GIB,
        "gpu_problem": None,
    }
    return row | changes


def device(name: str = "gpu-1", index: int = 0, **changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "server": name,
        "device": f"GPU-{name}-{index}",
        "device_index": index,
        "device_name": "NVIDIA A100-SXM4-80GB",
        "state": "free",
        "memory_total_bytes": 80 * GIB,
        "memory_used_bytes": 0,
        "age_seconds": 2.0,
        "held_by": None,
        "users": [],
        "simulated": False,
        "group": None,
    }
    return row | changes


def devices(name: str, states: str, **changes: Any) -> list[dict[str, Any]]:
    """One device per letter: f free, b busy, i idle-held, g ghost, x faulty, u unknown."""
    words = {
        "f": "free",
        "b": "busy",
        "i": "idle_held",
        "g": "ghost",
        "x": "faulty",
        "u": "unknown",
    }
    return [
        device(name, index, state=words[letter], **changes) for index, letter in enumerate(states)
    ]
