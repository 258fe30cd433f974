"""Find data files that are missing or damaged, and say which rows that concerns.

Input: a warehouse. Output: `Verified`: what was read, and a row for each thing that is wrong.

Every byte of every file that the tables refer to now is read and compared with the digests in the
file's name; files of other engines have none, and are judged by the checksums of their pages. What
the manifests say of a file (rows, least and greatest values) is compared with the file itself, and
the manifests with the totals of their snapshot.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from scms.errors import WarehouseError
from scms.tables import ALL
from scms.warehouse.datafiles import Seal, seal
from scms.warehouse.read import partition_range

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from pyiceberg.manifest import DataFile as ManifestDataFile

    from scms.warehouse.read import DataFile, TableState
    from scms.warehouse.store import Warehouse

#: Errors of these are no damage: the catalog is away.
_CATALOGS: Final = {"sqlalchemy", "requests", "urllib3"}


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing that is wrong.

    Attributes:
        table: Where.
        period: The day or month of the file; None for the table as a whole.
        problem: What is wrong.
        rows: How many rows cannot be read or vouched for; None when that cannot be told.
        first_server: Their servers are between this and `last_server`, in alphabetic order.
        last_server: Likewise.
        first: Their times are between this and `last` (UTC).
        last: Likewise.
        file: Its URL.
    """

    table: str
    period: str | None
    problem: str
    rows: int | None = None
    first_server: str | None = None
    last_server: str | None = None
    first: datetime | None = None
    last: datetime | None = None
    file: str | None = None


@dataclass(slots=True)
class Verified:
    """What was read, and what is wrong with it."""

    files: int = 0
    rows: int = 0
    size_bytes: int = 0
    unsealed_files: int = 0
    damages: list[Damage] = field(default_factory=list)


def verify(warehouse: Warehouse) -> Verified:
    """Read all of the warehouse and compare it with what was written.

    Raises:
        WarehouseError: The catalog cannot be reached. What is wrong with files is no error here.
    """
    from scms.warehouse.store import Warehouse

    fresh = Warehouse(warehouse.place)  # what was read before is not what is on the disk
    found = Verified()
    for name, table in ALL.items():
        try:
            state = fresh.state(name)
        except WarehouseError as error:
            if _home(error.__cause__) in _CATALOGS:
                raise
            found.damages.append(Damage(name, None, f"its metadata cannot be read: {error.got}"))
            continue
        found.damages += _totals(state)
        for file in state.files:
            period = None if table.partition is None else _period(state, file)
            found.damages += _checked(state, file, period, found)
    fresh.close()
    return found


def _home(error: BaseException | None) -> str:
    return type(error).__module__.partition(".")[0]


def _period(state: TableState, file: DataFile) -> str:
    start = partition_range(state.table, file.partition)[0]
    return start.strftime("%Y-%m-%d" if state.table.partition == "day" else "%Y-%m")


def _totals(state: TableState) -> Iterator[Damage]:
    """What the snapshot says of all manifests together."""
    snapshot = None if state.iceberg is None else state.iceberg.current_snapshot()
    if snapshot is None or snapshot.summary is None:
        return
    for key, there, what in (
        ("total-records", sum(file.rows for file in state.files), "rows"),
        ("total-data-files", len(state.files), "files"),
    ):
        said = snapshot.summary.additional_properties.get(key)
        if said is not None and int(said) != there:
            problem = f"the manifests name {there} {what}, the snapshot has {said}"
            yield Damage(state.table.name, None, problem)


def _checked(
    state: TableState, file: DataFile, period: str | None, found: Verified
) -> Iterator[Damage]:
    """What is wrong with one file, and the counts of what was read."""
    written = file.task.file
    data, problem = _read(state, file)
    if data is None:
        yield _damage(state, file, period, problem)
        return
    found.files += 1
    found.size_bytes += len(data)
    sealed = seal(file.url)
    is_now = Seal.of(data)
    found.unsealed_files += sealed is None
    parts: list[_Part | None] = [None]
    if len(data) != written.file_size_in_bytes:
        problem = f"has {len(data)} bytes, {written.file_size_in_bytes} were written"
    elif sealed is None:
        problem = _unsealed(data, file.rows)
    elif sealed == is_now:
        problem = _difference(state, file)
    else:
        problem = "its bytes are not those that were written"
        if sealed.footer == is_now.footer:
            parts = [*_unreadable(state, data)] or [None]
    if problem:
        yield from (_damage(state, file, period, problem, part) for part in parts)
    found.rows += file.rows


