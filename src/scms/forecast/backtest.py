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
#: A forecast is judged from this much history on.
TRAINING_HOURS: Final = 7 * 24
#: An origin needs a value this recent, as a forecast has one in practice.
FRESH_HOURS: Final = 24
MAXIMUM_ORIGINS: Final = 24


@dataclass(frozen=True, slots=True, eq=False)
class Score:
    """How one model did on one series.

    Attributes:
        model: Its name.
        crps: Continuous ranked probability score per origin, in units of the measure.
        mase: Mean absolute error of the median over that of the seasonal naive in training;
            None where the latter is zero.
        scaled_crps: Mean CRPS over the same; None likewise.
        coverage: Share of the hours that fell within the interval at ``level``.
        level: Of that interval.
    """

    model: str
    crps: FloatArray
    mase: float | None
    scaled_crps: float | None
    coverage: float
    level: float


def backtest_origins(series: Series, *, horizon: int, limit: int = MAXIMUM_ORIGINS) -> list[int]:
    """Where a backtest stands, oldest first: every 25 h back from the end, where data allow.

    An origin is left out when less than half of its horizon is known, nothing was known in the day
    before it, or less than half a week was known in all.
    """
    known = ~np.isnan(series.values)
    total = np.concatenate([[0], np.cumsum(known)])
    latest = len(series.values) - horizon
    chosen = [
        origin
        for origin in range(latest, TRAINING_HOURS - 1, -STRIDE_HOURS)
        if 2 * (total[origin + horizon] - total[origin]) >= horizon
        and total[origin] > total[max(0, origin - FRESH_HOURS)]
        and total[origin] >= TRAINING_HOURS // 2
    ]
    return sorted(chosen[:limit])


def backtest(
    series: Series,
    models: Sequence[Model],
    *,
    horizon: int = 24,
    level: float = 0.8,
    origins: Sequence[int] | None = None,
) -> list[Score]:
    """Score every model at the same origins; empty where there is no origin.

    Args:
        series: The history.
        models: To be judged.
        horizon: Hours ahead.
        level: Of the interval whose coverage is counted.
        origins: Positions in the series; by default those of `backtest_origins`.
    """
    places = backtest_origins(series, horizon=horizon) if origins is None else list(origins)
    if not places:
        return []
    training = series.until(places[0])
    scale = seasonal_naive_error(training.values)
    truth = np.stack([series.values[place : place + horizon] for place in places])
    return [
        _score(model.name, truth, quantiles, scale, level)
        for model in models
        for quantiles in [model.fit(training).quantiles(series, places, horizon)]
    ]


def seasonal_naive_error(values: FloatArray) -> float | None:
    """Mean absolute change from one day to the next at the same hour; None where unknown or 0."""
    changes = np.abs(values[SEASON_HOURS:] - values[:-SEASON_HOURS])
    changes = changes[~np.isnan(changes)]
    error = float(np.mean(changes)) if len(changes) else 0.0
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


def _score(
    name: str, truth: FloatArray, quantiles: FloatArray, scale: float | None, level: float
) -> Score:
    known = ~np.isnan(truth)
    by_origin = np.nanmean(crps(quantiles, truth), axis=1)
    errors = np.abs(_at_level(quantiles, 0.5) - truth)
    lower, upper = interval(quantiles, level)
    # A hair of slack: a value on the edge of the interval is inside, whatever rounding says.
    inside = (truth >= lower - 1e-9) & (truth <= upper + 1e-9)
    return Score(
        model=name,
        crps=by_origin,
        mase=None if scale is None else float(np.nanmean(errors)) / scale,
        scaled_crps=None if scale is None else float(np.mean(by_origin)) / scale,
        coverage=float(inside[known].mean()),
        level=level,
    )
