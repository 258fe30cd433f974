"""A record as the bytes that the hot store keeps, and back."""

from __future__ import annotations

import json
import logging
import math
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from scms.collect.record import Record
from scms.errors import HotStoreError
from scms.hot.columns import packed, unpacked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scms.hot.columns import Stored

_logger = logging.getLogger(__name__)
_STORED_BYTES: Final = 65535  # of one block
#: What `HotStore.latest_with` finds a process scan by: GPU processes come with every tick.
PROCESS_SCAN: Final = "process_scan"
#: Records are trees made anew for each tick, so nothing is looked for that contains itself.
_ENCODER: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False)


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record and the number it has in the store; numbers grow and are never used again."""

    id: int
    record: Record


@dataclass(frozen=True, slots=True)
class StoredTables:
    """The number of a record, and its rows by table as `scms.hot.columns` stores them."""

    id: int
    tables: dict[str, Stored]


def parts_of(record: Record) -> list[str]:
    """What this record is the newest of: "" for any record, its tables, and a process scan."""
    parts = ["", *(name for name, rows in record.tables.items() if rows)]
    processes = record.tables.get("process_sample", ())
    if any(row.get("device") is None for row in processes):
        parts.append(PROCESS_SCAN)
    return parts


def encode(record: Record, *, hurried: bool = False) -> bytes:
    """Compress a record.

    ``hurried``, for when records pile up, it is only put into the form of something compressed: to
    compress lets other threads run, and to have a turn again takes longer than all else.

    Infinities and NaN, which JSON has not and which mean unknown, become None: one odd value of
    one server never keeps the records of the others out.

    Raises:
        HotStoreError: It holds something else than JSON can.
    """
    tables = {name: packed(name, rows) for name, rows in record.tables.items()}
    document = [record.server, record.received_at_ms, tables, record.detail]
    return compressed(document, f"a record of {record.server}", hurried=hurried)


def compressed(document: Any, what: str, *, hurried: bool = False) -> bytes:
    """Something of lists, dictionaries and plain values, as `encode` stores a record.

    Args:
        document: What is to be stored.
        what: What to call it in an error.
        hurried: Whether it is to be quick rather than small.

    Raises:
        HotStoreError: It holds something else than JSON can.
    """
    try:
        try:
            text = _json(document)
        except ValueError:
            _logger.warning("%s had a number that is not finite", what)
            text = _json(_finite(document))
    except (TypeError, ValueError) as error:
        raise HotStoreError(
            f"{what} cannot be stored: {error}", expected="strings, booleans, numbers and None"
        ) from error
    data = text.encode("ascii")
    return _stored(data) if hurried and len(data) <= _STORED_BYTES else zlib.compress(data, level=1)


def _stored(data: bytes) -> bytes:
    """What zlib reads as these bytes (RFC 1950 and 1951): one block that is stored as it is."""
    block = b"\x01" + struct.pack("<HH", len(data), len(data) ^ 0xFFFF) + data
    return b"\x78\x01" + block + struct.pack(">I", zlib.adler32(data))


def _json(document: Any) -> str:
    return _ENCODER.encode(document)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(below) for key, below in value.items()}
    if isinstance(value, list):
        return [_finite(below) for below in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def decode(record_id: int, body: bytes) -> StoredRecord:
    """The record of a row (id, body)."""
    server, received_at_ms, tables, detail = decompressed(body, 4, f"record {record_id}")
    rows = {name: unpacked(name, stored) for name, stored in tables.items()}
    return StoredRecord(record_id, Record(server, received_at_ms, rows, detail))


def decode_tables(rows: Sequence[tuple[int, bytes]]) -> list[StoredTables]:
    """The tables of many rows (id, body) as they are stored, which takes a third of `decode`."""
    try:  # in one text the same strings are made once
        bodies = b",".join(zlib.decompress(body) for _, body in rows)
        found = json.loads(f"[{bodies.decode('ascii')}]")
        return [
            StoredTables(number, tables)
            for (number, _), (_, _, tables, _) in zip(rows, found, strict=True)
        ]
    except (zlib.error, ValueError, TypeError):  # one of them is damaged: say which
        return [
            StoredTables(number, decompressed(body, 4, f"record {number}")[2])
            for number, body in rows
        ]


def decompressed(body: bytes, length: int | None, what: str) -> list[Any]:
    """What `compressed` was given, if that was a list of so many (None: any number).

    Raises:
        HotStoreError: It is damaged.
    """
    try:
        found = json.loads(zlib.decompress(body).decode("ascii"))
    except (zlib.error, ValueError) as error:
        raise _damaged(what, str(error)) from error
    if not isinstance(found, list) or length not in {None, len(found)}:
        raise _damaged(what, "it is another kind of array")
    return found


def _damaged(what: str, why: str) -> HotStoreError:
    return HotStoreError(
        f"{what} of the hot store is damaged: {why}", expected="a compressed JSON array"
    )
