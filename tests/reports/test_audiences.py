"""No name gets into any form of a report for an audience that is not to see it."""

from __future__ import annotations

import io
import subprocess
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from conftest import require_program
from reports.rollups import made_up, query_over
from scms.reports.build import build_report
from scms.reports.document import WRITERS
from scms.reports.paper import paper
from scms.reports.period import parse_period
from scms.reports.privacy import Veil

if TYPE_CHECKING:
    from scms.reports.document import Report

NOW = datetime(2026, 10, 7, 8, 30, tzinfo=UTC)
KEY = b"k" * 32
#: Names that occur in no word of a report by chance.
PEOPLE = {"ann": "qxavier", "bob": "wzolyomi", "cleo": "jvqk-77", "sim": "zzsimuser"}


def _report(veil: Veil) -> Report:
    rollups = made_up()
    users = [row | {"user": PEOPLE[row["user"]]} for row in rollups.users]
    period = parse_period("2026-10-05", ZoneInfo("UTC"), NOW)
    return build_report(
        query_over(replace(rollups, users=users)), period, name="Example", now=NOW, veil=veil
    )


@pytest.fixture(scope="module", params=["hashed", "totals"])
def report(request: pytest.FixtureRequest) -> Report:
    names: Any = request.param
    return _report(Veil(names, KEY))


def _everything(report: Report, suffix: str) -> str:
    """Every text in the file, compressed ones too."""
    data = report.to_bytes(suffix)
    if suffix == ".xlsx":
        with zipfile.ZipFile(io.BytesIO(data)) as book:
            return "\n".join(book.read(name).decode("utf-8") for name in book.namelist())
    if suffix == ".pdf":
        program = require_program("pdftotext", "poppler-utils")
        done = subprocess.run(
            [program, "-raw", "-", "-"],
            input=paper(report, folders=[]),
            capture_output=True,
            check=True,
        )
        return done.stdout.decode("utf-8") + data.decode("latin-1")
    return data.decode("utf-8")


@pytest.mark.parametrize("suffix", list(WRITERS))
def test_names_that_are_shown_are_there(suffix: str) -> None:
    """So that the tests below look for something that would be found."""
    text = _everything(_report(Veil()), suffix)
    assert [name for name in PEOPLE.values() if name not in text] == []


@pytest.mark.parametrize("suffix", list(WRITERS))
def test_no_name_is_in_any_form(report: Report, suffix: str) -> None:
    text = _everything(report, suffix).lower()
    assert [name for name in PEOPLE.values() if name in text] == []


def test_no_name_is_in_a_notebook(report: Report) -> None:
    text = report._repr_html_() + repr(report) + repr(report.pictures) + repr(report.findings)
    assert [name for name in PEOPLE.values() if name in text] == []


def test_pseudonyms_have_the_hours_of_the_names() -> None:
    shown, hashed = (_report(veil).tables["user"] for veil in (Veil(), Veil("hashed", KEY)))
    alias = Veil("hashed", KEY).alias
    assert list(hashed["user"].dropna()) == [alias(name) for name in shown["user"].dropna()]
    assert list(hashed["gpu_hours_used"]) == list(shown["gpu_hours_used"])


def test_totals_have_no_table_of_users_and_the_same_totals() -> None:
    shown, totals = _report(Veil()), _report(Veil("totals", KEY))
    assert totals.tables["user"].empty
    assert "user-" not in totals.to_json()
    assert totals.totals.equals(shown.totals)
    assert totals.tables["group"].equals(shown.tables["group"])
