"""Models on series whose answers are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from forecast.synthetic import daily, series
from scms.forecast.ets import Ets, FittedEts, filled
from scms.forecast.models import (
    LEVELS,
    Analog,
    LastValue,
    Model,
    SeasonalNaive,
    empirical_quantiles,
)

ALL: list[Model] = [LastValue(), Analog(), SeasonalNaive(), Ets()]


def ahead(model: Model, values: np.ndarray, horizon: int = 24) -> np.ndarray:
    one = series(values)
    return np.asarray(model.fit(one).quantiles(one, [len(values)], horizon)[0])


@pytest.mark.parametrize("model", ALL, ids=lambda m: m.name)
def test_a_constant_is_forecast_as_itself(model: Model):
    quantiles = ahead(model, np.full(400, 3.0))
    np.testing.assert_allclose(quantiles, 3.0, atol=1e-6)


@pytest.mark.parametrize("model", [Analog(), SeasonalNaive(), Ets()], ids=lambda m: m.name)
def test_a_daily_rhythm_is_forecast_in_phase(model: Model):
    values = daily(30)
    medians = ahead(model, values[:-24])[:, 50]
    np.testing.assert_allclose(medians, values[-24:], atol=0.3)


@pytest.mark.parametrize("model", [Analog(), SeasonalNaive(), Ets()], ids=lambda m: m.name)
def test_a_gap_does_not_shift_the_daily_rhythm(model: Model):
    values = daily(30)
    truth = values[-24:].copy()
    values[300:307] = np.nan
    medians = ahead(model, values[:-24])[:, 50]
    np.testing.assert_allclose(medians, truth, atol=0.4)


def test_the_last_value_goes_on_in_a_random_walk_with_growing_spread():
    steps = np.random.default_rng(1).choice([-0.1, 0.1], 700)
    values = 4 + np.cumsum(steps) * 0.2
    quantiles = ahead(LastValue(), values)
    spread = quantiles[:, 90] - quantiles[:, 10]
    assert abs(quantiles[0, 50] - values[-1]) < 0.05
    assert spread[23] > 2 * spread[0]


def test_the_last_value_counts_changes_from_the_last_known_hour():
    values = np.arange(500) * 0.01
    values[-1] = np.nan  # the last known, 4.98, is two hours before the first to be forecast
    quantiles = ahead(LastValue(), values, 2)
    np.testing.assert_allclose(quantiles[0], 5.00)
    np.testing.assert_allclose(quantiles[1], 5.01)


def test_the_analog_tells_levels_apart():
    values = np.repeat(np.tile([1.0, 7.0], 10), 48)
    quantiles = ahead(Analog(), values[:-20], 3)  # 28 h into a spell of 7
    np.testing.assert_allclose(quantiles[:, 50], 7.0)


def test_ties_of_the_analog_are_broken_by_the_seed_alone():
    values = np.random.default_rng(0).integers(0, 3, 500).astype(float)
    first, again, other = (ahead(Analog(seed=seed), values) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert first.shape == other.shape


def test_ets_agrees_with_statsmodels_on_mean_and_variance():
    from statsmodels.tsa.exponential_smoothing.ets import ETSModel

    one = series(daily(20, noise=0.3), capacity=1000)
    fitted = Ets().fit(one)
    assert isinstance(fitted, FittedEts)
    quantiles = fitted.quantiles(one, [len(one.values)], 30)[0]
    kind = {"error": "add", "seasonal": "add", "seasonal_periods": 24}
    model = ETSModel(pd.Series(one.values), initialization_method="heuristic", **kind)
    reference = model.smooth(np.array(fitted.parameters)).get_prediction(480, 509)
    np.testing.assert_allclose(quantiles.mean(axis=1), reference.predicted_mean, rtol=1e-6)
    deviation = (quantiles[:, 84] - quantiles[:, 15]) / 2 / 1.0152220
    np.testing.assert_allclose(deviation, np.sqrt(reference.forecast_variance), rtol=0.01)


def test_ets_of_an_origin_within_a_series_knows_nothing_of_what_follows():
    values = daily(20, noise=0.3)
    changed = values.copy()
    changed[400:] = 0.0
    fitted = Ets().fit(series(values[:300]))
    first = fitted.quantiles(series(values), [400, 420], 24)[0]
    second = fitted.quantiles(series(changed), [400, 420], 24)[0]
    np.testing.assert_allclose(first, second)


def test_a_short_series_is_smoothed_without_season():
    values = np.full(72, 2.0)
    values[::2] = 3.0
    quantiles = ahead(Ets(), values)
    assert np.ptp(quantiles.mean(axis=1)) < 1e-9


def test_gaps_are_filled_from_the_past_alone():
    values = np.arange(30.0)
    values[26] = np.nan
    values[0] = np.nan
    result = filled(values)
    assert result[26] == 2.0  # the same hour a day before
    assert result[0] == np.nanmean(values)  # nothing before it


def test_quantiles_of_a_hundred_points_are_the_points():
    points = np.arange(100.0)[::-1, None]
    result = empirical_quantiles(points, otherwise=points[:, 0], capacity=100)
    np.testing.assert_allclose(result[0], np.arange(100.0))


def test_a_column_with_few_points_takes_all_past_values():
    points = np.column_stack([np.arange(50.0), np.full(50, np.nan)])
    result = empirical_quantiles(points, otherwise=np.full(30, 5.0), capacity=8)
    np.testing.assert_allclose(result[1], 5.0)


def test_without_any_past_everything_is_possible():
    points = np.full((1, 1), np.nan)
    result = empirical_quantiles(points, otherwise=np.array([np.nan]), capacity=8)
    np.testing.assert_allclose(result[0], LEVELS * 8)


@settings(max_examples=25, deadline=None)
@given(
    arrays(
        np.float64, st.integers(60, 400), elements=st.sampled_from([0.0, 1.5, 4.0, 8.0, np.nan])
    ),
    st.sampled_from(ALL),
)
def test_quantiles_rise_and_stay_within_what_is_possible(values: np.ndarray, model: Model):
    quantiles = ahead(model, values)
    assert quantiles.shape == (24, 100)
    assert np.all(np.diff(quantiles, axis=1) >= -1e-9)
    assert np.all((quantiles >= 0) & (quantiles <= 8))
