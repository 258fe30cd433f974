"""The tables behind the findings of a report: a question in, one of them at a time out."""

from __future__ import annotations

from functools import partial
from html import escape
from typing import TYPE_CHECKING

import ipywidgets as w

from scms.widgets.base.part import add_classes
from scms.widgets.base.work import Progress
from scms.widgets.feed.parts import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from scms.widgets.base.work import Worker
    from scms.widgets.reports.apart import Apart
    from scms.widgets.reports.making import Ask, Listing, Maker


class Evidence(w.VBox):  # type: ignore[misc]  # ipywidgets has no type stubs
    """A table of a report that is not of use, chosen by its name.

    Args:
        maker: What makes them.
        worker: The thread to work in.
    """

    def __init__(self, maker: Maker | Apart, worker: Worker) -> None:
        from scms.reports.present import OTHERS

        self._maker, self._worker = maker, worker
        self._ask: Ask | None = None
        self._listing: Listing | None = None
        self.names: tuple[str, ...] = ()
        options = [(title, name) for name, (title, _) in OTHERS.items()]
        self.chooser = w.Dropdown(
            options=options,
            value="periods",
            description="Table",
            style={"description_width": "auto"},
        )
        self.progress = Progress()
        self.table = Table(nothing="There is nothing to say of it in this period.")
        self._title = add_classes(w.HTML(), "scms-heading")
        head = add_classes(w.HBox([self._title, self.chooser]), "scms-row", "scms-use-head")
        panel = add_classes(w.VBox([self.table]), "scms-panel", "scms-listing")
        super().__init__([head, self.progress, panel])
        add_classes(self, "scms-stack", "scms-evidence")
        self.chooser.observe(lambda _: self._show(), names="value")

    def follow(self, ask: Ask, tables: Sequence[tuple[str, str]]) -> None:
        """Show what is chosen of another report.

        Args:
            ask: What the report is about.
            tables: Those that it has: name and title.
        """
        self._ask = ask
        self.names = tuple(name for name, _ in tables)
        self._show()

    def data(self) -> pd.DataFrame:
        """The rows of the table that is shown."""
        import pandas as pd

        return pd.DataFrame() if self._listing is None else self._listing.frame()

    def _show(self) -> None:
        from scms.reports.present import OTHERS

        ask, name = self._ask, self.chooser.value
        if ask is None:
            return
        title, note = OTHERS[name]
        self._title.value = f"<h3>{escape(title)}</h3><small>{escape(note)}</small>"
        if name not in self.names:
            self._listing = None
            self.table.show([], [])
            return
        self._worker.run(
            lambda: self._maker.evidence(ask, name),
            partial(self._shown, ask, name),
            self.progress.stop,
        )

    def _shown(self, ask: Ask, name: str, listing: Listing) -> None:
        if ask == self._ask and name == self.chooser.value:
            self._listing = listing
            self.progress.stop()
            self.table.show(listing.columns, listing.rows)
