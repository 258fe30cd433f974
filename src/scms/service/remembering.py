"""What a collector that starts takes over from the one before it.

In: the hot store and the time. Out: since when devices are held without work, by server and UUID:
without it, every one would count as busy for a quarter of an hour after a restart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scms.collect.idle import idle_since, works_or_is_free
from scms.states import IDLE_HELD_SECONDS
from scms.tables import DEVICE_SAMPLE

if TYPE_CHECKING:
    from datetime import datetime

    from scms.hot import HotStore

#: After a longer gap nobody knows what a device has done in between.
_LONGEST_GAP_SECONDS: Final = 600.0
#: The past is looked at in steps of this, of servers only that have a device which is held.
_STEP_SECONDS: Final = 15.0


def idle_devices(hot: HotStore, now: datetime) -> dict[str, dict[str, int]]:
    """Epoch milliseconds by UUID, by server."""
    now_ms = round(now.timestamp() * 1000)
    found: dict[str, dict[str, int]] = {}
    for stored in hot.latest_with(DEVICE_SAMPLE.name):
        record = stored.record
        rows = record.tables[DEVICE_SAMPLE.name]
        late = now_ms - record.received_at_ms > _LONGEST_GAP_SECONDS * 1000
        if late or all(works_or_is_free(row) for row in rows):
            continue
        begin = record.received_at_ms - round(1000 * (IDLE_HELD_SECONDS + _STEP_SECONDS))
        past = hot.since(begin, every_ms=round(1000 * _STEP_SECONDS), server=record.server)
        found[record.server] = idle_since(
            row for one in past for row in one.record.tables.get(DEVICE_SAMPLE.name, [])
        )
    return found
