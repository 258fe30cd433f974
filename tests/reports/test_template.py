"""A template of a lab's own: what it may do, and what a mistake in it says."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

import scms
from reports.rollups import made_up, query_over
from reports.written_lab import first_day, written_lab
from scms.errors import ReportError
from scms.reports.build import build_report
from scms.reports.period import parse_period

if TYPE_CHECKING:
    from scms.reports.document import Report

NOW = datetime(2026, 10, 7, 8, 30, tzinfo=UTC)
HOW_TO = Path(__file__).resolve().parents[2] / "docs/how-to/report-template.md"


@pytest.fixture(scope="module")
def plain() -> Report:
    rollups = made_up(days=1)
    users = [row | {"user": "<b>ann" if row["user"] == "ann" else "bob"} for row in rollups.users]
    period = parse_period("2026-10-05", ZoneInfo("UTC"), NOW)
    query = query_over(replace(rollups, users=users))
    return build_report(query, period, name="Example lab", now=NOW)


def _with(report: Report, folder: Path, text: str, name: str = "own.html.jinja") -> Report:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return replace(report, template=path)


def test_the_example_of_the_docs_works(plain: Report, tmp_path: Path) -> None:
    """The page of ours, with a head and a foot of the lab around it."""
    example = re.search(r"```jinja\n(.*?)```", HOW_TO.read_text(encoding="utf-8"), re.DOTALL)
    assert example is not None
    page = _with(plain, tmp_path, example[1]).to_html()
    assert "Institute of Examples" in page
    assert page.index("Institute of Examples") < page.index("What stands out")
    assert "GPU-hours used" in page
    assert "cdn" not in page.split("<script")[0]


def test_a_page_of_ones_own_has_the_same_names(plain: Report, tmp_path: Path) -> None:
    text = (
        "{{ report.name }}|{{ report.period.label }}|{{ report.headlines[0].value }}"
        "{% for table in tables %}|{{ table.by }}{% endfor %}"
    )
    said = _with(plain, tmp_path, text).to_html().split("|")
    assert said[:2] == ["Example lab", "2026-10-05"]
    assert {"server", "user", "group", "model"} <= set(said)


def test_values_are_escaped_whatever_the_file_is_called(plain: Report, tmp_path: Path) -> None:
    text = "{% for row in report.tables.user.user %}{{ row }} {% endfor %}"
    assert "&lt;b&gt;ann" in _with(plain, tmp_path, text, "own.txt").to_html()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("one\ntwo {% if %}\n", r"own.html.jinja, line 2: "),
        ("one\n\n{{ nothing }}\n", r"own.html.jinja, line 3: 'nothing' is undefined"),
        ("{{ report.name.nothing }}", r"own.html.jinja, line 1: .*no attribute 'nothing'"),
        ("\n{{ 1 / 0 }}", r"own.html.jinja, line 2: division by zero"),
        ('\n{% extends "none.jinja" %}', r"own.html.jinja, line 2: there is no template 'none"),
    ],
)
def test_a_mistake_names_file_and_line(
    plain: Report, tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(ReportError, match=message):
        _with(plain, tmp_path, text).to_html()


def test_a_template_that_is_not_there_is_an_error(plain: Report, tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"gone.jinja cannot be read"):
        replace(plain, template=tmp_path / "gone.jinja").to_html()


def test_a_template_that_is_no_text_is_an_error(plain: Report, tmp_path: Path) -> None:
    (tmp_path / "own.jinja").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(ReportError, match=r"own.jinja is no text in UTF-8"):
        replace(plain, template=tmp_path / "own.jinja").to_html()


def test_the_settings_name_it_relative_to_their_file(tmp_path: Path) -> None:
    (tmp_path / "own.jinja").write_text("This is {{ report.name }}.", encoding="utf-8")
    config = written_lab(tmp_path, '[reports]\ntemplate = "own.jinja"\n')
    lab = scms.open(config)
    day = f"{first_day():%Y-%m-%d}"
    assert lab.report(day).to_html() == "This is Example lab."
    (tmp_path / "other.jinja").write_text("Other.", encoding="utf-8")
    assert lab.report(day, template=tmp_path / "other.jinja").to_html() == "Other."
