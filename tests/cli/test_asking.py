"""``scms sql``: as of a moment, and on an engine."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from scms.cli import app
from scms.cluster import open as open_cluster
from scms.errors import QueryError
from warehouse.made import DAY, Place, record

if TYPE_CHECKING:
    from pathlib import Path

COUNT = "SELECT count(*) AS n FROM server_sample"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A lab in Berlin with a committed row and a hot one."""
    place = Place(tmp_path)
    place.hot.append([record(DAY)])
    place.warehouse.flush(place.hot)
    place.hot.append([record(DAY, "gpu02")])
    file = tmp_path / "cluster.toml"
    file.write_text('timezone = "Europe/Berlin"\n[[servers]]\nname = "gpu01"\n', "utf-8")
    return file


def asked(config: Path, *options: str) -> object:
    done = CliRunner().invoke(app, ["-c", str(config), "sql", "--json", COUNT, *options])
    if done.exception is not None:
        raise done.exception
    return json.loads(done.stdout)


def test_now_and_as_of_a_moment(config: Path) -> None:
    moment = datetime.now(UTC).isoformat()
    assert asked(config) == [{"n": 2}]
    assert asked(config, "--as-of", moment) == [{"n": 1}]
    assert asked(config, "--as-of", "2026-01-01") == [{"n": 0}]


def test_a_moment_is_one_of_the_cluster_unless_it_says_otherwise(config: Path) -> None:
    lab = open_cluster(config)
    assert lab.moment("2026-10-06 14:00") == datetime(2026, 10, 6, 12, tzinfo=UTC)
    assert lab.moment("2026-10-06T14:00Z") == datetime(2026, 10, 6, 14, tzinfo=UTC)


def test_what_is_no_moment_is_refused(config: Path) -> None:
    with pytest.raises(QueryError, match="'noonish' is no moment"):
        asked(config, "--as-of", "noonish")


def test_an_engine_is_asked_instead(config: Path) -> None:
    with pytest.raises(QueryError, match=r"the engine at 127\.0\.0\.1:9 does not answer"):
        asked(config, "--engine", "sc://127.0.0.1:9")
