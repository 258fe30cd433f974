"""What a cluster will do: outlooks of the hours and of the week to come."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from scms.cluster.choosing import Choosing
from scms.errors import ForecastError
from scms.units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from scms.forecast.ahead import Ahead
    from scms.forecast.champion import Choice
    from scms.forecast.series import Series


class Future(Choosing):
    """The verbs that look ahead from what is."""

    #: What was made here of the coming week, where the collector keeps nothing.
    _made_ahead: Ahead | None = None

    def forecast(
        self, horizon: str | float = "24h", *, level: float = 0.8, gpus: int = 1
    ) -> pd.DataFrame:
        """The outlook: load of each server, hour by hour, with intervals.

        Args:
            horizon: How far to look, such as ``"24h"``; a number is hours.
            level: Of the interval, 0 to 1.
            gpus: Chances are told for 1 to so many free GPUs.

        Returns:
            Columns ``server, origin, ts, horizon_hours, measure, mean, lower, upper, level,
            p_free, model, why, coverage_ratio, observed_ratio``, and ``p_free_2`` to
            ``p_free_{gpus}`` (see `scms.forecast.outlook`).

        Raises:
            ForecastError: There is too little history; the message says how much there is.
        """
        from scms.forecast import outlook

        now = datetime.now(UTC)
        hours = max(1, round(parse_duration(horizon, bare_unit="h") / 3600))
        return outlook(
            self._evidence.load(now),
            horizon_hours=hours,
            level=level,
            gpus=gpus,
            now=now,
            choices=self._evidence.choices(now),
            taken=self._holds.active(now),
        )

    def ahead(self, *, make: bool = True) -> Ahead:
        """What is said of every hour of the coming week: chances of free GPUs, load, its range.

        It is what the collector said within the last hours; where it has not, it is made now, by
        the models that are light.

        Args:
            make: Make it where the collector has not; else that is an error.

        Returns:
            A `scms.forecast.ahead.Ahead` from the present hour on, in which active holds are known.

        Raises:
            ForecastError: There is too little history; the message says how much there is. Or
                nothing was said lately, and nothing is to be made.
        """
        from scms.forecast import ahead

        now = datetime.now(UTC)
        text = self.hot.meta(ahead.KEY)
        kept = None if text is None else ahead.ahead_from_json(text)
        if kept is None or now - kept.origin > ahead.VALID:
            if not make:
                raise ForecastError(
                    "the collector has not said what comes within the last hours",
                    expected="a collector that runs, and history that it can learn from",
                    mend="scms learn",
                )
            kept = self._ahead_of_now(now)
        return kept.since(now).with_holds(self._holds.active(now))

    def _ahead_of_now(self, now: datetime) -> Ahead:
        from scms.evidence import LIGHT_MODELS
        from scms.forecast.ahead import ahead_of

        made = self._made_ahead
        if made is None or now.replace(minute=0, second=0, microsecond=0) > made.origin:
            choices = self._evidence.choices(now)
            told, series = self._look_ahead(self._evidence.load(now), now, choices, LIGHT_MODELS)
            made = self._made_ahead = ahead_of(told, series, made_at=now)
        return made

    def _look_ahead(
        self,
        load: pd.DataFrame,
        now: datetime,
        choices: Mapping[str, Choice] | None,
        models: Sequence[str] | None = None,
    ) -> tuple[pd.DataFrame, list[Series]]:
        """The outlook of the coming week for every number of GPUs, and what it was made of."""
        from scms.forecast import outlook
        from scms.forecast.ahead import AHEAD_HOURS
        from scms.forecast.outlooks import CANDIDATES
        from scms.forecast.series import hourly_series

        series = hourly_series(load, now=now)
        most = max((int(s.capacity) for s in series if s.measure == "gpus_busy"), default=1)
        told = outlook(
            load,
            horizon_hours=AHEAD_HOURS,
            gpus=most,
            now=now,
            models=CANDIDATES if models is None else models,
            choices=choices,
            taken=self._holds.active(now),
        )
        return told, series
