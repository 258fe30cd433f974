"""Backtests with known scores, and the gate before a champion."""

from __future__ import annotations

import numpy as np
import pytest

from forecast.synthetic import daily, series
from scms.errors import ForecastError
from scms.forecast.backtest import (
    INTERVAL_LEVELS,
    Score,
    backtest,
    backtest_origins,
    crps,
    interval,
    origins_between,
)
from scms.forecast.champion import Choice, choices_from_json, choices_to_json, choose, choose_all
from scms.forecast.ets import Ets
from scms.forecast.mixture import Blend
from scms.forecast.models import LEVELS, Analog, LastValue, Week


def score(model: str, values: list[float], *, covered: float = 0.8, hours: int = 480) -> Score:
    """Scores with such CRPS, and the same coverage at every level."""
    shares = np.full(len(INTERVAL_LEVELS), covered)
    return Score(model, np.array(values), np.array(values), None, shares, hours)


def test_the_crps_of_a_certain_forecast_is_its_absolute_error():
    quantiles = np.full((1, 100), 3.0)
    assert crps(quantiles, np.array([5.0]))[0] == pytest.approx(2.0)


def test_the_crps_of_a_uniform_forecast_is_that_of_the_formula():
    # For the uniform on (0, 1) and truth y: y² − y + 1/3.
    result = crps(LEVELS[None, :], np.array([0.25]))[0]
    assert result == pytest.approx(0.25**2 - 0.25 + 1 / 3, abs=1e-4)


def test_the_interval_holds_its_level_of_the_quantiles():
    lower, upper = interval(LEVELS[None, :], 0.8)
    assert (lower[0], upper[0]) == (pytest.approx(0.1), pytest.approx(0.9))


def test_a_perfect_model_has_no_error_and_full_coverage():
    values = np.where(np.arange(1000) % 24 < 12, 1.0, 5.0)
    values[:200:50] += 0.5  # so that yesterday is not always right in training
    (result,) = backtest(series(values), [Analog()], horizon=24)
    assert result.mase == pytest.approx(0.0, abs=1e-6)
    assert result.coverage(0.8) == 1.0


def test_errors_are_scaled_by_those_of_yesterday_in_training():
    # A random ±1: yesterday is wrong by 2 half of the time, the median 0 or so always by 1.
    values = np.random.default_rng(0).choice([3.0, 5.0], 1400)
    (result,) = backtest(series(values), [Ets()], horizon=24)
    assert result.mase == pytest.approx(1.0, abs=0.1)


def test_a_series_that_never_changed_has_no_scaled_scores():
    (result,) = backtest(series(np.full(600, 2.0)), [LastValue()])
    assert (result.mase, result.scaled_crps) == (None, None)
    assert result.crps.mean() == pytest.approx(0.0)


@pytest.mark.parametrize("model", [LastValue(), Analog()], ids=lambda m: m.name)
def test_intervals_cover_what_they_promise_on_a_markov_server(model: LastValue | Analog):
    random = np.random.default_rng(5)
    values = np.zeros(60 * 24)
    for hour in range(1, len(values)):
        step = random.choice([-1, 0, 1], p=[0.15, 0.7, 0.15])
        values[hour] = np.clip(values[hour - 1] + step, 0, 8)
    (result,) = backtest(series(values), [model], horizon=24)
    assert 0.7 <= result.coverage(0.8) <= 0.97


def test_origins_leave_room_for_training_and_for_the_horizon():
    origins = backtest_origins(series(np.ones(400)), horizon=24)
    assert origins[0] >= 168
    assert origins[-1] == 400 - 24
    assert set(np.diff(origins)) == {25}


def test_an_origin_whose_future_is_mostly_unknown_is_left_out():
    values = np.ones(400)
    values[-20:] = np.nan
    assert backtest_origins(series(values), horizon=24)[-1] == 400 - 24 - 25


def test_origins_are_filled_up_to_every_five_hours():
    one = series(np.ones(400))
    origins = backtest_origins(one, horizon=24)
    between = origins_between(one, origins, horizon=24)
    assert between == list(range(origins[0], origins[-1] + 1, 5))
    assert origins_between(one, [200, 207], horizon=24) == [200, 205, 207]
    assert origins_between(one, [], horizon=24) == []


def test_no_origin_is_filled_in_where_its_future_or_its_yesterday_is_unknown():
    values = np.ones(400)
    values[250:300] = np.nan
    between = origins_between(series(values), [200, 350], horizon=24)
    # 240 knows 10 of its 24 h to come; at 300 nothing was known for more than a day.
    assert between == [*range(200, 240, 5), *range(305, 351, 5)]


