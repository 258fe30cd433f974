"""Servers × GPUs as a heat map that follows the live state, for the page and for notebooks.

In: a cluster. Out: a widget that updates itself while it is looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import ipywidgets as w

from scms.widgets.base.part import add_classes, close_tree
from scms.widgets.feed.feed import Feed
from scms.widgets.feed.parts import Theme
from scms.widgets.live.view import device_figure

if TYPE_CHECKING:
    import pandas as pd

    from scms.cluster import Cluster

#: What a cell of the map says, and its column in ``lab.devices()``.
COLUMNS: Final = (
    "server",
    "device_index",
    "device_name",
    "state",
    "gpu_utilization_ratio",
    "memory_used_bytes",
    "memory_total_bytes",
    "users",
    "held_by",
)


class DeviceMap(w.VBox):  # type: ignore[misc]  # ipywidgets has no type stubs
    """The utilisation of every GPU now: servers across, GPUs up; what cannot be used is hatched.

    Args:
        lab: The cluster, as `scms.open` returns it.
        feed: The feed to follow, where a page has one already; else a new one, whose line says
            whether the map is live.
    """

    def __init__(self, lab: Cluster, *, feed: Feed | None = None) -> None:
        self.feed = Feed(lab) if feed is None else feed
        parts: list[Any] = [Theme(), device_figure(lab, self.feed)]
        if feed is None:
            parts.append(self.feed)
        super().__init__(parts)
        add_classes(self, "scms", "scms-stack", "scms-device-map")

    def refresh(self) -> None:
        """Read and send the state now, without waiting for the next tick."""
        self.feed.refresh()

    def data(self) -> pd.DataFrame:
        """One row per GPU that is shown: `COLUMNS` of ``lab.devices()``."""
        import pandas as pd

        snapshot = self.feed.read() if self.feed.snapshot is None else self.feed.snapshot
        rows = [{name: row[name] for name in COLUMNS} for row in snapshot.devices]
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def close(self) -> None:
        """Stop the ticks and close every widget of it."""
        close_tree(self.children)
        super().close()
