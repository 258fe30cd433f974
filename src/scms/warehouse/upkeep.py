"""Keep the warehouse small and quick: drop old facts, compact what is over, collect garbage.

Everything is safe beside a collector that appends: what conflicts is left for the next time.
"""

from __future__ import annotations

import logging
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from scms.tables import ALL, FACTS
from scms.warehouse import datafiles
from scms.warehouse.catalog import declared, wrapped
from scms.warehouse.garbage import collect_garbage
from scms.warehouse.read import partition_range, state_of
from scms.warehouse.retention import drop_old
from scms.warehouse.rows import arrow_rows, sorted_rows

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import pyarrow as pa
    from pyiceberg.table import Table as IcebergTable

    from scms.tables import Table
    from scms.warehouse.read import DataFile, TableState
    from scms.warehouse.store import Warehouse

#: How long snapshots can be read, and how old a file without a reference must be to be deleted:
#: longer than any query or commit takes.
KEEP_SNAPSHOTS: Final = timedelta(days=1)
#: Rows that are sorted in memory at once.
CHUNK_ROWS: Final = 2_000_000
_logger = logging.getLogger(__name__)


def upkeep(
    warehouse: Warehouse,
    *,
    now: datetime,
    keep_facts_seconds: float,
    keep: Mapping[str, float] | None = None,
) -> dict[str, int]:
    """One round of upkeep over all tables.

    Args:
        warehouse: Where the tables are.
        now: The present.
        keep_facts_seconds: Samples older than this are dropped, in whole days, once their day is
            rolled up.
        keep: The same in seconds by table, for those that are kept longer or shorter.

    Returns:
        How many days of facts were dropped, partitions compacted, and files deleted.
    """
    compacted = compact_all(warehouse, now=now)
    expired = expire_all(warehouse, now=now, keep_facts_seconds=keep_facts_seconds, keep=keep)
    return {**expired, **compacted}


def compact_all(warehouse: Warehouse, *, now: datetime) -> dict[str, int]:
    """Rewrite every partition that is over and in many files; how many were."""
    done = sum(compact(warehouse, table, now=now) for table in ALL.values())
    return {"partitions_compacted": done}


def expire_all(
    warehouse: Warehouse,
    *,
    now: datetime,
    keep_facts_seconds: float,
    keep: Mapping[str, float] | None = None,
) -> dict[str, int]:
    """Drop what is too old, forget snapshots of the past, and delete files that nothing needs.

    Arguments as for `upkeep`.

    Returns:
        How many days of facts (and months of other tables) were dropped, and files deleted.
    """
    kept = {**dict.fromkeys((table.name for table in FACTS), keep_facts_seconds), **(keep or {})}
    done: Counter[str] = Counter(days_dropped=0, files_deleted=0)
    for name, seconds in kept.items():
        done["days_dropped"] += drop_old(warehouse, declared(name), now=now, keep_seconds=seconds)
    for name in ALL:
        with wrapped("tidied", warehouse.place):
            iceberg = warehouse.table(name)
            _expire(iceberg, before=now - KEEP_SNAPSHOTS)
            done["files_deleted"] += collect_garbage(iceberg, before=now - KEEP_SNAPSHOTS)
    return dict(done)


def compact(warehouse: Warehouse, table: Table, *, now: datetime) -> int:
    """Rewrite each partition that is over and in many files, sorted as a whole."""
    from pyiceberg.exceptions import CommitFailedException, ValidationException

    done = 0
    if table.partition is None:  # a dimension is written whole each time
        return done
    for partition in scattered(warehouse.state(table.name)):
        start, end = partition_range(table, partition)
        if end > now:
            continue
        with wrapped("compacted", warehouse.place):
            # Read and overwrite by one handle: by a newer one, rows that another collector
            # appended after the read would be deleted without a word.
            state = state_of(table, warehouse.table(table.name))
            files = [file for file in state.files if file.partition == partition]
            try:
                _rewrite(state, files, start, end)
            except (CommitFailedException, ValidationException) as error:
                _logger.info("%s of %s is compacted later: %s", table.name, start, error)
                continue
        done += 1
    return done


def scattered(state: TableState) -> list[int]:
    """The partitions in more files than their rows need."""
    counts, rows = Counter[int](), Counter[int]()
    for file in state.files:
        counts[file.partition] += 1
        rows[file.partition] += file.rows
    # A chunk is at least half full on average, and may be split in two when written.
    return [p for p, count in sorted(counts.items()) if count > 1 + 4 * rows[p] // CHUNK_ROWS]


def _rewrite(state: TableState, files: list[DataFile], start: datetime, end: datetime) -> None:
    """Replace files by sorted ones; refused where another has committed to their partition."""
    from pyiceberg.expressions import And, GreaterThanOrEqual, LessThan

    iceberg, time = state.iceberg, state.table.time
    assert iceberg is not None
    within = And(
        GreaterThanOrEqual(term=time, value=start.isoformat()),
        LessThan(term=time, value=end.isoformat()),
    )
    made = [
        file
        for servers in _groups(state, files)
        for file in datafiles.write(
            iceberg, state.table, _sorted(state, files, servers), tight=True
        )
    ]
    with iceberg.transaction() as transaction, transaction.update_snapshot().overwrite() as change:
        change.delete_by_predicate(within)
        for old in files:
            change.delete_data_file(old.task.file)
        for new in made:
            change.append_data_file(new)


def _sorted(state: TableState, files: list[DataFile], servers: list[str]) -> pa.Table:
    rows = arrow_rows(state.table, state.arrow(files, servers=servers))
    return sorted_rows(state.table, rows)


def _groups(state: TableState, files: list[DataFile]) -> list[list[str]]:
    """The servers of files in order, in groups whose rows fit into memory."""
    counted = state.arrow(files, columns=("server",))["server"].value_counts().to_pylist()
    groups: list[list[str]] = [[]]
    size = 0
    for server, rows in sorted((item["values"], item["counts"]) for item in counted):
        if groups[-1] and size + rows > CHUNK_ROWS:
            groups.append([])
            size = 0
        groups[-1].append(server)
        size += rows
    return groups


def _expire(iceberg: IcebergTable, *, before: datetime) -> None:
    """Forget snapshots of the past, but for the current one."""
    current = iceberg.metadata.current_snapshot_id
    cut = before.timestamp() * 1000
    old = [
        snapshot.snapshot_id
        for snapshot in iceberg.metadata.snapshots
        if snapshot.timestamp_ms < cut and snapshot.snapshot_id != current
    ]
    if old:
        iceberg.maintenance.expire_snapshots().by_ids(old).commit()
