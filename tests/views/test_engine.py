"""The same views on DuckDB and on a Spark Connect server with two workers: the same answers."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from conftest import IN_CI
from scms.assets import asset_path
from scms.errors import QueryError
from scms.views import open_views
from scms.views.base import BASE_RELATIONS
from scms.views.remote import EngineViews
from scms.warehouse.sqlfiles import read_views
from servers.spark import free_port, sail_program, spark_connect
from views.calls import call
from warehouse.made import Place, every, record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scms.collect.record import Record

#: Clocks go back in Berlin on the second day; the last two days are not rolled up.
FIRST = datetime(2026, 10, 24, tzinfo=UTC)
LAST = FIRST + timedelta(days=4)
VIEWS = read_views(asset_path("warehouse") / "views")
STATES = ("free", "busy", "idle_held", "ghost", "faulty", "unknown")


@pytest.fixture(scope="module")
def sail() -> None:
    """That Sail is there."""
    if not sail_program().exists():
        (pytest.fail if IN_CI else pytest.skip)("Sail is not installed (pysail of PyPI)")


@pytest.fixture(scope="module")
def url(sail: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with spark_connect(tmp_path_factory.mktemp("sail"), free_port()) as address:
        yield address


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Four days of two servers: nothing hot, and half of it rolled up."""
    place = Place(tmp_path_factory.mktemp("lab"), timezone="Europe/Berlin")
    dice = random.Random(4)
    for day in range(4):
        begins = FIRST + timedelta(days=day)
        place.hot.append(
            [
                odd_record(dice, at, server)
                for at in every(10, begins, begins + timedelta(days=1))
                for server in ("gpu01", "gpu02")
            ]
        )
        place.warehouse.flush(place.hot)
    place.rollup(FIRST + timedelta(days=2))
    return place


@pytest.fixture(scope="module")
def engine(lab: Place, url: str) -> Iterator[EngineViews]:
    views = EngineViews(lab.inventory, lab.hot, lab.warehouse, url)
    yield views
    views.close()


def odd_record(dice: random.Random, at: datetime, server: str) -> Record:
    """A record in which whatever may vary does, and whatever may be null sometimes is."""

    def maybe(value: object) -> object:
        return None if dice.random() < 0.1 else value

    def device(index: int) -> dict[str, object]:
        return {
            "device": f"GPU-{server}-{index}",
            "device_index": index,
            "device_name": "A100",
            "state": dice.choice(STATES),
            "gpu_utilization_ratio": maybe(dice.random()),
            "power_watts": maybe(dice.uniform(50, 400)),
            "temperature_celsius": maybe(dice.uniform(30, 90)),
            "memory_total_bytes": 80 * 2**30,
            "memory_used_bytes": maybe(dice.randrange(80 * 2**30)),
            "user": maybe(dice.choice(["ada", "bob"])),
        }

    def process(pid: int) -> dict[str, object]:
        return {
            "user": maybe(dice.choice(["ada", "bob"])),
            "pid": pid,
            "device": f"GPU-{server}-0",
            "device_state": dice.choice(STATES),
            "device_share_ratio": 0.5,
            "cpu_cores_used": dice.random() * 4,
        }

    kinds = ("up", "down", "degraded", "reboot")
    return record(
        at,
        server,
        devices=[device(0), device(1)],
        processes=[process(1), process(2)],
        events=[{"kind": dice.choice(kinds), "detail": "why"}] if dice.random() < 0.05 else [],
        state="down" if dice.random() < 0.05 else "up",
        observed_seconds=dice.uniform(500, 600),
        cpu_count=16,
        cpu_utilization_ratio=maybe(dice.random()),
        memory_total_bytes=2**38,
        memory_used_bytes=dice.randrange(2**38),
        gpu_count=2,
    )


