"""The reports page: a period and a dimension in; numbers, bars and a table with coverage out.

In: a cluster. Out: a widget. ``lab.report`` does the work, in a thread; this shows what it says.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import ipywidgets as w
import traitlets

from scms.widgets.figure import Figure
from scms.widgets.live import close_tree
from scms.widgets.part import Part, add_classes, asset
from scms.widgets.parts import Table, Theme, Tiles
from scms.widgets.work import Progress, Worker

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from scms.cluster import Cluster
    from scms.reports.document import Report

Row = dict[str, Any]
#: The periods of the picker, and what they mean.
PERIODS: Final = {
    "Day": "today",
    "Week": "this-week",
    "Month": "this-month",
    "Quarter": "this-quarter",
    "Year": "this-year",
}
DIMENSIONS: Final = {"Server": "server", "User": "user", "Group": "group", "GPU model": "model"}
_HEADINGS: Final = {"Server": "server", "User": "user", "Group": "group", "GPU model": "GPU model"}
_FORMS: Final = {
    "html": "text/html",
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv",
}


class Download(Part):
    """Buttons that save the report as a file where the browser runs."""

    _esm = asset("download.js")
    _css = asset("download.css")
    forms = traitlets.List(list(_FORMS)).tag(sync=True)
    ready = traitlets.Bool(default_value=False).tag(sync=True)


class ReportsView(w.VBox):  # type: ignore[misc]  # ipywidgets has no type stubs
    """Use of the cluster in a period.

    Args:
        lab: The cluster, as `scms.open` returns it.
        worker: The thread to work in, where a page has one already.

    Attributes:
        picker, period, by: The controls (ipywidgets): a period by name, any period as text, and
            what the table has one row per.
        report: The report that is shown; None before the first.
    """

    def __init__(self, lab: Cluster, *, worker: Worker | None = None) -> None:
        self._lab = lab
        self._worker = Worker() if worker is None else worker
        self.report: Report | None = None
        self._wanted = ""
        self.picker = w.ToggleButtons(options=list(PERIODS), index=2)
        self.period = w.Text(
            placeholder="or 2026-10, 2026-W41, last-month, 7d …", continuous_update=False
        )
        self.by = w.ToggleButtons(options=list(DIMENSIONS))
        self.progress = Progress()
        self.tiles = Tiles()
        self.figure = Figure(title="GPU time")
        self.findings = add_classes(w.HTML(), "scms-panel", "scms-findings")
        self.table = Table()
        self.download = Download()
        self.picker.observe(lambda _: self._pick(), names="index")
        self.period.observe(lambda _: self.show(), names="value")
        self.by.observe(lambda _: self._draw_table(), names="index")
        self.download.on_msg(self._on_message)
        super().__init__([Theme(), *self._rows()])
        add_classes(self, "scms", "scms-stack", "scms-reports")
        self.show()

    def show(self) -> None:
        """Make the report that the controls ask for and show it when it is there."""
        text = self.period.value.strip()
        wanted = PERIODS[self.picker.value] if text == "" else text
        self._wanted = wanted
        self.progress.start(f"Reading {wanted} …")
        self._worker.run(
            lambda: self._lab.report(wanted),
            partial(self._shown, wanted),
            partial(self._failed, wanted),
        )

    def data(self) -> pd.DataFrame:
        """The rows of the table that is shown (see ``scms.reports.metrics.usage``)."""
        import pandas as pd

        if self.report is None:
            return pd.DataFrame()
        return self.report.tables[DIMENSIONS[self.by.value]]

    def close(self) -> None:
        """Close every widget of the page."""
        self._worker.close()
        close_tree(self.children)
        super().close()

    def _rows(self) -> list[Any]:
        controls = w.HBox([self.picker, add_classes(self.period, "scms-period"), self.download])
        self._table_title = add_classes(w.HTML(), "scms-title")
        head = add_classes(w.HBox([self._table_title, self.by]), "scms-row", "scms-table-head")
        table = add_classes(w.VBox([head, self.table]), "scms-panel")
        self._body = w.VBox([self.tiles, self.figure, self.findings, table])
        add_classes(self._body, "scms-stack", "scms-waiting")  # until there is a report
        return [add_classes(controls, "scms-row", "scms-controls"), self.progress, self._body]

    def _pick(self) -> None:
        if self.period.value:
            self.period.value = ""  # which shows the picked period
        else:
            self.show()

    def _shown(self, wanted: str, report: Report) -> None:
        if wanted != self._wanted:
            return  # somebody has asked for another one since
        self.report = report
        self.progress.stop()
        self._draw()

    def _failed(self, wanted: str, problem: str) -> None:
        if wanted == self._wanted:
            self.progress.stop(problem)

    def _draw(self) -> None:
        from scms.reports.charts import usage_over_time
        from scms.widgets.charts import restyle

        report = self.report
        if report is None:
            return
        by = report.time_dimension
        self.tiles.rows = headline_tiles(report)
        self.figure.title = "GPU time"
        so_far = ", so far" if report.partial else ""
        self.figure.subtitle = f"{report.period.title}{so_far}, by {by}"
        self.figure.draw(restyle(usage_over_time(report.tables[by])))
        self.findings.value = findings_html(report)
        self._draw_table()
        self.download.ready = True
        self._body.remove_class("scms-waiting")
        self.findings.layout.display = "" if report.findings or report.simulated else "none"

    def _draw_table(self) -> None:
        if self.report is None:
            return
        by = DIMENSIONS[self.by.value]
        self._table_title.value = f"Use by {_HEADINGS[self.by.value]}"
        columns, rows = table_of(self.report.tables[by], by)
        self.table.show(columns, rows)

    def _on_message(self, _widget: Any, content: Mapping[str, Any], _buffers: Any) -> None:
        form, report = content.get("form"), self.report
        if content.get("kind") != "download" or form not in _FORMS or report is None:
            return
        name = f"{report.name} {report.period.label}.{form}".replace("/", "-")
        self.progress.start(f"Writing {name} …")

        def done(written: bytes) -> None:
            self.progress.stop()
            self.download.send({"kind": "file", "name": name, "type": _FORMS[form]}, [written])

        self._worker.run(lambda: report.to_bytes(f".{form}"), done, self.progress.stop)


def headline_tiles(report: Report) -> list[Row]:
    """The headlines of a report as rows for `Tiles`."""
    return [
        {
            "key": f"report-{n}",
            "label": line.label,
            "value": line.value,
            "suffix": "",
            "note": line.detail,
            "ratio": None,
            "tone": "",
            "title": f"{line.label}: {line.value} {line.detail}",
        }
        for n, line in enumerate(report.headlines)
    ]


def findings_html(report: Report) -> str:
    """What was noticed, as a list; everything in it is escaped."""
    from html import escape

    said = [escape(finding.sentence) for finding in report.findings]
    if report.simulated:
        said.append(escape(report.simulated))
    items = "".join(f"<li>{line}</li>" for line in said)
    return f'<div class="scms-title">What was noticed</div><ul>{items}</ul>'


def table_of(frame: pd.DataFrame, by: str) -> tuple[list[Row], list[Row]]:
    """A table of use as columns and rows for `Table`: texts, and values to sort and draw by."""
    from scms.reports.present import columns_of, rows_of, simulated_mark

    shown = columns_of(frame, by)
    columns = [{"heading": c.heading, "unit": c.unit, "kind": c.kind} for c in shown]
    rows = [
        {
            "texts": [c.write(row[c.name]) for c in shown],
            "values": [_plain(row[c.name]) for c in shown],
            "mark": simulated_mark(row, by),
        }
        for row in rows_of(frame)
    ]
    return columns, rows


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
