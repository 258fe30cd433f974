"""How good each model was: rolling origins over the past, pure.

In: a series and models. Out: a `Score` per model, from forecasts that knew nothing of what they
are judged by: parameters are fitted before the first origin, and each forecast sees only the past
of its own origin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from scms.forecast.models import LEVELS, SEASON_HOURS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scms.forecast.models import Model
    from scms.forecast.series import FloatArray, Series

#: A day and an hour: origins walk through the hours of the day.
STRIDE_HOURS: Final = 25
#: A fifth of it, where overlapping horizons do no harm.
DENSE_STRIDE_HOURS: Final = 5
#: A forecast is judged from this much history on.
TRAINING_HOURS: Final = 7 * 24
#: An origin needs a value this recent, as a forecast has one in practice.
FRESH_HOURS: Final = 24
MAXIMUM_ORIGINS: Final = 16
#: The levels of the central intervals whose coverage is counted.
INTERVAL_LEVELS: Final = np.array([0.1, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98])


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """How one model did on one series.

    Attributes:
        model: Its name.
        crps: Continuous ranked probability score per origin, in units of the measure.
        errors: Mean absolute error of the median per origin, likewise.
        scale: Mean error of the seasonal naive in what was known before each origin, likewise;
            None where that is zero.
        covered: Share of the hours within the central interval, per level of `INTERVAL_LEVELS`.
        hours: Hours that were known and judged.
    """

    model: str
    crps: FloatArray
    errors: FloatArray
    scale: float | None
    covered: FloatArray
    hours: int

    @property
    def mase(self) -> float | None:
        """Mean absolute error over that of the seasonal naive; None without scale."""
        return None if self.scale is None else float(np.mean(self.errors)) / self.scale

    @property
    def scaled_crps(self) -> float | None:
        """Mean CRPS over the same; None likewise."""
        return None if self.scale is None else float(np.mean(self.crps)) / self.scale

    def coverage(self, level: float) -> float:
        """Share of the hours within the interval at a level, drawn between those counted."""
        return float(np.interp(level, INTERVAL_LEVELS, self.covered))


def backtest_origins(series: Series, *, horizon: int, limit: int = MAXIMUM_ORIGINS) -> list[int]:
    """Where a backtest stands, oldest first: every 25 h back from the end, where data allow.

    An origin is left out when less than half of its horizon is known, nothing was known in the day
    before it, or less than half a week was known in all.
    """
    latest = len(series.values) - horizon
    chosen = _usable(series, range(latest, TRAINING_HOURS - 1, -STRIDE_HOURS), horizon)
    return sorted(chosen[:limit])


def origins_between(series: Series, origins: Sequence[int], *, horizon: int) -> list[int]:
    """These origins and those every 5 h between the first and the last, where data allow.

    Their horizons overlap, so that they are no more evidence for a gate; but what is estimated
    from all of them is steadier than from origins a day apart, the more so on few servers.
    """
    if not origins:
        return []
    between = range(min(origins), max(origins) + 1, DENSE_STRIDE_HOURS)
    return _usable(series, sorted({*origins, *between}), horizon)


def _usable(series: Series, origins: Sequence[int], horizon: int) -> list[int]:
    total = np.concatenate([[0], np.cumsum(~np.isnan(series.values))])
    return [
        origin
        for origin in origins
        if 2 * (total[origin + horizon] - total[origin]) >= horizon
        and total[origin] > total[max(0, origin - FRESH_HOURS)]
        and total[origin] >= TRAINING_HOURS // 2
    ]


def backtest(
    series: Series,
    models: Sequence[Model],
    *,
    horizon: int = 24,
    origins: Sequence[int] | None = None,
) -> list[Score]:
    """Score every model at the same origins; empty where there is no origin.

    Args:
        series: The history.
        models: To be judged.
        horizon: Hours ahead.
        origins: Positions in the series; by default those of `backtest_origins`.
    """
    places = backtest_origins(series, horizon=horizon) if origins is None else list(origins)
    if not places:
        return []
    training = series.until(places[0])
    scale = in_sample_error(series.values, places)
    truth = np.stack([series.values[place : place + horizon] for place in places])
    return [
        _score(model.name, truth, model.fit(training).quantiles(series, places, horizon), scale)
        for model in models
    ]


def in_sample_error(values: FloatArray, origins: Sequence[int]) -> float | None:
    """Error of the seasonal naive in what was known before an origin, mean over the origins.

    That is the mean absolute change from one day to the next at the same hour, which MASE is
    scaled by (Hyndman and Koehler 2006). None where unknown or 0.
    """
    changes = np.abs(values[SEASON_HOURS:] - values[:-SEASON_HOURS])
    known = ~np.isnan(changes)
    sums, counts = np.cumsum(np.where(known, changes, 0.0)), np.cumsum(known)
    at = np.array(origins) - SEASON_HOURS - 1
    at = at[at >= 0]
    at = at[counts[at] > 0] if len(counts) else at[:0]
    error = float(np.mean(sums[at] / counts[at])) if len(at) else 0.0
    return error if error > 0 else None


def crps(quantiles: FloatArray, truth: FloatArray) -> FloatArray:
    """CRPS of quantiles at `LEVELS` (last axis): twice the mean pinball loss; NaN where unknown."""
    error = truth[..., None] - quantiles
    loss = np.maximum(LEVELS * error, (LEVELS - 1) * error)
    return np.asarray(2 * loss.mean(axis=-1))


def interval(quantiles: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
    """The central interval at ``level`` of quantiles at `LEVELS` (last axis)."""
    tail = (1 - level) / 2
    return _at_level(quantiles, tail), _at_level(quantiles, 1 - tail)


def _at_level(quantiles: FloatArray, level: float) -> FloatArray:
    position = float(np.clip(level * len(LEVELS) - 0.5, 0, len(LEVELS) - 1))
    low = int(position)
    high = min(low + 1, len(LEVELS) - 1)
    weight = position - low
    return np.asarray(quantiles[..., low] * (1 - weight) + quantiles[..., high] * weight)


def _score(name: str, truth: FloatArray, quantiles: FloatArray, scale: float | None) -> Score:
    known = ~np.isnan(truth)
    return Score(
        model=name,
        crps=np.nanmean(crps(quantiles, truth), axis=1),
        errors=np.nanmean(np.abs(_at_level(quantiles, 0.5) - truth), axis=1),
        scale=scale,
        covered=np.array([_covered(quantiles, truth, level) for level in INTERVAL_LEVELS]),
        hours=int(known.sum()),
    )


def _covered(quantiles: FloatArray, truth: FloatArray, level: float) -> float:
    lower, upper = interval(quantiles, level)
    # A hair of slack: a value on the edge of the interval is inside, whatever rounding says.
    inside = (truth >= lower - 1e-9) & (truth <= upper + 1e-9)
    return float(inside[~np.isnan(truth)].mean())
