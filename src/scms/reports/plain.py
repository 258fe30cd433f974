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
from scms.reports.contents import contents

if TYPE_CHECKING:
    import pandas as pd

    from scms.reports.contents import Content
    from scms.reports.document import Report

_MARKDOWN: Final = re.compile(r"([\\`*_{}\[\]<>|#&~])")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_FACTS: Final = ("server", "group", "device_index", "device_name", "gpu_count")
_DIGITS: Final = 6
#: One row per GPU: nobody reads that in a chat.
_NOT_TO_READ: Final = frozenset({"device", "health"})


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
    for content in contents(report):
        if content.name not in _NOT_TO_READ:
            part = [f"## {content.title}", content.note, _markdown_table(content)]
            parts += [text for text in part if text]
    return "\n\n".join(parts) + "\n"


def _markdown_table(content: Content) -> str:
    columns = content.columns
    rule = ["---" if column.kind == "text" else "---:" for column in columns]
    lines = [" | ".join(column.title for column in columns), " | ".join(rule)]
    lines += [" | ".join(map(_escape, cells)) for cells in content.texts()]
    return "\n".join(f"| {line} |" for line in lines)


def _escape(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def csv_text(report: Report) -> str:
    """One tidy table: dimension, key, metrics, facts, simulated, period, and what others add.

    The key of a table that is not by one dimension is its first column.
    """
    names = [*metrics.METRICS, *_FACTS, "simulated"]
    others = (str(name) for frame in report.tables.values() for name in frame.columns[1:])
    more = list(dict.fromkeys(name for name in others if name not in names))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["dimension", "key", *names, "period", "zone", *more])
    said = [report.period.label, str(report.period.zone)]
    for by, frame in {"total": report.totals, **report.tables}.items():
        of_row = by if by == "total" or frame.empty else str(frame.columns[0])
        for row in present.rows_of(frame):
            key = plain_value(row.get(of_row))
            cells = [plain_value(row.get(name)) for name in names]
            added = [plain_value(row.get(name)) for name in more]
            writer.writerow([_safe(cell) for cell in (by, key, *cells, *said, *added)])
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
