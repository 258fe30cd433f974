"""The page: live view, one server, reports, finder as widgets, and the application of them all.

In: a cluster. Out: widgets for Voila and JupyterLab. Each has ``.data()``: the rows it shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scms.widgets.app import App
    from scms.widgets.finder.view import Finder
    from scms.widgets.live.device_map import DeviceMap
    from scms.widgets.live.view import LiveView
    from scms.widgets.outlook.view import OutlookView
    from scms.widgets.reports.usage import UsageView
    from scms.widgets.reports.view import ReportsView
    from scms.widgets.scorecard.view import ScorecardView
    from scms.widgets.server.view import ServerView

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
    "DeviceMap": "live.device_map",
    "Finder": "finder.view",
    "LiveView": "live.view",
    "OutlookView": "outlook.view",
    "ReportsView": "reports.view",
    "ScorecardView": "scorecard.view",
    "ServerView": "server.view",
    "UsageView": "reports.usage",
}


def __getattr__(name: str) -> Any:
    """Views are imported when they are asked for, with what they need."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{home}"), name)
