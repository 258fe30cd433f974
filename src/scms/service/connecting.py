"""How a server is reached: SSH, this machine, or the simulator, as the inventory says."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scms.collect.channel import Channel
    from scms.inventory import Server


def connect(server: Server, interval: float, *, fleet_size: int | None = None) -> Channel:
    """Start a probe on a server: a `scms.collect.channel.Connector`.

    Args:
        server: An entry of the inventory.
        interval: Seconds from one sample to the next.
        fleet_size: How many servers are watched, if that is known.

    Raises:
        CollectError: There is none; the message says why and what mends it.
    """
    if server.simulated:
        from scms import demo

        return demo.connect(server, interval)
    from scms.collect import transport

    return transport.connect(server, interval, fleet_size=fleet_size)
