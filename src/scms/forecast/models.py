"""Models of the load: from a series to quantiles of what comes.

A model is fitted on a series and then asked at any number of origins. At an origin ``o`` it knows
the values before position ``o`` and answers for positions ``o … o + horizon − 1`` with the
quantiles at `LEVELS`: a hundred equally likely values per hour, from which means, intervals and
probabilities are all read. Answers lie within 0 and the capacity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scms.forecast.series import FloatArray, IntArray, Series

#: The levels of the quantiles: the middles of a hundred equal parts.
LEVELS: Final = (np.arange(100) + 0.5) / 100
#: The daily rhythm, hours.
SEASON_HOURS: Final = 24
#: Changes are counted over the newest four weeks.
CHANGES_WINDOW_HOURS: Final = 28 * 24
#: Fewer past cases than this make no quantiles of their own.
MINIMUM_CASES: Final = 20


class Forecaster(Protocol):
    """A fitted model."""

    def quantiles(self, series: Series, origins: Sequence[int], horizon: int) -> FloatArray:
        """Quantiles of shape (origins, horizon, levels), rising along the last axis."""
        ...


class Model(Protocol):
    """A way to forecast."""

    @property
    def name(self) -> str:
        """Its name in the column ``model``."""
        ...

    def fit(self, series: Series) -> Forecaster:
        """Learn from the whole of the series what is slow to learn."""
        ...


@dataclass(frozen=True, slots=True)
class LastValue:
    """The last known value plus the changes that followed any hour within the past weeks."""

    name: str = "last_value"

    def fit(self, series: Series) -> Forecaster:  # noqa: ARG002  nothing is learnt ahead
        """Itself."""
        return self

    def quantiles(self, series: Series, origins: Sequence[int], horizon: int) -> FloatArray:
        """Quantiles of last value + change over the same number of hours."""
        return np.stack([self._at(series, origin, horizon) for origin in origins])

    def _at(self, series: Series, origin: int, horizon: int) -> FloatArray:
        last = series.last_known(origin)
        past = series.values[max(0, origin - CHANGES_WINDOW_HOURS) : origin]
        if last is None:
            return everything(series.capacity, horizon)
        lags = np.arange(horizon) + origin - last
        changes = _ahead(past, np.arange(len(past)), lags) - past[:, None]
        points = np.clip(series.values[last] + changes, 0.0, series.capacity)
        return empirical_quantiles(points, otherwise=past, capacity=series.capacity)


@dataclass(frozen=True, slots=True)
class Analog:
    """What followed the past hours most like the present: level, mean of 4 h, hour of the day.

    Ties, which abound where GPU counts stand still for days, are broken at random by the seed, so
    that the neighbours do not all come from one spell.
    """

    seed: int = 0
    neighbours: int = 40
    name: str = "analog"

    def fit(self, series: Series) -> Forecaster:  # noqa: ARG002  nothing is learnt ahead
        """Itself."""
        return self

    def quantiles(self, series: Series, origins: Sequence[int], horizon: int) -> FloatArray:
        """Quantiles of the values that followed the nearest past hours."""
        recent = _mean_of_last(series.values, 4)
        hours = series.hours_of_day()
        ties = np.random.default_rng(self.seed).random(len(series.values))
        return np.stack([self._at(series, recent, hours, ties, o, horizon) for o in origins])

    def _at(
        self,
        series: Series,
        recent: FloatArray,
        hours: IntArray,
        ties: FloatArray,
        origin: int,
        horizon: int,
    ) -> FloatArray:
        last = series.last_known(origin)
        values = series.values[:origin]
        if last is None:
            return everything(series.capacity, horizon)
        lags = np.arange(horizon) + origin - last
        candidates = np.flatnonzero(~np.isnan(values[: max(0, origin - int(lags[-1]))]))
        scale = max(float(np.nanstd(values)), 0.02 * series.capacity)
        apart = np.abs(hours[candidates] - hours[last])
        distance = (
            np.abs(values[candidates] - values[last]) / scale
            + np.abs(recent[candidates] - recent[last]) / scale
            + np.minimum(apart, SEASON_HOURS - apart) / 6.0
            + ties[candidates] * 1e-6
        )
        count = min(self.neighbours, len(distance))
        nearest = candidates[np.argpartition(distance, count - 1)[:count]] if count else candidates
        points = _ahead(values, nearest, lags)
        return empirical_quantiles(points, otherwise=values, capacity=series.capacity)


@dataclass(frozen=True, slots=True)
class Week:
    """Any value of the past week is as likely: what may be when little of the present lasts."""

    name: str = "week"

    def fit(self, series: Series) -> Forecaster:  # noqa: ARG002  nothing is learnt ahead
        """Itself."""
        return self

    def quantiles(self, series: Series, origins: Sequence[int], horizon: int) -> FloatArray:
        """The quantiles of the values of 168 hours, the same for every hour ahead."""
        return np.stack([self._at(series, origin, horizon) for origin in origins])

    def _at(self, series: Series, origin: int, horizon: int) -> FloatArray:
        past = series.values[:origin]
        week = past[-7 * SEASON_HOURS :][:, None]
        told = empirical_quantiles(week, otherwise=past, capacity=series.capacity)
        return np.repeat(told, horizon, axis=0)


@dataclass(frozen=True, slots=True)
class SeasonalNaive:
    """The value of the same hour a day before, plus the changes from one day to the next."""

    name: str = "seasonal_naive"

    def fit(self, series: Series) -> Forecaster:  # noqa: ARG002  nothing is learnt ahead
        """Itself."""
        return self

    def quantiles(self, series: Series, origins: Sequence[int], horizon: int) -> FloatArray:
        """Quantiles of yesterday's value + change over as many days."""
        return np.stack([self._at(series, origin, horizon) for origin in origins])

    def _at(self, series: Series, origin: int, horizon: int) -> FloatArray:
        past = series.values[max(0, origin - CHANGES_WINDOW_HOURS) : origin]
        ahead = np.arange(horizon)
        lags = (ahead // SEASON_HOURS + 1) * SEASON_HOURS
        position = len(past) + ahead - lags
        base = np.where(position >= 0, past[np.maximum(position, 0)], np.nan)
        rows = np.arange(len(past))
        points = base + _ahead(past, rows, lags) - past[:, None]
        points = np.clip(points, 0.0, series.capacity)
        return empirical_quantiles(points, otherwise=past, capacity=series.capacity)


class Remembered:
    """A model that keeps its last answer, for models made of it that are asked the same."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._asked: tuple[Series, tuple[int, ...], int] | None = None
        self._answer: FloatArray = np.empty(0)

    @property
    def name(self) -> str:
        """That of the model."""
        return self._model.name

    def fit(self, series: Series) -> Forecaster:  # noqa: ARG002  such models learn nothing ahead
        """Itself."""
        return self

    def quantiles(self, series: Series, origins: Sequence[int], horizon: int) -> FloatArray:
        """The answer of the model."""
        asked = (series, tuple(origins), horizon)
        if self._asked is None or self._asked[0] is not series or self._asked[1:] != asked[1:]:
            self._answer = self._model.fit(series).quantiles(series, origins, horizon)
            self._asked = asked
        return self._answer


def empirical_quantiles(
    points: FloatArray, *, otherwise: FloatArray, capacity: float
) -> FloatArray:
    """The quantiles of each column of ``points`` at `LEVELS`, NaN left out.

    A column with fewer than `MINIMUM_CASES` points takes those of ``otherwise`` (all past
    values), and where even these are too few, anything between 0 and the capacity is said.
    """
    # Sorted along contiguous memory, which is three times as fast; NaN goes last.
    ordered = np.sort(np.ascontiguousarray(points.T), axis=1).T
    counts = np.count_nonzero(~np.isnan(points), axis=0)
    result = _read(ordered, np.maximum(counts, 1))
    thin = counts < MINIMUM_CASES
    if thin.any():
        known = np.sort(otherwise[~np.isnan(otherwise)])[:, None]
        enough = len(known) >= MINIMUM_CASES
        result[thin] = _read(known, np.array([len(known)])) if enough else everything(capacity, 1)
    return result


def everything(capacity: float, horizon: int) -> FloatArray:
    """The quantiles of knowing nothing: uniform between 0 and the capacity."""
    return np.tile(LEVELS * capacity, (horizon, 1))


def _read(ordered: FloatArray, counts: IntArray) -> FloatArray:
    if len(ordered) == 0:
        return np.full((ordered.shape[1], len(LEVELS)), np.nan)
    top = (counts - 1)[:, None]
    position = np.clip(LEVELS[None, :] * counts[:, None] - 0.5, 0, top)
    low = np.floor(position).astype(np.int64)
    weight = position - low
    column = np.arange(ordered.shape[1])[:, None]
    lower, upper = ordered[low, column], ordered[np.minimum(low + 1, top), column]
    return np.asarray(lower + weight * (upper - lower))


def _ahead(values: FloatArray, rows: IntArray, lags: IntArray) -> FloatArray:
    """The value ``lag`` hours after each row; NaN where that is not over yet."""
    position = rows[:, None] + lags[None, :]
    inside = position < len(values)
    return np.where(inside, values[np.where(inside, position, 0)], np.nan)


def _mean_of_last(values: FloatArray, hours: int) -> FloatArray:
    """The mean of each hour and those before it, of what is known; 0 where nothing is."""
    known = ~np.isnan(values)
    weights = np.ones(hours)
    total = np.convolve(np.where(known, values, 0.0), weights)[: len(values)]
    count = np.convolve(known.astype(np.float64), weights)[: len(values)]
    return np.asarray(total / np.maximum(count, 1.0))
