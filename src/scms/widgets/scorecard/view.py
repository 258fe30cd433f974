"""The scorecard page: what was promised against what came, for recommendations and outlooks.

In: a cluster. Out: a widget. ``lab.scorecard`` reads and judges, in a thread; this shows it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import ipywidgets as w
import traitlets

from scms.widgets.base.address import Address
from scms.widgets.base.part import Part, add_classes, asset, close_tree, module
from scms.widgets.base.work import Progress, Worker
from scms.widgets.feed.figure import Figure
from scms.widgets.feed.parts import Table, Theme, Tiles
from scms.widgets.scorecard import rows as scorecard_rows

if TYPE_CHECKING:
    import pandas as pd

    from scms.cluster import Cluster
    from scms.cluster.learning import Unscored
    from scms.recommend.scorecard import Scorecard

#: When it was said, by the words of the buttons.
PERIODS: Final = {"7 days": "7d", "30 days": "30d", "90 days": "90d", "A year": "365d"}


class Sentences(Part):
    """A title and sentences: what is missing, and when it will be there."""

    _esm = module("sentences.js")
    _css = asset("scorecard.css")
    title = traitlets.Unicode("").tag(sync=True)
    sentences = traitlets.List().tag(sync=True)


class ScorecardView(w.VBox):  # type: ignore[misc]  # ipywidgets has no type stubs
    """How good what was said has been.

    Args:
        lab: The cluster, as `scms.open` returns it.
        worker: The thread to work in, where a page has one already.

    Attributes:
        period: When it was said (ipywidgets).
        address: What the controls say, as it stands in the address of the page.
        card: What is shown; None before the first.
    """

    def __init__(self, lab: Cluster, *, worker: Worker | None = None) -> None:
        self._lab = lab
        self._worker = Worker() if worker is None else worker
        self.card: Scorecard | None = None
        self.period = w.ToggleButtons(options=list(PERIODS), index=1)
        self.progress = Progress()
        self.tiles = Tiles()
        self.missing = Sentences()
        self.figure = Figure(
            title="Promised and come true", subtitle="in %; the larger a mark, the more cases"
        )
        self.bins, self.choices, self.outlooks = Table(), Table(), Table()
        self.address = Address(period=(self.period, "value"))
        self.period.observe(lambda _: self.show(), names="value")
        super().__init__([Theme(), *self._rows()])
        add_classes(self, "scms", "scms-stack", "scms-scorecard")
        self.show()

    def show(self) -> None:
        """Judge what was said in the period, and show it when it is there."""
        wanted = self.period.value
        self.progress.start(f"Judging the last {wanted} …")
        self._worker.run(
            lambda: (
                self._lab.scorecard(PERIODS[wanted]),
                self._lab.unscored(PERIODS[wanted]),
            ),
            partial(self._shown, wanted),
            self.progress.stop,
        )

    def data(self) -> pd.DataFrame:
        """The bins that are shown: ``what`` (recommendation, free hour), ``above, cases, ...``."""
        import pandas as pd

        if self.card is None:
            return pd.DataFrame()
        parts = {"recommendation": self.card.bins, "free hour": self.card.free}
        return pd.concat([frame.assign(what=name) for name, frame in parts.items()])

    def close(self) -> None:
        """Close every widget of the page."""
        self._worker.close()
        close_tree(self.children)
        super().close()

    def _rows(self) -> list[Any]:
        controls = add_classes(w.HBox([self.period]), "scms-row", "scms-controls")
        bins = _panel("By the chance that was told", self.bins)
        halves = add_classes(w.HBox([self.figure, bins]), "scms-row", "scms-halves")
        choices = _panel("Recommendations, on the same moments", self.choices)
        outlooks = _panel("Outlooks, by model", self.outlooks)
        below = add_classes(w.HBox([choices, outlooks]), "scms-row", "scms-halves")
        self._judged = [w.VBox([self.tiles]), halves, below]
        self._unjudged = w.VBox([self.missing])
        for box in (*self._judged, self._unjudged):
            add_classes(box, "scms-box", "scms-waiting")  # until there is something to show
        return [controls, self.progress, self._unjudged, *self._judged]

    def _shown(self, wanted: str, found: tuple[Scorecard, Unscored]) -> None:
        if wanted != self.period.value:
            return  # somebody has asked for another one since
        self.progress.stop()
        self.card, unscored = found
        card = self.card
        self._draw_missing(card, unscored)
        nothing = card.bins.empty and card.summary.empty and card.outlooks.empty
        for box in self._judged:
            (box.add_class if nothing else box.remove_class)("scms-waiting")
        if not nothing:
            self._draw(card)

    def _draw_missing(self, card: Scorecard, unscored: Unscored) -> None:
        zone = self._lab.inventory.settings.zone()
        sentences = scorecard_rows.missing(card, unscored, zone)
        self.missing.sentences = sentences
        all_ = card.summary.empty and card.outlooks.empty
        self.missing.title = "Nothing can be judged yet" if all_ else "Not judged yet"
        box = self._unjudged
        (box.remove_class if sentences else box.add_class)("scms-waiting")

    def _draw(self, card: Scorecard) -> None:
        from scms.widgets.scorecard.reliability_chart import reliability_chart

        self.tiles.rows = scorecard_rows.tiles(card)
        self.bins.show(*scorecard_rows.bins(card))
        self.choices.show(*scorecard_rows.choices(card))
        self.outlooks.show(*scorecard_rows.outlooks(card))
        self.figure.draw(reliability_chart(scorecard_rows.series(card)))


def _panel(title: str, content: Any) -> Any:
    heading = add_classes(w.HTML(title), "scms-title")
    return add_classes(w.VBox([heading, content]), "scms-panel")
