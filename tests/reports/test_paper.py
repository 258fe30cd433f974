"""The PDF, read back with poppler, and the fonts it is written with."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

from conftest import require_program
from reports.golden import golden
from reports.rollups import Rollups, made_up, query_over
from scms.reports.build import build_report
from scms.reports.contents import contents
from scms.reports.fonts import choose, core_signs
from scms.reports.paper import paper
from scms.reports.period import parse_period

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from scms.reports.document import Report

NOW = datetime(2026, 10, 7, 8, 30, tzinfo=UTC)
LATIN = "".join(chr(code) for code in range(32, 127)) + "–•…×·◐üä°"


def _report(rollups: Rollups, text: str = "2026-10-05", name: str = "Example lab") -> Report:
    period = parse_period(text, ZoneInfo("UTC"), NOW)
    return build_report(query_over(rollups), period, name=name, now=NOW)


def _named(name: str) -> Report:
    rollups = made_up(days=1)
    users = [row | {"user": name if row["user"] == "ann" else "bob"} for row in rollups.users]
    return _report(replace(rollups, users=users))


@pytest.fixture(scope="module")
def report() -> Report:
    return _report(made_up())


@pytest.fixture(scope="session")
def read() -> Callable[..., str]:
    """The text of a PDF, page by page with form feeds between them."""
    program = require_program("pdftotext", "poppler-utils")

    def run(pdf: bytes, *options: str) -> str:
        done = subprocess.run(
            [program, *options, "-", "-"], input=pdf, capture_output=True, check=True
        )
        return done.stdout.decode("utf-8")

    return run


@pytest.fixture
def font(tmp_path: Path) -> Callable[[str, str], Path]:
    """Makes a real font file that has the given signs."""

    def make(name: str, signs: str) -> Path:
        pen = TTGlyphPen(None)
        for number, point in enumerate([(0, 0), (0, 700), (500, 700), (500, 0)]):
            (pen.lineTo if number else pen.moveTo)(point)
        pen.closePath()
        glyph = pen.glyph()
        names = [".notdef", *(f"u{ord(sign):04X}" for sign in signs)]
        builder = FontBuilder(1000, isTTF=True)
        builder.setupGlyphOrder(names)
        builder.setupCharacterMap({ord(sign): f"u{ord(sign):04X}" for sign in signs})
        builder.setupGlyf(dict.fromkeys(names, glyph))
        builder.setupHorizontalMetrics(dict.fromkeys(names, (600, 0)))
        builder.setupHorizontalHeader(ascent=800, descent=-200)
        builder.setupNameTable({"familyName": name, "styleName": "Regular"})
        builder.setupOS2(sTypoAscender=800, sTypoDescender=-200, usWinAscent=800)
        builder.setupPost()
        path = tmp_path / name
        builder.save(path)
        return path

    return make


def test_the_text_is_as_agreed(report: Report, read: Callable[..., str], repository: Path) -> None:
    golden(repository, "report.pdf.txt", read(paper(report, folders=[]), "-raw"))


def test_the_same_report_is_the_same_file(report: Report) -> None:
    assert paper(report) == paper(report)


def test_every_figure_stands_on_paper(report: Report, read: Callable[..., str]) -> None:
    words = re.sub(r"\s", "", read(paper(report, folders=[]), "-layout"))
    for content in contents(report):
        for cells in content.texts():
            line = re.sub(r"\s", "", "".join(cells))
            assert line in words, f"{content.name}: {line}"


def test_findings_and_headlines_stand_on_the_first_page(
    report: Report, read: Callable[..., str]
) -> None:
    first = re.sub(r"\s+", " ", read(paper(report, folders=[]), "-raw").split("\f")[0])
    assert all(found.sentence in first for found in report.findings)
    assert all(f"{line.label} {line.value}" in first for line in report.headlines)
    assert "Simulated, and marked so: 1 of 6 servers." in first


def test_pages_have_numbers_and_tables_their_headings_again(read: Callable[..., str]) -> None:
    rollups = made_up(days=1)
    servers = [row | {"server": f"s{n:03}"} for row in rollups.servers[:96] for n in range(120)]
    report = _report(Rollups(servers, [], [], []))
    pages = read(paper(report, folders=[]), "-layout").split("\f")[:-1]
    numbers = [re.search(r"(\d+)\s*/\s*(\d+)\s*$", page) for page in pages]
    assert [m and (int(m[1]), int(m[2])) for m in numbers] == [
        (n, len(pages)) for n in range(1, len(pages) + 1)
    ]
    with_rows = [
        page for page in pages if len(re.findall(r"^\s*s\d{3} .*%$", page, re.MULTILINE)) > 5
    ]
    assert len(with_rows) > 2
    assert all("Observed" in page for page in with_rows)
    assert all("Example lab: 5 October 2026" in page for page in pages)


def test_nothing_stands_beyond_the_edges_of_a_page(read: Callable[..., str]) -> None:
    """Not even pictures of more servers than a page has room for."""
    rollups = made_up(days=1)
    first = [row for row in rollups.devices if row["server"] == "atlas"]
    servers = [row | {"server": f"s{n:02}"} for row in rollups.servers[:96] for n in range(40)]
    devices = [
        row | {"server": f"s{n:02}", "device": f"{row['device']}-{n}"}
        for row in first
        for n in range(40)
    ]
    text = read(paper(_report(Rollups(servers, devices, [], [])), folders=[]), "-bbox")
    boxes = re.findall(r'xMin="([\d.-]+)" yMin="([\d.-]+)" xMax="([\d.]+)" yMax="([\d.]+)">', text)
    assert len(boxes) > 500
    margin, width, height = 15.0, 841.89, 595.28
    low, high = (min(float(box[n]) for box in boxes) for n in (0, 1))
    right, bottom = (max(float(box[n]) for box in boxes) for n in (2, 3))
    assert low >= margin
    assert high >= margin
    assert right <= width - margin
    assert bottom <= height - margin


@pytest.mark.parametrize("name", ["Zoë", "w" * 150, "=1+1", "a\nb", "--"])
def test_a_name_survives_without_any_font(name: str, read: Callable[..., str]) -> None:
    words = re.sub(r"\s+", "", read(paper(_named(name), folders=[]), "-raw"))
    assert "".join(name.split()) in words


def test_a_name_that_no_font_has_is_told_by_its_code_points(read: Callable[..., str]) -> None:
    words = read(paper(_named("王小"), folders=[]), "-raw")
    assert "[U+738B][U+5C0F]" in words


def test_a_font_that_has_the_signs_of_a_name_is_found(
    read: Callable[..., str], font: Callable[[str, str], Path], tmp_path: Path
) -> None:
    font("DejaVuSans.ttf", LATIN)
    font("wqy-test.ttf", "王小明")
    words = read(paper(_named("王小明"), folders=[tmp_path]), "-raw")
    assert "王小明" in words
    assert "U+" not in words


def test_only_fonts_that_are_needed_are_chosen(
    font: Callable[[str, str], Path], tmp_path: Path
) -> None:
    text = font("DejaVuSans.ttf", LATIN)
    chinese, thai = font("wqy-test.ttf", "王"), font("NotoSansThai-Regular.ttf", "สม")
    assert choose("ann", [tmp_path]).others == ()
    assert choose("ann 王", [tmp_path]).others == (chinese,)
    assert set(choose("ann 王 ส", [tmp_path]).others) == {chinese, thai}
    assert choose("ann", [tmp_path]).regular == text


def test_a_damaged_font_is_no_font(font: Callable[[str, str], Path], tmp_path: Path) -> None:
    font("DejaVuSans.ttf", LATIN)
    (tmp_path / "wqy-broken.ttf").write_bytes(b"\0\1\0\0 this is no font")
    fonts = choose("王", [tmp_path])
    assert fonts.others == ()
    assert fonts.readable("王") == "[U+738B]"


def test_without_fonts_western_signs_are_written(tmp_path: Path) -> None:
    fonts = choose("Zoë", [tmp_path / "nowhere"])
    assert fonts.regular is None
    assert fonts.signs == core_signs()
    assert fonts.readable("Zoë – Łuk\n") == "Zoë – [U+0141]uk"


def test_an_empty_lab_has_a_page(read: Callable[..., str]) -> None:
    words = read(paper(_report(Rollups([], [], [], [])), folders=[]), "-raw")
    assert "Example lab: 5 October 2026" in words


def test_figures_on_paper_are_those_of_the_json(report: Report, read: Callable[..., str]) -> None:
    """One number by hand, so that a shared mistake in writing would show."""
    used = json.loads(report.to_json())["tables"]["server"][0]["gpu_hours_used"]
    line = next(
        line
        for line in read(paper(report, folders=[]), "-layout").splitlines()
        if re.match(r"\s*atlas\s+vision", line)
    )
    assert line.split()[4] == f"{used:.1f}"
