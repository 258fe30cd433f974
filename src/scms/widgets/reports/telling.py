"""How a report reads on its page: tables and findings in, rows of the page's widgets out.

Sentences stay whole, so that the page can say them in another language; the names in them stand
beside, each with its role: ``server``, ``user``, ``group``, ``tag`` or ``model``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from scms.reports.contents import Content
    from scms.reports.document import Report
    from scms.settings import FindingSettings

Row = dict[str, Any]
#: What each table has one row per.
HEADINGS: Final = {
    "server": "Use of servers",
    "user": "Use by users",
    "group": "Use by groups",
    "model": "Use by GPU models",
    "tag": "Use by tags",
    "device": "Use of GPUs",
    "month": "Use by month",
    "day": "Use by day",
    "hour": "Use by hour",
    "weekday": "Use by day of the week",
    "hour_of_day": "Use by hour of the day",
    "hour_of_week": "Use by hour of the week",
}
BY: Final = {
    key: "by " + words.split(" by ", 1)[1] if " by " in words else "by " + key
    for key, words in HEADINGS.items()
} | {"user": "by user", "group": "by group", "model": "by GPU model", "tag": "by tag",
     "device": "by GPU"}  # fmt: skip
#: The pictures, by the names of `scms.reports.charts.gallery`.
PICTURES: Final = {
    "time": "GPU time",
    "went": "Where the GPU-hours went",
    "hours": "When GPUs are used",
    "heat": "Use of each server",
    "grid": "Every GPU",
    "lorenz": "How use is spread",
    "change": "Change of use",
}
_WHY_NOT: Final = {
    "grid": "Every GPU hour by hour is drawn for up to eight days: choose a week or a day.",
    "hours": "The hours of the week are drawn for more than two days: choose a week or more.",
    "change": "The period before was observed too little to compare with.",
    "of_user": "This picture is about all users: remove the user to see it.",
}
_NAMES: Final = frozenset({"server", "user", "group", "tag", "tags", "model", "device",
                           "device_name", "top_users"})  # fmt: skip
#: What a row can narrow a report to.
_NARROWS: Final = ("server", "user", "group", "tag", "model")
_MONTHS_AND_DAYS: Final = {"month": "%Y-%m", "day": "%Y-%m-%d"}
#: Headline figures that can be compared, by their label: the column of the table of periods.
_COMPARED: Final = {
    "GPU-hours used": "gpu_hours_used",
    "Held without work": "gpu_hours_idle_held",
    "Free": "gpu_hours_free",
    "Mean utilisation": "gpu_utilization_ratio",
    "GPU energy": "energy_kwh",
    "CPU-hours used": "cpu_hours_used",
    "Observed": "coverage_ratio",
}


def names_of(report: Report) -> dict[str, str]:
    """Every name that a sentence of the report may hold, with its role."""
    names: dict[str, str] = {}
    for by in ("tag", "model", "group", "user", "server"):
        if by in report.tables:
            names |= keys_of(report.tables[by], by)
    return names


def keys_of(frame: pd.DataFrame, by: str) -> dict[str, str]:
    """The names that are keys of a table of use, with their role."""
    if by == "device":
        return dict.fromkeys(frame["server"].dropna(), "server")
    return dict.fromkeys(frame[by].dropna(), by) if by in _NARROWS else {}


def mentioned(sentence: str, names: Mapping[str, str]) -> list[list[str]]:
    """The names in a sentence, each with its role, in order."""
    if not names:
        return []
    longest_first = sorted(names, key=len, reverse=True)
    found = re.compile(rf"(?<![\w.-])({'|'.join(map(re.escape, longest_first))})(?![\w-])")
    return [[name, names[name]] for name in dict.fromkeys(found.findall(sentence))]


def findings(report: Report, at: FindingSettings, names: Mapping[str, str]) -> list[Row]:
    """What was noticed: sentence, GPU-hours at stake, rule, threshold, evidence."""
    from scms.reports.contents import title_of
    from scms.reports.explained import explained
    from scms.reports.present import hours

    rows = []
    for finding in report.findings:
        rule = explained(finding.kind, at)
        rows.append(
            {
                "kind": finding.kind,
                "sentence": finding.sentence,
                "names": mentioned(finding.sentence, names),
                "stake": "" if finding.gpu_hours is None else hours(finding.gpu_hours),
                "rule": rule.words,
                "limit": rule.limit,
                "setting": rule.setting,
                "evidence": finding.evidence,
                "table": title_of(finding.evidence) if finding.evidence in report.tables else "",
            }
        )
    if report.simulated:
        nothing = dict.fromkeys(("stake", "rule", "limit", "setting", "evidence", "table"), "")
        rows.append(nothing | {"kind": "simulated", "sentence": report.simulated, "names": []})
    return rows


def tiles(report: Report) -> list[Row]:
    """The headlines, each beside the period before and the one a year ago."""
    from scms.reports.present import rows_of

    earlier = rows_of(report.tables["periods"])
    return [
        _tile(n, line.label, line.value, line.detail.split(", ")[0],
              list(_beside(earlier, _COMPARED.get(line.label, ""))))
        for n, line in enumerate(report.headlines)
    ]  # fmt: skip


def tiles_of_user(used: pd.DataFrame, report: Report) -> list[Row]:
    """What one user used, as far as it can be told."""
    from scms.reports.present import hours, ratio, rows_of

    row = next(iter(rows_of(used)), None)
    if row is None:
        return [_tile(0, "GPU-hours used", "–", "nothing was recorded of this user", [])]
    everything = rows_of(report.totals)[0]["gpu_hours_used"]
    share = row["gpu_hours_used"] / everything if everything and row["gpu_hours_used"] else None
    return [
        _tile(0, "GPU-hours used", hours(row["gpu_hours_used"]), f"{ratio(share)} of all used", []),
        _tile(1, "Held without work", hours(row["gpu_hours_idle_held"]), "GPU-hours", []),
        _tile(2, "CPU-hours used", hours(row["cpu_hours_used"]), "by visible processes", []),
        _tile(3, "Observed", ratio(row["coverage_ratio"]), "of the time of the servers", []),
    ]


def _beside(periods: Sequence[Row], column: str) -> Iterator[str]:
    """The same figure of the two earlier periods, and how much it changed."""
    from scms.reports.present import UNKNOWN, hours, ratio

    if not column or len(periods) < 3:
        return
    now = periods[0].get(column)
    for words, row in zip(("before", "a year ago"), periods[1:3], strict=True):
        then = row.get(column)
        write = ratio if column.endswith("_ratio") else hours
        if then is None:
            yield f"{words} {UNKNOWN}"
            continue
        change = "" if now is None or not then else f" ({_signed(now / then - 1)})"
        yield f"{words} {write(then)}" + ("" if column.endswith("_ratio") else change)


def _signed(change: float) -> str:
    return f"{'+' if change >= 0 else '−'}{abs(change) * 100:.0f} %"


def _tile(n: int, label: str, value: str, note: str, more: list[str]) -> Row:
    return {
        "key": f"report-{n}", "label": label, "value": value, "suffix": "", "note": note,
        "more": more, "ratio": None, "tone": "", "title": f"{label}: {value} {note}",
    }  # fmt: skip


def drawn_pictures(report: Report, user: str | None) -> list[str]:
    """The names of the pictures that can be drawn."""
    from scms.reports.charts import gallery

    if user is not None:
        return ["time", "hours"]
    return [picture.name for picture in gallery(report) if picture.name in PICTURES]


def why_not(name: str) -> str:
    """Why a picture cannot be drawn."""
    return _WHY_NOT.get(name, "There is nothing to draw in this period.")


def evidence_of(report: Report) -> list[tuple[str, str]]:
    """The tables behind the findings: name and title."""
    from scms.reports.contents import contents
    from scms.reports.present import OTHERS

    return [(c.name, c.title) for c in contents(report) if c.name in OTHERS]


def table_of(frame: pd.DataFrame, by: str) -> tuple[list[Row], list[Row]]:
    """A table of use as columns and rows for `Table`: texts, and values to sort and draw by."""
    from scms.reports.present import columns_of, rows_of, simulated_mark

    shown = columns_of(frame, by)
    rows = [
        _row(shown, row, simulated_mark(row, by)) | {"drill": _drill(row, by)}
        for row in rows_of(frame)
    ]
    return [_column(c) for c in shown], rows


def table_of_content(content: Content) -> tuple[list[Row], list[Row]]:
    """Any other table of a report, the same way."""
    from scms.reports.present import rows_of, simulated_mark

    shown = content.columns
    rows = [_row(shown, row, simulated_mark(row, content.name)) for row in rows_of(content.frame)]
    return [_column(c) for c in shown], rows


def _column(column: Any) -> Row:
    name = column.name in _NAMES
    return {"heading": column.heading, "unit": column.unit, "kind": column.kind, "name": name}


def _row(shown: Sequence[Any], row: Row, mark: str) -> Row:
    return {
        "texts": [c.write(row[c.name]) for c in shown],
        "values": [_plain(row[c.name]) for c in shown],
        "mark": mark,
        "page": row.get("server") if isinstance(row.get("server"), str) else None,
    }


def _drill(row: Row, by: str) -> list[str] | None:
    """What a click on a row narrows the report to: which part of the question, and its value."""
    if by in _MONTHS_AND_DAYS:
        return ["period", row[by].strftime(_MONTHS_AND_DAYS[by])]
    word = "server" if by == "device" else by
    value = row.get(word)
    return [word, value] if word in _NARROWS and isinstance(value, str) else None


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
