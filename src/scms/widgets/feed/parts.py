"""The small widgets of the page that draw what the feed says: tiles and cards.

In: a `Feed`, and for the cards what the controls ask for. Out: views; they compute nothing but
which servers a search means.
"""

from __future__ import annotations

from typing import Any

import traitlets
from ipywidgets import widget_serialization

from scms.errors import FilterError
from scms.filters import parse_filter
from scms.widgets.base.language import hand_out_words, language_module
from scms.widgets.base.part import Part, asset, module
from scms.widgets.feed.feed import Feed


class Theme(Part):
    """The look and the language of a view: colours dark or light, words English or Chinese."""

    _esm = language_module() + asset("theme.js")
    _css = asset("theme.css")

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.on_msg(hand_out_words)


class Tiles(Part):
    """The headline numbers: those of a feed, or a list of rows."""

    _esm = module("tiles.js")
    _css = asset("tiles.css")
    feed = traitlets.Instance(Feed, allow_none=True).tag(sync=True, **widget_serialization)
    #: ``key, label, value, suffix, note, ratio, tone, title``
    rows = traitlets.List().tag(sync=True)


class Cards(Part):
    """The servers as cards or as a table; searched, filtered and sorted in the browser."""

    _esm = module("machine.js", "cells.js", "card.js", "rows.js", "board.js")
    _css = asset("cards.css") + asset("rows.css")
    feed = traitlets.Instance(Feed).tag(sync=True, **widget_serialization)
    #: Words and conditions, see `scms.filters`; words alone are looked for in the browser.
    search = traitlets.Unicode("").tag(sync=True)
    #: What the kernel made of the search: ``search, words, servers, problem``.
    found = traitlets.Dict().tag(sync=True)
    #: Position in `scms.widgets.live.choose.ORDERS`.
    order = traitlets.Int(0).tag(sync=True)
    #: Position in `scms.widgets.live.choose.FILTERS`.
    show = traitlets.Int(0).tag(sync=True)
    #: Position in `scms.widgets.live.choose.VIEWS`.
    view = traitlets.Int(0).tag(sync=True)
    #: The heading that the table is sorted by, from the lowest, or with ``-`` from the highest.
    sort = traitlets.Unicode("").tag(sync=True)
    #: Whose servers "Mine" means.
    user = traitlets.Unicode("").tag(sync=True)

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self._watches = True
        self.observe(self._find, names="search")
        self.feed.observe(self._find, names="sequence")

    def close(self) -> None:
        """Close the widget, as often as anybody likes; the feed may go on."""
        if self._watches:
            self.feed.unobserve(self._find, names="sequence")
            self._watches = False
        super().close()

    def _find(self, _change: Any) -> None:
        found: dict[str, Any] = {"search": self.search}
        try:
            wanted = parse_filter(self.search)
        except FilterError as error:
            self.found = found | {"problem": str(error)}
            return
        if wanted.words is not None:
            self.found = found | {"words": list(wanted.words)}
        elif self.feed.snapshot is not None:
            servers = wanted.rows(self.feed.snapshot.servers)
            self.found = found | {"servers": [row["server"] for row in servers]}


class Table(Part):
    """A table whose rows can be sorted in the browser."""

    _esm = module("table.js")
    _css = asset("table.css")
    #: ``heading, unit, kind`` of each column, and per row ``texts``, ``values``, ``mark``.
    columns = traitlets.List().tag(sync=True)
    rows = traitlets.List().tag(sync=True)
    #: What stands there when there are no rows.
    nothing = traitlets.Unicode("Nothing was recorded in this period.").tag(sync=True)

    def show(self, columns: list[dict[str, Any]], rows: list[dict[str, Any]]) -> None:
        """Show these columns and rows."""
        with self.hold_sync():
            self.columns, self.rows = columns, rows


class Name(Part):
    """A field for the name of who looks, which their browser remembers."""

    _esm = module("name.js")
    value = traitlets.Unicode("").tag(sync=True)
    placeholder = traitlets.Unicode("your name").tag(sync=True)


class Header(Part):
    """Name, pages and theme switch; page and state are in the address, so that it can be sent."""

    _esm = module("header.js")
    _css = asset("header.css")
    cluster = traitlets.Unicode("").tag(sync=True)
    pages = traitlets.List(traitlets.List(traitlets.Unicode())).tag(sync=True)
    page = traitlets.Unicode("live").tag(sync=True)
    #: The state that the browser asks for (`scms.widgets.base.address`); None: as the view has it.
    query = traitlets.Dict(
        traitlets.Unicode(), key_trait=traitlets.Unicode(), allow_none=True, default_value=None
    ).tag(sync=True)
    #: What the kernel shows: ``page`` and ``words``, its state for the address.
    shown = traitlets.Dict().tag(sync=True)