def test_a_history_too_short_has_no_origin():
    assert backtest(series(np.ones(100)), [LastValue()]) == []


def test_a_clear_winner_becomes_champion():
    choice = choose([score("last_value", [1.0, 1.1] * 10), score("analog", [0.5, 0.6] * 10)])
    assert choice.model == "analog"
    assert choice.why == "CRPS 48% lower than that of last_value in 20 past forecasts"


def test_a_winner_on_few_origins_does_not():
    choice = choose([score("last_value", [1.0] * 13), score("analog", [0.5] * 13)])
    assert choice.model == "last_value"
    assert choice.why == "13 past forecasts, 14 needed to compare models"


def test_a_narrow_winner_does_not():
    choice = choose([score("last_value", [1.0] * 20), score("analog", [0.96] * 20)])
    assert choice.model == "last_value"


def test_a_winner_by_luck_does_not():
    lucky = [0.0, *[1.05] * 13]  # one origin makes the whole difference
    choice = choose([score("last_value", [1.0] * 14), score("analog", lucky)])
    assert choice.model == "last_value"
    assert choice.why.endswith("analog by 2%, within chance") or "no model" in choice.why


def test_of_two_winners_the_better_one_is_champion():
    scores = [score(n, [v] * 20) for n, v in (("last_value", 1.0), ("ets", 0.8), ("analog", 0.6))]
    assert choose(scores).model == "analog"


def test_many_servers_choose_a_common_model_by_a_smaller_gain():
    scores = {f"s{n}": [score("blend", [1.0] * 14), score("analog", [0.97] * 14)] for n in range(8)}
    chosen = choose_all(scores, dict.fromkeys(scores, 8.0))
    assert {choice.model for choice in chosen.values()} == {"analog"}


def test_few_servers_do_not():
    scores = {f"s{n}": [score("blend", [1.0] * 14), score("analog", [0.97] * 14)] for n in range(7)}
    chosen = choose_all(scores, dict.fromkeys(scores, 8.0))
    assert {choice.model for choice in chosen.values()} == {"blend"}


def test_intervals_that_held_too_little_are_told_wider():
    covered = (*(float(level) / 2 for level in INTERVAL_LEVELS[:-1]), 0.9)
    level, held = Choice("blend", "", covered).nominal_level(0.8)
    assert 0.95 < level < 0.98
    assert held == pytest.approx(0.8)


def test_intervals_that_held_too_much_are_told_narrower():
    covered = tuple(np.minimum(1.0, INTERVAL_LEVELS * 1.25))
    level, held = Choice("blend", "", covered).nominal_level(0.8)
    assert level == pytest.approx(0.64)
    assert held == pytest.approx(0.8)


def test_intervals_that_held_what_they_said_stay():
    covered = tuple(float(level) for level in INTERVAL_LEVELS + 0.01)
    level, held = Choice("blend", "", covered).nominal_level(0.8)
    assert level == 0.8
    assert held == pytest.approx(0.81)


def test_a_count_that_stands_still_gets_the_narrowest_interval():
    level, held = Choice("blend", "", (0.95,) * len(INTERVAL_LEVELS)).nominal_level(0.8)
    assert (level, held) == (0.1, 0.95)


def test_the_coverage_of_a_server_leans_on_that_of_all():
    scores = {
        "a": [score("blend", [1.0] * 14, covered=0.4, hours=240)],
        "b": [score("blend", [1.0] * 14, covered=0.8, hours=240)],
    }
    chosen = choose_all(scores, {"a": 8.0, "b": 8.0})
    assert chosen["a"].covered[0] == pytest.approx(0.5)


def test_choices_outlive_a_process():
    choices = {"a": Choice("analog", "won", (0.5, 0.9)), "b": Choice("blend", "few", ())}
    assert choices_from_json(choices_to_json(choices)) == choices


def test_choices_that_cannot_be_read_say_what_mends_them():
    with pytest.raises(ForecastError, match="scms learn"):
        choices_from_json('{"a": 3}')


def test_a_blend_is_never_worse_than_the_mean_of_its_parts():
    one = series(daily(50, noise=1.0))
    parts = (LastValue(), Analog(), Week())
    *own, blend = backtest(one, [*parts, Blend(parts, ((1 / 3,) * 3,) * 3)], horizon=24)
    assert blend.crps.mean() <= np.mean([score.crps.mean() for score in own]) + 1e-6


def test_the_analog_is_champion_on_a_noisy_daily_rhythm():
    one = series(daily(50, noise=0.4))
    assert choose(backtest(one, [LastValue(), Analog()])).model == "analog"
