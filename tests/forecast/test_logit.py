"""The pooled Logit: what it learns from chains with known answers, and when it holds its tongue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from forecast.synthetic import markov, slots
from scms.errors import ForecastError
from scms.forecast.availability import availability
from scms.forecast.evaluate import auc, judge_chances
from scms.forecast.features import FEATURES, moments, outcomes
from scms.forecast.logit import Chances, Fit, checked_chances, fit_chances
from scms.forecast.spells import SlotGrid

if TYPE_CHECKING:
    import pandas as pd


def grid(free: np.ndarray, *, gpus: int = 1) -> SlotGrid:
    names = tuple(f"s{n:03}" for n in range(len(free)))
    return SlotGrid(names, free.astype(np.int16), np.full(len(free), gpus))


def nightly(servers: int, days: int) -> np.ndarray:
    """Free from 18 to 8 o'clock, taken by day."""
    hour = np.arange(days * 96) // 4 % 24
    return np.tile(np.where((hour >= 18) | (hour < 8), 1, 0), (servers, 1))


def feature(name: str, then: np.ndarray) -> np.ndarray:
    return then[..., FEATURES.index(name)]


ONE = np.array([1])


def test_the_age_is_the_log_of_the_slots_since_the_spell_began():
    then = moments(grid(np.array([[0, 1, 1, 1, 1]])), ONE, 1, np.array([2, 5]))
    assert feature("age", then.table)[0] == pytest.approx([0.0, 2.0])
    assert then.free.tolist() == [[True, True]]


def test_a_server_that_is_taken_or_silent_is_not_free():
    silent = grid(np.array([[1, 1, *[-1] * 6]]))
    assert moments(silent, ONE, 1, np.array([8])).free.tolist() == [[False]]
    assert moments(grid(np.array([[1, 0]])), ONE, 1, np.array([2])).free.tolist() == [[False]]


def test_what_is_yet_to_come_changes_no_feature():
    state = markov(3, 30 * 96, end=0.05, begin=0.05, seed=1)
    other = state.copy()
    other[:, 2000:] = 1 - other[:, 2000:]
    at = np.array([2000])
    one = np.ones(3, dtype=np.int64)
    first, second = (moments(grid(s), one, 8, at).table for s in (state, other))
    np.testing.assert_array_equal(first, second)


def test_what_was_not_observed_is_neither_kept_nor_broken():
    free = np.ones((1, 10 * 96))
    free[0, 5 * 96 : 5 * 96 + 40] = -1
    whole = moments(grid(np.ones((1, 10 * 96))), ONE, 1, np.array([900])).table
    gap = moments(grid(free), ONE, 1, np.array([900])).table
    assert feature("endings_7d", gap)[0, 0] > feature("endings_7d", whole)[0, 0]
    assert feature("free_168h", gap)[0, 0] < feature("free_168h", whole)[0, 0]
    assert feature("kept_7d", gap)[0, 0] > 0


def test_an_outcome_that_was_not_wholly_seen_is_unknown():
    free = grid(np.array([[1, 1, 1, 1, 1, 0, 1, -1, 1, 1]]))
    result = outcomes(free, ONE, 1, np.array([0, 1, 2, 4, 8]))
    np.testing.assert_array_equal(result[0], [1.0, 1.0, 0.0, np.nan, np.nan])


def test_the_hour_of_the_day_is_learnt_where_there_is_a_rhythm():
    state = nightly(12, 40)
    random = np.random.default_rng(0)
    state[random.random(state.shape) < 0.002] = 0
    model = fit_chances(grid(state[:, : 39 * 96 + 80]), hours=(4.0,))
    ones = np.ones(12, dtype=np.int64)
    evening = model.survival(grid(state), ones, 4.0, at=np.array([39 * 96 + 80]))
    morning = model.survival(grid(state), ones, 4.0, at=np.array([39 * 96 + 24]))
    assert np.nanmean(evening) > 0.85
    assert np.nanmean(morning) < 0.15


