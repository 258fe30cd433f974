"""The language of the page: English or Chinese, as the viewer's browser asks for or as is chosen.

The kernel speaks English. In the browser language.js puts the words of the catalogue
(language.zh.json, see `scms.widgets.words`) in the place of English ones.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from scms.widgets.part import Part, asset
from scms.widgets.words import catalogue

if TYPE_CHECKING:
    from collections.abc import Mapping


def language_module() -> str:
    """The JavaScript of it, which a page may also load by itself, to speak before it is drawn."""
    return asset("words.js") + asset("language.js")


def language_version() -> str:
    """Changes with the script and the words, for addresses that may be kept."""
    return hashlib.sha256((language_module() + json.dumps(catalogue())).encode()).hexdigest()[:12]


class Language(Part):
    """What brings the language to a view: has `language_module` in its own, and hands out words."""

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self.on_msg(self._on_message)

    def _on_message(self, _widget: Any, content: Mapping[str, Any], _buffers: Any) -> None:
        if content.get("kind") == "words":
            self.send({"kind": "words", "words": catalogue()})