def plain(value: Any) -> Any:
    """A value as both engines would have it: lists as tuples, what is missing as None."""
    if hasattr(value, "tolist") and not isinstance(value, pd.Timestamp):
        value = value.tolist()
    if isinstance(value, list):
        return tuple(plain(part) for part in value)
    return None if pd.isna(value) else value


def rows(frame: pd.DataFrame) -> list[tuple[Any, ...]]:
    """The rows in an order that the last digits of numbers do not decide."""

    def key(row: tuple[Any, ...]) -> tuple[str, ...]:
        return tuple(f"{v:.6g}" if isinstance(v, (int, float)) else str(v) for v in row)

    return sorted((tuple(map(plain, row)) for row in frame.itertuples(index=False)), key=key)


def assert_same(theirs: pd.DataFrame, ours: pd.DataFrame) -> None:
    """Equal but for what a sum of doubles loses by being taken in another order."""
    assert list(theirs.columns) == list(ours.columns)
    one, other = rows(theirs), rows(ours)
    assert len(one) == len(other)
    for left, right in zip(one, other, strict=True):
        for name, a, b in zip(ours.columns, left, right, strict=True):
            assert a == (pytest.approx(b, rel=1e-12) if isinstance(b, float | tuple) else b), name


@pytest.mark.parametrize("name", VIEWS)
def test_every_view_answers_as_duckdb_does(lab: Place, engine: EngineViews, name: str) -> None:
    sql, values = call(VIEWS[name], FIRST, LAST)
    ours = lab.views.frame(sql, values)
    assert_same(engine.frame(sql, values), ours)


def test_the_lab_has_rows_in_every_part(lab: Place) -> None:
    """Without this, views that are empty on both sides would be found equal."""
    for name in (
        "server_15m_closed",
        "device_sample_open",
        "event",
        "usage_daily",
        "outages",
        "idle_held",
    ):
        assert not lab.views.frame(f"SELECT * FROM {name} LIMIT 1").empty, name


@pytest.mark.parametrize("name", ["device_utilization_daily", "server_utilization_daily"])
def test_percentiles_of_histograms_agree(lab: Place, engine: EngineViews, name: str) -> None:
    shares = [c.name for c in VIEWS[name].columns if c.name[-4:] in ("_p50", "_p95")]
    sql = f"SELECT {', '.join(shares)} FROM {name} ORDER BY {', '.join(shares)}"
    ours, theirs = lab.views.frame(sql), engine.frame(sql)
    assert ours.notna().to_numpy().any()
    assert theirs.round(12).equals(ours.round(12))


def test_values_times_and_ranges(lab: Place, engine: EngineViews) -> None:
    sql = (
        "SELECT server, date_trunc('hour', sampled_at) AS h, count(*) AS n FROM device_sample "
        "WHERE server = $server AND sampled_at >= $since AND state IN ('busy', $state) "
        "GROUP BY ALL ORDER BY h LIMIT 30"
    )
    since = FIRST + timedelta(hours=30)
    values = {"server": "gpu01", "since": since, "state": "o'hara"}
    theirs = engine.frame(sql, values, start=since, end=LAST)
    assert_same(theirs, lab.views.frame(sql, values))
    assert str(theirs["h"].dtype) == "datetime64[us, Europe/Berlin]"


def test_as_of(lab: Place, engine: EngineViews) -> None:
    iceberg = lab.another().state("server_sample").iceberg
    assert iceberg is not None
    second = iceberg.metadata.snapshots[1]
    moment = datetime.fromtimestamp(second.timestamp_ms / 1000, UTC)
    sql = "SELECT count(*) AS n, sum(observed_seconds) AS s FROM server_usage_15m"
    theirs = engine.frame(sql, as_of=moment)
    assert_same(theirs, lab.views.frame(sql, as_of=moment))
    assert theirs["n"][0] == 2 * 2 * 96


