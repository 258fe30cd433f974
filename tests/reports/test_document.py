"""The document in its forms of text, against golden files.

Write these anew with ``SCMS_GOLDEN=write pytest tests/reports/test_document.py``, and read the
difference.
"""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from reports.golden import golden
from reports.rollups import Rollups, made_up, query_over
from scms.errors import ReportError
from scms.reports.build import build_report
from scms.reports.metrics import DIMENSIONS
from scms.reports.period import parse_period

if TYPE_CHECKING:
    from pathlib import Path

    from scms.reports.document import Report

ZONE = ZoneInfo("UTC")
NOW = datetime(2026, 10, 7, 8, 30, tzinfo=UTC)
#: A server with two tags is in two rows of tags; the rows of all others add up to the total.
ADDING_UP = ("server", "user", "group", "model", "device", "hour", "weekday")
EVIL = '<img src=x onerror=alert(1)></script><script>alert("|`2`")</script>'


@pytest.fixture(scope="module")
def report() -> Report:
    return _report(made_up(), "2026-10-05")


def _report(rollups: Rollups, text: str) -> Report:
    period = parse_period(text, ZONE, NOW)
    return build_report(query_over(rollups), period, name="Example lab", now=NOW)


def _without_bokeh(page: str) -> str:
    """The page without BokehJS, the figures' JSON and their random names."""
    page = re.sub(r"<script.*?</script>", "<script/>", page, flags=re.DOTALL)
    return re.sub(r'<div id="[^"]+" data-root-id="[^"]+" [^>]*></div>', "<div chart/>", page)


def test_markdown_is_as_agreed(report: Report, repository: Path) -> None:
    golden(repository, "report.md", report.to_markdown())


def test_csv_is_as_agreed(report: Report, repository: Path) -> None:
    golden(repository, "report.csv", report.to_csv())


def test_the_page_is_as_agreed(report: Report, repository: Path) -> None:
    golden(repository, "report.html", _without_bokeh(report.to_html()))


def test_csv_is_one_tidy_table(report: Report) -> None:
    rows = list(csv.DictReader(io.StringIO(report.to_csv())))
    dimensions = {row["dimension"] for row in rows}
    assert dimensions == {"total", *(by for by, frame in report.tables.items() if len(frame))}
    assert set(ADDING_UP) < dimensions
    used = {
        by: sum(float(row["gpu_hours_used"] or 0) for row in rows if row["dimension"] == by)
        for by in ("total", *ADDING_UP)
    }
    assert used == pytest.approx(dict.fromkeys(used, used["total"]), abs=1e-4)


def test_json_has_null_for_what_is_unknown(report: Report) -> None:
    document = json.loads(report.to_json())
    rows = {row["server"]: row for row in document["tables"]["server"]}
    assert rows["dove"]["gpu_hours_used"] is None
    assert rows["dove"]["cpu_hours_used"] > 0
    assert document["period"]["start"] == "2026-10-05T00:00:00+00:00"


@pytest.mark.parametrize("suffix", ["html", "csv", "md", "json"])
def test_the_suffix_chooses_the_form(report: Report, tmp_path: Path, suffix: str) -> None:
    path = report.save(tmp_path / f"october.{suffix}")
    begins = {"html": "<!DOCTYPE html>", "csv": "dimension,", "md": "# Example", "json": "{"}
    assert path.read_text(encoding="utf-8").startswith(begins[suffix])


@pytest.mark.parametrize("name", ["october.docx", "october"])
def test_another_suffix_is_refused_with_those_there_are(
    report: Report, tmp_path: Path, name: str
) -> None:
    with pytest.raises(ReportError, match=r"\.csv, \.md, \.json"):
        report.save(tmp_path / name)


def test_a_folder_that_is_not_there_is_a_clear_error(report: Report, tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="cannot be written: No such file"):
        report.save(tmp_path / "nowhere" / "october.md")


def test_the_page_asks_no_other_machine(report: Report) -> None:
    page = report.to_html()
    bare = _without_bokeh(page)
    assert "http://" not in bare
    assert "https://" not in bare
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", page)


