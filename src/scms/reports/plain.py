"""A report as Markdown, CSV and JSON: document in, text out.

Names come from servers and are not trusted: in Markdown they are escaped, and in CSV a cell that a
spreadsheet would run as a formula is quoted.
"""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from scms.reports import metrics, present
from scms.reports.contents import title_of

if TYPE_CHECKING:
    import pandas as pd

    from scms.reports.document import Report

_MARKDOWN: Final = re.compile(r"([\\`*_{}\[\]<>|#&~])")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_FACTS: Final = ("server", "group", "device_index", "device_name", "gpu_count")
_DIGITS: Final = 6


def subtitle(report: Report) -> str:
    """Whose days are meant and when the report was made, in one line."""
    zone = report.period.zone
    made = f"made {report.made_at.astimezone(zone):%Y-%m-%d %H:%M}"
    state = ", before the period had ended" if report.partial else ""
    return f"days of {zone} · {made}{state}"


def markdown(report: Report) -> str:
    """The report for a chat, a wiki or a terminal."""
    parts = [f"# {_escape(report.name)}: {_escape(report.period.title)}", subtitle(report)]
    if report.simulated:
        parts.append(f"**{report.simulated}**")
    parts.append(
        "\n".join(f"- **{item.label}: {item.value}** {item.detail}" for item in report.headlines)
    )
    if report.findings:
        sentences = "\n".join(f"- {_escape(found.sentence)}" for found in report.findings)
        parts.append(f"## What stands out\n\n{sentences}")
    for by in ("server", "user", "group", "model", report.time_dimension):
        if not report.tables[by].empty:
            table = _markdown_table(report.tables[by], by)
            parts.append(f"## {title_of(by)}\n\n{table}")
    return "\n\n".join(parts) + "\n"


def _markdown_table(frame: pd.DataFrame, by: str) -> str:
    columns = present.columns_of(frame, by)
    rule = ["---" if column.kind == "text" else "---:" for column in columns]
    lines = [" | ".join(column.title for column in columns), " | ".join(rule)]
    for row in present.rows_of(frame):
        cells = [_escape(column.write(row[column.name])) for column in columns]
        mark = present.simulated_mark(row, by)
        cells[0] += f" ({mark})" if mark else ""
        lines.append(" | ".join(cells))
    return "\n".join(f"| {line} |" for line in lines)


def _escape(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def csv_text(report: Report) -> str:
    """One tidy table of use: dimension, key, metrics, facts, simulated, period."""
    names = [*metrics.METRICS, *_FACTS, "simulated"]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["dimension", "key", *names, "period", "zone"])
    said = [report.period.label, str(report.period.zone)]
    of_use = {by: frame for by, frame in report.tables.items() if by in present.TITLES}
    for by, frame in {"total": report.totals, **of_use}.items():
        for row in present.rows_of(frame):
            key = plain_value(row.get(by))
            cells = [plain_value(row.get(name)) for name in names]
            writer.writerow([_safe(cell) for cell in (by, key, *cells, *said)])
    return out.getvalue()


def _safe(cell: Any) -> Any:
    """A leading apostrophe makes a spreadsheet take a formula for the text it is."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def json_text(report: Report) -> str:
    """Everything in it, with numbers as they are."""
    period = report.period
    document = {
        "cluster": report.name,
        "period": {
            "label": period.label,
            "title": period.title,
            "kind": period.kind,
            "start": plain_value(period.start),
            "end": plain_value(period.end),
            "zone": str(period.zone),
        },
        "made_at": plain_value(report.made_at.astimezone(UTC)),
        "totals": _rows(report.totals)[0],
        "findings": [
            {"kind": f.kind, "sentence": f.sentence, "gpu_hours": plain_value(f.gpu_hours)}
            for f in report.findings
        ],
        "tables": {by: _rows(frame) for by, frame in report.tables.items()},
    }
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {str(name): plain_value(value) for name, value in row.items()}
        for row in present.rows_of(frame)
    ]


def plain_value(value: Any) -> Any:
    """A cell as JSON and CSV know it: unknown is null, times are ISO 8601."""
    if present.unknown(value):
        return None
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (bool, str)):
        return value
    number = round(float(value), _DIGITS)
    return int(number) if number.is_integer() else number
