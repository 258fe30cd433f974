"""The workbook, read back with another library than the one that writes it."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import openpyxl
import pytest

from reports.rollups import made_up, query_over
from scms.reports.build import build_report
from scms.reports.contents import contents, headed
from scms.reports.period import parse_period

if TYPE_CHECKING:
    from openpyxl import Workbook

    from reports.rollups import Rollups
    from scms.reports.document import Report

NOW = datetime(2026, 10, 7, 8, 30, tzinfo=UTC)


def _report(rollups: Rollups, text: str = "2026-10-05", zone: str = "UTC") -> Report:
    period = parse_period(text, ZoneInfo(zone), NOW)
    return build_report(query_over(rollups, zone), period, name="Example lab", now=NOW)


@pytest.fixture(scope="module")
def report() -> Report:
    return _report(made_up())


@pytest.fixture(scope="module")
def book(report: Report) -> Workbook:
    return openpyxl.load_workbook(io.BytesIO(report.to_xlsx()))


def _rows(book: Workbook, title: str) -> list[tuple[Any, ...]]:
    return list(book[title].iter_rows(values_only=True))


def test_there_is_a_sheet_per_table_after_the_first(report: Report, book: Workbook) -> None:
    assert book.sheetnames == ["Overview", *(content.title for content in contents(report))]


def test_every_figure_is_that_of_the_json(report: Report, book: Workbook) -> None:
    tables = json.loads(report.to_json())["tables"]
    compared = 0
    for content in contents(report):
        names = [column.name for column in content.all_columns()]
        sheet = _rows(book, content.title)[1:]
        assert len(sheet) == len(tables[content.name])
        for cells, said in zip(sheet, tables[content.name], strict=True):
            for name, cell in list(zip(names, cells, strict=True))[1:]:
                # Moments are in the zone of the cluster, which is UTC here.
                moment = isinstance(cell, datetime)
                value = cell.replace(tzinfo=UTC).isoformat() if moment else cell
                assert value == said[name], (content.name, name)
                compared += cell is not None
    assert compared > 300


def test_totals_stand_on_the_first_sheet_as_numbers(report: Report, book: Workbook) -> None:
    said = {row[2]: row[1] for row in _rows(book, "Overview") if row[2]}
    totals = json.loads(report.to_json())["totals"]
    assert said["gpu_hours_used"] == totals["gpu_hours_used"]
    assert said["coverage_ratio"] == totals["coverage_ratio"]


def test_findings_stand_on_the_first_sheet(report: Report, book: Workbook) -> None:
    said = [row[2] for row in _rows(book, "Overview")]
    assert report.findings
    assert all(found.sentence in said for found in report.findings)


def test_headings_have_units_and_ratios_are_percentages(book: Workbook) -> None:
    sheet = book["Servers"]
    headings = {cell.value: cell.column for cell in sheet[1]}
    assert "Used (GPU-h)" in headings
    assert sheet.cell(2, headings["Use"]).number_format == "0.0%"
    assert sheet.cell(2, headings["Observed"]).value == 1


def test_the_heading_stays_in_sight(book: Workbook) -> None:
    assert {sheet.freeze_panes for sheet in book.worksheets[1:]} == {"B2"}


def test_hours_are_times_in_the_zone_of_the_cluster() -> None:
    report = _report(made_up(), zone="Asia/Kolkata")
    rows = list(
        openpyxl.load_workbook(io.BytesIO(report.to_xlsx()))["Hours"].iter_rows(values_only=True)
    )
    assert rows[0][0] == "Hour (Asia/Kolkata)"
    assert rows[1][0] == datetime(2026, 10, 5, 0, 0)  # noqa: DTZ001  Excel has no zones
    assert len(rows) == 25


@pytest.mark.parametrize("name", ["=1+1", "http://example.org", "007", "王小明 🙂", "a\x01b"])
def test_a_name_is_text_whatever_it_looks_like(name: str) -> None:
    rollups = made_up(days=1)
    users = [row | {"user": name if row["user"] == "ann" else "bob"} for row in rollups.users]
    report = _report(replace(rollups, users=users))
    sheet = openpyxl.load_workbook(io.BytesIO(report.to_xlsx()))["Users"]
    cell = next(row[0] for row in sheet.iter_rows(min_row=2) if row[0].value not in {"bob", None})
    assert (cell.data_type, cell.hyperlink) == ("s", None)
    assert str(cell.value).replace("_x0001_", "\x01") == name


def test_the_same_report_is_the_same_file(report: Report) -> None:
    assert report.to_xlsx() == report.to_xlsx()


def test_an_empty_lab_has_a_workbook() -> None:
    empty = replace(made_up(days=1), servers=[], devices=[], users=[], inventory=[])
    book = openpyxl.load_workbook(io.BytesIO(_report(empty).to_xlsx()))
    assert book.sheetnames[0] == "Overview"


@pytest.mark.parametrize(
    ("name", "heading"), [("gpu_hours", "GPU hours"), ("mtbf", "MTBF"), ("top_users", "Top users")]
)
def test_a_name_of_the_dictionary_is_a_heading(name: str, heading: str) -> None:
    assert headed(name) == heading


def test_a_table_that_is_added_is_in_the_workbook(report: Report) -> None:
    import pandas as pd

    extra = pd.DataFrame({"gpus": [1, 2], "short_hours": [0.0, 3.25], "free_server_count": [3, 4]})
    more = replace(report, tables={**report.tables, "waiting": extra})
    rows = _rows(openpyxl.load_workbook(io.BytesIO(more.to_xlsx())), "Waiting")
    assert rows[0] == ("GPUs", "Short (h)", "Free servers")
    assert rows[2] == (2, 3.25, 4)
