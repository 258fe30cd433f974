"""The same figures in every form that a report is saved in."""

from __future__ import annotations

import csv
import html
import json
import re
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import openpyxl
import pytest

from conftest import require_program
from reports.rollups import made_up, query_over
from scms.reports.build import build_report
from scms.reports.contents import contents
from scms.reports.document import WRITERS
from scms.reports.period import parse_period

if TYPE_CHECKING:
    from pathlib import Path

    from scms.reports.document import Report

NOW = datetime(2026, 10, 7, 8, 30, tzinfo=UTC)
USE = ("server", "user", "group", "model")
#: What a row of the tables of use has of figures, in the order of no form.
FIGURES = ("gpu_hours_used", "gpu_hours_idle_held", "cpu_hours_used", "coverage_ratio")

Figures = dict[tuple[str, str], tuple[float | None, ...]]


@pytest.fixture(scope="module")
def report() -> Report:
    period = parse_period("2026-10-05", ZoneInfo("UTC"), NOW)
    return build_report(query_over(made_up()), period, name="Example lab", now=NOW)


@pytest.fixture(scope="module")
def folder(report: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report in every form there is."""
    folder = tmp_path_factory.mktemp("forms")
    for suffix in WRITERS:
        report.save(folder / f"october{suffix}")
    return folder


def _number(text: Any) -> float | None:
    return None if text in {None, ""} else float(text)


def _of_json(folder: Path) -> Figures:
    tables = json.loads((folder / "october.json").read_text(encoding="utf-8"))["tables"]
    return {
        (by, str(row[by])): tuple(_number(row.get(name)) for name in FIGURES)
        for by in USE
        for row in tables[by]
    }


def _of_csv(folder: Path) -> Figures:
    with (folder / "october.csv").open(encoding="utf-8", newline="") as file:
        return {
            (row["dimension"], row["key"] or "None"): tuple(_number(row[name]) for name in FIGURES)
            for row in csv.DictReader(file)
            if row["dimension"] in USE
        }


def _of_workbook(folder: Path, report: Report) -> Figures:
    book = openpyxl.load_workbook(folder / "october.xlsx")
    figures = {}
    for content in contents(report):
        if content.name not in USE:
            continue
        names = [column.name for column in content.all_columns()]
        for cells in book[content.title].iter_rows(min_row=2, values_only=True):
            row = dict(zip(names, cells, strict=True))
            key = "None" if str(cells[0]).startswith("(") else str(cells[0])
            figures[content.name, key] = tuple(_number(row.get(name)) for name in FIGURES)
    return figures


def test_forms_with_numbers_have_the_same_ones(folder: Path, report: Report) -> None:
    figures = _of_json(folder)
    assert len(figures) > 15
    assert _of_csv(folder) == figures
    assert _of_workbook(folder, report) == figures


@pytest.mark.parametrize("suffix", [".html", ".md", ".pdf"])
def test_forms_for_people_have_the_same_texts(folder: Path, report: Report, suffix: str) -> None:
    words = _words(folder / f"october{suffix}")
    for content in contents(report):
        if content.name not in USE:
            continue
        for cells in content.texts():
            line = re.sub(r"[\s()]", "", "".join(cells))
            assert line in words, f"{content.name}: {cells}"


def _words(path: Path) -> str:
    """What stands there, without the spaces and signs of its form."""
    if path.suffix == ".pdf":
        program = require_program("pdftotext", "poppler-utils")
        done = subprocess.run([program, "-layout", path, "-"], capture_output=True, check=True)
        text = done.stdout.decode("utf-8")
    else:
        text = path.read_text(encoding="utf-8")
    if path.suffix == ".html":
        text = html.unescape(re.sub(r"<[^>]*>", "", text))
    return re.sub(r"[\s()|\\◐]", "", text)
