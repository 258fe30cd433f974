"""The outlook page: which servers will have GPUs free, hour by hour, and how sure that is.

In: a cluster. Out: a widget. It shows what the collector has said last (``lab.ahead``), which takes
a few milliseconds to read; where nothing was said lately, it is made in a thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import ipywidgets as w
import traitlets

from scms.errors import ForecastError
from scms.widgets.base.address import Address
from scms.widgets.base.part import Part, add_classes, asset, close_tree, module
from scms.widgets.base.work import Progress, Worker
from scms.widgets.feed.figure import Figure
from scms.widgets.feed.parts import Table, Theme, Tiles
from scms.widgets.outlook import detail as outlook_detail
from scms.widgets.outlook import rows as outlook_rows
from scms.widgets.outlook.rows import Asked, Seen

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from scms.cluster import Cluster

Row = dict[str, Any]
#: How far to look, by the words of its buttons.
HORIZONS: Final = {"24 h": 24, "48 h": 48, "7 days": 168}
#: The orders of the servers, by their words.
ORDERS: Final = {"Free soonest": "soonest", "Best chance": "chance", "Name": "name"}
_ALL: Final = "All"
_FIRST: Final = "The first"


class ChanceMap(Part):
    """Servers times hours: the chance of free GPUs in each cell, as a number and a shade."""

    _esm = module("outlook.js")
    _css = asset("outlook.css")
    #: See `scms.widgets.outlook.rows.chance_map`; ``title, note, said`` too.
    map = traitlets.Dict().tag(sync=True)
    #: The server whose level is shown below.
    chosen = traitlets.Unicode("").tag(sync=True)


class Facts(Part):
    """What is known about what is said of a server."""

    _esm = module("facts.js")
    #: ``name, text``, and ``people`` for names of people in it.
    rows = traitlets.List().tag(sync=True)
    title = traitlets.Unicode("").tag(sync=True)


class OutlookView(w.VBox):  # type: ignore[misc]  # ipywidgets has no type stubs
    """Which servers will be free.

    Args:
        lab: The cluster, as `scms.open` returns it.
        worker: The thread to work in, where a page has one already.

    Attributes:
        gpus, horizon, group, order, server: The controls (ipywidgets).
        address: What they say, as it stands in the address of the page.
        seen: What is shown; None before it was read.
    """

    def __init__(self, lab: Cluster, *, worker: Worker | None = None) -> None:
        self._lab = lab
        self._worker = Worker() if worker is None else worker
        self.seen: Seen | None = None
        names = [server.name for server in lab.inventory.servers]
        groups = {server.group for server in lab.inventory.servers if server.group is not None}
        wide = {"description_width": "auto"}
        self.gpus = w.BoundedIntText(1, min=1, max=64, description="GPUs", style=wide)
        self.horizon = w.ToggleButtons(options=list(HORIZONS))
        self.group = w.Dropdown(options=[_ALL, *sorted(groups)], description="Group", style=wide)
        self.order = w.Dropdown(options=list(ORDERS), description="Sort by", style=wide)
        self.server = w.Dropdown(options=[_FIRST, *names], description="Server", style=wide)
        for choice in (self.group, self.server):
            add_classes(choice, "scms-names")  # but for the first, which is a word
        self.progress = Progress()
        self.tiles = Tiles()
        self.map = ChanceMap()
        self.figure = Figure()
        self.facts = Facts()
        self.hours = Table()
        self.address = Address(
            gpus=(self.gpus, "value"),
            hours=(self.horizon, "value"),
            group=(self.group, "value"),
            order=(self.order, "value"),
            server=(self.server, "value"),
        )
        for control in (self.gpus, self.horizon, self.group, self.order):
            control.observe(lambda _: self._draw(), names="value")
        self.server.observe(lambda _: self._draw_server(), names="value")
        self.map.on_msg(self._on_message)
        super().__init__([Theme(), *self._rows()])
        add_classes(self, "scms", "scms-stack", "scms-outlook")
        self.progress.start("Reading what is said of the coming week …")
        self.refresh()

    def asked(self) -> Asked:
        """What the controls say."""
        group = None if self.group.value == _ALL else self.group.value
        hours, order = HORIZONS[self.horizon.value], ORDERS[self.order.value]
        return Asked(self.gpus.value, hours, group, order)

    def refresh(self) -> None:
        """Read what is said, the live state and the holds now."""
        self._worker.run(self._read, self._shown, self.progress.stop)

    def data(self) -> pd.DataFrame:
        """The map as rows, in its order.

        Columns ``server, group, ts`` (start of the hour), ``gpus, p_free`` (0 to 1, null where
        unknown), ``gpus_held, model``.
        """
        import pandas as pd

        names = ["server", "group", "ts", "gpus", "p_free", "gpus_held", "model"]
        return pd.DataFrame([] if self.seen is None else self._cells(self.seen), columns=names)

    def close(self) -> None:
        """Close every widget of the page."""
        self._worker.close()
        close_tree(self.children)
        super().close()

    def _rows(self) -> list[Any]:
        controls = [
            add_classes(self.gpus, "scms-count-of"),
            self.horizon,
            add_classes(self.group, "scms-order"),
            add_classes(self.order, "scms-order"),
        ]
        chosen = add_classes(w.HBox([self.server]), "scms-row", "scms-controls")
        side = add_classes(w.VBox([chosen, self.facts]), "scms-panel", "scms-side")
        by_hour = add_classes(w.HTML("Hour by hour"), "scms-title")
        table = add_classes(w.VBox([by_hour, self.hours]), "scms-panel", "scms-by-hour")
        beside = add_classes(w.VBox([self.figure, table]), "scms-stack", "scms-level")
        line = add_classes(w.HBox(controls), "scms-row", "scms-controls")
        one = add_classes(w.HBox([side, beside]), "scms-row", "scms-one-server")
        self._known = [line, add_classes(w.VBox([self.tiles]), "scms-box"), one]
        for box in self._known:
            box.add_class("scms-waiting")  # until something is known
        return [line, self.progress, self._known[1], self.map, one]

    def _read(self) -> Seen | str:
        """What can be shown, or in words why nothing can."""
        try:
            ahead = self._lab.ahead()
        except ForecastError as error:
            return str(error)
        return outlook_rows.seen(self._lab, ahead)

    def _shown(self, seen: Seen | str) -> None:
        self.progress.stop()
        if isinstance(seen, str):
            self.map.map = {"nothing": seen}
            return
        self.seen = seen
        for box in self._known:
            box.remove_class("scms-waiting")
        self._draw()

    def _draw(self) -> None:
        seen = self.seen
        if seen is None:
            return
        asked = self.asked()
        self.tiles.rows = outlook_rows.tiles(seen, asked)
        self.map.map = outlook_rows.chance_map(seen, asked) | {
            "note": outlook_rows.without(seen, asked),
            "said": outlook_rows.said_when(seen),
        }
        self._draw_server()

    def _draw_server(self) -> None:
        seen = self.seen
        if seen is None:
            return
        asked = self.asked()
        shown = {line.server: line for line in outlook_rows.lines(seen, asked)}
        said = {one.server: one for one in seen.ahead.servers}
        name = next(iter(shown), None) if self.server.value == _FIRST else self.server.value
        one = None if name is None else said.get(name)
        self.map.chosen = "" if name is None else name
        self.facts.title = "" if name is None else name
        if one is None:
            self.facts.rows = [{"name": "Not known", "text": "no history yet"}] if name else []
            self.hours.show([], [])
            self.figure.layout.display = "none"
            return
        line = shown.get(one.server)
        self.facts.rows = outlook_detail.facts(seen, asked, line, one)
        self.hours.show(*outlook_detail.hours(seen, asked, line, one))
        self._draw_level(seen, asked, one)

    def _draw_level(self, seen: Seen, asked: Asked, one: Any) -> None:
        from scms.widgets.outlook.level_chart import level_chart

        gpus = one.measure == "gpus_busy"
        self.figure.layout.display = ""
        self.figure.title = "GPUs busy" if gpus else "CPU use, %"
        level = round(100 * seen.ahead.level)
        self.figure.subtitle = f"as seen, then as expected, with its {level} % range"
        self.figure.draw(
            level_chart(**outlook_detail.curve(seen, asked, one), unit="" if gpus else " %")
        )

    def _cells(self, seen: Seen) -> list[Row]:
        from datetime import timedelta

        asked = self.asked()
        return [
            {
                "server": line.server,
                "group": line.live["group"],
                "ts": seen.ahead.origin + timedelta(hours=n),
                "gpus": asked.gpus,
                "p_free": None if chance is None else chance / 100,
                "gpus_held": line.held[n],
                "model": line.ahead.model,
            }
            for line in outlook_rows.lines(seen, asked)
            for n, chance in enumerate(line.chances)
        ]

    def _on_message(self, _widget: Any, content: Mapping[str, Any], _buffers: Any) -> None:
        kind, name = content.get("kind"), content.get("server")
        if kind == "refresh":
            self.refresh()
        elif kind == "choose" and name in self.server.options:
            self.server.value = name
