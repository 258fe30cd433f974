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
STEP_SECONDS: Final = 10.0
_EVENTS: Final = timedelta(hours=2)
_SPANS: Final = (_PAST, _EVENTS)
_LATENESS: Final = timedelta(seconds=5)


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
    after: Closeup | None = None,
) -> Closeup:
    """Read everything known of one server.

    Args:
        hot: The hot store.
        inventory: The servers and settings.
        server: Its name.
        now: The time.
        holds: The active holds.
        after: An earlier close-up of it: only what came since is read of the past.

    Raises:
        UnknownServer: It is not in the inventory.
    """
    name = inventory[server].name
    seen = snapshot(hot, inventory, now=now, holds=holds, only=name)
    # A record may be written a moment after it was received.
    read_to = None if after is None else after.as_of - _LATENESS
    since = {span: now - span if read_to is None else max(read_to, now - span) for span in _SPANS}
    newer = events(hot, since=since[_EVENTS], server=name)
    ticks = device_history(hot, name, since=since[_PAST], step_seconds=STEP_SECONDS)
    if after is not None:
        newer += [event for event in after.events if event not in newer]
        ticks = [*after.past, *ticks]
    return Closeup(
        as_of=now,
        server=seen.servers[0],
        devices=seen.devices,
        processes=processes(hot, now=now, server=name),
        events=[event for event in newer if event["sampled_at"] >= now - _EVENTS],
        past=_one_a_step([tick for tick in ticks if tick["sampled_at"] >= now - _PAST]),
    )


def _one_a_step(ticks: Iterable[Row]) -> list[Row]:
    """The last tick of each device in each step of time."""
    last = {(t["device"], t["sampled_at"].timestamp() // STEP_SECONDS): t for t in ticks}
    return sorted(last.values(), key=lambda tick: (tick["sampled_at"], tick["device"]))
