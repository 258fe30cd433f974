"""A Bokeh figure in a notebook or under Voila: an anywidget that hosts a Bokeh document.

In: a Bokeh figure, once, as JSON; its data then comes with the feed as binary columns. BokehJS is
taken from the server that serves the page, or comes from the kernel once where there is none.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import traitlets
from ipywidgets import widget_serialization

from scms.widgets.base.part import Part, asset
from scms.widgets.feed.feed import Feed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bokeh.models import UIElement


class Figure(Part):
    """One chart in a panel, with a title of its own."""

    _esm = asset("figure.js")
    _css = asset("figure.css")

    #: What the chart shows, and its small print.
    title = traitlets.Unicode("").tag(sync=True)
    subtitle = traitlets.Unicode("").tag(sync=True)
    #: What it shows, in sentences; they stand below it.
    words = traitlets.List(traitlets.Unicode()).tag(sync=True)
    #: The figure as ``bokeh.embed.json_item``; a new one is drawn in place of the old.
    item = traitlets.Dict(allow_none=True, default_value=None).tag(sync=True)
    #: The version of BokehJS that the item needs.
    version = traitlets.Unicode("").tag(sync=True)
    #: Where new columns come from, if any, and the name of the chart there and of its source.
    feed = traitlets.Instance(Feed, allow_none=True).tag(sync=True, **widget_serialization)
    channel = traitlets.Unicode("").tag(sync=True)

    def __init__(self, figure: UIElement | None = None, **values: Any) -> None:
        import bokeh

        super().__init__(version=bokeh.__version__, **values)
        if figure is not None:
            self.draw(figure)
        self.on_msg(self._on_message)

    def draw(self, figure: UIElement) -> None:
        """Show this figure in place of the one before."""
        from bokeh.embed import json_item

        self.item = dict(json_item(figure))

    def _on_message(self, _widget: Any, content: Mapping[str, Any], _buffers: Any) -> None:
        if content.get("kind") == "bokehjs":
            self.send({"kind": "bokehjs"}, [bokehjs_path().read_bytes()])


def bokehjs_path() -> Path:
    """The minified BokehJS that is installed with Bokeh."""
    import bokeh

    return Path(bokeh.__file__).parent / "server" / "static" / "js" / "bokeh.min.js"
