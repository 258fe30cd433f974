"""docs/reference/metrics.md is true: its SQL runs, and gives the metric that it stands beside."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from reports.rollups import made_up, query_over
from scms.reports.findings import Thresholds
from scms.reports.metrics import DIMENSIONS, METRICS, finish, sums, total
from scms.reports.period import ACCEPTED, parse_period
from scms.settings import PowerSettings

PAGE = (Path(__file__).parents[2] / "docs/reference/metrics.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(\w+)` \| [^|]* \| `(sum[^|]+)` \|$", PAGE, re.MULTILINE)
BLOCKS = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
QUERIES = [part for block in BLOCKS for part in block.split(";") if "FROM" in part]
NOW = datetime(2026, 10, 20, tzinfo=UTC)
PERIOD = parse_period("2026-10-05..2026-10-06", ZoneInfo("UTC"), NOW)
QUERY = query_over(made_up())
POWER = PowerSettings(price_per_kwh=0.28, carbon_grams_per_kwh=380)


@pytest.mark.parametrize(("metric", "sql"), ROWS)
def test_a_metric_is_what_its_sql_says(metric: str, sql: str) -> None:
    table = (
        "device_usage_15m"
        if metric.startswith(("gpu_", "energy", "carbon"))
        else "server_usage_15m"
    )
    priced = f"SELECT *, 0.28 AS price_per_kwh, 380 AS carbon_grams_per_kwh FROM {table}"
    paid = "price_per_kwh, carbon_grams_per_kwh"
    grouped = f"SELECT {sql} AS value FROM ({priced}) GROUP BY {paid}"
    by_hand = QUERY(grouped)["value"].item()
    row = finish(total(sums(QUERY, PERIOD, by="server", now=NOW)), power=POWER)
    assert row[metric].item() == pytest.approx(by_hand)


def test_every_metric_has_its_line() -> None:
    by_hand = {"coverage_ratio", "gpu_hours_down"}
    assert {metric for metric, _ in ROWS} == set(METRICS) - by_hand
    assert all(f"`{metric}`" in PAGE for metric in by_hand)


@pytest.mark.parametrize("sql", QUERIES)
def test_the_queries_of_the_page_run(sql: str) -> None:
    assert len(QUERY(sql)) > 1


def test_every_dimension_is_explained() -> None:
    keys = set(re.findall(r"^\| `(\w+)` \| [^|]+ \| [^|]+ \|$", PAGE, re.MULTILINE))
    assert set(DIMENSIONS) <= keys


def test_the_thresholds_are_those_of_the_page() -> None:
    at = Thresholds()
    for kind, ratio in (
        ("not_told", at.coverage_ratio),
        ("not_compared", at.coverage_ratio),
        ("idle_held", at.idle_held_ratio),
        ("free_while_full", at.free_while_full_ratio),
        ("little_used", at.little_use_ratio),
        ("much_used", at.much_use_ratio),
        ("contention", at.contention_ratio),
        ("concentrated", at.top_three_ratio),
        ("by_others", at.others_ratio),
        ("changed", at.change_ratio),
        ("broken", at.broken_ratio),
        ("down", at.down_ratio),
        ("throttled", at.throttled_ratio),
    ):
        line = re.search(rf"^\| `{kind}` .*$", PAGE, re.MULTILINE)
        assert line is not None
        assert f"{ratio:.0%}".replace("%", " %") in line[0]


def test_the_sql_of_room_runs_over_the_fleet() -> None:
    said = re.findall(r"`((?:sum|max)\([^`]*)` \|$", PAGE, re.MULTILINE)
    over_fleet = [sql for sql in said if "gpus_" in sql]
    assert len(over_fleet) == 3
    for sql in over_fleet:
        rows = QUERY(f"SELECT {sql} AS value FROM report_fleet_15m('2026-10-05', '2026-10-07')")
        assert len(rows) == 1


def test_the_forms_of_a_period_are_those_of_the_error() -> None:
    for form in re.findall(r"[0-9][-0-9WQd.]+|[a-z]+-week|today|yesterday", ACCEPTED):
        assert f"`{form.rstrip('.')}`" in PAGE
