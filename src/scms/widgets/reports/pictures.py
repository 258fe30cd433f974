"""The pictures of a report, one at a time or four side by side: a question in, figures out."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import ipywidgets as w

from scms.widgets.base.part import add_classes
from scms.widgets.base.work import Progress
from scms.widgets.feed.figure import Figure
from scms.widgets.reports.usage import draw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scms.widgets.base.work import Worker
    from scms.widgets.reports.apart import Apart
    from scms.widgets.reports.making import Ask, Drawing, Maker

#: What can be chosen, and the pictures that it shows (see `scms.reports.charts.gallery`).
CHOICES: Final = {
    "overview": ("Overview", ("time", "went", "hours", "lorenz")),
    "time": ("Over time", ("time",)),
    "went": ("Where hours went", ("went",)),
    "hours": ("Hour of week", ("hours",)),
    "heat": ("Servers × time", ("heat",)),
    "grid": ("GPUs × time", ("grid",)),
    "lorenz": ("Spread", ("lorenz",)),
    "change": ("Change", ("change",)),
}


class Pictures(w.VBox):  # type: ignore[misc]  # ipywidgets has no type stubs
    """Pictures of a report with their chooser.

    Args:
        maker: What draws them.
        worker: The thread to work in.
    """

    def __init__(self, maker: Maker | Apart, worker: Worker) -> None:
        self._maker, self._worker = maker, worker
        self._ask: Ask | None = None
        self._there: tuple[str, ...] = ()
        self._round = 0
        options = [(words, key) for key, (words, _) in CHOICES.items()]
        self.chooser = w.ToggleButtons(options=options, value="overview")
        self.progress = Progress()
        self.figures = [Figure() for _ in range(4)]
        self._grid = add_classes(w.VBox(self.figures[:1]), "scms-pictures")
        head = add_classes(w.HBox([self.chooser]), "scms-row", "scms-chart-head")
        super().__init__([head, self.progress, self._grid])
        add_classes(self, "scms-stack")
        self.chooser.observe(lambda _: self._show(), names="value")

    def follow(self, ask: Ask, there: Sequence[str]) -> None:
        """Draw what is chosen of another report.

        Args:
            ask: What the report is about.
            there: The names of the pictures that it has.
        """
        self._ask, self._there = ask, tuple(there)
        self._show()

    def close(self) -> None:
        """Close every figure, also those that are not shown."""
        for figure in self.figures:
            figure.close()
        super().close()

    def _show(self) -> None:
        ask = self._ask
        if ask is None:
            return
        wanted = CHOICES[self.chooser.value][1]
        if len(wanted) > 1:  # side by side, what there is
            wanted = tuple(name for name in wanted if name in self._there)
        self._round += 1
        figures = self.figures[: len(wanted)]
        self._grid.children = figures
        (self._grid.add_class if len(wanted) == 1 else self._grid.remove_class)("scms-one")
        self.progress.start("Drawing …")
        for figure, name in zip(figures, wanted, strict=True):
            self._draw(figure, ask, name, last=name == wanted[-1])
        if not wanted:
            self.progress.stop("There is nothing to draw in this period.")

    def _draw(self, figure: Figure, ask: Ask, name: str, *, last: bool) -> None:
        now = self._round

        def made() -> Drawing | None:
            return self._maker.drawing(ask, name) if now == self._round else None

        self._worker.run(made, partial(self._drawn, figure, now, last), partial(self._failed, now))

    def _drawn(self, figure: Figure, now: int, last: bool, drawing: Any) -> None:  # noqa: FBT001
        if now != self._round or drawing is None:
            return
        draw(figure, drawing)
        if last:
            self.progress.stop()

    def _failed(self, now: int, problem: str) -> None:
        if now == self._round:
            self.progress.stop(problem)
