"""SCMS: server cluster monitoring and scheduling, for notebooks, a page and scripts.

Data moves in one straight line, left to right::

    cluster.toml ─► collect ─► hot store ─► warehouse ─► views ─► reports ─► widgets, CLI, notebooks
                                   └──── now ────┴─► forecast ─► recommend ─┘

Start with ``lab = scms.open("cluster.toml")``: it reads the inventory and touches no server.
Everything here is imported when it is first used, so ``import scms`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from scms.errors import ScmsError

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from scms.cluster import Cluster, open  # noqa: A004  scms.open is what users type
    from scms.inventory import Inventory, Server
    from scms.recommend.answer import Recommendation
    from scms.recommend.request import Request
    from scms.reports.document import Report
    from scms.reports.period import Period
    from scms.widgets import (
        App,
        DeviceMap,
        Finder,
        LiveView,
        OutlookView,
        ReportsView,
        ScorecardView,
        ServerView,
        UsageView,
    )

__version__ = "0.1.0"

_HOMES = {
    "App": "scms.widgets",
    "Cluster": "scms.cluster",
    "DeviceMap": "scms.widgets",
    "Finder": "scms.widgets",
    "Inventory": "scms.inventory",
    "LiveView": "scms.widgets",
    "OutlookView": "scms.widgets",
    "Period": "scms.reports.period",
    "Recommendation": "scms.recommend.answer",
    "Report": "scms.reports.document",
    "ReportsView": "scms.widgets",
    "Request": "scms.recommend.request",
    "ScorecardView": "scms.widgets",
    "Server": "scms.inventory",
    "ServerView": "scms.widgets",
    "UsageView": "scms.widgets",
    "open": "scms.cluster",
}

__all__ = [
    "App",
    "Cluster",
    "DeviceMap",
    "Finder",
    "Inventory",
    "LiveView",
    "OutlookView",
    "Period",
    "Recommendation",
    "Report",
    "ReportsView",
    "Request",
    "ScmsError",
    "ScorecardView",
    "Server",
    "ServerView",
    "UsageView",
    "__version__",
    "open",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'scms' has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)


def load_ipython_extension(shell: InteractiveShell) -> None:
    """``%load_ext scms``: the magics ``%sql`` and ``%%sql`` of `scms.cluster.magic`."""
    from scms.cluster.magic import register

    register(shell)
