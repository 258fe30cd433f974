"""What is known now and of the last hours: rows for people, from the hot store.

`snapshot` is the state of every server, `recent` what it did lately, `closeup` all of one server;
`rows` reads records.
"""

from __future__ import annotations

from scms.live.closeup import STEP_SECONDS, Closeup, closeup
from scms.live.recent import device_history, events, history, processes
from scms.live.snapshot import DEVICE_COLUMNS, Snapshot, snapshot

__all__ = [
    "DEVICE_COLUMNS",
    "STEP_SECONDS",
    "Closeup",
    "Snapshot",
    "closeup",
    "device_history",
    "events",
    "history",
    "processes",
    "snapshot",
]
