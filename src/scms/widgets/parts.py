"""The small widgets of the page that draw what the feed says: tiles and cards.

In: a `Feed`, and for the cards what the controls ask for. Out: views; they compute nothing.
"""

from __future__ import annotations

import traitlets
from ipywidgets import widget_serialization

from scms.widgets.feed import Feed
from scms.widgets.part import Part, asset


class Theme(Part):
    """The look of everything: colours as CSS variables, dark or light with the system."""

    _esm = asset("theme.js")
    _css = asset("theme.css")


class Tiles(Part):
    """The headline numbers: those of a feed, or a list of rows."""

    _esm = asset("tiles.js")
    _css = asset("tiles.css")
    feed = traitlets.Instance(Feed, allow_none=True).tag(sync=True, **widget_serialization)
    #: ``key, label, value, suffix, note, ratio, tone, title``
    rows = traitlets.List().tag(sync=True)


class Cards(Part):
    """One card per server; searched, filtered and sorted in the browser."""

    _esm = asset("card.js") + asset("board.js")
    _css = asset("cards.css")
    feed = traitlets.Instance(Feed).tag(sync=True, **widget_serialization)
    #: Words that must all occur in a server's name, group, tags, GPU model or users.
    search = traitlets.Unicode("").tag(sync=True)
    #: Position in `scms.widgets.choose.ORDERS`.
    order = traitlets.Int(0).tag(sync=True)
    #: Position in `scms.widgets.choose.FILTERS`.
    show = traitlets.Int(0).tag(sync=True)


class Header(Part):
    """Name, pages and theme switch; the page is kept in the address, so that it can be sent."""

    _esm = asset("header.js")
    _css = asset("header.css")
    cluster = traitlets.Unicode("").tag(sync=True)
    pages = traitlets.List(traitlets.List(traitlets.Unicode())).tag(sync=True)
    page = traitlets.Unicode("live").tag(sync=True)
