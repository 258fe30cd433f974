"""The page: live view, one server, reports, finder as widgets, and the application of them all.

In: a cluster. Out: widgets for Voila and JupyterLab. Each has ``.data()``: the rows it shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scms.widgets.app import App
    from scms.widgets.device_map import DeviceMap
    from scms.widgets.finder import Finder
    from scms.widgets.live import LiveView
    from scms.widgets.outlook import OutlookView
    from scms.widgets.reports import ReportsView
    from scms.widgets.scorecard import ScorecardView
    from scms.widgets.server import ServerView
    from scms.widgets.usage import UsageView

__all__ = [
    "App",
    "DeviceMap",
    "Finder",
    "LiveView",
    "OutlookView",
    "ReportsView",
    "ScorecardView",
    "ServerView",
    "UsageView",
]

_HOMES = {
    "App": "app",
    "DeviceMap": "device_map",
    "Finder": "finder",
    "LiveView": "live",
    "OutlookView": "outlook",
    "ReportsView": "reports",
    "ScorecardView": "scorecard",
    "ServerView": "server",
    "UsageView": "usage",
}


def __getattr__(name: str) -> Any:
    """Views are imported when they are asked for, with what they need."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{home}"), name)