def _read(state: TableState, file: DataFile) -> tuple[bytes | None, str]:
    assert state.iceberg is not None
    try:
        with state.iceberg.io.new_input(file.url).open() as stream:
            return stream.read(), ""
    except FileNotFoundError:
        return None, "is missing"
    except OSError as error:
        return None, f"cannot be read: {str(error).splitlines()[0]}"


@dataclass(frozen=True, slots=True)
class _Part:
    """The rows of a row group, as far as its own statistics tell."""

    rows: int
    servers: tuple[str | None, str | None]
    times: tuple[datetime | None, datetime | None]


def _unreadable(state: TableState, data: bytes) -> Iterator[_Part]:
    """The row groups of a file with a good footer whose pages are damaged."""
    parquet = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)
    for number in range(parquet.metadata.num_row_groups):
        try:
            parquet.read_row_group(number)
        except (pa.ArrowException, OSError, ValueError):
            yield _part(state, parquet.metadata.row_group(number))


def _unsealed(data: bytes, rows: int) -> str:
    """What is wrong with a file of another engine, by the checksums of its pages, if it has any."""
    try:
        found = pq.read_table(pa.BufferReader(data), page_checksum_verification=True).num_rows
    except (pa.ArrowException, OSError, ValueError) as error:
        return f"cannot be read: {str(error).splitlines()[0]}"
    return "" if found == rows else f"has {found} rows, {rows} were written"


def _part(state: TableState, group: pq.RowGroupMetaData) -> _Part:
    ranges: dict[str, tuple[Any, Any]] = {}
    for number in range(group.num_columns):
        column = group.column(number)
        statistics = column.statistics
        if statistics is not None and statistics.has_min_max:
            ranges[column.path_in_schema] = (statistics.min, statistics.max)
    nothing = (None, None)
    return _Part(
        group.num_rows, ranges.get("server", nothing), ranges.get(state.table.time, nothing)
    )


def _difference(state: TableState, file: DataFile) -> str:
    """What the manifest says of a file that is not so."""
    from pyiceberg.io.pyarrow import parquet_file_to_data_file

    assert state.iceberg is not None
    try:
        found = parquet_file_to_data_file(state.iceberg.io, state.iceberg.metadata, file.url)
    except (pa.ArrowException, OSError, ValueError) as error:
        return f"is no Parquet file of this table: {str(error).splitlines()[0]}"
    for what, get in _SAID.items():
        if get(found) != get(file.task.file):
            return f"the manifest says something else of its {what}"
    return ""


_SAID: Final[dict[str, Any]] = {
    "number of rows": lambda file: file.record_count,
    "least values": lambda file: file.lower_bounds,
    "greatest values": lambda file: file.upper_bounds,
    "partition": lambda file: list(file.partition),
}


def _damage(
    state: TableState, file: DataFile, period: str | None, problem: str, part: _Part | None = None
) -> Damage:
    if part is None:
        servers = _servers(state, file.task.file)
        part = _Part(file.rows, servers, (file.first, file.last))
    return Damage(
        table=state.table.name,
        period=period,
        problem=problem,
        rows=part.rows,
        first_server=part.servers[0],
        last_server=part.servers[1],
        first=part.times[0],
        last=part.times[1],
        file=file.url,
    )


def _servers(state: TableState, file: ManifestDataFile) -> tuple[str | None, str | None]:
    """The first and last server of a file, as its manifest has them (cut to 16 characters)."""
    number = state.field_ids().get("server", 0)
    bounds = (file.lower_bounds.get(number), file.upper_bounds.get(number))
    first, last = (None if bound is None else bound.decode("utf-8", "replace") for bound in bounds)
    return first, last
