"""The live page: headline, charts, and all servers as cards or as a table.

In: a cluster. Out: a widget for Voila and notebooks that updates itself while it is looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as w

from scms.widgets.base.address import Address
from scms.widgets.base.part import add_classes, close_tree
from scms.widgets.feed.charts import heat_map, load_chart
from scms.widgets.feed.feed import Feed
from scms.widgets.feed.figure import Figure
from scms.widgets.feed.parts import Cards, Name, Theme, Tiles
from scms.widgets.live.choose import FILTERS, ORDERS, VIEWS, shown

if TYPE_CHECKING:
    import pandas as pd

    from scms.cluster import Cluster


class LiveView(w.VBox):  # type: ignore[misc]  # ipywidgets has no type stubs
    """All servers now.

    Args:
        lab: The cluster, as `scms.open` returns it.
        feed: The feed to draw, where a page has one already; else a new one.

    Attributes:
        search, order, show, view, user: The controls; setting their values is the same as clicking
            them. ``user`` is whose servers "Mine" shows.
        cards: The servers; its ``sort`` is the heading that the table is sorted by.
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
        self.view = w.ToggleButtons(options=list(VIEWS), description="")
        self.user = Name(placeholder="your name")
        self.cards = Cards(feed=self.feed)
        self.address = Address(
            search=(self.search, "value"),
            show=(self.show, "value"),
            user=(self.user, "value", self._of_one),
            order=(self.order, "value"),
            view=(self.view, "value"),
            sort=(self.cards, "sort"),
        )
        self._link()
        super().__init__(
            [
                Theme(),
                Tiles(feed=self.feed),
                add_classes(w.HBox(_charts(lab, self.feed)), "scms-row", "scms-charts"),
                self._controls(own_feed=feed is None),
                self.cards,
            ]
        )
        add_classes(self, "scms", "scms-stack", "scms-live")

    def _link(self) -> None:
        """Typing, filtering and sorting happen in the browser; the kernel hears of it."""
        w.jslink((self.search, "value"), (self.cards, "search"))
        w.jslink((self.user, "value"), (self.cards, "user"))
        for name in ("order", "show", "view"):
            w.jslink((getattr(self, name), "index"), (self.cards, name))
        self.show.observe(lambda _: self._offer(), names="value")
        self.view.observe(lambda _: self._offer(), names="value")
        self._offer()

    def _offer(self) -> None:
        """Offer only what matters: a name for "Mine"; the table is sorted by its headings."""
        self.user.layout.display = "" if self._of_one() else "none"
        self.order.layout.display = "none" if self.view.value == "Table" else ""

    def _of_one(self) -> bool:
        return bool(self.show.value == "Mine")

    def _controls(self, *, own_feed: bool) -> Any:
        controls = [
            add_classes(self.search, "scms-search"),
            self.show,
            add_classes(self.user, "scms-whose"),
            add_classes(self.order, "scms-order"),
            add_classes(self.view, "scms-look"),
        ]
        if own_feed:
            controls.append(add_classes(self.feed, "scms-own-feed"))
        return add_classes(w.HBox(controls), "scms-row", "scms-controls")

    def refresh(self) -> None:
        """Read and send the state now, without waiting for the next tick."""
        self.feed.refresh()

    def data(self) -> pd.DataFrame:
        """The servers that are shown, in their order: rows of ``lab.now()``."""
        import pandas as pd

        snapshot = self.feed.read() if self.feed.snapshot is None else self.feed.snapshot
        rows = shown(
            snapshot,
            search=self.search.value,
            show=self.show.index,
            order=self.order.index,
            user=self.user.value,
            sort=self.cards.sort if self.view.value == "Table" else "",
        )
        return pd.DataFrame(rows)

    def close(self) -> None:
        """Stop the ticks and close every widget of the page."""
        close_tree(self.children)
        super().close()


def _charts(lab: Cluster, feed: Feed) -> list[Figure]:
    return [
        Figure(
            load_chart(feed.local_ms()),
            feed=feed,
            channel="load",
            title="All servers",
            subtitle="last 15 minutes, %",
        ),
        device_figure(lab, feed),
    ]


def device_figure(lab: Cluster, feed: Feed) -> Figure:
    """Servers × GPUs now, as a heat map that follows the feed."""
    return Figure(
        heat_map([server.name for server in lab.inventory.servers]),
        feed=feed,
        channel="heat",
        title="GPU utilisation",
        subtitle="server × GPU, now, %",
    )
