"""The simulated lab: a seeded simulator that speaks the probe's own protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scms.demo.channel import SimulatedChannel, connect
    from scms.demo.cluster_file import demo_inventory
    from scms.demo.filling import Filled, backfill
    from scms.demo.lab import Lab
    from scms.demo.recent import prefill

__all__ = ["Filled", "Lab", "SimulatedChannel", "backfill", "connect", "demo_inventory", "prefill"]

_HOMES = {
    "Filled": "filling",
    "Lab": "lab",
    "SimulatedChannel": "channel",
    "backfill": "filling",
    "connect": "channel",
    "demo_inventory": "cluster_file",
    "prefill": "recent",
}


def __getattr__(name: str) -> object:
    """Load a part when it is asked for: numpy and Arrow take their time."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"scms.demo.{_HOMES[name]}"), name)
