"""Data files are small, sealed, and in encodings that every engine reads."""

from __future__ import annotations

import hashlib
import random
from datetime import timedelta
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from scms.tables import ALL
from scms.warehouse import datafiles
from scms.warehouse.upkeep import compact
from warehouse.made import DAY, Place, row

if TYPE_CHECKING:
    from pathlib import Path

STATES = ("free", "busy", "idle_held", "ghost", "faulty", "unknown")
#: What Iceberg's readers, Sail, Trino and DuckDB know for each type.
KNOWN = {"PLAIN", "RLE", "RLE_DICTIONARY", "PLAIN_DICTIONARY"}
KNOWN_BY_TYPE = {
    "INT64": KNOWN | {"DELTA_BINARY_PACKED"},
    "DOUBLE": KNOWN | {"BYTE_STREAM_SPLIT"},
}


def samples(count: int, start: int = 0) -> list[dict[str, object]]:
    chance = random.Random(start)
    return [
        row(
            "device_sample",
            DAY + timedelta(seconds=5 * (start + number)),
            power_watts=chance.uniform(60, 400),
            gpu_utilization_ratio=chance.randrange(100) / 100,
            energy_counter_joules=1e6 + (start + number) * 1500 + chance.randrange(99),
            memory_used_bytes=chance.randrange(2**35),
            user=chance.choice(["ada", "bob", None]),
        )
        for number in range(count)
    ]


def compacted(place: Place) -> Path:
    """A day of samples in one file, as it stays for years."""
    from pathlib import Path

    for start in (0, 1000):
        place.warehouse.append("device_sample", samples(1000, start))
    assert compact(place.warehouse, ALL["device_sample"], now=DAY + timedelta(days=1)) == 1
    (file,) = place.another().state("device_sample").files
    return Path(str(file.path))


def columns_of(path: Path) -> list[pq.ColumnChunkMetaData]:
    group = pq.read_metadata(path).row_group(0)
    return [group.column(number) for number in range(group.num_columns)]


def test_a_name_ends_with_digests_of_the_bytes_and_of_the_footer(place: Place) -> None:
    path = compacted(place)
    data = path.read_bytes()
    footer = data[-8 - int.from_bytes(data[-8:-4], "little") :]
    whole = hashlib.blake2b(data, digest_size=16).hexdigest()
    part = hashlib.blake2b(footer, digest_size=4).hexdigest()
    assert datafiles.seal(str(path)) == datafiles.Seal(whole, part)


def test_a_file_of_another_engine_has_no_seal() -> None:
    assert datafiles.seal("file:///x/data/00000-0-5c1e.parquet") is None


def test_encodings_are_those_that_every_engine_reads(place: Place) -> None:
    chunks = columns_of(compacted(place))
    for chunk in chunks:
        assert set(chunk.encodings) <= KNOWN_BY_TYPE.get(chunk.physical_type, KNOWN)
    assert {chunk.compression for chunk in chunks} == {"ZSTD"}


def test_numbers_that_hardly_repeat_have_no_dictionary(place: Place) -> None:
    chunks = {chunk.path_in_schema: chunk for chunk in columns_of(compacted(place))}
    assert set(chunks["power_watts"].encodings) == {"BYTE_STREAM_SPLIT", "RLE"}
    assert "DELTA_BINARY_PACKED" in chunks["sampled_at"].encodings
    assert "RLE_DICTIONARY" in chunks["gpu_utilization_ratio"].encodings


def test_other_readers_see_the_same_rows(place: Place) -> None:
    path = compacted(place)
    arrow = pq.ParquetFile(path, page_checksum_verification=True).read()
    theirs = duckdb.connect().execute("SELECT power_watts FROM read_parquet(?)", [str(path)])
    assert arrow["power_watts"].to_pylist() == [value for (value,) in theirs.fetchall()]
    assert arrow.num_rows == 2000


def test_columns_bear_the_ids_of_the_table(place: Place) -> None:
    required = ("sample_count", *(f"{state}_seconds" for state in STATES))
    quarter = row("device_15m", DAY, **dict.fromkeys(required, 1))
    place.warehouse.append("device_15m", [quarter | {"gpu_utilization_histogram": [1.0] * 20}])
    (file,) = place.another().state("device_15m").files
    schema = pq.read_schema(str(file.path))
    ids = {field.name: int(field.metadata[b"PARQUET:field_id"]) for field in schema}
    assert ids == place.another().state("device_15m").field_ids()


def test_rows_of_several_days_go_into_a_file_each(place: Place) -> None:
    days = [DAY + timedelta(days=count) for count in (2, 0, 1, 0)]
    place.warehouse.append("event", [row("event", day) for day in days])
    assert [file.rows for file in place.another().state("event").files] == [2, 1, 1]


def test_a_table_without_partitions_is_one_file(place: Place) -> None:
    name = "server_dimension"
    moments = [DAY, DAY + timedelta(days=40)]
    place.warehouse.append(name, [row(name, moment) for moment in moments])
    assert [file.rows for file in place.another().state(name).files] == [2]


def test_what_stays_is_smaller_than_what_is_rewritten_soon() -> None:
    times = pa.array(range(0, 10**9, 10**5), pa.timestamp("us", tz="UTC"))
    rows = pa.table({"t": times, "v": pa.array(random.Random(1).choices(range(50), k=10**4))})
    assert len(datafiles.encoded(rows, tight=True)) < len(datafiles.encoded(rows, tight=False)) / 2
