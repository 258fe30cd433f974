"""The same numbers through the warehouse and `scms.views` as over plain tables."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from reports.rollups import MACHINES, Rows, made_up, query_over
from scms.hot import HotStore
from scms.inventory import Inventory
from scms.reports.metrics import DIMENSIONS, usage
from scms.reports.period import parse_period
from scms.tables import ALL
from scms.views import Views
from scms.warehouse import Warehouse

if TYPE_CHECKING:
    from pathlib import Path

    from scms.reports.metrics import Query

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 10, 7, 12, tzinfo=UTC)
PERIOD = parse_period("2026-10-05..2026-10-06", BERLIN, NOW)
ROLLUPS = made_up()


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> Query:
    folder: Path = tmp_path_factory.mktemp("lab")
    servers = [
        {"name": m.name, "simulated": m.simulated, "tags": m.tags}
        | ({"group": m.group} if m.group else {})
        for m in MACHINES
    ]
    inventory = Inventory.from_mapping(
        {"name": "lab", "timezone": "Europe/Berlin", "servers": servers},
        base=folder,
        source="the test",
    )
    warehouse = Warehouse.open(inventory)
    warehouse.append("server_15m", _declared("server_15m", ROLLUPS.servers))
    warehouse.append("device_15m", _declared("device_15m", ROLLUPS.devices))
    warehouse.append("user_15m", _declared("user_15m", ROLLUPS.users))
    hot = HotStore.open(inventory.directory / "hot.sqlite")
    return Views(inventory, hot, warehouse).frame


def _declared(table: str, rows: Rows) -> Rows:
    """Complete in the columns of the table, with times in milliseconds."""
    names = ALL[table].column_names()
    return [
        {name: row.get(name) for name in names}
        | {"starts_at": round(row["starts_at"].timestamp() * 1000)}
        for row in rows
    ]


@pytest.mark.parametrize("by", DIMENSIONS)
def test_views_give_what_the_sql_gives_over_plain_tables(views: Query, by: str) -> None:
    expected = usage(query_over(ROLLUPS, "Europe/Berlin"), PERIOD, by, now=NOW)
    got = usage(views, PERIOD, by, now=NOW)
    pd.testing.assert_frame_equal(got, expected, check_dtype=False, rtol=1e-9)
