"""A report of a period: a query function in, a document out, saved by suffix.

The document is data (tables, totals, findings); page.py and plain.py write it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from scms.errors import ReportError
from scms.reports import findings, metrics, present

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    import pandas as pd

    from scms.reports.period import Period

#: Up to so many days a report shows hours, up to so many days, above months.
_MOST_DAYS_BY_HOUR: Final = 2
_MOST_DAYS_BY_DAY: Final = 100


@dataclass(frozen=True, slots=True)
class Headline:
    """One number that a reader takes home, with what it means."""

    label: str
    value: str
    detail: str


@dataclass(frozen=True, eq=False)
class Report:
    """Use of a cluster in a period.

    Attributes:
        name: Of the cluster.
        period: What it is about.
        made_at: When it was made; a period that had not ended is told as far as it had passed.
        tables: By dimension (``server``, ``user``, ``group``, ``model``, ``device``, and one of
            ``hour``, ``day`` or ``month``), as `scms.reports.metrics.usage` returns them.
        totals: The finished total, one row with the same metrics.
        headlines: The numbers on top.
        findings: What was noticed, each with the GPU-hours at stake.
    """

    name: str
    period: Period
    made_at: datetime
    tables: Mapping[str, pd.DataFrame]
    totals: pd.DataFrame
    headlines: tuple[Headline, ...]
    findings: tuple[findings.Finding, ...]

    @property
    def time_dimension(self) -> str:
        """What its time table has one row per: hour, day or month."""
        return next(by for by in ("hour", "day", "month") if by in self.tables)

    @property
    def partial(self) -> bool:
        """Whether the period had not ended when the report was made."""
        return self.made_at < self.period.end

    @property
    def simulated(self) -> str:
        """What to say of simulated servers: nothing where there are none."""
        marks = self.tables["server"]["simulated"]
        if not marks.any():
            return ""
        if marks.all():
            return "All servers of this report are simulated."
        return f"Simulated, and marked so: {int(marks.sum())} of {len(marks)} servers."

    def save(self, path: str | Path) -> Path:
        """Write it, in the form of the suffix: .html, .csv, .md or .json.

        Raises:
            ReportError: The suffix is none of these, or the file cannot be written.
        """
        path = Path(path)
        writer = _WRITERS.get(path.suffix.lower())
        if writer is None:
            raise ReportError(
                f"{path.name}: no report is written as {path.suffix or 'a file without suffix'}",
                expected=f"one of {', '.join(_WRITERS)}",
                mend=f"save it as {path.stem}.html",
            )
        try:
            path.write_text(writer(self), encoding="utf-8", newline="")
        except OSError as error:
            raise ReportError(
                f"{path} cannot be written: {error.strerror}", expected="a folder to write in"
            ) from error
        return path

    def to_html(self) -> str:
        """A page of its own, charts included, that asks no other machine for anything."""
        from scms.reports.page import page

        return page(self)

    def to_markdown(self) -> str:
        """The same in Markdown."""
        from scms.reports.plain import markdown

        return markdown(self)

    def to_csv(self) -> str:
        """One table: dimension, key, metrics."""
        from scms.reports.plain import csv_text

        return csv_text(self)

    def to_json(self) -> str:
        """Everything, numbers as they are and unknown as null."""
        from scms.reports.plain import json_text

        return json_text(self)

    def __repr__(self) -> str:
        return f"<Report {self.name} {self.period.label}: {len(self.tables['server'])} servers>"

    def _repr_html_(self) -> str:
        from scms.reports.page import fragment

        return fragment(self)


_WRITERS: Final[dict[str, Callable[[Report], str]]] = {
    ".html": Report.to_html,
    ".csv": Report.to_csv,
    ".md": Report.to_markdown,
    ".json": Report.to_json,
}


def build_report(
    query: metrics.Query,
    period: Period,
    *,
    name: str,
    now: datetime,
    thresholds: findings.Thresholds | None = None,
) -> Report:
    """Make the report of a period.

    Args:
        query: Runs SQL over the views.
        period: What to report on.
        name: Of the cluster.
        now: The clock; aware.
        thresholds: From where on a finding is worth saying.
    """
    summed = {
        by: metrics.sums(query, period, by=by, now=now)
        for by in ("server", "user", "group", "model", "device")
    }
    tables = {by: metrics.finish(frame, by=by) for by, frame in summed.items()}
    tables |= _over_time(query, period, now=now)
    for by in ("server", "user", "group", "model"):
        # The most used first; what is unknown last, in the order of the inventory.
        tables[by] = tables[by].sort_values(
            _rank(tables[by]), ascending=False, na_position="last", kind="stable"
        )
        tables[by] = tables[by].reset_index(drop=True)
    totals = metrics.finish(metrics.total(summed["server"]))
    return Report(
        name=name,
        period=period,
        made_at=now,
        tables=tables,
        totals=totals,
        headlines=_headlines(totals, tables["server"]),
        findings=findings.find(tables["server"], tables["user"], totals, thresholds=thresholds),
    )


def _rank(table: pd.DataFrame) -> str:
    return "gpu_hours_used" if table["gpu_hours_used"].notna().any() else "cpu_hours_used"


def _over_time(query: metrics.Query, period: Period, *, now: datetime) -> dict[str, pd.DataFrame]:
    """The table over time, in steps that make a readable chart."""
    days = sum(1 for _ in period.days())
    by = "hour" if days <= _MOST_DAYS_BY_HOUR else "day"
    summed = metrics.sums(query, period, by=by, now=now)
    if days > _MOST_DAYS_BY_DAY:
        summed, by = metrics.by_month(summed), "month"
    return {by: metrics.finish(summed, by=by)}


def _headlines(totals: pd.DataFrame, servers: pd.DataFrame) -> tuple[Headline, ...]:
    row = totals.iloc[0]
    used, available, held = (
        row[f"gpu_hours_{part}"] for part in ("used", "available", "idle_held")
    )
    observed = Headline(
        "Observed",
        present.ratio(row["coverage_ratio"]),
        f"of the time of {len(servers)} server{'s' if len(servers) != 1 else ''}",
    )
    share, all_of_it = row["cpu_utilization_ratio"], row["cpu_hours_available"]
    cpu = Headline(
        "CPU-hours used",
        present.hours(row["cpu_hours_used"]),
        f"{present.ratio(share)} of {present.hours(all_of_it)} available",
    )
    if present.unknown(available):
        return cpu, observed
    return (
        Headline(
            "GPU-hours used",
            present.hours(used),
            f"{present.ratio(row['gpu_use_ratio'])} of {present.hours(available)} available",
        ),
        Headline(
            "Held without work",
            present.hours(held),
            f"GPU-hours, {present.ratio(held / available if available else None)} of those "
            "available",
        ),
        Headline("Free", present.hours(row["gpu_hours_free"]), "GPU-hours nobody took"),
        Headline(
            "Mean utilisation",
            present.ratio(row["gpu_utilization_ratio"]),
            "of GPUs, over available time",
        ),
        Headline("GPU energy", f"{present.hours(row['energy_kwh'])} kWh", "drawn by the boards"),
        cpu,
        observed,
    )
