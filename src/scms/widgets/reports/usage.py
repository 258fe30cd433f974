"""Use in a period as a chart and a table: a cluster and a question in, a widget out.

In: a cluster, and what to show. Out: a widget for notebooks, of which the reports page is made too.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import ipywidgets as w
import traitlets

from scms.widgets.base.part import add_classes, close_tree
from scms.widgets.base.work import Progress, Worker
from scms.widgets.feed.figure import Figure
from scms.widgets.feed.parts import Table, Theme
from scms.widgets.reports.making import Ask, Maker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

    from scms.cluster import Cluster
    from scms.widgets.reports.apart import Apart
    from scms.widgets.reports.making import Drawing, Listing

#: What a table can have one row per, as people say it.
DIMENSIONS: Final = {
    "Server": "server",
    "User": "user",
    "Group": "group",
    "GPU model": "model",
    "Tag": "tag",
    "GPU": "device",
    "Month": "month",
    "Day": "day",
    "Hour": "hour",
    "Day of the week": "weekday",
    "Hour of the day": "hour_of_day",
    "Hour of the week": "hour_of_week",
}
#: What the chart of a table can show.
METRICS: Final = {
    "Hours by state": "",
    "Used": "gpu_hours_used",
    "Held idle": "gpu_hours_idle_held",
    "Free": "gpu_hours_free",
    "Available": "gpu_hours_available",
    "Use": "gpu_use_ratio",
    "Mean utilisation": "gpu_utilization_ratio",
    "Energy": "energy_kwh",
    "CPU used": "cpu_hours_used",
    "CPU use": "cpu_utilization_ratio",
    "Observed": "coverage_ratio",
}


class Soon:
    """Does something once after everything that is set at the same time.

    Without a running loop (a script, a test) it is done at once.
    """

    def __init__(self, job: Callable[[], None]) -> None:
        self._job = job
        self._waits = False

    def __call__(self) -> None:
        """Do it soon."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._job()
            return
        if not self._waits:
            self._waits = True
            loop.call_soon(self._now)

    def _now(self) -> None:
        self._waits = False
        self._job()


class UsageView(w.VBox):  # type: ignore[misc]  # ipywidgets has no type stubs
    """Use in a period: a chart and a table.

    Setting an attribute shows the answer to the new question.

    Args:
        lab: The cluster, as `scms.open` returns it.
        period: Such as ``"30d"``, ``"2026-10"``, ``"this-week"``.
        by: One row per ``server``, ``user``, ``group``, ``model``, ``tag``, ``device``, ``month``,
            ``day``, ``hour``, ``weekday``, ``hour_of_day`` or ``hour_of_week``.
        metric: What the chart shows, such as ``"gpu_use_ratio"``; the hours by state when empty.
        where: Only servers that this filter means, such as ``"group:vision not tag:old"``.
        user: Only what this user used; not by device or model.
        top: Only so many rows, those with most of the metric.
        maker: What answers, where a page has one already.
        worker: The thread to work in, where a page has one already.
        start: Whether to show something at once.

    Attributes:
        figure, table, progress: The parts.
    """

    period = traitlets.Unicode("30d")
    by = traitlets.Enum(list(DIMENSIONS.values()), "server")
    metric = traitlets.Enum(list(METRICS.values()), "")
    where = traitlets.Unicode("")
    user = traitlets.Unicode(None, allow_none=True)
    top = traitlets.CInt(None, allow_none=True, min=1)

    def __init__(  # noqa: PLR0913  each is one of its attributes
        self,
        lab: Cluster,
        period: str = "30d",
        by: str = "server",
        *,
        metric: str = "",
        where: str = "",
        user: str | None = None,
        top: int | None = None,
        maker: Maker | Apart | None = None,
        worker: Worker | None = None,
        start: bool = True,
    ) -> None:
        self._maker: Maker | Apart = Maker(lab) if maker is None else maker
        self._own_worker = worker is None
        self._worker = Worker() if worker is None else worker
        self._listing: Listing | None = None
        self._wanted: Ask | None = None
        self._drills = False
        self.progress = Progress()
        self.figure, self.table = Figure(), Table()
        listing = add_classes(w.VBox([self.table]), "scms-panel", "scms-listing")
        super().__init__(
            [Theme(), self.progress, self.figure, listing],
            period=period, by=by, metric=metric, where=where, user=user, top=top,
        )  # fmt: skip
        add_classes(self, "scms", "scms-usage")
        show = Soon(self.show)
        asked = ["period", "by", "metric", "where", "user", "top"]
        self.observe(lambda _: show(), names=asked)
        if start:
            self.show()

    @property
    def ask(self) -> Ask:
        """The question that the attributes put."""
        return Ask(self.period, self.where, self.user, self.by, self.metric, self.top)

    def show(self) -> None:
        """Show what the attributes ask for, when it is there."""
        wanted = self._wanted = self.ask
        self.progress.start("Adding up …")
        self._worker.run(
            lambda: self._maker.listing(wanted) if wanted == self._wanted else None,
            partial(self._shown, wanted),
            partial(self._failed, wanted),
        )

    def follow(self, **asked: Any) -> None:
        """Set several attributes and show the answer once, also where nothing changed."""
        with self.hold_trait_notifications():
            for name, value in asked.items():
                setattr(self, name, value)
        if self._wanted != self.ask or self._listing is None:
            self.show()

    def on_drill(self, callback: Callable[[str, str], None]) -> None:
        """Call this with a word, such as ``"server"``, and its value when a row is clicked."""

        def told(_widget: Any, content: Mapping[str, Any], _buffers: Any) -> None:
            if content.get("kind") == "drill":
                callback(str(content["word"]), str(content["value"]))

        self.table.on_msg(told)
        self._drills = True

    def data(self) -> pd.DataFrame:
        """The rows of the table that is shown (see ``scms.reports.metrics.usage``)."""
        import pandas as pd

        return pd.DataFrame() if self._listing is None else self._listing.frame()

    def close(self) -> None:
        """Close every widget of the view."""
        if self._own_worker:
            self._worker.close()
        close_tree(self.children)
        super().close()

    def _shown(self, wanted: Ask, listing: Listing | None) -> None:
        if wanted != self._wanted or listing is None:
            return  # somebody has asked for something else since
        self._listing = listing
        self.progress.stop()
        rows = listing.rows if self._drills else [row | {"drill": None} for row in listing.rows]
        self.table.show(listing.columns, rows)
        if listing.drawing is not None:
            draw(self.figure, listing.drawing)

    def _failed(self, wanted: Ask, problem: str) -> None:
        if wanted == self._wanted:
            self.progress.stop(problem)


def draw(figure: Figure, drawing: Drawing) -> None:
    """Show a drawing in a figure."""
    with figure.hold_sync():
        figure.title, figure.subtitle = drawing.title, drawing.subtitle
        figure.words = list(drawing.words)
        figure.item = drawing.item
