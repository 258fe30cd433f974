"""Exponential smoothing by statsmodels: the one place that knows statsmodels.

In: a series. Out: a fitted form, (A,N,A) with a day's season, or simple smoothing where the series
is shorter than a week. statsmodels finds the smoothing parameters and runs the filter; the states
it leaves at each hour are causal, so one run serves every origin of a backtest.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from scms.errors import ForecastError
from scms.forecast.models import LEVELS, SEASON_HOURS, everything

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scms.forecast.models import Forecaster
    from scms.forecast.series import FloatArray, Series

#: Parameters are fitted on the newest four weeks.
FIT_HOURS: Final = 28 * 24
#: Below a week the season is left out.
SEASONAL_HOURS: Final = 7 * SEASON_HOURS
#: Rounds of the optimiser; there are two parameters, and more rounds do not help.
MAXIMUM_ITERATIONS: Final = 25


@dataclass(frozen=True, slots=True)
class Ets:
    """statsmodels' additive exponential smoothing without trend."""

    name: str = "ets"

    def fit(self, series: Series) -> Forecaster:
        """Estimate the smoothing parameters on the newest four weeks."""
        values = filled(series.values[-FIT_HOURS:])
        seasonal = len(values) >= SEASONAL_HOURS
        if len(values) < SEASON_HOURS or np.ptp(values) < 1e-9:
            # A constant has no likelihood; any parameters give the same forecast.
            return FittedEts((0.5, 0.05) if seasonal else (0.5,), seasonal)
        with warnings.catch_warnings():
            # An optimiser that stops early still leaves usable parameters; the backtest judges.
            warnings.simplefilter("ignore")
            try:
                result = _model(values, seasonal=seasonal).fit(
                    disp=False, maxiter=MAXIMUM_ITERATIONS
                )
            except (ValueError, np.linalg.LinAlgError) as error:
                raise ForecastError(f"ETS cannot be fitted to {series.server}: {error}") from error
        return FittedEts(tuple(float(p) for p in result.params), seasonal)


@dataclass(frozen=True, slots=True)
class FittedEts:
    """Exponential smoothing with known parameters: α, and γ where it is seasonal."""

    parameters: tuple[float, ...]
    seasonal: bool

    def quantiles(self, series: Series, origins: Sequence[int], horizon: int) -> FloatArray:
        """Normal quantiles from statsmodels' states, clipped to what is possible."""
        start = max(0, min(origins) - FIT_HOURS)
        values = filled(series.values[start : max(origins)])
        known = ~np.isnan(series.values[start : max(origins)])
        if min(origins) - start < 2 * SEASON_HOURS:
            return np.stack([everything(series.capacity, horizon)] * len(origins))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            smoothed = _model(values, seasonal=self.seasonal).smooth(np.array(self.parameters))
        means, deviations = self._paths(smoothed, known, np.array(origins) - start, horizon)
        paths = means[:, :, None] + deviations[:, :, None] * _normal_quantiles()
        return np.asarray(np.clip(paths, 0.0, series.capacity))

    def _paths(
        self, smoothed: Any, known: FloatArray, ends: FloatArray, horizon: int
    ) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation of shape (origins, horizon).

        Linear, homoscedastic forms have Var(h) = σ²(1 + Σ c_j²) with c_j = α + γ·[24 divides j].
        """
        states = np.asarray(smoothed.states)  # columns: level, and the season of that hour
        ahead = np.arange(horizon)
        means = np.repeat(states[ends - 1, 0][:, None], horizon, axis=1)
        weights = np.full(horizon, self.parameters[0])
        if self.seasonal:
            means += states[ends[:, None] - SEASON_HOURS + ahead % SEASON_HOURS, 1]
            weights += np.where(ahead % SEASON_HOURS == 0, self.parameters[1], 0.0)
        weights[0] = 0.0
        residuals = np.where(known, np.asarray(smoothed.resid), 0.0)
        # σ² at an origin is that of the errors before it, at hours that were really seen.
        sums, counts = np.cumsum(residuals**2), np.cumsum(known)
        variance = sums[ends - 1] / np.maximum(counts[ends - 1], 1)
        return means, np.sqrt(variance[:, None] * (1.0 + np.cumsum(weights**2))[None, :])


def filled(values: FloatArray) -> FloatArray:
    """Gaps filled in time: by the same hour a day before, else by the last value, else the mean.

    Only the past is used, so that filling gives a backtest no hindsight (but for a gap at the
    very beginning, which takes the mean).
    """
    result = values.copy()
    last: float | None = None
    for position in range(len(result)):
        if np.isnan(result[position]):
            day_before = result[position - SEASON_HOURS] if position >= SEASON_HOURS else np.nan
            result[position] = day_before if last is None or not np.isnan(day_before) else last
        else:
            last = float(result[position])
    result[np.isnan(result)] = 0.0 if last is None else float(np.nanmean(values))
    return result


def _model(values: FloatArray, *, seasonal: bool) -> Any:
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel

    season = {"seasonal": "add", "seasonal_periods": SEASON_HOURS} if seasonal else {}
    return ETSModel(values, error="add", initialization_method="heuristic", **season)


def _normal_quantiles() -> FloatArray:
    from scipy.special import ndtri

    return np.asarray(ndtri(LEVELS))
