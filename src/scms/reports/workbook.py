"""A report as a workbook: document in, XLSX bytes out.

The first sheet has what to take home; then there is a sheet per table with every column of it.
Numbers are numbers, with the digits that CSV and JSON have; times are dates in the zone of the
cluster, which Excel cannot keep beside them, so the heading names it; unknown is an empty cell.
Names are written as text, never as a formula or a link.
"""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from scms.reports import present
from scms.reports.contents import contents, described
from scms.reports.plain import plain_value, subtitle

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from xlsxwriter import Workbook
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

    from scms.reports.contents import Content
    from scms.reports.document import Report
    from scms.reports.present import Column

#: Text stays text: a user called "=1+1" or "http://x" is a user.
_OPTIONS: Final = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}
_NARROWEST, _WIDEST = 9, 46
_NOT_IN_SHEET_NAMES: Final = re.compile(r"[\[\]:*?/\\']")
_LONGEST_SHEET_NAME: Final = 31
_INK: Final = "#111827"
_STYLES: Final[dict[str, dict[str, Any]]] = {
    "title": {"bold": True, "font_size": 16},
    "quiet": {"font_color": "#5b6676"},
    "big": {"bold": True, "font_size": 12, "align": "right"},
    "section": {"bold": True, "bottom": 1},
    "sentence": {"text_wrap": True, "valign": "top"},
    "heading": {"bold": True, "text_wrap": True, "valign": "vcenter", "bottom": 1},
    "heading_right": {"bold": True, "text_wrap": True, "valign": "vcenter", "bottom": 1}
    | {"align": "right"},
    "text": {},
    "number": {"num_format": "#,##0.0"},
    "whole": {"num_format": "#,##0"},
    "share": {"num_format": "0.0%"},
    "day": {"num_format": "yyyy-mm-dd", "align": "left"},
    "moment": {"num_format": "yyyy-mm-dd hh:mm", "align": "left"},
}


def workbook(report: Report) -> bytes:
    """The report as an XLSX file; the same report gives the same bytes."""
    import xlsxwriter

    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, _OPTIONS)
    created = report.made_at.astimezone(UTC).replace(tzinfo=None)
    book.set_properties({"title": _title(report), "author": "SCMS", "created": created})
    styles = {
        name: book.add_format({"font_color": _INK, **style}) for name, style in _STYLES.items()
    }
    _overview(book.add_worksheet("Overview"), report, styles)
    taken = {"overview"}
    for content in contents(report):
        _table(_sheet(book, content.title, taken), content, report, styles)
    book.close()
    return out.getvalue()


def heading_of(column: Column, *, zone: str | None = None) -> str:
    """Heading and unit, as one cell; a column of times says of which zone they are."""
    unit = column.unit if zone is None else zone
    return f"{column.heading} ({unit})" if unit else column.heading


def _title(report: Report) -> str:
    return f"{report.name}: {report.period.title}"


def _overview(sheet: Worksheet, report: Report, styles: Mapping[str, Format]) -> None:
    """Title, headline figures, findings, and the totals as numbers."""
    sheet.hide_gridlines(2)
    sheet.set_column(0, 0, 30)
    sheet.set_column(1, 1, 16)
    sheet.set_column(2, 2, 90)
    sheet.write_string(0, 0, _title(report), styles["title"])
    sheet.write_string(1, 0, subtitle(report), styles["quiet"])
    sheet.write_string(2, 0, report.simulated, styles["quiet"])
    row = 4
    for headline in report.headlines:
        sheet.write_string(row, 0, headline.label, styles["text"])
        sheet.write_string(row, 1, headline.value, styles["big"])
        sheet.write_string(row, 2, headline.detail, styles["quiet"])
        row += 1
    row = _findings(sheet, row + 1, report, styles)
    _totals(sheet, row + 1, report, styles)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)


def _findings(sheet: Worksheet, row: int, report: Report, styles: Mapping[str, Format]) -> int:
    if not report.findings:
        return row
    _section(sheet, row, "What stands out", "GPU-h at stake", styles)
    for found in report.findings:
        row += 1
        sheet.write_string(row, 0, found.kind.replace("_", " "), styles["sentence"])
        _write(sheet, row, 1, found.gpu_hours, styles["number"])
        sheet.write_string(row, 2, found.sentence, styles["sentence"])
    return row + 1


def _totals(sheet: Worksheet, row: int, report: Report, styles: Mapping[str, Format]) -> None:
    _section(sheet, row, "All servers together", "", styles)
    totals = present.rows_of(report.totals)[0]
    for name in totals:
        if totals[name] is None or name == "simulated":
            continue
        row += 1
        column = described(name, report.totals)
        sheet.write_string(row, 0, heading_of(column), styles["text"])
        _write(sheet, row, 1, totals[name], styles[_style(column, report.totals[name])])
        sheet.write_string(row, 2, name, styles["quiet"])


def _section(
    sheet: Worksheet, row: int, title: str, second: str, styles: Mapping[str, Format]
) -> None:
    for column, text in enumerate((title, second, "")):
        sheet.write_string(row, column, text, styles["section"])


def _sheet(book: Workbook, title: str, taken: set[str]) -> Worksheet:
    """A new sheet under a name that Excel takes and that no other has."""
    name = base = _NOT_IN_SHEET_NAMES.sub(" ", title)[:_LONGEST_SHEET_NAME].strip() or "Table"
    number = 1
    while name.lower() in taken:
        number += 1
        ending = f" {number}"
        name = base[: _LONGEST_SHEET_NAME - len(ending)] + ending
    taken.add(name.lower())
    return book.add_worksheet(name)


def _table(
    sheet: Worksheet, content: Content, report: Report, styles: Mapping[str, Format]
) -> None:
    columns = content.all_columns()
    rows = present.rows_of(content.frame)
    for position, column in enumerate(columns):
        style = _style(column, content.frame[column.name])
        zone = str(report.period.zone) if style in {"day", "moment"} else None
        heading = heading_of(column, zone=zone)
        over = "heading" if column.kind == "text" else "heading_right"
        sheet.write_string(0, position, heading, styles[over])
        longest = max((len(column.write(row[column.name])) for row in rows), default=0)
        wanted = max(longest, *(len(word) for word in heading.split())) + 3
        sheet.set_column(position, position, min(max(wanted, _NARROWEST), _WIDEST))
        for number, row in enumerate(rows, start=1):
            value = row[column.name]
            if value is None and position == 0:  # a key that is null has a name of its own
                value = column.write(None)
            _write(sheet, number, position, value, styles[style])
    sheet.set_row(0, 32)
    sheet.freeze_panes(1, 1)
    sheet.autofilter(0, 0, len(rows), len(columns) - 1)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)


def _style(column: Column, values: pd.Series) -> str:
    if values.dtype.kind == "M":
        midnights = (values.dt.hour == 0) & (values.dt.minute == 0)
        return "day" if midnights.all() else "moment"
    if column.kind == "text":
        return "text"
    if column.write is present.ratio:
        return "share"
    return "whole" if column.write is present.count else "number"


def _write(sheet: Worksheet, row: int, column: int, value: Any, style: Format) -> None:
    """One cell, as what it is; nothing where nothing is known."""
    if present.unknown(value):
        sheet.write_blank(row, column, None, style)
    elif isinstance(value, datetime):
        sheet.write_datetime(row, column, value.replace(tzinfo=None), style)
    else:
        plain = plain_value(value)
        if isinstance(plain, bool):
            sheet.write_boolean(row, column, plain, style)
        elif isinstance(plain, str):
            sheet.write_string(row, column, plain, style)
        else:
            sheet.write_number(row, column, plain, style)