def test_names_from_servers_are_text_in_every_form() -> None:
    rollups = made_up(days=1)
    users = [row | {"user": EVIL if row["user"] == "ann" else row["user"]} for row in rollups.users]
    devices = [row | {"device_name": EVIL} for row in rollups.devices]
    report = _report(replace(rollups, users=users, devices=devices), "2026-10-05")
    assert "<img" not in report.to_html()
    assert "<img" not in report._repr_html_()
    assert "<img" not in report.to_markdown().replace("\\<img", "")
    assert "alert(1)" in report.to_markdown().replace("\\", "")


def test_a_formula_is_text_in_a_spreadsheet() -> None:
    rollups = made_up(days=1)
    users = [row | {"user": "=1+1" if row["user"] == "ann" else "bob"} for row in rollups.users]
    text = _report(replace(rollups, users=users), "2026-10-05").to_csv()
    assert "user,'=1+1," in text


def test_simulated_servers_are_named_in_every_table(report: Report) -> None:
    text = report.to_markdown()
    assert "Simulated, and marked so: 1 of 6 servers." in text
    for row in ("echo (simulated)", "NVIDIA L40S (simulated)", "sim (simulated)"):
        assert f"| {row} |" in text
    assert "(nobody visible) (partly simulated)" in text


def test_coverage_stands_in_every_table(report: Report) -> None:
    headings = re.findall(r"^(\|.*\|)\n\| ---", report.to_markdown(), re.MULTILINE)
    assert len(headings) > 10
    assert all(heading.endswith("| Observed |") for heading in headings)


def test_a_period_under_way_says_so() -> None:
    text = _report(made_up(), "2026-10").to_markdown()
    assert "before the period had ended" in text


@pytest.mark.parametrize(
    ("period", "by", "rows"),
    [("2026-10-05", "hour", 24), ("2026-W41", "day", 3), ("2026", "month", 10)],
)
def test_time_goes_in_steps_that_can_be_read(period: str, by: str, rows: int) -> None:
    report = _report(made_up(), period)
    assert report.time_dimension == by
    assert len(report.tables[by]) == rows


def test_months_of_a_year_have_the_hours_of_its_days() -> None:
    report = _report(made_up(), "2026")
    total = report.totals["gpu_hours_used"].item()
    assert report.tables["month"]["gpu_hours_used"].sum() == pytest.approx(total)


def test_a_cluster_without_gpu_is_told_in_cpu_hours() -> None:
    rollups = made_up(days=1)
    servers = [row for row in rollups.servers if row["server"] == "dove"]
    listed = [row for row in rollups.inventory if row["server"] == "dove"]
    report = _report(Rollups(servers, [], rollups.users, listed), "2026-10-05")
    assert [item.label for item in report.headlines] == ["CPU-hours used", "Observed"]
    assert "CPU time" in report.to_html()


def test_a_cluster_without_a_row_still_makes_every_form(tmp_path: Path) -> None:
    report = _report(Rollups([], [], [], []), "2026-10-05")
    for suffix in ("html", "csv", "md", "json"):
        assert report.save(tmp_path / f"r.{suffix}").stat().st_size > 100


def test_of_many_servers_the_chart_has_the_most_used_and_the_table_all() -> None:
    rollups = made_up(days=1)
    servers = [row | {"server": f"s{i:02}"} for row in rollups.servers[:96] for i in range(50)]
    page = _report(Rollups(servers, [], [], []), "2026-10-05").to_html()
    assert "the 40 most used" in page
    assert page.count('<td class="text">s') == 50


def test_repr_says_what_it_is(report: Report) -> None:
    assert repr(report) == "<Report Example lab 2026-10-05: 6 servers>"


def test_every_dimension_can_be_had(report: Report) -> None:
    unused = {"day", "month", "hour_of_day", "hour_of_week"}
    assert set(DIMENSIONS) - unused <= set(report.tables)
