"""What the pages of reports show, made from a cluster: a question in, plain content out.

Everything that comes out is text, numbers and bytes, so that it can be made in another process than
the one that shows it. Shaping for display only; the numbers are those of `scms.reports`.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from scms.errors import ReportError
from scms.widgets.reports import telling

if TYPE_CHECKING:
    import pandas as pd

    from scms.cluster import Cluster
    from scms.reports.document import Report

Row = dict[str, Any]
#: A report of a period that goes on is made anew after so long.
_FRESH: Final = timedelta(minutes=2)
_MOST_BARS: Final = 40


@dataclass(frozen=True, slots=True)
class Ask:
    """What somebody wants to see.

    Attributes:
        period: As text, see `scms.reports.period`.
        where: The servers that are meant, in the filter language; all when empty.
        user: One user only.
        by: What a table has one row per.
        metric: What the chart of a table shows; the hours by state when empty.
        top: Only so many rows.
    """

    period: str
    where: str = ""
    user: str | None = None
    by: str = "server"
    metric: str = ""
    top: int | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """What a report opens with.

    Attributes:
        title, subtitle: Its period, how far it has passed, and when it was read.
        tiles: Rows of `Tiles`.
        findings: Rows of `Findings`.
        pictures: The names of the pictures that can be drawn.
        evidence: The tables behind the findings: name and title.
    """

    title: str
    subtitle: str
    tiles: list[Row]
    findings: list[Row]
    pictures: tuple[str, ...]
    evidence: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure as Bokeh's JSON, with its words; without a figure the words say why."""

    title: str
    subtitle: str
    item: dict[str, Any] | None
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """A table as `Table` shows it, its chart if it has one, and its rows as a pickled frame."""

    title: str
    note: str
    columns: list[Row]
    rows: list[Row]
    pickled: bytes
    drawing: Drawing | None = None

    def frame(self) -> pd.DataFrame:
        """The rows as a data frame."""
        frame: pd.DataFrame = pickle.loads(self.pickled)  # noqa: S301  made by this module
        return frame


