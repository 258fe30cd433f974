"""How a server is reached: SSH, this machine, or the simulator, as the inventory says."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scms.collect.channel import Channel
    from scms.inventory import Server


def connect(server: Server, interval: float) -> Channel:
    """Start a probe on a server: a `scms.collect.channel.Connector`.

    Raises:
        CollectError: There is none; the message says why and what mends it.
    """
    if server.simulated:
        from scms import demo

        return demo.connect(server, interval)
    from scms.collect import transport

    return transport.connect(server, interval)
