"""The small widgets of the reports page: what stands out, what it is narrowed to, downloads."""

from __future__ import annotations

from typing import Final

import traitlets

from scms.widgets.base.part import Part, asset, module

#: The forms that a report is downloaded in.
FORMS: Final = {
    "html": "text/html",
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv",
}
#: What a click can narrow a report to; each is a trait of `Narrow`.
WORDS: Final = ("server", "group", "user", "tag", "model")


class Findings(Part):
    """What a report noticed, each with its rule, its threshold and the way to its figures."""

    _esm = module("findings.js")
    _css = asset("reports.css")
    #: ``kind, sentence, names, stake, rule, limit, setting, evidence, table``
    rows = traitlets.List().tag(sync=True)
    #: So many are shown before somebody asks for all.
    first = traitlets.Int(5).tag(sync=True)
    all = traitlets.Bool(default_value=False).tag(sync=True)
    #: What stands there when there are none.
    nothing = traitlets.Unicode("").tag(sync=True)


class Narrow(Part):
    """What a report is narrowed to, a chip each; empty is not narrowed."""

    _esm = module("narrow.js")
    server = traitlets.Unicode("").tag(sync=True)
    group = traitlets.Unicode("").tag(sync=True)
    user = traitlets.Unicode("").tag(sync=True)
    tag = traitlets.Unicode("").tag(sync=True)
    model = traitlets.Unicode("").tag(sync=True)

    def where(self, text: str) -> str:
        """A filter of servers that says the same, after the one that was typed."""
        named = {word: getattr(self, word) for word in WORDS if word != "user"}
        chosen = [f'{word}="{value}"' for word, value in named.items() if value]
        typed = f"({text.strip()})" if text.strip() and chosen else text.strip()
        return " ".join(part for part in (typed, *chosen) if part)


class Download(Part):
    """Buttons that save the report as a file where the browser runs."""

    _esm = asset("download.js")
    _css = asset("download.css")
    forms = traitlets.List(list(FORMS)).tag(sync=True)
    ready = traitlets.Bool(default_value=False).tag(sync=True)
