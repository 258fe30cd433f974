"""The language of the page: English or Chinese, as the viewer's browser asks for or as is chosen.

The kernel speaks English. In the browser language.js puts the words of the catalogue
(language.zh.json, see `scms.widgets.base.words`) in the place of English ones.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from scms.widgets.base.part import Part, asset
from scms.widgets.base.words import catalogue

if TYPE_CHECKING:
    from collections.abc import Mapping


def language_module() -> str:
    """The JavaScript of it, which a page may also load by itself, to speak before it is drawn."""
    return asset("words.js") + asset("language.js")


def language_version() -> str:
    """Changes with the script and the words, for addresses that may be kept."""
    return hashlib.sha256((language_module() + json.dumps(catalogue())).encode()).hexdigest()[:12]


def hand_out_words(widget: Part, content: Mapping[str, Any], _buffers: Any) -> None:
    """Answer a page that asks for the catalogue because no server of ours serves it."""
    if content.get("kind") == "words":
        widget.send({"kind": "words", "words": catalogue()})
