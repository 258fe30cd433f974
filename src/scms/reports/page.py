"""A report as a page: document in, HTML out.

The page holds everything it needs, so it can be mailed and read offline. The templates, ours or a
lab's own, escape every value.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from scms.reports import charts, present
from scms.reports.contents import contents, title_of
from scms.reports.plain import subtitle
from scms.reports.present import OTHERS
from scms.reports.template import render

if TYPE_CHECKING:
    from scms.reports.contents import Content
    from scms.reports.document import Report

_TABLES: Final = ("server", "user", "group", "model")


def page(report: Report) -> str:
    """A self-contained page with charts."""
    from bokeh.embed import components
    from bokeh.resources import Resources
    from markupsafe import Markup

    pictures = charts.gallery(report)
    script, divs = components({picture.name: picture.figure for picture in pictures})
    library = Resources(mode="inline", components=["bokeh"]).render_js()
    # Bokeh's own output, in which it has escaped what came from the tables.
    ink = files("scms.reports").joinpath("templates/ink.js").read_text(encoding="utf-8")
    scripts = Markup(f"{library}{script}<script>\n{ink}</script>")  # noqa: S704
    drawn = [
        {
            "name": picture.name,
            "title": picture.title,
            "note": picture.note,
            "figure": Markup(divs[picture.name]),  # noqa: S704
        }
        for picture in pictures
    ]
    context = _context(report) | {"pictures": drawn, "scripts": scripts}
    return render("page.html.jinja", context, own=report.template)


def fragment(report: Report) -> str:
    """The same without charts, for the output of a notebook cell."""
    return render("body.html.jinja", _context(report) | {"pictures": []})


def _context(report: Report) -> dict[str, Any]:
    from markupsafe import Markup

    css = files("scms.reports").joinpath("templates/report.css").read_text(encoding="utf-8")
    folded = ("tag", "weekday", "device", report.time_dimension)
    details = [by for by in folded if by in report.tables]
    return {
        "report": report,
        "subtitle": subtitle(report),
        "css": Markup(css),  # noqa: S704  our own file
        "tables": [_table(report, by) for by in _TABLES if not report.tables[by].empty],
        "details": [_table(report, by) for by in details if not report.tables[by].empty],
        "others": [_other(content) for content in contents(report) if content.name in OTHERS],
        "anchors": {content.name for content in contents(report)},
    }


def _table(report: Report, by: str) -> dict[str, Any]:
    """What the template writes: headings, rows of cells, and the total where it means something."""
    frame = report.tables[by]
    columns = present.columns_of(frame, by)
    rows = [_row(row, by, columns) for row in present.rows_of(frame)]
    total = None
    if by == "server" and len(rows) > 1:
        total = _row({**present.rows_of(report.totals)[0], "simulated": False}, by, columns)
        for cell, column in zip(total["cells"], columns, strict=True):
            cell["text"] = "" if column.kind == "text" else cell["text"]
        total["cells"][0]["text"] = "All"
    return {"by": by, "title": title_of(by), "columns": columns, "rows": rows, "total": total}


def _other(content: Content) -> dict[str, Any]:
    """A table that is none of use."""
    rows = [_row(row, content.name, content.columns) for row in present.rows_of(content.frame)]
    note = OTHERS[content.name][1]
    by, columns = content.name, content.columns
    return {
        "by": by,
        "title": content.title,
        "note": note,
        "columns": columns,
        "rows": rows,
        "total": None,
    }


def _row(row: dict[str, Any], by: str, columns: tuple[present.Column, ...]) -> dict[str, Any]:
    cells = [
        {
            "text": column.write(row.get(column.name)),
            "kind": column.kind,
            "low": column.kind == "coverage" and _low(row.get(column.name)),
            "bars": _bars(row) if column.kind == "use" else None,
        }
        for column in columns
    ]
    return {"cells": cells, "mark": present.simulated_mark(row, by)}


def _low(coverage: Any) -> bool:
    return not present.unknown(coverage) and coverage < 0.8


def _bars(row: dict[str, Any]) -> dict[str, str] | None:
    """Widths of the used and the idle-held part of the available time, in per cent."""
    available = row.get("gpu_hours_available")
    if present.unknown(available) or not available:
        return None
    parts = {"used": row["gpu_hours_used"], "held": row["gpu_hours_idle_held"]}
    return {name: f"{100 * part / available:.1f}" for name, part in parts.items()}
