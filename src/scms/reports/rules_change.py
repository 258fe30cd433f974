"""Findings on change: the rows of the table of periods in, sentences out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scms.reports.finding import Finding, Row
from scms.reports.present import hours, ratio

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scms.reports.finding import Rule
    from scms.settings import FindingSettings

    Tables = Mapping[str, Sequence[Row]]


def _changed(tables: Tables, _total: Row, at: FindingSettings) -> list[Finding]:
    rows = list(tables.get("periods", ()))
    if not rows or (rows[0]["coverage_ratio"] or 0) < at.coverage_ratio:
        return []
    return [finding for row in rows[1:] for finding in _against(rows[0], row, at)]


def _against(this: Row, row: Row, at: FindingSettings) -> list[Finding]:
    change, share = row.get("used_change_gpu_hours"), row.get("used_change_ratio")
    if change is None or share is None:
        return []
    if abs(change) < at.gpu_hours or abs(share) < at.change_ratio:
        return []
    more = "more" if change > 0 else "less"
    sentence = (
        f"Compared with {row['period']}, {hours(abs(change))} GPU-hours {more} were used "
        f"({ratio(abs(share))} {more}); use was {ratio(this['gpu_use_ratio'])} of the available "
        f"time, after {ratio(row['gpu_use_ratio'])}."
    )
    return [Finding("changed", sentence, abs(change), "periods")]


def _not_compared(tables: Tables, _total: Row, at: FindingSettings) -> list[Finding]:
    """The period before, when it was watched, but too little; one without any row is no news."""
    rows = list(tables.get("periods", ()))[1:]
    return [
        Finding(
            "not_compared",
            f"Nothing is compared with {row['period']}: only {ratio(row['coverage_ratio'])} of it "
            "was observed.",
            None,
            "periods",
        )
        for row in rows
        if row["coverage_ratio"] is not None and 0 < row["coverage_ratio"] < at.coverage_ratio
    ]


RULES: Final[dict[str, Rule]] = {"changed": _changed, "not_compared": _not_compared}