class Maker:
    """Answers questions about one cluster; keeps the last report.

    Args:
        lab: The cluster.
    """

    def __init__(self, lab: Cluster) -> None:
        self._lab = lab
        self._kept: tuple[tuple[str, str], Report] | None = None

    def head(self, ask: Ask) -> Head:
        """What a report opens with.

        Raises:
            ScmsError: The period or the filter cannot be read, or means nothing.
        """
        report = self._report(ask, fresh=True)
        at = self._lab.inventory.settings
        clock = report.made_at.astimezone(report.period.zone)
        so_far = ", so far" if report.partial else ""
        names = telling.names_of(report)
        found = telling.findings(report, at.findings, names)
        if ask.user is None:
            tiles = telling.tiles(report)
        else:
            tiles = telling.tiles_of_user(self._usage(replace(ask, by="user", top=None)), report)
            found = [row for row in found if [ask.user, "user"] in row["names"]]
        return Head(
            title=f"{report.period.title}{so_far}",
            subtitle=f"{len(report.tables['server'])} servers, read at {clock:%H:%M}",
            tiles=tiles,
            findings=found,
            pictures=tuple(telling.drawn_pictures(report, ask.user)),
            evidence=tuple(telling.evidence_of(report)),
        )

    def drawing(self, ask: Ask, name: str) -> Drawing:
        """One picture of the report, by its name in `scms.reports.charts.gallery`."""
        from scms.reports.charts import gallery

        report = self._report(ask)
        if ask.user is not None:
            return self._drawing_of_user(ask, name, report)
        picture = next((p for p in gallery(report) if p.name == name), None)
        if picture is None:
            return _no_drawing(name)
        return Drawing(picture.title, picture.note, _item(picture.draw()), picture.words)

    def listing(self, ask: Ask) -> Listing:
        """A table of use with its chart."""
        from scms.reports.metrics import top_rows

        frame = self._usage(ask)
        rank = ask.metric if ask.metric in frame.columns else None
        if ask.top is not None:
            frame = top_rows(frame, ask.top, rank=rank)
        columns, rows = telling.table_of(frame, ask.by)
        title = self._lab.period(ask.period).title
        return Listing(
            title=telling.HEADINGS[ask.by],
            note=title,
            columns=columns,
            rows=rows,
            pickled=pickle.dumps(frame),
            drawing=_usage_chart(frame, ask, title),
        )

    def evidence(self, ask: Ask, name: str) -> Listing:
        """One of the tables behind the findings."""
        from scms.reports.contents import contents

        found = next((c for c in contents(self._report(ask)) if c.name == name), None)
        if found is None:
            raise ReportError(f"the report has no table {name!r}", expected="one that it lists")
        columns, rows = telling.table_of_content(found)
        return Listing(found.title, found.note, columns, rows, pickle.dumps(found.frame))

    def file(self, ask: Ask, form: str) -> tuple[str, bytes]:
        """The report as a file, or the table of use where it is about one user: name, contents."""
        report = self._report(ask)
        name = " ".join(part for part in (report.name, report.period.label, ask.user) if part)
        safe = "".join("-" if sign in '/\\:"<>|?*' else sign for sign in name)
        if ask.user is None:
            return f"{safe}.{form}", report.to_bytes(f".{form}")
        return f"{safe}.csv", self._usage(ask).to_csv(index=False).encode()

    def close(self) -> None:
        """Forget the report."""
        self._kept = None

    def _report(self, ask: Ask, *, fresh: bool = False) -> Report:
        key = (self._lab.period(ask.period).label, ask.where.strip())
        if self._kept is not None and self._kept[0] == key:
            report = self._kept[1]
            old = datetime.now(UTC) - report.made_at > _FRESH
            if not (fresh and old and report.partial):
                return report
        report = self._lab.report(ask.period, where=ask.where)
        self._kept = (key, report)
        return report

    def _usage(self, ask: Ask) -> pd.DataFrame:
        """The table of use, from the report that is kept where it has it."""
        key = (self._lab.period(ask.period).label, ask.where.strip())
        if ask.user is None and self._kept is not None and self._kept[0] == key:
            table = self._kept[1].tables.get(ask.by)
            if table is not None:
                return table
        return self._lab.usage(ask.period, by=ask.by, where=ask.where, user=ask.user)

    def _drawing_of_user(self, ask: Ask, name: str, report: Report) -> Drawing:
        by = {"time": report.time_dimension, "hours": "hour_of_week"}.get(name)
        if by is None:
            return _no_drawing(name, "of_user")
        frame = self._usage(replace(ask, by=by))
        return _usage_chart(frame, replace(ask, by=by, metric=""), report.period.title)


def _no_drawing(name: str, why: str = "") -> Drawing:
    """In place of a picture that cannot be drawn."""
    return Drawing(telling.PICTURES.get(name, ""), "", None, (telling.why_not(why or name),))


def _usage_chart(frame: pd.DataFrame, ask: Ask, title: str) -> Drawing:
    """The chart of a table of use: hours by state, or one metric."""
    from scms.reports import charts, present
    from scms.reports.charts import words
    from scms.reports.sums import TIMES

    column = present.column(ask.metric) if ask.metric in frame.columns else None
    known = frame.loc[frame[column.name].notna()] if column else charts.drawable(frame)
    over_time = ask.by in TIMES
    if known.empty:
        return Drawing(title, "", None, ("Nothing of it was recorded.",))
    more = f", the first {_MOST_BARS}" if not over_time and len(known) > _MOST_BARS else ""
    if column is not None:
        drawn = frame if over_time else known.head(_MOST_BARS)
        plot = charts.metric_by(drawn, column)
        told = words.of_metric(known, column)
        heading = column.heading
    else:
        plot = (
            charts.usage_over_time(frame) if over_time else charts.usage_by(known.head(_MOST_BARS))
        )
        told = words.of_usage(known)
        heading = f"{charts.resource(frame)} time"
    subtitle = f"{telling.BY[ask.by]}{more}, {title}"
    return Drawing(heading, subtitle, _item(plot), told)


def _item(plot: Any) -> dict[str, Any]:
    from bokeh.embed import json_item

    from scms.reports.charts.style import themed
    from scms.widgets.feed.charts import restyle

    return dict(json_item(restyle(themed(plot))))