def test_a_metadata_file_that_lost_a_race_is_not_read(lab: Place, engine: EngineViews) -> None:
    """The catalog says which is the table's; a newer one beside it is nobody's."""
    iceberg = lab.another().state("event").iceberg
    assert iceberg is not None
    real = iceberg.metadata_location.removeprefix("file://")
    folder, _, name = real.rpartition("/")
    number = int(name.split("-")[0])
    loser = iceberg.metadata.model_copy(update={"current_snapshot_id": None, "snapshots": []})
    stray = f"{folder}/{number + 1:05d}-00000000-0000-0000-0000-000000000000.metadata.json"
    with open(stray, "w", encoding="utf-8") as file:  # noqa: PTH123  a path of Iceberg's
        file.write(loser.model_dump_json())
    sql = "SELECT count(*) AS n FROM event"
    assert engine.frame(sql)["n"][0] == lab.views.frame(sql)["n"][0] > 0


def test_an_empty_lab_answers_with_no_rows(tmp_path: Path, url: str) -> None:
    place = Place(tmp_path, servers=[])
    views = EngineViews(place.inventory, place.hot, place.warehouse, url)
    frame = views.frame("SELECT * FROM usage_daily")
    views.close()
    assert frame.empty
    assert list(frame.columns) == list(place.views.frame("SELECT * FROM usage_daily").columns)


def test_what_the_engine_refuses_is_told(engine: EngineViews) -> None:
    with pytest.raises(QueryError, match=r"refuses the query: .*nonsense"):
        engine.frame("SELECT nonsense FROM server_sample")
    assert engine.frame("SELECT 42 AS answer")["answer"].tolist() == [42]


def test_an_engine_that_is_not_there_is_told_at_once(place: Place) -> None:
    views = EngineViews(place.inventory, place.hot, place.warehouse, "sc://127.0.0.1:9")
    with pytest.raises(QueryError, match=r"127\.0\.0\.1:9 does not answer.*sail spark server"):
        views.frame("SELECT 1")


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("spark://master:7077", "needs Java here.*sc://host:port"),
        ("http://master", "is no address of an engine"),
        ("sc://", "is no address of an engine"),
        ("sc://master:port", "no usable port"),
    ],
)
def test_an_address_that_is_none_is_refused(place: Place, address: str, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        EngineViews(place.inventory, place.hot, place.warehouse, address)


def test_the_setting_names_the_engine(tmp_path: Path) -> None:
    place = Place(tmp_path, warehouse={"engine": "sc://spark.lab:15002"})
    assert isinstance(open_views(place.inventory, place.hot, place.warehouse), EngineViews)


def test_every_table_has_its_columns_on_an_engine(lab: Place, engine: EngineViews) -> None:
    """Also those that nothing was written to, and columns that are lists."""
    for name in BASE_RELATIONS:
        sql = f"SELECT * FROM {name} LIMIT 0"
        theirs, ours = engine.arrow(sql).schema, lab.views.arrow(sql).schema
        assert theirs.names == ours.names, name
        assert [str(f.type) for f in theirs] == [str(f.type) for f in ours], name


def test_braces_are_text(lab: Place, engine: EngineViews) -> None:
    sql = "SELECT '{0} {server}' AS braces, count(*) AS n FROM event"
    assert_same(engine.frame(sql), lab.views.frame(sql))


@pytest.mark.usefixtures("sail")
def test_an_engine_started_anew_has_the_same_days(lab: Place, tmp_path: Path) -> None:
    """It takes a session that it does not know for a new one, with a zone of its own."""
    sql = "SELECT starts_at, count(*) AS n FROM usage_daily GROUP BY starts_at"
    ours, port = lab.views.frame(sql), free_port()
    views = EngineViews(lab.inventory, lab.hot, lab.warehouse, f"sc://127.0.0.1:{port}")
    with spark_connect(tmp_path, port):
        assert_same(views.frame(sql), ours)
    with pytest.raises(QueryError, match="does not answer"):
        views.frame(sql)
    with spark_connect(tmp_path, port):
        assert_same(views.frame(sql), ours)
        views.close()
