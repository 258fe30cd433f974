"""What a cluster learns from its past, and how good it has been: learn, backtest, scorecard."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from scms.cluster.future import Future

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from scms.forecast.trace import Trace
    from scms.recommend.scorecard import Scorecard
    from scms.reports.period import Period

#: Models are chosen and weights are fitted once a day; a bit less, so that hours do not drift.
_LEARN_EVERY: Final = timedelta(hours=23)
#: Hours ahead of which an outlook is kept: all of them would be six times as much to say the same.
_KEPT_HOURS: Final = (1, 4, 8, 24)


@dataclass(frozen=True, slots=True, eq=False)
class Backtest:
    """How good forecasts and chances would have been.

    Attributes:
        models: Of `scms.forecast.evaluate.model_scores`.
        chances: Per stretch and method (base rate, current state, life table, Logit, both).
        reliability: Promised against kept, by what was promised.
    """

    models: pd.DataFrame
    chances: pd.DataFrame
    reliability: pd.DataFrame

    def titled(self) -> list[tuple[str, pd.DataFrame]]:
        """The frames with their titles."""
        return [
            ("Load, 1 to 24 hours ahead", self.models),
            ("Chances that free GPUs stay free", self.chances),
            ("Promised and kept", self.reliability),
        ]


@dataclass(frozen=True, slots=True)
class Unscored:
    """What was said and cannot be judged yet, as its hours are not over.

    Attributes:
        answers: Recommendations of which a server was told.
        answers_due: When the first of them can be judged; None without any.
        hours: Hours that outlooks speak of.
        hours_due: When the first of them is over.
    """

    answers: int
    answers_due: datetime | None
    hours: int
    hours_due: datetime | None


class Learner(Future):
    """The verbs that learn from the past and judge what was said."""

    def learn(self) -> list[str]:
        """Choose models and fit weights where that is due, and keep an outlook of the next week.

        The collector does so every hour. What is learnt is kept in the hot store, where every
        answer finds it; statsmodels is needed here alone.

        Returns:
            What was done, in words.

        Raises:
            ForecastError: There is too little history.
            HotStoreError: The hot store cannot be written.
        """
        from scms.evidence import CHANCES, CHOICES
        from scms.forecast.champion import choices_to_json
        from scms.forecast.choosing import choices_of
        from scms.forecast.logit import fit_chances
        from scms.forecast.outlooks import CANDIDATES, models_named
        from scms.forecast.series import hourly_series
        from scms.forecast.spells import slot_grid

        now = datetime.now(UTC)
        load = self._evidence.load(now)
        done = []
        if self._due(CHOICES, now):
            choices = choices_of(hourly_series(load, now=now), models_named(CANDIDATES))
            self._evidence.keep(CHOICES, choices_to_json(choices), now)
            done.append(f"chose the models of {len(choices)} servers")
        if self._due(CHANCES, now):
            model = fit_chances(slot_grid(self._evidence.slots(now), now=now))
            self._evidence.keep(CHANCES, model.to_json(), now)
            done.append(f"fitted {len(model.fits)} stretches: {model.why}")
        return [*done, f"kept an outlook of {self._keep_outlook(load, now)} servers"]

    def _keep_outlook(self, load: pd.DataFrame, now: datetime) -> int:
        """Keep what is said of the coming week: some hours to be scored, all to be read."""
        from scms.forecast import ahead
        from scms.recommend.said import outlook_rows

        told, series = self._look_ahead(load, now, self._evidence.choices(now))
        text = ahead.ahead_to_json(ahead.ahead_of(told, series, made_at=now))
        self.hot.set_meta(ahead.KEY, text)
        kept = told[told["horizon_hours"].isin(_KEPT_HOURS)]
        made_by = self.inventory.settings.collector
        rows = outlook_rows(kept, outlook_id=secrets.token_hex(6), made_by=made_by)
        if rows:
            self.hot.say("outlook", rows)
        return int(kept["server"].nunique())

    def backtest(
        self,
        trace: Trace | None = None,
        *,
        gpus: int | None = 1,
        hours: Sequence[float] = (1.0, 4.0, 8.0, 24.0),
        level: float = 0.8,
    ) -> Backtest:
        """How good forecasts and chances would have been on the past of this cluster.

        Args:
            trace: A recording to judge on instead (`scms.forecast.trace.read_trace`).
            gpus: How many GPUs chances are about; None for all of each server.
            hours: For how long they are to stay free.
            level: Of the intervals.

        Raises:
            ForecastError: There is too little history.
        """
        from scms.forecast.evaluate import judge_chances, model_scores
        from scms.forecast.outlooks import models_named
        from scms.forecast.series import hourly_series
        from scms.forecast.spells import slot_grid

        if trace is None:
            now = datetime.now(UTC)
            series = hourly_series(self._evidence.load(now), now=now)
            grid = slot_grid(self._evidence.slots(now), now=now)
        else:
            series, grid = trace.hourly(), trace.grid()
        judged = judge_chances(grid, gpus=gpus, hours=hours)
        models = model_scores(series, models_named(shared=False), level=level)
        return Backtest(models, judged.scores(), judged.reliability())

    def scorecard(self, period: str | Period = "30d") -> Scorecard:
        """How good the recommendations and outlooks of a period were: promised against realised.

        Args:
            period: When they were made; what is not over yet is left out.
        """
        from scms.recommend.scorecard import scorecard

        span = self.period(period)
        window = {"start": span.start, "end": span.end}
        said = self._views.frame(
            "SELECT * FROM recommendation_scored WHERE said_at >= $start AND said_at < $end",
            window,
            start=span.start,
        )
        told = self._views.frame(
            "SELECT * FROM outlook_scored WHERE origin >= $start AND origin < $end",
            window,
            start=span.start,
        )
        return scorecard(said, told)

    def unscored(self, period: str | Period = "30d") -> Unscored:
        """What was said in a period and cannot be judged yet.

        Args:
            period: When it was said.
        """
        span = self.period(period)
        window = {"start": span.start, "end": span.end, "now": datetime.now(UTC)}
        asked = self._views.frame(
            "SELECT count(DISTINCT recommendation_id) AS waiting,"
            " min(epoch(said_at) + hours * 3600) AS due FROM recommendation"
            " WHERE said_at >= $start AND said_at < $end AND gpus > 0"
            " AND epoch(said_at) + hours * 3600 > epoch($now)",
            window,
            start=span.start,
        )
        told = self._views.frame(
            "SELECT count(*) AS waiting, min(epoch(ts) + 3600) AS due FROM outlook"
            " WHERE origin >= $start AND origin < $end AND epoch(ts) + 3600 > epoch($now)",
            window,
            start=span.start,
        )
        return Unscored(*_waiting(asked), *_waiting(told))

    def tend_holds(self) -> tuple[int, int]:
        """Renew the holds that are in use; see `scms.recommend.holds.Holds.tend`."""
        now = datetime.now(UTC)
        used = {
            (str(row["server"]), str(row["device"]), str(row["user"]))
            for row in self.snapshot().processes
            if row["user"] is not None
        }
        return self._holds.tend(used, now)

    def _due(self, key: str, now: datetime) -> bool:
        last = self._evidence.learnt_at(key)
        return last is None or now - last >= _LEARN_EVERY


def _waiting(frame: pd.DataFrame) -> tuple[int, datetime | None]:
    row = frame.iloc[0]
    count = int(row["waiting"])
    return count, datetime.fromtimestamp(float(row["due"]), UTC) if count else None
