"""What recommendations and forecasts are made from, read from the views.

In: the views and a time. Out: the frames that the pure functions of forecast and recommend take.
The outlook, which is dear, is made once an hour.
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from scms.errors import ForecastError

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd

    from scms.recommend.request import Request
    from scms.reports.period import Period
    from scms.views import Views

#: How much of the past is learnt from.
_HISTORY: Final = timedelta(days=60)
#: The models that need no statsmodels: an answer while somebody waits, also in a dashboard's
#: kernel, is worth more than the rare server for which ETS wins.
_MODELS: Final = ("blend", "last_value", "analog", "seasonal_naive")
#: Recommendations look this far into the outlook.
_OUTLOOK_HOURS: Final = 24


class Evidence:
    """The history of a cluster as forecasts and recommendations need it.

    Args:
        views: Where it is read from.
    """

    def __init__(self, views: Views) -> None:
        self._views = views
        self._outlooks: dict[tuple[datetime, int], pd.DataFrame | None] = {}

    def load(self, now: datetime) -> pd.DataFrame:
        """The hourly load of the last 60 days: the rows of the view ``load_hourly``."""
        return self._since(now, "SELECT * FROM load_hourly WHERE ts >= $since")

    def slots(self, now: datetime) -> pd.DataFrame:
        """The quarters of an hour of the last 60 days: the rows of the view ``free_15m``."""
        return self._since(now, "SELECT * FROM free_15m WHERE starts_at >= $since")

    def outlook(self, now: datetime, hours: float) -> pd.DataFrame | None:
        """The outlook of the next hours; None while there is too little history."""
        from scms.forecast import outlook

        horizon = min(_OUTLOOK_HOURS, max(1, math.ceil(hours)))
        key = (now.replace(minute=0, second=0, microsecond=0), horizon)
        if key not in self._outlooks:
            try:
                made = outlook(self.load(now), horizon_hours=horizon, now=now, models=_MODELS)
            except ForecastError:
                made = None
            self._outlooks = {key: made}
        return self._outlooks[key]

    def use_ratios(self, now: datetime, lately: Period) -> dict[str, float | None]:
        """The share of its GPU time that each server was used in, over the period ``lately``."""
        from scms.reports.metrics import usage

        frame = usage(self._views.frame, lately, by="server", now=now)
        return dict(zip(frame["server"], frame["gpu_use_ratio"], strict=True))

    def for_request(self, request: Request, now: datetime, lately: Period) -> dict[str, Any]:
        """Everything about the past that `scms.recommend.rank.recommend` takes."""
        from scms.forecast.availability import availability, waiting

        chances = waits = None
        if request.gpus:
            slots = self.slots(now)
            chances = availability(slots, gpus=request.gpus, hours=request.hours, now=now)
            waits = waiting(slots, gpus=request.gpus, now=now)
        return {
            "availability": chances,
            "waits": waits,
            "outlook": self.outlook(now, request.hours),
            "use_ratios": self.use_ratios(now, lately),
        }

    def _since(self, now: datetime, query: str) -> pd.DataFrame:
        since = now - _HISTORY
        return self._views.frame(query, {"since": since}, start=since, end=now)
