"""What every small widget of the page shares: its front end, and refusal of unknown names.

In: the name of a widget's JavaScript and CSS files. Out: an anywidget that sends them once.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import anywidget

from scms.errors import ScmsError

_FOLDER = Path(__file__).parents[1] / "front"


def asset(name: str) -> str:
    """The text of a JavaScript or CSS file of the front end."""
    return (_FOLDER / name).read_text(encoding="utf-8")


def module(*names: str) -> str:
    """JavaScript files of the front end, as one module, after what they share."""
    return "".join(asset(name) for name in ("dom.js", *names))


def add_classes(widget: Any, *names: str) -> Any:
    """Give an ipywidget CSS classes; returns it."""
    for name in names:
        widget.add_class(name)
    return widget


def close_tree(widgets: Any) -> None:
    """Close widgets and everything in them."""
    for widget in widgets:
        close_tree(getattr(widget, "children", ()))
        feed = getattr(widget, "feed", None)
        if feed is not None:
            feed.close()
        widget.close()


class Part(anywidget.AnyWidget):  # type: ignore[misc]  # anywidget has no type stubs
    """An anywidget whose front end is in files; a misspelt keyword is refused, not swallowed."""

    def __init__(self, **values: Any) -> None:
        known = set(self.trait_names())
        for name in values:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                raise ScmsError(
                    f"{type(self).__name__} has no {name!r}",
                    expected="one of its traits",
                    mend=f'did you mean "{near[0]}"?' if near else None,
                )
        super().__init__(**values)