def test_chances_fall_with_the_stretch():
    state = markov(30, 40 * 96, end=0.01, begin=0.05, seed=2)
    model = fit_chances(grid(state))
    ones = np.ones(30, dtype=np.int64)
    told = [np.nanmean(model.survival(grid(state), ones, h)) for h in (0.5, 1, 2, 4, 6, 24, 100)]
    assert told == sorted(told, reverse=True)
    assert told[3] == pytest.approx(0.99**16, abs=0.04)


def test_a_short_past_is_left_to_the_life_tables():
    state = markov(30, 5 * 96, end=0.05, begin=0.05, seed=3)
    model = fit_chances(grid(state))
    assert model.fits == ()
    assert model.why == "5.0 days are known, 7 needed to weigh features"


def test_few_spells_are_left_to_the_life_tables():
    model = fit_chances(grid(np.ones((5, 20 * 96))))
    assert model.why == "0 free spells ended, 150 needed to weigh features"


def test_fits_outlive_a_process():
    model = Chances((Fit(4.0, 0.5, (1.0,) * len(FEATURES), 10, 5),), "why")
    assert checked_chances(model.to_json()) == model


def test_fits_with_other_features_are_not_used():
    text = Chances((), "").to_json().replace('"age"', '"age_in_days"')
    assert checked_chances(text) is None


def test_fits_that_cannot_be_read_say_what_mends_them():
    with pytest.raises(ForecastError, match="scms learn"):
        checked_chances("{}")


def test_the_answer_is_the_mean_of_logit_and_life_tables():
    frame, now = slots({f"s{n:03}": row for n, row in enumerate(
        markov(20, 30 * 96, end=0.02, begin=0.05, seed=4))})  # fmt: skip
    certain = Chances((Fit(4.0, 30.0, (0.0,) * len(FEATURES), 10, 5),), "")
    alone = availability(frame, hours=4, now=now)
    both = availability(frame, hours=4, now=now, model=certain)
    free = alone["free_hours"] > 0
    expected = (alone.loc[free, "probability"] + 1) / 2
    assert both.loc[free, "probability"].to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-3)


@pytest.fixture(scope="module")
def judged() -> pd.DataFrame:
    state = np.vstack(
        [markov(1, 24 * 96, end=e, begin=0.05, seed=n) for n, e in enumerate([0.005, 0.06] * 8)]
    )
    return judge_chances(grid(state), hours=(4.0,), every_hours=6).cases


def test_chances_are_judged_on_servers_free_then(judged: pd.DataFrame):
    assert set(judged["stayed"]) == {0.0, 1.0}
    assert judged["day"].min() == 8


def test_life_tables_and_logit_know_which_servers_are_steady(judged: pd.DataFrame):
    for method in ("life_table", "logit", "combined"):
        assert auc(judged[method].to_numpy(), judged["stayed"].to_numpy()) > 0.7


def test_chances_beat_the_current_state(judged: pd.DataFrame):
    stayed = judged["stayed"].mean()
    brier = ((judged["combined"] - judged["stayed"]) ** 2).mean()
    assert brier < stayed * (1 - stayed)


def test_a_record_too_short_to_judge_says_so():
    with pytest.raises(ForecastError, match=r"1\.0 days are known; expected at least 3"):
        judge_chances(grid(np.ones((2, 96))))


def test_a_record_that_ends_within_a_day_is_judged_to_its_end():
    state = markov(4, 12 * 96 + 10, end=0.02, begin=0.05, seed=9)
    cases = judge_chances(grid(state), hours=(4.0,), every_hours=1).cases
    assert cases["at"].max() <= 12 * 96 + 10 - 16


def test_auc_counts_the_pairs_in_order():
    assert auc(np.array([0.1, 0.4, 0.4, 0.9]), np.array([0, 0, 1, 1])) == pytest.approx(3.5 / 4)
