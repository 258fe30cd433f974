"""A bit that flips anywhere and a file that is gone are found, with the rows that they concern."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from cli.running import scms
from scms.errors import WarehouseError
from scms.tables import ALL
from scms.warehouse import datafiles
from scms.warehouse.upkeep import compact
from scms.warehouse.verify import verify
from warehouse.made import DAY, Place, row

if TYPE_CHECKING:
    import subprocess

    from scms.warehouse.verify import Damage

SERVERS = ("anna", "berta", "carla")


def data_file(place: Place) -> Path:
    (file,) = place.another().state("device_sample").files
    return Path(str(file.path))


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1 << (at % 8)
    path.write_bytes(data)


def damage(place: Place) -> Damage:
    (found,) = verify(place.warehouse).damages
    return found


@pytest.fixture
def filled(place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A closed day of three servers, a row group each, and something in other tables."""
    monkeypatch.setattr(datafiles, "ROW_GROUP_ROWS", 100)
    chance = random.Random(4)
    for half in range(2):
        place.warehouse.append(
            "device_sample",
            [
                row(
                    "device_sample",
                    DAY + timedelta(minutes=50 * half + minute),
                    server=server,
                    power_watts=chance.uniform(50, 400),
                )
                for minute in range(50)
                for server in SERVERS
            ],
        )
    compact(place.warehouse, ALL["device_sample"], now=DAY + timedelta(days=1))
    place.warehouse.append("event", [row("event", DAY)])
    return place


def test_a_warehouse_that_is_well_has_no_damage(filled: Place) -> None:
    found = verify(filled.warehouse)
    assert found.damages == []
    assert (found.files, found.rows, found.unsealed_files) == (2, 301, 0)
    assert found.size_bytes > data_file(filled).stat().st_size


def test_a_warehouse_that_is_not_there_yet_has_no_damage(place: Place) -> None:
    assert verify(place.warehouse).files == 0


def test_a_bit_that_flips_anywhere_is_found(filled: Place) -> None:
    """Each of many places, in pages, their headers and the footer."""
    path = data_file(filled)
    size = path.stat().st_size
    places = [*random.Random(7).sample(range(size), 60), 0, size - 1, size - 6]
    missed = []
    for at in places:
        flip(path, at)
        if not verify(filled.warehouse).damages:
            missed.append(at)
        flip(path, at)
    assert missed == []
    assert verify(filled.warehouse).damages == []


def test_a_page_that_is_damaged_concerns_the_rows_of_its_row_group(filled: Place) -> None:
    path = data_file(filled)
    group = pq.read_metadata(path).row_group(1)
    chunks = [group.column(number) for number in range(group.num_columns)]
    (power,) = [chunk for chunk in chunks if chunk.path_in_schema == "power_watts"]
    flip(path, power.data_page_offset + power.total_compressed_size // 2)
    found = damage(filled)
    assert (found.table, found.period, found.rows) == ("device_sample", "2026-10-06", 100)
    assert (found.first_server, found.last_server) == ("berta", "berta")
    assert (found.first, found.last) == (DAY, DAY + timedelta(minutes=99))
    assert found.file == f"file://{path}"


def test_a_footer_that_is_damaged_concerns_all_rows_of_the_file(filled: Place) -> None:
    path = data_file(filled)
    flip(path, path.stat().st_size - 2)
    found = damage(filled)
    assert found.rows == 300
    assert (found.first_server, found.last_server) == ("anna", "carla")


def test_a_file_that_is_gone_is_found_with_its_rows(filled: Place) -> None:
    data_file(filled).unlink()
    found = damage(filled)
    assert (found.problem, found.table, found.rows) == ("is missing", "device_sample", 300)
    assert (found.first_server, found.last_server) == ("anna", "carla")
    assert (found.first, found.last) == (DAY, DAY + timedelta(minutes=99))


def test_a_file_that_is_cut_is_found(filled: Place) -> None:
    path = data_file(filled)
    path.write_bytes(path.read_bytes()[:-10])
    assert "bytes" in damage(filled).problem


def test_a_file_in_place_of_another_is_found(filled: Place) -> None:
    """Well-formed, of the right size perhaps, but not what was written."""
    path = data_file(filled)
    rows = pq.read_table(path)
    pq.write_table(rows.slice(0, 299), path)
    assert "bytes" in damage(filled).problem


def test_a_file_of_another_engine_is_judged_by_its_pages(place: Place) -> None:
    iceberg = place.warehouse.table("event")
    from scms.warehouse.rows import arrow_rows

    rows = arrow_rows(ALL["event"], [row("event", DAY, detail=str(n)) for n in range(1000)])
    with iceberg.transaction() as transaction:
        transaction.append(rows)
    (file,) = place.another().state("event").files
    found = verify(place.warehouse)
    assert (found.damages, found.unsealed_files) == ([], 1)
    path = Path(str(file.path))
    pq.write_table(pq.read_table(path).slice(0, 900), path)
    (found_damage,) = verify(place.warehouse).damages
    assert "bytes" in found_damage.problem


def verified(place: Place, *options: str) -> subprocess.CompletedProcess[str]:
    """``scms warehouse verify`` in a process of its own, which has read nothing yet."""
    config = place.inventory.directory.parent / "cluster.toml"
    config.write_text('[[servers]]\nname = "anna"\n')
    return scms("warehouse", "verify", *options, config=config)


def test_metadata_that_is_damaged_is_found(filled: Place) -> None:
    iceberg = filled.warehouse.table("event")
    snapshot = iceberg.current_snapshot()
    assert snapshot is not None
    Path(snapshot.manifest_list.removeprefix("file://")).write_bytes(b"Obj\x01 no more")
    done = verified(filled, "--csv")
    assert done.returncode == 1, done.stderr
    assert "event,,its metadata cannot be read" in done.stdout


def test_the_command_says_what_is_wrong_and_ends_with_1(filled: Place) -> None:
    well = verified(filled)
    assert (well.returncode, well.stdout) == (0, "")
    assert "301 rows" in well.stderr
    data_file(filled).unlink()
    done = verified(filled)
    assert done.returncode == 1
    assert "is missing" in done.stdout
    assert "1 problems" in done.stderr


def test_a_catalog_that_is_away_is_an_error_and_no_damage(tmp_path: Path) -> None:
    place = Place(tmp_path, warehouse={"catalog": "sqlite:////no/such/directory/catalog.db"})
    with pytest.raises(WarehouseError):
        verify(place.warehouse)
