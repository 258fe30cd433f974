"""What is said of one server's next day, on its own page: its chances and who speaks for it.

In: what the collector has said of the coming week. Out: a widget; hidden while nothing was said, as
only the outlook page takes the time to make it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as w

from scms.errors import ForecastError
from scms.widgets.base.part import add_classes
from scms.widgets.outlook import detail, rows
from scms.widgets.outlook.view import ChanceMap, Facts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scms.cluster import Cluster


class ServerAhead(w.HBox):  # type: ignore[misc]  # ipywidgets has no type stubs
    """The chance of a free GPU in each of the next 24 hours, and the best hours for more of them.

    Args:
        refresh: Called when the page wants it anew.
    """

    def __init__(self, refresh: Callable[[], None]) -> None:
        self._refresh = refresh
        self.map = ChanceMap()
        self.facts = Facts()
        self.map.on_msg(self._on_message)
        facts = add_classes(w.VBox([self.facts]), "scms-panel", "scms-side")
        super().__init__([facts, self.map])
        add_classes(self, "scms-row", "scms-ahead")
        self.layout.display = "none"

    def show(self, seen: rows.Seen | None, server: str) -> None:
        """Show what is said of this server; nothing where nothing is."""
        asked = rows.Asked()
        lines = [] if seen is None else rows.lines(seen, asked)
        line = next((one for one in lines if one.server == server), None)
        if seen is None or line is None:
            self.layout.display = "none"
            return
        whole = rows.chance_map(seen, asked)
        own = [row for row in whole["rows"] if row["server"] == server]
        self.map.map = whole | {"rows": own, "note": "", "said": rows.said_when(seen)}
        self.facts.rows = detail.facts(seen, asked, line, line.ahead)
        self.facts.title = "The next 24 hours"
        self.layout.display = ""

    def _on_message(self, _widget: Any, content: Mapping[str, Any], _buffers: Any) -> None:
        if content.get("kind") == "refresh":
            self._refresh()


def read_ahead(lab: Cluster) -> rows.Seen | None:
    """What the collector has said of the coming week; None where it has not."""
    try:
        ahead = lab.ahead(make=False)
    except ForecastError:
        return None
    return rows.seen(lab, ahead)
