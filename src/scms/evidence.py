"""What recommendations and forecasts are made from, read from the views and the hot store.

In: the views, the hot store and a time. Out: the frames that the pure functions of forecast and
recommend take. What is dear (which model speaks where, the weights of the Logit) is made once a day
by `scms learn`, which the collector runs, and read here; without it answers are made from lighter
means.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from scms.errors import ForecastError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from scms.forecast.champion import Choice
    from scms.forecast.logit import Chances
    from scms.hot import HotStore
    from scms.recommend.request import Request
    from scms.reports.period import Period
    from scms.views import Views

#: Under these keys the hot store keeps what was learnt, each with when: {"made_at", "value"}.
CHOICES: Final = "forecast_choices"
CHANCES: Final = "forecast_chances"
#: What was learnt longer ago is not used: the cluster has changed.
_VALID: Final = timedelta(days=7)
#: How much of the past is learnt from.
_HISTORY: Final = timedelta(days=60)
#: The models that need no statsmodels: an answer while somebody waits, also in a dashboard's
#: kernel, is worth more than the rare server for which ETS wins.
LIGHT_MODELS: Final = ("blend", "last_value", "analog")
#: Recommendations look this far into the outlook.
_OUTLOOK_HOURS: Final = 24


class Evidence:
    """The history of a cluster as forecasts and recommendations need it.

    Args:
        views: Where it is read from.
        hot: Where what was learnt is kept.
    """

    def __init__(self, views: Views, hot: HotStore) -> None:
        self._views = views
        self._hot = hot
        self._outlooks: dict[tuple[datetime, int], pd.DataFrame | None] = {}

    def load(self, now: datetime) -> pd.DataFrame:
        """The hourly load of the last 60 days: the rows of the view ``load_hourly``."""
        return self._since(now, "SELECT * FROM load_hourly WHERE ts >= $since")

    def slots(self, now: datetime) -> pd.DataFrame:
        """The quarters of an hour of the last 60 days: the rows of the view ``free_15m``."""
        return self._since(now, "SELECT * FROM free_15m WHERE starts_at >= $since")

    def choices(self, now: datetime) -> dict[str, Choice] | None:
        """Which model speaks for each server, as learnt; None where nothing was lately."""
        from scms.forecast.champion import choices_from_json

        text = self._learnt(CHOICES, now)
        return None if text is None else choices_from_json(text)

    def chances(self, now: datetime) -> Chances | None:
        """The weights of the Logit, as learnt; None where nothing was lately."""
        from scms.forecast.logit import checked_chances

        return checked_chances(self._learnt(CHANCES, now))

    def keep(self, key: str, text: str, now: datetime) -> None:
        """Keep what was learnt.

        Raises:
            HotStoreError: The hot store cannot be written.
        """
        self._hot.set_meta(key, json.dumps({"made_at": now.timestamp(), "value": text}))

    def learnt_at(self, key: str) -> datetime | None:
        """When something was learnt last; None where it never was."""
        text = self._hot.meta(key)
        return None if text is None else datetime.fromtimestamp(json.loads(text)["made_at"], UTC)

    def outlook(
        self, now: datetime, hours: float, taken: Sequence[Mapping[str, Any]] = ()
    ) -> pd.DataFrame | None:
        """The outlook of the next hours; None while there is too little history."""
        from scms.forecast import outlook

        horizon = min(_OUTLOOK_HOURS, max(1, math.ceil(hours)))
        key = (now.replace(minute=0, second=0, microsecond=0), horizon)
        if key not in self._outlooks:
            try:
                made = outlook(
                    self.load(now),
                    horizon_hours=horizon,
                    now=now,
                    models=LIGHT_MODELS,
                    choices=self.choices(now),
                    taken=taken,
                )
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
            model = self.chances(now)
            chances = availability(
                slots, gpus=request.gpus, hours=request.hours, now=now, model=model
            )
            waits = waiting(slots, gpus=request.gpus, now=now, by=request.start_by)
        return {
            "availability": chances,
            "waits": waits,
            "outlook": self.outlook(now, request.hours),
            "use_ratios": self.use_ratios(now, lately),
        }

    def _learnt(self, key: str, now: datetime) -> str | None:
        text = self._hot.meta(key)
        if text is None:
            return None
        kept = json.loads(text)
        old = now - datetime.fromtimestamp(kept["made_at"], UTC) > _VALID
        return None if old else str(kept["value"])

    def _since(self, now: datetime, query: str) -> pd.DataFrame:
        since = now - _HISTORY
        return self._views.frame(query, {"since": since}, start=since, end=now)
