"""History from elsewhere: a long table becomes rollup rows with the sums that pandas finds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import scms
from scms.errors import ForecastError, WarehouseError
from scms.forecast.trace import trace_of
from scms.importing import import_trace
from scms.importing.rows import rollup_rows
from scms.inventory import Inventory
from scms.warehouse import Warehouse

if TYPE_CHECKING:
    from pathlib import Path

    from scms.cluster import Cluster

START = pd.Timestamp("2025-03-08 05:00", tz="UTC")
NOW = datetime(2025, 4, 1, tzinfo=UTC)
TOTALS = {"m1": 2, "m2": 8, "m3": 4}


def _table(steps: int = 6 * 24 * 4, *, minutes: int = 10, seed: int = 3) -> pd.DataFrame:
    """Four days of three servers, in the format of the Philly trace, with unobserved steps."""
    random = np.random.default_rng(seed)
    frames = []
    for server, total in TOTALS.items():
        busy = np.clip(total / 2 + np.cumsum(random.normal(0, 0.3, steps)), 0, total)
        busy[random.random(steps) < 0.02] = np.nan
        times = pd.date_range(START, periods=steps, freq=f"{minutes}min")
        columns = {"server": server, "ts": times, "busy_gpus": busy.astype("float32")}
        frames.append(pd.DataFrame(columns | {"total_gpus": np.int8(total), "jobs": 1.0}))
    return pd.concat(frames, ignore_index=True)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return _table()


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory, table: pd.DataFrame) -> Path:
    """A lab in a zone whose clocks change in these days, with the table imported."""
    folder = tmp_path_factory.mktemp("lab")
    path = folder / "cluster.toml"
    path.write_text('name = "elsewhere"\ntimezone = "America/Los_Angeles"\n', encoding="utf-8")
    table.to_parquet(folder / "trace.parquet")
    scms.open(path).import_trace(folder / "trace.parquet")
    return path


@pytest.fixture
def lab(config: Path) -> Cluster:
    return scms.open(config)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    inventory = Inventory.from_mapping({"name": "lab"}, base=tmp_path, source="the test")
    return Warehouse.open(inventory)


def _hours(table: pd.DataFrame) -> pd.DataFrame:
    """GPU-hours used and observed of each row, by pandas alone."""
    known = table["busy_gpus"].notna()
    return table.assign(
        used=table["busy_gpus"].astype("float64").fillna(0) / 6,
        observed=table["total_gpus"].where(known, 0) / 6,
        seen=known / 6,
    )


def test_servers_have_the_hours_that_pandas_finds(lab: Cluster, table: pd.DataFrame) -> None:
    expected = _hours(table).groupby("server")[["used", "observed", "seen"]].sum()
    got = lab.usage("2025-03", by="server").set_index("server")
    for ours, theirs in (
        ("gpu_hours_used", expected["used"]),
        ("gpu_hours_available", expected["observed"]),
        ("gpu_hours_free", expected["observed"] - expected["used"]),
    ):
        assert got[ours].to_dict() == pytest.approx(theirs.to_dict(), rel=1e-9)
    elapsed = 31 * 24 - 1  # clocks went forward on the 9th
    assert got["coverage_ratio"]["m1"] == pytest.approx(expected["seen"]["m1"] / elapsed)


def test_days_are_those_of_the_lab(lab: Cluster, table: pd.DataFrame) -> None:
    rows = _hours(table)
    days = rows.groupby(rows["ts"].dt.tz_convert("America/Los_Angeles").dt.date)["used"].sum()
    got = lab.usage("2025-03-07..2025-03-12", by="day").dropna(subset="gpu_hours_used")
    assert dict(zip(got["day"].dt.date, got["gpu_hours_used"], strict=True)) == pytest.approx(
        days.to_dict()
    )


def test_a_report_has_the_same_total(lab: Cluster, table: pd.DataFrame) -> None:
    report = lab.report("2025-03")
    used = report.totals["gpu_hours_used"].item()
    assert used == pytest.approx(_hours(table)["used"].sum(), rel=1e-9)
    users = report.tables["user"]
    assert users["user"].isna().all()
    assert users["gpu_hours_used"].sum() == pytest.approx(used)
    assert not report.simulated


@pytest.mark.parametrize("minutes", [5, 10, 20, 60])
def test_steps_of_any_length_give_the_same_sums(minutes: int) -> None:
    table = _table(200, minutes=minutes)
    trace = trace_of(table)
    first, last = START.date(), (START + pd.Timedelta(minutes=minutes * 200)).date()
    rows = rollup_rows("device_15m", trace, first, last).to_pandas()
    expected = table.groupby("server")["busy_gpus"].sum() * minutes * 60
    got = rows.groupby("server")["busy_seconds"].sum()
    assert got.to_dict() == pytest.approx(expected.to_dict(), rel=1e-6)
    assert (rows["busy_seconds"] <= rows["observed_seconds"] + 1e-9).all()
    assert (rows["observed_seconds"] <= 900).all()
    parts = rows["busy_seconds"] + rows["free_seconds"]
    np.testing.assert_allclose(parts, rows["observed_seconds"])


def test_importing_again_changes_nothing(warehouse: Warehouse, table: pd.DataFrame) -> None:
    first = import_trace(trace_of(table), warehouse, now=NOW)
    snapshot = [warehouse.state(name).files for name in ("server_15m", "device_15m")]
    second = import_trace(trace_of(table.sample(frac=1, random_state=1)), warehouse, now=NOW)
    assert sum(first.rows.values()) > 5000
    assert second.rows == {"server_15m": 0, "device_15m": 0}
    assert [warehouse.state(name).files for name in ("server_15m", "device_15m")] == snapshot
    assert first.gpu_hours_used == pytest.approx(_hours(table)["used"].sum())


class _MachineDownError(Exception):
    """Raised in the midst of an import."""


@pytest.mark.parametrize("after", [1, 2, 3])
def test_an_import_that_broke_off_is_completed(
    warehouse: Warehouse, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = trace_of(_table(6 * 24 * 9))
    append, calls = warehouse.append, iter(range(100))

    def breaking(*args: Any) -> int:
        if next(calls) == after:
            raise _MachineDownError
        return append(*args)

    monkeypatch.setattr(warehouse, "append", breaking)
    with pytest.raises(_MachineDownError):
        import_trace(trace, warehouse, now=NOW)
    monkeypatch.setattr(warehouse, "append", append)
    import_trace(trace, warehouse, now=NOW)
    state = warehouse.state("device_15m")
    rows = state.arrow(state.files, columns=["server", "device", "starts_at", "busy_seconds"])
    frame = rows.to_pandas()
    assert not frame.duplicated(["server", "device", "starts_at"]).any()
    assert frame["busy_seconds"].sum() / 3600 == pytest.approx(
        float(np.nansum(trace.busy)) / 6, rel=1e-9
    )


def test_what_is_imported_is_marked(lab: Cluster) -> None:
    marked = lab.sql(
        "SELECT server, gpu_count, simulated FROM server_dimension WHERE collector = 'import' "
        "ORDER BY server"
    ).df()
    assert marked["server"].tolist() == list(TOTALS)
    assert marked["gpu_count"].tolist() == list(TOTALS.values())
    devices = lab.sql("SELECT DISTINCT device FROM device_15m ORDER BY device").df()["device"]
    assert devices.str.startswith("import:").all()
    assert len(devices) == sum(TOTALS.values())


def test_a_server_that_is_there_from_elsewhere_is_refused(
    warehouse: Warehouse, table: pd.DataFrame
) -> None:
    import_trace(trace_of(table), warehouse, now=NOW)
    other = table.assign(busy_gpus=0.0)
    with pytest.raises(WarehouseError, match="rows of m1, m2, m3 between 2025-03-08"):
        import_trace(trace_of(other), warehouse, now=NOW)
    import_trace(trace_of(other.assign(server="x-" + other["server"])), warehouse, now=NOW)


def test_days_that_a_collector_watched_are_refused(
    warehouse: Warehouse, table: pd.DataFrame
) -> None:
    moment = round(datetime(2025, 3, 10, 12, tzinfo=UTC).timestamp() * 1000)
    seen = {"server": "real", "sampled_at": moment, "observed_seconds": 5.0, "state": "up"}
    seen |= {"collector": "main", "simulated": False, "interval_seconds": 5.0}
    warehouse.append("server_sample", [seen])
    with pytest.raises(WarehouseError, match="from 2025-03-10 on collectors have watched"):
        import_trace(trace_of(table), warehouse, now=NOW)
    before = table[table["ts"] < "2025-03-10"]
    assert sum(import_trace(trace_of(before), warehouse, now=NOW).rows.values()) > 0


def test_today_is_not_over(warehouse: Warehouse, table: pd.DataFrame) -> None:
    with pytest.raises(WarehouseError, match="goes on to 2025-03-12; expected days that are over"):
        import_trace(trace_of(table), warehouse, now=datetime(2025, 3, 12, 9, tzinfo=UTC))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"busy_gpus": -1.0}, "negative busy in row 7"),
        ({"busy_gpus": 9.0}, "more busy than there are in total in row 7"),
        ({"total_gpus": 0}, "no whole number above 0 in row 7"),
        ({"ts": START}, "repeats a time of a server in rows? .*7"),
        ({"ts": pd.NaT}, "no server or no time in row 7"),
    ],
)
def test_an_impossible_row_is_named(
    config: Path, table: pd.DataFrame, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    table = table.copy()
    for name, value in change.items():
        table.loc[6, name] = value
    table.to_parquet(tmp_path / "bad.parquet")
    with pytest.raises(ForecastError, match=message):
        scms.open(config).import_trace(tmp_path / "bad.parquet")


def test_a_gap_is_named(config: Path, table: pd.DataFrame, tmp_path: Path) -> None:
    table.drop(index=[6]).to_csv(tmp_path / "gap.csv", index=False)
    with pytest.raises(ForecastError, match="has a gap"):
        scms.open(config).import_trace(tmp_path / "gap.csv")


def test_a_csv_is_the_same_recording(config: Path, table: pd.DataFrame, tmp_path: Path) -> None:
    table.drop(columns="jobs").to_csv(tmp_path / "trace.csv", index=False)
    again = scms.open(config).import_trace(tmp_path / "trace.csv")
    assert again.servers == 3
    assert sum(again.rows.values()) == 0
