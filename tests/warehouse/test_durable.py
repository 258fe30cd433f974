"""What the catalog names is on the disk before: each file, and the entry of its folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.io.pyarrow import PyArrowFileIO

from scms.warehouse.durable import DurableFileIO
from warehouse.made import DAY, Place, row


def test_all_files_of_a_commit_are_on_the_disk_before_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.warehouse.ensure_tables()
    folder = place.inventory.directory / "warehouse/files/scms/event"
    before = set(folder.rglob("*.*"))
    synced: set[Path] = set()
    real_sync, real_commit = os.fsync, SqlCatalog._write_metadata
    at_commit: set[Path] = set()

    def fsync(number: int) -> None:
        synced.add(Path(f"/proc/self/fd/{number}").readlink())
        real_sync(number)

    def write_metadata(*args: object, **options: object) -> None:
        real_commit(*args, **options)  # type: ignore[arg-type]
        at_commit.update(synced)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(SqlCatalog, "_write_metadata", staticmethod(write_metadata))
    place.warehouse.append("event", [row("event", DAY)])
    made = set(folder.rglob("*.*")) - before
    assert {path.suffix for path in made} == {".parquet", ".avro", ".json"}
    assert made <= at_commit
    assert {path.parent for path in made} <= at_commit


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_bytes(b"first")
    with pytest.raises(FileExistsError):
        DurableFileIO().new_output(f"file://{taken}").create()
    with DurableFileIO().new_output(f"file://{taken}").create(overwrite=True) as stream:
        stream.write(b"second")
    assert taken.read_bytes() == b"second"


def test_object_stores_are_left_to_pyarrow() -> None:
    io = DurableFileIO({"s3.region": "us-east-1"})
    plain = PyArrowFileIO({"s3.region": "us-east-1"})
    assert type(io.new_output("s3://lab/x")) is type(plain.new_output("s3://lab/x"))
