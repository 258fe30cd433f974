"""Connections to servers: the one home of Fabric and paramiko.

In: a `Server` of the inventory. Out: a `Channel` whose probe is running. Errors of the libraries
beneath come out as `scms.errors.CollectError`, each with its mend.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from scms.collect.bootstrap import bootstrap, probe_source
from scms.collect.stream import StreamChannel
from scms.errors import ConnectError

if TYPE_CHECKING:
    from scms.collect.channel import Channel
    from scms.inventory import Server

__all__ = ["connect", "probe_source"]

#: Login shells that load a great deal take seconds until they are ready.
_READY_SECONDS = 20.0
#: Servers whose moments to tick are this close together tick together.
_TOGETHER_SECONDS = 0.2


def _phase(name: str, interval_seconds: float) -> float:
    """The moment of the interval at which a server ticks, in seconds.

    Each has one of its own, so that the collector's work is spread out; but not quite: several
    samples at once cost a third of what they cost one by one, when each finds the caches cold.
    """
    moments = max(1, round(interval_seconds / _TOGETHER_SECONDS))
    return zlib.crc32(name.encode()) % moments / moments * interval_seconds


def connect(server: Server, interval_seconds: float) -> Channel:
    """Start a probe on a server that samples every ``interval_seconds``.

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
    phase = _phase(server.name, interval_seconds)
    channel: StreamChannel
    if server.local:
        from scms.collect.transport.local import PYTHONS, LocalStream

        boot = bootstrap(interval_seconds=interval_seconds, phase_seconds=phase, pythons=PYTHONS)
        channel = StreamChannel(LocalStream(boot.command), boot, kind="local", target=server.target)
    else:
        from scms.collect.transport.handing import SshChannel
        from scms.collect.transport.ssh import open_stream

        boot = bootstrap(interval_seconds=interval_seconds, phase_seconds=phase)
        channel = SshChannel(open_stream(server, boot.command), boot, target=server.target)
    try:
        channel.start(_READY_SECONDS)
    except BaseException:
        channel.close()
        raise
    return channel
