"""The reports page: a period and filters in; findings, numbers, pictures and tables out.

In: a cluster. Out: a widget. ``lab.report`` does the work, in a thread; this shows what it says.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import ipywidgets as w

from scms.widgets.base.address import Address
from scms.widgets.base.part import add_classes, close_tree
from scms.widgets.base.work import Progress, Worker
from scms.widgets.feed.parts import Theme, Tiles
from scms.widgets.reports.evidence import Evidence
from scms.widgets.reports.making import Ask, Maker
from scms.widgets.reports.noticed import FORMS, WORDS, Download, Findings, Narrow
from scms.widgets.reports.periods import PeriodBar
from scms.widgets.reports.pictures import Pictures
from scms.widgets.reports.usage import DIMENSIONS, METRICS, Soon, UsageView

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from scms.cluster import Cluster
    from scms.widgets.reports.apart import Apart
    from scms.widgets.reports.making import Head

#: How many rows a table shows.
TOPS: Final = {"All": None, "Top 5": 5, "Top 10": 10, "Top 20": 20, "Top 50": 50}
#: What a row is looked into by.
_DEEPER: Final = {
    "server": "user",
    "user": "server",
    "group": "server",
    "tag": "server",
    "model": "server",
    "month": "day",
    "day": "hour",
}
#: These cannot be had of one user.
_NOT_OF_USERS: Final = frozenset({"device", "model"})


class ReportsView(w.VBox):  # type: ignore[misc]  # ipywidgets has no type stubs
    """Use of the cluster in a period.

    Args:
        lab: The cluster, as `scms.open` returns it.
        worker: The thread to work in, where a page has one already.
        maker: What makes the reports, where they are not made in this process.

    Attributes:
        period, where, narrow: What the report is about: a period, a filter of servers as text, and
            what clicks have narrowed it to.
        by, metric, top: What the table has one row per, what its chart shows, how many rows.
        pictures, usage, evidence: The pictures, the table with its chart, the tables behind the
            findings.
        address: What of them stands in the address of the page.
        head: What the report that is shown opens with; None before the first.
    """

    def __init__(
        self, lab: Cluster, *, worker: Worker | None = None, maker: Maker | Apart | None = None
    ) -> None:
        self._own_worker = worker is None
        self._worker = Worker() if worker is None else worker
        self._maker: Maker | Apart = Maker(lab) if maker is None else maker
        self._wanted: tuple[str, str, str] | None = None
        self.head: Head | None = None
        self._make_controls(lab)
        self._make_parts(lab)
        self.address = Address(
            period=(self.period, "value"),
            where=(self.where, "value"),
            **{word: (self.narrow, word) for word in WORDS},
            by=(self.usage, "by"),
            metric=(self.usage, "metric"),
            top=(self.usage, "top"),
            picture=(self.pictures.chooser, "value"),
            table=(self.evidence.chooser, "value"),
        )
        super().__init__([Theme(), *self._rows()])
        add_classes(self, "scms", "scms-stack", "scms-reports")
        show = Soon(self.show)
        self.period.observe(lambda _: show(), names="value")
        self.where.observe(lambda _: show(), names="value")
        self.narrow.observe(lambda _: show(), names=list(WORDS))
        show()

    @property
    def ask(self) -> Ask:
        """What the controls ask for."""
        return Ask(
            period=self.period.value,
            where=self.narrow.where(self.where.value),
            user=self.narrow.user or None,
        )

    def show(self) -> None:
        """Make the report that the controls ask for and show it when it is there."""
        ask = self.ask
        wanted = self._wanted = (ask.period, ask.where, ask.user or "")
        self.progress.start(f"Reading {ask.period} …")
        self._worker.run(
            lambda: self._maker.head(ask) if wanted == self._wanted else None,
            partial(self._shown, wanted, ask),
            partial(self._failed, wanted),
        )

    def drill(self, word: str, value: str) -> None:
        """Narrow the report: to a server, group, user, tag or model, or to a period."""
        if word in _DEEPER and self.usage.by == word:
            self.usage.by = _DEEPER[word]  # what was a row is all there is now
        if word == "period":
            self.usage.by = _DEEPER.get(self.usage.by, self.usage.by)
            self.period.value = value
        elif word in WORDS:
            self.narrow.set_trait(word, value)

    def data(self) -> pd.DataFrame:
        """The rows of the table that is shown (see ``scms.reports.metrics.usage``)."""
        return self.usage.data()

    def close(self) -> None:
        """Close every widget of the page."""
        self._maker.close()
        if self._own_worker:
            self._worker.close()
        close_tree(self.children)
        super().close()

    def _make_controls(self, lab: Cluster) -> None:
        self.period = PeriodBar(lab)
        self.where = w.Text(
            placeholder="All servers, or group:vision not tag:old gpus>=4", continuous_update=False
        )
        add_classes(self.where, "scms-filter")
        self.narrow = Narrow()
        self.download = Download()
        self.download.on_msg(self._on_download)
        self.progress = Progress()
        self._title = add_classes(w.HTML(), "scms-report-title")

    def _make_parts(self, lab: Cluster) -> None:
        self.findings, self.tiles = Findings(), Tiles()
        self.findings.on_msg(self._on_finding)
        self.usage = UsageView(
            lab, "this-month", maker=self._maker, worker=self._worker, start=False
        )
        add_classes(self.usage, "scms-beside")
        self.usage.on_drill(self.drill)
        self.pictures = Pictures(self._maker, self._worker)
        self.evidence = Evidence(self._maker, self._worker)
        self.by = _chooser(self.usage, "by", DIMENSIONS, "By")
        self.metric = _chooser(self.usage, "metric", METRICS, "Chart")
        self.top = _chooser(self.usage, "top", TOPS, "Rows")
        self._use_title = add_classes(w.HTML(), "scms-heading")
        self.usage.observe(lambda _: self._name_usage(), names="by")

    def _rows(self) -> list[Any]:
        first = w.HBox([self.period, self.download])
        second = w.HBox([self._title, self.narrow, self.where])
        use_head = w.HBox([self._use_title, self.by, self.metric, self.top])
        add_classes(use_head, "scms-row", "scms-use-head")
        self._body = w.VBox(
            [self.findings, self.tiles, self.pictures, use_head, self.usage, self.evidence]
        )
        add_classes(self._body, "scms-stack", "scms-waiting")  # until there is a report
        return [
            add_classes(first, "scms-row", "scms-controls"),
            add_classes(second, "scms-row", "scms-report-head"),
            self.progress,
            self._body,
        ]

    def _shown(self, wanted: tuple[str, str, str], ask: Ask, head: Head | None) -> None:
        if wanted != self._wanted or head is None:
            return  # somebody has asked for another one since
        self.head = head
        self.progress.stop()
        self._title.value = title_html(head.title, head.subtitle)
        self.findings.rows = head.findings
        self.tiles.rows = head.tiles
        self.download.forms = list(FORMS) if ask.user is None else ["csv"]
        self.download.ready = True
        self._body.remove_class("scms-waiting")
        self._name_usage()
        by = "server" if ask.user and self.usage.by in _NOT_OF_USERS else self.usage.by
        self.pictures.follow(ask, head.pictures)
        self.usage.follow(period=ask.period, where=ask.where, user=ask.user, by=by)
        self.evidence.layout.display = "" if ask.user is None else "none"  # it is about all users
        self.evidence.follow(ask, head.evidence)

    def _failed(self, wanted: tuple[str, str, str], problem: str) -> None:
        if wanted == self._wanted:
            self.progress.stop(problem)

    def _name_usage(self) -> None:
        from scms.widgets.reports.telling import HEADINGS

        self._use_title.value = f"<h3>{HEADINGS[self.usage.by]}</h3>"

    def _on_finding(self, _widget: Any, content: Mapping[str, Any], _buffers: Any) -> None:
        """A name in a finding, or its figures, was clicked."""
        if content.get("kind") == "drill":
            self.drill(str(content["word"]), str(content["value"]))
        elif content.get("kind") == "evidence":
            table = str(content["table"])
            if table in DIMENSIONS.values():
                self.usage.by = table
            elif table in self.evidence.names:
                self.evidence.chooser.value = table

    def _on_download(self, _widget: Any, content: Mapping[str, Any], _buffers: Any) -> None:
        form, ask = content.get("form"), self.ask
        if content.get("kind") != "download" or form not in FORMS or self.head is None:
            return
        self.progress.start("Writing the file …")

        def done(written: tuple[str, bytes]) -> None:
            name, contents = written
            self.progress.stop()
            self.download.send({"kind": "file", "name": name, "type": FORMS[form]}, [contents])

        self._worker.run(lambda: self._maker.file(ask, form), done, self.progress.stop)


def title_html(title: str, subtitle: str) -> str:
    """The heading of a report; everything in it is escaped."""
    from html import escape

    return f"<h2>{escape(title)}</h2><small>{escape(subtitle)}</small>"


def _chooser(view: Any, trait: str, options: Mapping[str, Any], words: str) -> Any:
    """A drop-down that follows a trait of a view and sets it."""
    said = {value: label for label, value in options.items()}
    chooser = w.Dropdown(
        options=list(options),
        value=said[getattr(view, trait)],
        description=words,
        style={"description_width": "auto"},
    )

    def follow(change: Any) -> None:
        chooser.value = said.get(change["new"])

    def ask(change: Any) -> None:
        if change["new"] is not None:
            setattr(view, trait, options[change["new"]])

    chooser.observe(ask, names="value")
    view.observe(follow, names=trait)
    return chooser
