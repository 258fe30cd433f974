"""One server, close up: everything that is known of it now, and its last quarter of an hour.

In: the hot store, the inventory, the active holds and the time. Out: a `Closeup` of plain rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from scms.live.recent import device_history, events, processes
from scms.live.snapshot import snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from scms.hot import HotStore
    from scms.inventory import Inventory
    from scms.live.rows import Row

_PAST: Final = timedelta(minutes=15)
#: One point of the past in so many seconds is as much as a small chart can show.
_STEP_SECONDS: Final = 10.0
_EVENTS: Final = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Closeup:
    """Everything known of one server.

    Attributes:
        as_of: When it was read, UTC.
        server: Its row of `scms.live.Snapshot.servers`; ``detail`` has its file systems, disks,
            interfaces, temperatures and cores.
        devices: Its rows of `scms.live.Snapshot.devices`.
        processes: Its processes: rows of ``process_sample``, those on GPUs first.
        events: What changed in the last 2 hours, newest first: rows of ``event``.
        past: The last 15 minutes of its GPUs, see `scms.live.device_history`.
    """

    as_of: datetime
    server: Row
    devices: list[Row]
    processes: list[Row]
    events: list[Row]
    past: list[Row]


def closeup(
    hot: HotStore,
    inventory: Inventory,
    server: str,
    *,
    now: datetime,
    holds: Iterable[Mapping[str, Any]] = (),
) -> Closeup:
    """Read everything known of one server.

    Raises:
        UnknownServer: It is not in the inventory.
    """
    name = inventory[server].name
    seen = snapshot(hot, inventory, now=now, holds=holds, only=name)
    return Closeup(
        as_of=now,
        server=seen.servers[0],
        devices=seen.devices,
        processes=processes(hot, now=now, server=name),
        events=events(hot, since=now - _EVENTS, server=name),
        past=device_history(hot, name, since=now - _PAST, step_seconds=_STEP_SECONDS),
    )
