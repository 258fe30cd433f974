"""Data files as SCMS writes them: sorted, small, and sealed.

Input: an Iceberg table and Arrow rows. Output: Parquet files in its location, described as Iceberg
wants them, to be committed by `append`.

The name of a file ends with digests of its bytes, so that a bit that flips anywhere in it is found
by `scms.warehouse.verify` as long as the table knows the file. Pages have checksums too, which
other readers understand and which tell the rows that are affected.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table as IcebergTable
    from pyiceberg.table import Transaction
    from pyiceberg.types import IcebergType

    from scms.tables import Table

#: Rows of a row group: what a reader that looks for one device has to decode, and the finest part
#: of which can be said that it is damaged.
ROW_GROUP_ROWS: Final = 122_880
_FIELD_ID: Final = b"PARQUET:field_id"
#: zstd levels of a file that is rewritten within a day, and of one that stays for years.
_QUICK, _TIGHT = 3, 15
_SEALED: Final = re.compile(r"-([0-9a-f]{32})-([0-9a-f]{8})\.parquet$")
#: What may be smaller than a dictionary.
_OTHERS: Final = {
    pa.float64(): ("PLAIN", "BYTE_STREAM_SPLIT"),
    pa.int64(): ("DELTA_BINARY_PACKED",),
    pa.timestamp("us", tz="UTC"): ("DELTA_BINARY_PACKED",),
}
#: Rows of the sample by which the encoding of a column is chosen.
_SAMPLE_ROWS: Final = 40_000


def append(transaction: Transaction, files: Iterable[DataFile]) -> None:
    """Add files that were written to the table, as a part of a transaction."""
    with transaction.update_snapshot().merge_append() as snapshot:
        for file in files:
            snapshot.append_data_file(file)


def write(
    iceberg: IcebergTable, table: Table, rows: pa.Table, *, tight: bool = False
) -> Iterator[DataFile]:
    """Write rows, a file for each partition; nothing refers to the files yet.

    Args:
        iceberg: Where they go.
        table: Its declaration.
        rows: Sorted.
        tight: Take time to make the files small, because they stay.
    """
    from pyiceberg.io.pyarrow import parquet_file_to_data_file

    rows = _with_field_ids(rows, iceberg)
    for folder, part in _partitions(table, rows):
        data = encoded(part, tight=tight)
        made = Seal.of(data)
        name = f"{folder}{uuid.uuid4().hex[:12]}-{made.whole}-{made.footer}.parquet"
        url = iceberg.location_provider().new_data_location(name)
        with iceberg.io.new_output(url).create() as stream:
            stream.write(data)
        yield parquet_file_to_data_file(iceberg.io, iceberg.metadata, url)


@dataclass(frozen=True, slots=True)
class Seal:
    """What tells the bytes of a file from any others, in hexadecimal.

    Attributes:
        whole: 128 bits of BLAKE2b of all bytes.
        footer: 32 bits of that of the footer, apart: where it is what was written, the rest of a
            damaged file can be examined, and without it that can end the process.
    """

    whole: str
    footer: str

    @classmethod
    def of(cls, data: bytes) -> Self:
        """The seal of a Parquet file with these bytes."""
        length = int.from_bytes(data[-8:-4], "little") + 8
        return cls(_digest(data, 16), _digest(data[-length:], 4))


def _digest(data: bytes, size: int) -> str:
    return hashlib.blake2b(data, digest_size=size).hexdigest()


def seal(url: str) -> Seal | None:
    """The seal that a file was given when it was written; None for files of other engines."""
    found = _SEALED.search(url)
    return None if found is None else Seal(found.group(1), found.group(2))


def encoded(rows: pa.Table, *, tight: bool) -> bytes:
    """Rows as the bytes of a Parquet file."""
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, rows.schema, **_options(rows, tight=tight)) as writer:
        writer.write_table(rows, row_group_size=ROW_GROUP_ROWS)
    return bytes(sink.getvalue())


def _options(rows: pa.Table, *, tight: bool) -> dict[str, Any]:
    """How the columns are encoded: by a dictionary, or in another way that is smaller for them.

    DuckDB, Sail, Trino and Iceberg's reader for Spark read all of these, for these types; whole
    numbers split into streams of bytes would be smaller still, but not all do.
    """
    options: dict[str, Any] = {
        "compression": "zstd",
        "compression_level": _TIGHT if tight else _QUICK,
        "write_page_checksum": True,
    }
    if tight:
        chosen = {
            field.name: _smallest(rows[field.name].slice(0, _SAMPLE_ROWS)) for field in rows.schema
        }
        encodings = {name: encoding for name, encoding in chosen.items() if encoding is not None}
        if encodings:
            options["use_dictionary"] = [
                _leaf(field) for field in rows.schema if field.name not in encodings
            ]
            options["column_encoding"] = encodings
    return options


def _leaf(field: pa.Field) -> str:
    """The name of a column in a Parquet file, where a list has one for its elements."""
    return f"{field.name}.list.element" if pa.types.is_list(field.type) else str(field.name)


def _smallest(sample: pa.ChunkedArray) -> str | None:
    """The encoding in which a column takes least; None for a dictionary."""
    one = pa.table({"c": sample})
    sizes: dict[str | None, int] = {None: _size(one, use_dictionary=True)}
    for encoding in _OTHERS.get(sample.type, ()):
        sizes[encoding] = _size(one, use_dictionary=False, column_encoding={"c": encoding})
    return min(sizes, key=sizes.__getitem__)


def _size(rows: pa.Table, **options: Any) -> int:
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, compression="zstd", compression_level=_QUICK, **options)
    return int(sink.tell())


def _partitions(table: Table, rows: pa.Table) -> Iterable[tuple[str, pa.Table]]:
    """The rows of each partition, and the folder that they go to."""
    import pyarrow.compute as pc

    if table.partition is None:
        return [("", rows)]
    starts = pc.floor_temporal(rows[table.time], unit=table.partition)
    written = {"day": "%Y-%m-%d", "month": "%Y-%m"}[table.partition]
    return [
        (
            f"{table.time}_{table.partition}={start.as_py().strftime(written)}/",
            rows if len(values) == 1 else rows.filter(pc.equal(starts, start)),
        )
        for values in [pc.unique(starts)]
        for start in sorted(values, key=lambda value: value.as_py())
    ]


def _with_field_ids(rows: pa.Table, iceberg: IcebergTable) -> pa.Table:
    """The rows with the ids of their columns, by which readers tell columns that were renamed."""
    schema = iceberg.schema()
    fields = [
        _field(field, found.field_id, found.field_type)
        for field in rows.schema
        for found in [schema.find_field(field.name)]
    ]
    return rows.cast(pa.schema(fields))


def _field(field: pa.Field, field_id: int, kind: IcebergType) -> pa.Field:
    from pyiceberg.types import ListType

    if isinstance(kind, ListType):
        element = _field(field.type.value_field, kind.element_id, kind.element_type)
        field = field.with_type(pa.list_(element))
    return field.with_metadata({_FIELD_ID: str(field_id).encode()})
