"""The live page: headline, charts, and one card per server.

In: a cluster. Out: a widget for Voila and notebooks that updates itself while it is looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as w

from scms.widgets.address import Address
from scms.widgets.charts import heat_map, load_chart
from scms.widgets.choose import FILTERS, ORDERS, shown
from scms.widgets.feed import Feed
from scms.widgets.figure import Figure
from scms.widgets.part import add_classes
from scms.widgets.parts import Cards, Theme, Tiles

if TYPE_CHECKING:
    import pandas as pd

    from scms.cluster import Cluster


class LiveView(w.VBox):  # type: ignore[misc]  # ipywidgets has no type stubs
    """All servers now.

    Args:
        lab: The cluster, as `scms.open` returns it.
        feed: The feed to draw, where a page has one already; else a new one.

    Attributes:
        search, order, show: The controls (ipywidgets); setting their values is the same as
            clicking them.
        address: What of them stands in the address of the page.
    """

    def __init__(self, lab: Cluster, *, feed: Feed | None = None) -> None:
        self.feed = Feed(lab) if feed is None else feed
        self.search = w.Text(
            placeholder="Search words, or gpu<5 and free>=2", continuous_update=True, description=""
        )
        self.order = w.Dropdown(
            options=list(ORDERS),
            description="Sort by",
            style={"description_width": "auto"},
        )
        self.show = w.ToggleButtons(options=list(FILTERS), description="")
        self.address = Address(
            search=(self.search, "value"), show=(self.show, "value"), order=(self.order, "value")
        )
        cards = Cards(feed=self.feed)
        w.jslink((self.search, "value"), (cards, "search"))
        w.jslink((self.order, "index"), (cards, "order"))
        w.jslink((self.show, "index"), (cards, "show"))
        charts = [
            Figure(
                load_chart(self.feed.local_ms()),
                feed=self.feed,
                channel="load",
                title="All servers",
                subtitle="last 15 minutes, %",
            ),
            Figure(
                heat_map([server.name for server in lab.inventory.servers]),
                feed=self.feed,
                channel="heat",
                title="GPU utilisation",
                subtitle="server × GPU, now, %",
            ),
        ]
        controls = [
            add_classes(self.search, "scms-search"),
            add_classes(self.order, "scms-order"),
            self.show,
        ]
        if feed is None:
            controls.append(add_classes(self.feed, "scms-own-feed"))
        super().__init__(
            [
                Theme(),
                Tiles(feed=self.feed),
                add_classes(w.HBox(charts), "scms-row", "scms-charts"),
                add_classes(w.HBox(controls), "scms-row", "scms-controls"),
                cards,
            ]
        )
        add_classes(self, "scms", "scms-stack", "scms-live")

    def refresh(self) -> None:
        """Read and send the state now, without waiting for the next tick."""
        self.feed.refresh()

    def data(self) -> pd.DataFrame:
        """The servers that are shown, in their order: rows of ``lab.now()``."""
        import pandas as pd

        snapshot = self.feed.read() if self.feed.snapshot is None else self.feed.snapshot
        rows = shown(
            snapshot, search=self.search.value, show=self.show.index, order=self.order.index
        )
        return pd.DataFrame(rows)

    def close(self) -> None:
        """Stop the ticks and close every widget of the page."""
        close_tree(self.children)
        super().close()


def close_tree(widgets: Any) -> None:
    """Close widgets and everything in them."""
    for widget in widgets:
        close_tree(getattr(widget, "children", ()))
        feed = getattr(widget, "feed", None)
        if feed is not None:
            feed.close()
        widget.close()
