"""A report of a period: data (tables, totals, findings), saved by suffix.

build.py makes it; page.py and plain.py write it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from scms.errors import ReportError
from scms.reports.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    import pandas as pd

    from scms.reports.findings import Finding
    from scms.reports.period import Period


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
        pictures: Rows that only pictures show (see `scms.reports.charts.pictures_of`).
        template: Of the page, where a lab has one of its own.
    """

    name: str
    period: Period
    made_at: datetime
    tables: Mapping[str, pd.DataFrame]
    totals: pd.DataFrame
    headlines: tuple[Headline, ...]
    findings: tuple[Finding, ...]
    pictures: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    template: Path | None = None

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
        """Write it, in the form of the suffix: .html, .pdf, .xlsx, .csv, .md or .json.

        The file is replaced whole: whoever reads it meanwhile sees the one before or this one.

        Raises:
            ReportError: The suffix is none of these, or the file cannot be written.
        """
        path = Path(path)
        return write_whole(path, self.to_bytes(path.suffix, name=path.name))

    def to_bytes(self, suffix: str, *, name: str = "report") -> bytes:
        """The contents of a file of that suffix, such as ``".pdf"``.

        Raises:
            ReportError: No report is written in such a form.
        """
        writer = WRITERS.get(suffix.lower())
        if writer is None:
            raise ReportError(
                f"{name}: no report is written as {suffix or 'a file without suffix'}",
                expected=f"one of {', '.join(WRITERS)}",
                mend=f"save it as {Path(name).stem}.html",
            )
        written = writer(self)
        return written if isinstance(written, bytes) else written.encode("utf-8")

    def to_html(self) -> str:
        """A page of its own, charts included, that asks no other machine for anything."""
        from scms.reports.page import page

        return page(self)

    def to_pdf(self) -> bytes:
        """Pages of A4 to print, legible in black and white."""
        from scms.reports.paper import paper

        return paper(self)

    def to_xlsx(self) -> bytes:
        """A workbook: what to take home on the first sheet, then a sheet per table."""
        from scms.reports.workbook import workbook

        return workbook(self)

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


#: How each suffix is written, in the order of an error message.
WRITERS: Final[dict[str, Callable[[Report], str | bytes]]] = {
    ".html": Report.to_html,
    ".pdf": Report.to_pdf,
    ".xlsx": Report.to_xlsx,
    ".csv": Report.to_csv,
    ".md": Report.to_markdown,
    ".json": Report.to_json,
}
