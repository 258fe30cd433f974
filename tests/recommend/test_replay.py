"""Policies replayed on recordings whose best answers are known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from forecast.synthetic import markov
from scms.errors import ForecastError
from scms.forecast.spells import SlotGrid
from scms.recommend.crowd import crowd
from scms.recommend.replay import day_interval, gini, replay

if TYPE_CHECKING:
    from collections.abc import Mapping


def grid(free: np.ndarray) -> SlotGrid:
    names = tuple(f"s{n:03}" for n in range(len(free)))
    return SlotGrid(names, free.astype(np.int16), np.ones(len(free), dtype=np.int64))


def lab(days: int = 16) -> SlotGrid:
    """Sixteen servers of one GPU, of which every second is steady."""
    ends = [0.002, 0.05] * 8
    return grid(
        np.vstack([markov(1, days * 96, end=e, begin=0.05, seed=n) for n, e in enumerate(ends)])
    )


@pytest.fixture(scope="module")
def replayed() -> Mapping[str, Mapping[str, float]]:
    frame = replay(lab(), hours=(4.0,))
    rows: list[dict[str, Any]] = frame.to_dict("records")  # type: ignore[assignment]  # keys are columns
    return {str(row["policy"]): row for row in rows}


def test_scms_picks_steadier_servers_than_chance(replayed: Mapping[str, Mapping[str, float]]):
    assert replayed["scms"]["stayed"] > replayed["random-free"]["stayed"] + 0.1


def test_nobody_beats_the_oracle(replayed: Mapping[str, Mapping[str, float]]):
    best = replayed["oracle"]
    assert all(row["delivered"] <= best["delivered"] for row in replayed.values())
    assert best["regret"] == 0.0


def test_what_scms_promises_is_about_what_it_keeps(replayed: Mapping[str, Mapping[str, float]]):
    row = replayed["scms"]
    assert row["promised"] == pytest.approx(row["stayed"], abs=0.06)


def test_the_luckiest_of_equal_servers_is_not_promised_much_more_than_any_keeps():
    state = np.vstack([markov(1, 16 * 96, end=0.02, begin=0.05, seed=n) for n in range(24)])
    row = replay(grid(state), hours=(4.0,), policies=("scms",)).iloc[0]
    assert row["promised"] == pytest.approx(0.98**16, abs=0.06)  # whichever it picks


def test_the_interval_holds_the_share(replayed: Mapping[str, Mapping[str, float]]):
    row = replayed["scms"]
    assert row["stayed_lower"] <= row["stayed"] <= row["stayed_upper"]


def test_steady_servers_are_picked_more_often(replayed: Mapping[str, Mapping[str, float]]):
    assert replayed["scms"]["gini"] > replayed["random-free"]["gini"]


def test_outages_are_not_time_that_was_free():
    free = lab().free
    free[:, 10 * 96 :] = -1
    row = replay(grid(free), hours=(4.0,), policies=["random-free"]).iloc[0]
    known = replay(lab(), hours=(4.0,), policies=["random-free"]).iloc[0]
    assert row["cases"] < known["cases"]
    assert row["stayed"] < 1.0


def test_holds_end_collisions():
    frame = crowd(lab(), hours=4.0, policies=["longest-free", "longest-free + hold"])
    alone, held = frame.to_dict("records")
    assert alone["collided"] > 0.1
    assert held["collided"] == 0.0
    assert held["delivered"] > alone["delivered"]


def test_an_oracle_with_a_hold_delivers_almost_all():
    (row,) = crowd(lab(), hours=1.0, policies=["oracle + hold"]).to_dict("records")
    assert row["delivered"] > 0.97


def test_a_policy_that_is_none_is_refused():
    with pytest.raises(ForecastError, match="'best' is no policy; expected one of random-free"):
        replay(lab(), policies=["best"])
    with pytest.raises(ForecastError, match="'best' is no policy"):
        crowd(lab(), policies=["best"])


def test_a_recording_too_short_is_refused():
    with pytest.raises(ForecastError, match=r"1\.0 days; expected at least 3"):
        replay(lab(1))


def test_days_are_resampled_whole():
    steady = pd.DataFrame({"sum": [5, 5, 5], "size": [10, 10, 10]})
    assert day_interval(steady, 0) == (0.5, 0.5)
    mixed = pd.DataFrame({"sum": [0, 10] * 10, "size": [10] * 20})
    lower, upper = day_interval(mixed, 0)
    assert lower < 0.4
    assert upper > 0.6


def test_gini_is_that_of_the_formula():
    assert gini(np.array([1, 1, 1, 1])) == 0.0
    assert gini(np.array([0, 0, 0, 4])) == 0.75
    assert gini(np.array([0, 0])) == 0.0
