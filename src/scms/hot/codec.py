"""A record as the bytes that the hot store keeps, and back.

What is compressed begins with the number of the form, three lengths and so many bytes: the layouts
of the tables, the texts of each on a line, and the rest as JSON; then come the numbers of each
table (`scms.hot.packing`). Rows that do not fit into this form, and records from before there was
it, are one JSON array; what we say is one too.
"""

from __future__ import annotations

import json
import logging
import math
import struct
import zlib
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from scms.collect.record import Record
from scms.errors import HotStoreError
from scms.hot.columns import unpacked
from scms.hot.packing import Packed, UnpackableError, layouts_of, pack, unpack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scms.collect.record import Row
    from scms.hot.packing import Layout

_logger = logging.getLogger(__name__)
_STORED_BYTES: Final = 65535  # of one block
#: No JSON begins with this byte.
_FORM: Final = 3
_HEAD: Final = struct.Struct("<BIII")
_BROKEN: Final = (ValueError, TypeError, KeyError, IndexError, struct.error)
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
    """The rows of many records as they are stored, no object for each.

    Attributes:
        last_id: The number of the last record; None where there is none.
        packed: Rows by their layout, which names their table.
        odd: Rows of another form by table, each with the number of its record.
    """

    last_id: int | None
    packed: dict[Layout, Packed]
    odd: dict[str, list[tuple[int, Row]]]


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
    try:
        data = _packed(record)
    except UnpackableError:
        document = [record.server, record.received_at_ms, record.tables, record.detail]
        return compressed(document, _named(record), hurried=hurried)
    return _shrunk(data, hurried=hurried)


def _packed(record: Record) -> bytes:
    """A record whose rows are by numbers and texts; the first byte tells it from JSON."""
    found = [pack(name, rows) for name, rows in record.tables.items()]
    layouts = ";".join([layout.text for layout, _, _ in found]).encode("ascii")
    rest = [record.server, record.received_at_ms, record.detail]
    what = _named(record)
    texts = b"\n".join([_text(texts, what) for _, _, texts in found])
    others = _text(rest, what)
    head = _HEAD.pack(_FORM, len(layouts), len(texts), len(others))
    return b"".join([head, layouts, texts, others, *(numbers for _, numbers, _ in found)])


def _named(record: Record) -> str:
    return f"a record of {record.server}"


def compressed(document: Any, what: str, *, hurried: bool = False) -> bytes:
    """Something of lists, dictionaries and plain values, as `encode` stores a record.

    Args:
        document: What is to be stored.
        what: What to call it in an error.
        hurried: Whether it is to be quick rather than small.

    Raises:
        HotStoreError: It holds something else than JSON can.
    """
    return _shrunk(_text(document, what), hurried=hurried)


def _text(document: Any, what: str) -> bytes:
    """As JSON of ASCII, on one line; numbers that are not finite are null."""
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
    return text.encode("ascii")


def _shrunk(data: bytes, *, hurried: bool) -> bytes:
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
    what = f"record {record_id}"
    data = _inflated(body, what)
    if data[0] != _FORM:
        server, received_at_ms, stored, detail = _loaded(data, 4, what)
        tables = {name: unpacked(name, rows) for name, rows in stored.items()}
        return StoredRecord(record_id, Record(server, received_at_ms, tables, detail))
    try:
        layouts, texts, rest, at = _sections(data)
        server, received_at_ms, detail = json.loads(rest.decode("ascii"))
        tables = {}
        for layout, text in zip(layouts, texts, strict=True):
            numbers = layout.numbers.unpack_from(data, at)
            tables[layout.table] = unpack(layout, numbers, json.loads(text.decode("ascii")))
            at += layout.numbers.size
    except _BROKEN as error:
        raise _damaged(what, str(error)) from error
    return StoredRecord(record_id, Record(server, received_at_ms, tables, detail))


def decode_tables(rows: Sequence[tuple[int, bytes]]) -> StoredTables:
    """The tables of rows (id, body) as they are stored, which takes a tenth of `decode`."""
    packed: defaultdict[Layout, Packed] = defaultdict(Packed)
    odd: defaultdict[str, list[tuple[int, Row]]] = defaultdict(list)
    for number, body in rows:
        what = f"record {number}"
        data = _inflated(body, what)
        if data[0] != _FORM:
            for name, stored in _loaded(data, 4, what)[2].items():
                odd[name] += [(number, row) for row in unpacked(name, stored)]
            continue
        try:
            layouts, texts, _, at = _sections(data)
            for layout, text in zip(layouts, texts, strict=True):
                same = packed[layout]
                end = at + layout.numbers.size
                same.ids.append(number)
                same.numbers.append(data[at:end])
                same.texts.append(text)
                at = end
        except _BROKEN as error:
            raise _damaged(what, str(error)) from error
    return StoredTables(rows[-1][0] if rows else None, dict(packed), dict(odd))


def _sections(data: bytes) -> tuple[tuple[Layout, ...], list[bytes], bytes, int]:
    """The layouts, the texts of each, the rest, and where the numbers begin."""
    _, of_layouts, of_texts, of_rest = _HEAD.unpack_from(data)
    texts_at = _HEAD.size + of_layouts
    rest_at = texts_at + of_texts
    numbers_at = rest_at + of_rest
    layouts, size = layouts_of(data[_HEAD.size : texts_at])
    texts = data[texts_at:rest_at].split(b"\n") if layouts else []
    if numbers_at + size != len(data):
        raise ValueError("it has another length")
    return layouts, texts, data[rest_at:numbers_at], numbers_at


def decompressed(body: bytes, length: int | None, what: str) -> list[Any]:
    """What `compressed` was given, if that was a list of so many (None: any number).

    Raises:
        HotStoreError: It is damaged.
    """
    return _loaded(_inflated(body, what), length, what)


def _inflated(body: bytes, what: str) -> bytes:
    try:
        data = zlib.decompress(body)
    except zlib.error as error:
        raise _damaged(what, str(error)) from error
    if not data:
        raise _damaged(what, "there is nothing in it")
    return data


def _loaded(data: bytes, length: int | None, what: str) -> list[Any]:
    try:
        found = json.loads(data.decode("ascii"))
    except ValueError as error:
        raise _damaged(what, str(error)) from error
    if not isinstance(found, list) or length not in {None, len(found)}:
        raise _damaged(what, "it is another kind of array")
    return found


def _damaged(what: str, why: str) -> HotStoreError:
    return HotStoreError(
        f"{what} of the hot store is damaged: {why}", expected="a compressed record"
    )
