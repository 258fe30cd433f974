"""Copies of the metadata of a table share its past.

In: nothing. Out: pyiceberg, which copies all that a table's metadata holds, its snapshots of a day
among them, sixteen times for each commit. At a commit a minute the copies would take a second. What
is in the past of a table is never changed, so that a copy of it may as well be itself.
"""

from __future__ import annotations

from typing import TypeVar

_T = TypeVar("_T")


def share_past() -> None:
    """Have copies of metadata share snapshots and the entries of logs, in this process."""
    from pyiceberg.table.snapshots import MetadataLogEntry, Snapshot, SnapshotLogEntry

    for model in (Snapshot, SnapshotLogEntry, MetadataLogEntry):
        model.__deepcopy__ = _itself  # type: ignore[assignment]


def _itself(entry: _T, _memo: dict[int, object] | None = None) -> _T:
    return entry
