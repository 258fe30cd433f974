"""A table as it was: the state of its newest snapshot at or before a moment.

Input: the state of a table now. Output: the state it had then, as long as the snapshot is kept.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from scms.errors import WarehouseError
from scms.warehouse.read import ROLLED_DAYS, TableState, state_of

if TYPE_CHECKING:
    from datetime import date

    from pyiceberg.table import Table as IcebergTable
    from pyiceberg.table.snapshots import Snapshot

#: A replacement is two snapshots in one commit, the first of which lacks what is replaced. They
#: are written within this time.
_ONE_COMMIT: Final = timedelta(seconds=5)


def state_at(state: TableState, moment: datetime) -> TableState:
    """The state of a table at a moment, from its state now.

    What a rollup says of the days it has is true of now. Of a month whose files were others then,
    it is taken to have no day, so that views compute these days from the samples of that time.

    Raises:
        WarehouseError: The snapshot of that time is not kept any more.
    """
    if state.iceberg is None:
        return state
    snapshot = _snapshot_at(state.iceberg, moment)
    if snapshot is None:
        return TableState(state.table, (), _properties(state, set()))
    if snapshot.snapshot_id == state.snapshot_id:
        return state
    then = state_of(state.table, state.iceberg, snapshot_id=snapshot.snapshot_id)
    now_by_month, then_by_month = _by_partition(state), _by_partition(then)
    same = {month for month, urls in then_by_month.items() if now_by_month.get(month) == urls}
    return replace(then, properties=_properties(state, same))


def _snapshot_at(iceberg: IcebergTable, moment: datetime) -> Snapshot | None:
    """The newest snapshot that a reader could have seen then; None before the first."""
    kept = sorted(iceberg.metadata.snapshots, key=lambda s: s.sequence_number or 0)
    seen = [s for s in kept if _time(s) <= moment]
    if seen and len(seen) < len(kept) and _is_half(seen[-1], kept[len(seen)]):
        seen.pop()
    if seen:
        return seen[-1]
    if kept and (kept[0].sequence_number or 0) > 1:
        name = iceberg.name()[-1]
        raise WarehouseError(
            f"{name} cannot be read as of {moment.isoformat(sep=' ', timespec='seconds')}: "
            f"its oldest snapshot is of {_time(kept[0]).isoformat(sep=' ', timespec='seconds')}",
            expected="a time of which the snapshot is kept, a day by default",
            mend="ask for the rows of that time instead, with WHERE",
        )
    return None


def _is_half(snapshot: Snapshot, following: Snapshot) -> bool:
    operation = None if snapshot.summary is None else snapshot.summary.operation.value
    return (
        operation in {"delete", "overwrite"}
        and following.parent_snapshot_id == snapshot.snapshot_id
        and _time(following) - _time(snapshot) < _ONE_COMMIT
    )


def _time(snapshot: Snapshot) -> datetime:
    return datetime.fromtimestamp(snapshot.timestamp_ms / 1000, UTC)


def _by_partition(state: TableState) -> dict[int, set[str]]:
    urls: dict[int, set[str]] = {}
    for file in state.files:
        urls.setdefault(file.partition, set()).add(file.url)
    return urls


def _properties(state: TableState, months: set[int]) -> tuple[tuple[str, str], ...]:
    """The properties with those days of a rollup whose months are as they are now."""
    if state.property(ROLLED_DAYS) is None:
        return state.properties
    days = {str(day): n for day, n in state.rolled_days().items() if _month(day) in months}
    return tuple((dict(state.properties) | {ROLLED_DAYS: json.dumps(days)}).items())


def _month(day: date) -> int:
    """A month as Iceberg counts them, from January 1970."""
    return (day.year - 1970) * 12 + day.month - 1
