"""The application: the pages with their header.

In: a cluster. Out: one widget with the pages, and one of each server; a page is made when it is
first opened, so that a kernel that only watches stays small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import ipywidgets as w

from scms.widgets.base.part import add_classes, close_tree
from scms.widgets.base.work import Worker
from scms.widgets.feed.feed import Feed
from scms.widgets.feed.parts import Header, Theme
from scms.widgets.live.view import LiveView

if TYPE_CHECKING:
    from scms.cluster import Cluster

_PAGES: Final = (
    ("live", "Live"),
    ("find", "Find a server"),
    ("outlook", "Outlook"),
    ("reports", "Reports"),
    ("scorecard", "Scorecard"),
)
#: The views that are made when their page is first opened.
_VIEWS: Final = {
    "find": "Finder",
    "outlook": "OutlookView",
    "reports": "ReportsView",
    "scorecard": "ScorecardView",
}


class App(w.VBox):  # type: ignore[misc]  # ipywidgets has no type stubs
    """The whole page of a cluster.

    Args:
        lab: The cluster, as `scms.open` returns it.
    """

    def __init__(self, lab: Cluster) -> None:
        self._lab = lab
        self._worker = Worker()
        self.feed = Feed(lab)
        self.live = LiveView(lab, feed=self.feed)
        self.header = Header(cluster=lab.inventory.settings.name, pages=[list(p) for p in _PAGES])
        keys = (*(key for key, _ in _PAGES), "server")
        self._places = {key: add_classes(w.VBox(), f"scms-page-{key}") for key in keys}
        for place in self._places.values():
            add_classes(place, "scms-page")
        self._places["live"].children = [self.live]
        super().__init__(
            [
                Theme(),
                add_classes(w.HBox([self.header, self.feed]), "scms-row", "scms-top"),
                *self._places.values(),
            ]
        )
        add_classes(self, "scms", "scms-app")
        self._joining = False
        self._join_address(self.live)
        self.header.observe(lambda _: self._open(), names=["page", "query"])
        self._open()

    @property
    def page(self) -> Any:
        """The view that is open."""
        return self._view(self.header.page)

    def data(self) -> Any:
        """The rows that the open page shows, as a data frame."""
        return self.page.data()

    def close(self) -> None:
        """Stop the ticks and close every widget of the page."""
        close_tree(self.children)
        self.feed.close()
        self._worker.close()
        super().close()

    def _open(self) -> None:
        """Open what the header asks for, in the state that the address asks for."""
        if self._joining:
            return
        self._joining = True
        try:
            if not self._shows(self.header.page.partition("/")[2]):
                self._leave_server()
            address = getattr(self.page, "address", None)
            if address is not None and self.header.query is not None:
                address.restore(self.header.query)
        finally:
            self._joining = False
        self._say_address()

    def _say_address(self) -> None:
        """Let the header say in the address of the browser what the open page shows."""
        if self._joining:
            return
        address = getattr(self.page, "address", None)
        words = {} if address is None else address.state()
        self.header.shown = {"page": self.header.page, "words": words}

    def _join_address(self, view: Any) -> None:
        address = getattr(view, "address", None)
        if address is not None:
            address.on_change(self._say_address)

    def _leave_server(self) -> None:
        """The page of a server follows every tick: nobody looks at it any more."""
        for view in self._places["server"].children:
            view.close()  # not its tree: the feed is that of all pages
        self._places["server"].children = []

    def _view(self, page: str) -> Any:
        key, _, name = page.partition("/")
        place = self._places[key]
        if not place.children:
            place.children = [self._make(key, name)]
            self._join_address(place.children[0])
        return place.children[0]

    def _shows(self, server: str) -> bool:
        """Whether the page of this server is the one that was made."""
        return any(
            getattr(view, "server", None) == server for view in self._places["server"].children
        )

    def _make(self, key: str, name: str) -> Any:
        if key == "server":
            return self._make_server(name)
        from scms import widgets

        if key == "reports":  # a kernel that watches stays small, whatever its viewer reads
            from scms.widgets.reports.apart import Apart

            maker = Apart(self._lab)
            return widgets.ReportsView(self._lab, worker=self._worker, maker=maker)
        return getattr(widgets, _VIEWS[key])(self._lab, worker=self._worker)

    def _make_server(self, name: str) -> Any:
        from scms.errors import UnknownServer
        from scms.widgets.base.work import Progress
        from scms.widgets.server.view import ServerView

        try:
            return ServerView(self._lab, name, feed=self.feed, worker=self._worker)
        except UnknownServer as error:
            return Progress(problem=str(error))
