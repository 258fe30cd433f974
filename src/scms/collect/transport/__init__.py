"""Connections to servers: the one home of Fabric and paramiko.

In: a `Server` of the inventory. Out: a `Channel` whose probe is running. Errors of the libraries
beneath come out as `scms.errors.CollectError`, each with its mend.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from scms.collect.bootstrap import bootstrap
from scms.collect.program import probe_source
from scms.collect.stream import StreamChannel
from scms.errors import ConnectError

if TYPE_CHECKING:
    from scms.collect.channel import Channel
    from scms.inventory import Server

__all__ = ["connect", "probe_source"]

#: Login shells that load a great deal take seconds until they are ready.
_READY_SECONDS = 20.0
#: The moments at which servers tick are no closer together than this …
_APART_SECONDS = 0.2
#: … and about so many servers tick at each.
_TOGETHER = 20


def phase_seconds(name: str, interval_seconds: float, fleet_size: int | None = None) -> float:
    """The moment of the interval at which a server ticks.

    The collector's work is spread out, but not quite: samples that come one by one cost three
    times as much as those that come together, because each finds the caches cold.
    """
    moments = max(1, round(interval_seconds / _APART_SECONDS))
    if fleet_size is not None:
        moments = max(1, min(moments, fleet_size // _TOGETHER))
    return zlib.crc32(name.encode()) % moments / moments * interval_seconds


def connect(server: Server, interval_seconds: float, *, fleet_size: int | None = None) -> Channel:
    """Start a probe on a server that samples every ``interval_seconds``.

    Args:
        server: An entry of the inventory.
        interval_seconds: From one sample to the next.
        fleet_size: How many servers are watched, if that is known: a few tick together.

    Raises:
        ConnectError: There is no connection.
        HostKeyError: The host key is unknown or has changed.
        LoginError: The server refuses the key or the user.
        ProbeError: The login works, but no probe could be started.
    """
    if server.simulated:
        raise ConnectError(
            f"{server.name} is simulated", mend="serve it with the demo: scms up --demo"
        )
    phase = phase_seconds(server.name, interval_seconds, fleet_size)
    channel: StreamChannel
    if server.local:
        from scms.collect.transport.local import PYTHONS, LocalStream

        boot = bootstrap(interval_seconds=interval_seconds, phase_seconds=phase, pythons=PYTHONS)
        channel = StreamChannel(LocalStream(boot.command), boot, kind="local", target=server.target)
    else:
        from scms.collect.transport.handing import SshChannel
        from scms.collect.transport.ssh import reach, start

        login = reach(server)
        try:
            # Not before: it is large, and a thousand may be waiting to log in.
            boot = bootstrap(interval_seconds=interval_seconds, phase_seconds=phase)
            channel = SshChannel(start(login, boot.command), boot, target=server.target)
        except BaseException:
            login.close()
            raise
    try:
        channel.start(_READY_SECONDS)
    except BaseException:
        channel.close()
        raise
    return channel
