"""A server's own page: its GPUs, who uses them, its past, its disks and what happened to it.

In: a cluster, a server's name and the feed. Out: a widget. The live state comes with the feed; what
only this page wants (processes, events, the past) is read in a thread.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import ipywidgets as w
import traitlets

from scms.widgets.base.address import Address
from scms.widgets.base.part import Part, add_classes, asset, close_tree, module
from scms.widgets.base.work import Progress, Worker
from scms.widgets.feed.feed import Feed
from scms.widgets.feed.figure import Figure
from scms.widgets.feed.parts import Name, Table, Theme, Tiles
from scms.widgets.server import closeup
from scms.widgets.server.ahead import ServerAhead, read_ahead
from scms.widgets.server.hours import DeviceHours, grid

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from scms.cluster import Cluster
    from scms.live import Closeup

#: How far back the chart looks, by the words of its buttons.
SPANS: Final = {"2 days": "2d", "7 days": "7d", "30 days": "30d"}
#: How many hours the grid of its GPUs has, by the words of its buttons.
REACHES: Final = {"24 hours": 24, "7 days": 168}


class ServerHead(Part):
    """Name, state and hardware of one server, and what is wrong with it."""

    _esm = module("server_head.js")
    _css = asset("server.css")
    #: See `scms.widgets.server.closeup.head`.
    head = traitlets.Dict().tag(sync=True)


class DeviceCards(Part):
    """The GPUs of one server, a card each."""

    _esm = module("gpus.js")
    _css = asset("gpus.css")
    #: See `scms.widgets.server.closeup.devices`.
    devices = traitlets.List().tag(sync=True)
    #: Who looks: their holds can be given back.
    user = traitlets.Unicode("").tag(sync=True)


class Happenings(Part):
    """What changed, newest first."""

    _esm = module("happenings.js")
    rows = traitlets.List().tag(sync=True)


class ServerView(w.VBox):  # type: ignore[misc]  # ipywidgets has no type stubs
    """Everything about one server.

    Args:
        lab: The cluster, as `scms.open` returns it.
        server: Its name.
        feed: The feed to follow, where a page has one already; else a new one.
        worker: The thread to work in, where a page has one already.

    Attributes:
        seen: What is shown; None before it was read.
        user: For whom a hold is taken.
        span, reach: How far back the chart and the grid of GPUs look (ipywidgets).
        address: What of them stands in the address of the page.

    Raises:
        UnknownServer: It is not in the inventory.
    """

    #: What is there to be undone by `close`, which comes also when a view could not be made.
    _own_feed = False
    _follows = False

    def __init__(
        self, lab: Cluster, server: str, *, feed: Feed | None = None, worker: Worker | None = None
    ) -> None:
        self._lab = lab
        self._server = lab.inventory[server].name
        self._own_feed = feed is None
        self.feed = Feed(lab) if feed is None else feed
        self._worker = Worker() if worker is None else worker
        self.seen: Closeup | None = None
        self._reading = False
        self.progress = Progress()
        self.head = ServerHead(head=closeup.nameplate(self._server))
        self.devices = DeviceCards()
        self.tiles = Tiles()
        self.processes = Table(nothing="No process of a GPU, nor any that uses much CPU.")
        self.storage = Table(nothing="No file system has been read yet.")
        self.happenings = Happenings()
        self.figure = Figure(title="Load")
        self.span = w.ToggleButtons(options=list(SPANS))
        self.hours = DeviceHours()
        self.reach = w.ToggleButtons(options=list(REACHES))
        self.ahead = ServerAhead(self._read_ahead)
        self.user = Name(placeholder="your name, for holds")
        w.jslink((self.user, "value"), (self.devices, "user"))
        self.address = Address(span=(self.span, "value"), reach=(self.reach, "value"))
        self.devices.on_msg(self._on_message)
        self.span.observe(lambda _: self._read_load(), names="index")
        self.reach.observe(lambda _: self._read_hours(), names="index")
        super().__init__([Theme(), *self._rows()])
        add_classes(self, "scms", "scms-stack", "scms-server-view")
        self.feed.observe(self._on_snapshot, names="sequence")
        self._follows = True
        self.refresh()
        self._read_ahead()
        self._read_hours()
        self._read_load()

    @property
    def server(self) -> str:
        """The name of the server."""
        return self._server

    def refresh(self) -> None:
        """Read everything of the server now."""
        self._reading = True
        self._worker.run(
            lambda: self._lab.server(self._server, after=self.seen), self._draw, self._failed
        )

    def data(self) -> pd.DataFrame:
        """The GPUs that are shown: rows of ``lab.devices()``."""
        import pandas as pd

        return pd.DataFrame([] if self.seen is None else self.seen.devices)

    def hold(self, device: str) -> None:
        """Hold a GPU of the server for the user of the page."""
        user = self.user.value.strip()
        if not user:
            self.progress.stop("Say who you are: a hold without a name helps nobody.")
            return
        self._worker.run(
            lambda: self._lab.hold(self._server, [device], user=user),
            lambda _held: self.refresh(),
            self._say,
        )

    def release(self, device: str) -> None:
        """Give the hold of the user of the page on a GPU back."""
        self._worker.run(partial(self._release, device), lambda _: self.refresh(), self._say)

    def _release(self, device: str) -> None:
        user = self.user.value.strip()
        for row in self._lab.active_holds():
            if (row["server"], row["device"], row["user"]) == (self._server, device, user):
                self._lab.release(row["hold_id"], user=user)

    def close(self) -> None:
        """Follow the feed no more, and close every widget of the page."""
        if self._follows:
            self._follows = False
            self.feed.unobserve(self._on_snapshot, names="sequence")
            if self._own_feed:
                self.feed.close()
        close_tree(self.children)
        super().close()

    def _rows(self) -> list[Any]:
        controls = [add_classes(self.user, "scms-whose")]
        if self._own_feed:
            controls.append(add_classes(self.feed, "scms-own-feed"))
        self.place = add_classes(w.HBox(controls), "scms-row", "scms-controls")
        self._past = _panel("GPU × time", self.hours, self.reach)
        halves = [
            _panel("Disks", self.storage),
            _panel("What happened in the last 2 hours", self.happenings),
        ]
        return [
            self.progress,
            self.head,
            self.tiles,
            self.devices,
            self.place,
            _panel("Processes", self.processes),
            self.ahead,
            self._past,
            add_classes(w.HBox([self.span]), "scms-row", "scms-controls"),
            self.figure,
            add_classes(w.HBox(halves), "scms-row", "scms-halves"),
        ]

    def _on_snapshot(self, _change: Any) -> None:
        if not self._reading:  # a slow answer delays the next question, they never stack up
            self.refresh()

    def _failed(self, problem: str) -> None:
        self._reading = False
        self.progress.stop(problem)

    def _draw(self, seen: Closeup) -> None:
        self._reading = False
        self.seen = seen
        zone = self._lab.inventory.settings.zone()
        self.head.head = closeup.head(seen)
        self.devices.devices = closeup.devices(seen)
        self.tiles.rows = closeup.tiles(seen)
        self.user.layout.display = "" if any(map(_can_change, self.devices.devices)) else "none"
        self._past.layout.display = "" if seen.devices else "none"
        self.processes.show(*closeup.processes(seen))
        self.storage.show(*closeup.storage(seen))
        self.happenings.rows = closeup.happenings(seen, zone)

    def _read_ahead(self) -> None:
        def done(seen: Any) -> None:
            self.ahead.show(seen, self._server)

        self._worker.run(lambda: read_ahead(self._lab), done, self._say)

    def _read_load(self) -> None:
        span = self.span.value
        self.progress.start(f"Reading the last {span} …")
        self._worker.run(
            lambda: self._lab.load(self._server, SPANS[span]),
            partial(self._draw_load, span),
            self._say,
        )

    def _say(self, problem: str) -> None:
        self.progress.stop(problem)

    def _read_hours(self) -> None:
        hours = REACHES[self.reach.value]
        self._worker.run(
            lambda: self._lab.device_hours(self._server, hours),
            partial(self._draw_hours, hours),
            self._say,
        )

    def _draw_hours(self, hours: int, table: pd.DataFrame) -> None:
        if hours == REACHES[self.reach.value]:  # nobody has chosen another one since
            zone = self._lab.inventory.settings.timezone
            self.hours.grid = grid(table, hours=hours, now=datetime.now(UTC), zone=zone)

    def _draw_load(self, span: str, frame: pd.DataFrame) -> None:
        from scms.widgets.server.past_chart import server_load

        self.progress.stop()
        if span != self.span.value:
            return  # somebody has chosen another one since
        self.figure.subtitle = (
            f"last {span}, %: mean, and from the lowest to the highest tick; "
            "drag in the small chart to look closer"
        )
        self.figure.draw(server_load(frame))

    def _on_message(self, _widget: Any, content: Mapping[str, Any], _buffers: Any) -> None:
        kind = content.get("kind")
        if kind == "hold":
            self.hold(str(content["device"]))
        elif kind == "release":
            self.release(str(content["device"]))


def _can_change(device: Mapping[str, Any]) -> bool:
    return device["can_hold"] or device["held_by"] is not None


def _panel(title: str, content: Any, *controls: Any) -> Any:
    heading = add_classes(w.HTML(title), "scms-title")
    head = add_classes(w.HBox([heading, *controls]), "scms-row", "scms-table-head")
    return add_classes(w.VBox([head, content]), "scms-panel")
