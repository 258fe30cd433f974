"""What is in a table, for readers: its files with their times, and its properties.

Input: an Iceberg table. Output: a frozen `TableState` of one snapshot, from which files are chosen
by time without asking the catalog again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from pyiceberg.table import FileScanTask
    from pyiceberg.table import Table as IcebergTable

    from scms.tables import Table

WATERMARK: Final = "scms.watermark."
ROLLED_DAYS: Final = "scms.rollup.days"
FLOOR: Final = "scms.facts.floor"
#: What each rollup is made of.
FACTS_OF: Final = {
    "server_15m": "server_sample",
    "device_15m": "device_sample",
    "user_15m": "process_sample",
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class DataFile:
    """One data file: its URL, its partition, and the times and number of its rows.

    ``partition`` counts days or months since 1970; it is 0 where the table has none. ``plain`` is
    false where rows of it were deleted by another engine, so that the bare file would show too
    much.
    """

    url: str
    partition: int
    first: datetime
    last: datetime
    rows: int
    plain: bool
    task: FileScanTask

    @property
    def path(self) -> str | None:
        """Where it is on this machine; None for a file that is elsewhere."""
        path = self.url.removeprefix("file://")
        return path if path.startswith("/") else None


@dataclass(frozen=True, slots=True)
class TableState:
    """One snapshot of a table, or nothing where there is no table yet."""

    table: Table
    files: tuple[DataFile, ...] = ()
    properties: tuple[tuple[str, str], ...] = ()
    iceberg: IcebergTable | None = None
    snapshot_id: int | None = None

    def property(self, key: str) -> str | None:
        """A table property, or None."""
        return dict(self.properties).get(key)

    def watermark(self, source: str) -> int:
        """The number of the last record of a hot store, by its identity, that is in it."""
        return int(self.property(WATERMARK + source) or 0)

    def between(self, start: datetime | None, end: datetime | None) -> tuple[DataFile, ...]:
        """The files that may have rows with start <= time < end; all of a dimension."""
        if self.table.partition is None:  # what holds now may have begun long ago
            return self.files
        return tuple(
            file
            for file in self.files
            if (start is None or file.last >= start) and (end is None or file.first < end)
        )

    def rows_by_day(self) -> dict[date, int]:
        """How many rows each UTC day has; for tables partitioned by day."""
        days: dict[date, int] = {}
        for file in self.files:
            day = partition_day(file)
            days[day] = days.get(day, 0) + file.rows
        return days

    def rolled_days(self) -> dict[date, int]:
        """The days that a rollup has, with the number of fact rows they were made of."""
        days = json.loads(self.property(ROLLED_DAYS) or "{}")
        return {date.fromisoformat(day): rows for day, rows in days.items()}

    def field_ids(self) -> dict[str, int]:
        """The number that each column has in the files."""
        if self.iceberg is None:
            return {}
        return {field.name: field.field_id for field in self.iceberg.schema().fields}

    def floor(self) -> date:
        """The first day of which facts are kept; rollups of earlier days are final."""
        return date.fromisoformat(self.property(FLOOR) or "1970-01-01")

    def arrow(
        self,
        files: Sequence[DataFile],
        *,
        columns: Sequence[str] | None = None,
        servers: Sequence[str] | None = None,
    ) -> pa.Table:
        """Rows of files by way of Iceberg, for those that are not plain or not local.

        Args:
            files: Some of this state.
            columns: The columns to read, if not all.
            servers: Rows of these servers only.
        """
        from pyiceberg.expressions import AlwaysTrue, BooleanExpression, In
        from pyiceberg.io.pyarrow import ArrowScan

        assert self.iceberg is not None
        chosen: BooleanExpression = (
            AlwaysTrue() if servers is None else In(term="server", literals=set(servers))
        )
        schema = self.iceberg.schema()
        if columns is not None:
            schema = schema.select(*columns)
        scan = ArrowScan(self.iceberg.metadata, self.iceberg.io, schema, chosen)
        return scan.to_table([file.task for file in files])


def open_days(facts: TableState, rollup: TableState) -> list[date]:
    """The days whose quarters are not in the rollup, or were made of other rows than there are."""
    rolled, floor = rollup.rolled_days(), facts.floor()
    there = facts.rows_by_day()
    return sorted(day for day, rows in there.items() if day >= floor and rolled.get(day) != rows)


def partition_day(file: DataFile) -> date:
    """The UTC day of a file of a table that is partitioned by day."""
    return _EPOCH.date() + timedelta(days=file.partition)


def day_start(day: date) -> datetime:
    """The first moment of a UTC day."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def partition_range(table: Table, partition: int) -> tuple[datetime, datetime]:
    """When a partition starts and ends."""
    if table.partition == "day":
        start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=partition)
        return start, start + timedelta(days=1)
    years, month = divmod(partition, 12)
    start = datetime(1970 + years, month + 1, 1, tzinfo=UTC)
    return start, datetime(1970 + years + (month == 11), (month + 1) % 12 + 1, 1, tzinfo=UTC)


def time_range(table: Table, start: datetime, end: datetime) -> str:
    """The rows with start <= time < end, as a filter of Iceberg."""
    return f"{table.time} >= '{start.isoformat()}' and {table.time} < '{end.isoformat()}'"


def state_of(table: Table, iceberg: IcebergTable, *, snapshot_id: int | None = None) -> TableState:
    """Read the manifests of the current snapshot, or of another one."""
    time_id = iceberg.schema().find_field(table.time).field_id
    chosen = iceberg.metadata.current_snapshot_id if snapshot_id is None else snapshot_id
    tasks = () if chosen is None else iceberg.scan(snapshot_id=chosen).plan_files()
    files = sorted((_data_file(task, time_id) for task in tasks), key=lambda file: file.first)
    return TableState(table, tuple(files), tuple(iceberg.properties.items()), iceberg, chosen)


def _data_file(task: FileScanTask, time_id: int) -> DataFile:
    file = task.file
    first, last = file.lower_bounds[time_id], file.upper_bounds[time_id]
    return DataFile(
        url=file.file_path,
        partition=int(file.partition[0]) if len(file.partition) else 0,
        first=_moment(first),
        last=_moment(last),
        rows=file.record_count,
        plain=not task.delete_files,
        task=task,
    )


def _moment(bound: bytes) -> datetime:
    """A bound of a timestamp column: microseconds since the epoch, little-endian."""
    return _EPOCH + timedelta(microseconds=int.from_bytes(bound, "little", signed=True))
