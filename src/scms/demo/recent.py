"""The last minutes of the simulated lab, for the live charts of a demo that has just begun.

In: an inventory with simulated servers and its hot store. Out: their records there, oldest first.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from scms.demo.channel import KNOWN_SERVERS
from scms.demo.lab import DEFAULT_SEED, Lab
from scms.demo.past import Stretch, records, watches_of

if TYPE_CHECKING:
    from datetime import datetime

    from scms.hot import HotStore
    from scms.inventory import Inventory

#: Dense enough for a chart of a quarter of an hour, and quick to make.
_INTERVAL_SECONDS: Final = 10.0
_RECORDS_AT_ONCE: Final = 500


def prefill(inventory: Inventory, hot: HotStore, *, now: datetime, minutes: float = 15) -> int:
    """Write the last minutes of the simulated servers, unless the hot store has some of them.

    Call it before a collector starts, so that the records come in the order of their time.

    Returns:
        How many records were written.

    Raises:
        HotStoreError: The hot store cannot be written.
    """
    end = now.timestamp()
    start = end - minutes * 60
    if hot.since(round(start * 1000)):
        return 0
    settings = inventory.settings
    names = [server.name for server in inventory.servers if server.simulated]
    watches = watches_of(names, collector=settings.collector, commands=settings.privacy.commands)
    lab = Lab(DEFAULT_SEED, servers=KNOWN_SERVERS)
    made = sorted(
        (
            record
            for watch in watches
            for record in records(
                lab, replace(watch, interval_seconds=_INTERVAL_SECONDS), Stretch(start, end)
            )
        ),
        key=lambda record: record.received_at_ms,
    )
    for first in range(0, len(made), _RECORDS_AT_ONCE):
        hot.append(made[first : first + _RECORDS_AT_ONCE])
    return len(made)
