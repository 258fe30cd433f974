"""What reports tell of the simulated lab is what its ledger says, to rounding.

The ledger knows who used which devices from when to when; the rows went through the wire protocol,
the collector's code, the warehouse and the views.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from scms.demo import Lab, backfill
from scms.hot import HotStore
from scms.inventory import Inventory
from scms.reports.metrics import usage
from scms.reports.period import parse_period
from scms.reports.sums import asked
from scms.views import Views
from scms.warehouse import Warehouse

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from scms.reports.metrics import Query

#: Twenty-five hours on its second day, on servers that share users.
ZONE = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 10, 27, 1, tzinfo=UTC)
PERIOD = parse_period("2026-10-24..2026-10-26", ZONE, NOW)
SERVERS = ("gpu-a01", "gpu-a03", "gpu-h02", "gpu-r01", "gpu-v02")


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> Query:
    folder: Path = tmp_path_factory.mktemp("lab")
    servers = [{"name": name, "simulated": True} for name in SERVERS]
    inventory = Inventory.from_mapping(
        {"name": "lab", "timezone": "Europe/Berlin", "servers": servers},
        base=folder,
        source="the test",
    )
    warehouse = Warehouse.open(inventory)
    backfill(inventory, warehouse, now=NOW, days=5, processes=1)
    return Views(inventory, HotStore.open(folder / "hot.sqlite"), warehouse).frame


@pytest.fixture(scope="module")
def ledger() -> pd.DataFrame:
    """A row per job and device with its hours in the period."""
    rows = Lab(servers=20).ledger(PERIOD.start, PERIOD.end).explode("devices")
    rows = rows[rows["server"].isin(SERVERS)].dropna(subset=["devices"])
    start = rows["started_at"].where(rows["started_at"] > PERIOD.start, PERIOD.start)
    end = rows["ended_at"].where(rows["ended_at"] < PERIOD.end, PERIOD.end)
    return rows.assign(hours=(end - start).dt.total_seconds() / 3600, start=start, end=end)


def _hours(ledger: pd.DataFrame, by: list[str], *kinds: str) -> dict[Any, float]:
    summed = ledger[ledger["kind"].isin(kinds)].groupby(by)["hours"].sum()
    return {key: hours for key, hours in summed.items() if hours > 0}


def _told(frame: pd.DataFrame, by: list[str], column: str) -> dict[Any, float]:
    summed = frame.dropna(subset=by).groupby(by)[column].sum()
    return {key: hours for key, hours in summed.items() if hours > 0}


@pytest.mark.parametrize(
    ("column", "kind"), [("gpu_hours_used", "training"), ("gpu_hours_idle_held", "notebook-idle")]
)
def test_users_have_the_hours_of_the_ledger_on_each_server(
    views: Query, ledger: pd.DataFrame, column: str, kind: str
) -> None:
    rows = asked(views, "usage_by_server_and_user", PERIOD, now=NOW)
    told = _told(rows, ["server", "user"], column)
    assert told
    assert told == pytest.approx(_hours(ledger, ["server", "user"], kind), abs=1e-6)


@pytest.mark.parametrize(
    ("column", "kinds"),
    [
        ("gpu_hours_used", ("training",)),
        ("gpu_hours_idle_held", ("notebook-idle", "ghost")),
    ],
)
def test_devices_have_the_hours_of_the_ledger(
    views: Query, ledger: pd.DataFrame, column: str, kinds: tuple[str, ...]
) -> None:
    told = _told(usage(views, PERIOD, "device", now=NOW), ["device"], column)
    assert told == pytest.approx(_hours(ledger, ["devices"], *kinds), abs=1e-6)


def test_days_have_the_hours_of_the_ledger_also_when_clocks_change(
    views: Query, ledger: pd.DataFrame
) -> None:
    table = usage(views, PERIOD, "day", now=NOW)
    training = ledger[ledger["kind"] == "training"]
    expected = []
    for day, after in zip(table["day"], [*table["day"][1:], PERIOD.end], strict=True):
        start, end = training["start"].clip(lower=day), training["end"].clip(upper=after)
        expected.append((end - start).dt.total_seconds().clip(lower=0).sum() / 3600)
    assert table["gpu_hours_used"].tolist() == pytest.approx(expected, abs=1e-6)
    assert len(expected) == 3


def test_one_user_over_the_week_has_the_hours_of_the_ledger(
    views: Query, ledger: pd.DataFrame
) -> None:
    hours = _hours(ledger, ["user"], "training")
    user = max(hours, key=lambda name: hours[name])
    table = usage(views, PERIOD, "weekday", now=NOW, user=user)
    assert table["gpu_hours_used"].sum() == pytest.approx(hours[user], abs=1e-6)
    assert table["weekday"].tolist() == [1, 6, 7]


def test_a_server_that_nobody_knows_was_not_used(views: Query) -> None:
    row = usage(views, PERIOD, "server", now=NOW, where="gpu-v02")
    assert row["server"].tolist() == ["gpu-v02"]
    assert row["gpu_hours_used"].item() == 0
    assert row["gpu_hours_free"].item() > 0
