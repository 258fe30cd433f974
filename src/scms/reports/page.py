"""A report as a page: document in, HTML out.

The page holds everything it needs, so it can be mailed and read offline. The templates escape
every value.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from scms.reports import charts, present
from scms.reports.contents import title_of
from scms.reports.plain import subtitle

if TYPE_CHECKING:
    from jinja2 import Environment

    from scms.reports.document import Report

_TABLES: Final = ("server", "user", "group", "model")
_MOST_BARS: Final = 40


def page(report: Report) -> str:
    """A self-contained page with charts."""
    from bokeh.embed import components
    from bokeh.resources import Resources
    from markupsafe import Markup

    figures = {"time": charts.usage_over_time(report.tables[report.time_dimension])}
    servers = charts.drawable(report.tables["server"])
    if not servers.empty:
        figures["server"] = charts.usage_by(servers.head(_MOST_BARS))
    script, divs = components(figures)
    library = Resources(mode="inline", components=["bokeh"]).render_js()
    # Bokeh's own output, in which it has escaped what came from the tables.
    scripts = Markup(library + script)  # noqa: S704
    placed = {name: Markup(div) for name, div in divs.items()}  # noqa: S704
    template = _templates().get_template("page.html.jinja")
    return template.render(**_context(report), charts=placed, scripts=scripts)


def fragment(report: Report) -> str:
    """The same without charts, for the output of a notebook cell."""
    return _templates().get_template("body.html.jinja").render(**_context(report), charts={})


@cache
def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("scms.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _context(report: Report) -> dict[str, Any]:
    from markupsafe import Markup

    css = files("scms.reports").joinpath("templates/report.css").read_text(encoding="utf-8")
    details = ("device", report.time_dimension)
    servers = report.tables["server"]
    return {
        "report": report,
        "subtitle": subtitle(report),
        "css": Markup(css),  # noqa: S704  our own file
        "tables": [_table(report, by) for by in _TABLES if not report.tables[by].empty],
        "details": [_table(report, by) for by in details if not report.tables[by].empty],
        "most_bars": f"; the {_MOST_BARS} most used" if len(servers) > _MOST_BARS else "",
        "resource": charts.resource(servers),
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
