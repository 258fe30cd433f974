"""The verbs that keep the warehouse: one call of the API each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow.parquet as pq
import pytest

from cli.running import scms
from scms.cluster import open as open_cluster
from scms.errors import QueryError
from scms.hot import HotStore
from warehouse.made import DAY, Place, every, record

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A lab with three days, of which two are over."""
    place = Place(tmp_path)
    for first in (DAY, DAY + timedelta(hours=12), DAY + timedelta(days=1)):
        ticks = every(60, first, first + timedelta(hours=3))
        place.hot.append([record(at) for at in ticks])
        place.warehouse.flush(place.hot)
    place.hot.purge(2**60, 2**60)
    path = tmp_path / "cluster.toml"
    path.write_text('[[servers]]\nname = "gpu01"\n')
    return path


def test_info_still_shows_each_table(config: Path) -> None:
    done = scms("warehouse", "info", "--csv", config=config)
    assert "server_sample,9,3," in done.stdout


def test_info_says_why_nothing_is_moved(config: Path) -> None:
    store = HotStore.open(config.parent / "scms-data" / "hot.sqlite")
    store.set_meta("warehouse_problem", "no space left")
    done = scms("warehouse", "info", config=config)
    assert "no space left" in done.stderr


def test_compact_leaves_a_file_for_each_day(config: Path) -> None:
    done = scms("warehouse", "compact", config=config)
    assert "1 days and months compacted" in done.stdout
    assert "server_sample,9,2," in scms("warehouse", "info", "--csv", config=config).stdout


def test_expire_keeps_what_the_settings_keep(config: Path) -> None:
    done = scms("warehouse", "expire", config=config)
    assert "0 days dropped" in done.stdout


def test_verify_says_how_much_was_read(config: Path) -> None:
    done = scms("warehouse", "verify", config=config)
    assert done.returncode == 0
    assert "9 rows" in done.stderr


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_export_of_a_table_in_a_period(config: Path, suffix: str) -> None:
    path = config.parent / f"october.{suffix}"
    done = scms(
        "warehouse",
        "export",
        "server_sample",
        "-o",
        str(path),
        "--period",
        "2026-10-06",
        config=config,
    )
    assert done.stdout == f"6 rows written to {path}\n"
    read = pd.read_csv(path) if suffix == "csv" else pq.read_table(path).to_pandas()
    assert list(read["server"]) == ["gpu01"] * 6
    assert sorted(path.parent.glob(".*.part")) == []


def test_export_of_a_view_has_all_its_rows(config: Path) -> None:
    path = config.parent / "servers.parquet"
    scms("warehouse", "export", "servers", "-o", str(path), config=config)
    assert pq.read_table(path)["server"].to_pylist() == ["gpu01"]


@pytest.mark.parametrize(
    ("what", "file", "problem"),
    [
        ("nothing_such", "x.csv", "nothing_such"),
        ("server_sample", "x.xlsx", "a file that ends in .parquet or .csv"),
        ("x; drop table y", "x.csv", "the name of a table or view"),
        ("server_sample", "no/such/folder/x.csv", "cannot be written"),
    ],
)
def test_export_says_what_cannot_be(config: Path, what: str, file: str, problem: str) -> None:
    with pytest.raises(QueryError, match=problem):
        open_cluster(config).export(what, config.parent / file)
    assert not (config.parent / file).exists()


def test_a_period_of_what_has_no_time_is_an_error(config: Path) -> None:
    with pytest.raises(QueryError, match="has no time"):
        open_cluster(config).export("inventory", config.parent / "x.csv", "2026-10")


def test_the_present_is_never_compacted(tmp_path: Path) -> None:
    place = Place(tmp_path)
    now = datetime.now(UTC)
    for second in range(3):
        place.hot.append([record(now - timedelta(seconds=second))])
        place.warehouse.flush(place.hot)
    (tmp_path / "cluster.toml").write_text('[[servers]]\nname = "gpu01"\n')
    done = scms("warehouse", "compact", config=tmp_path / "cluster.toml")
    assert "0 days" in done.stdout or now.hour == 0
