"""Chances to stay free and waits, against chains whose answers are known."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecast.synthetic import markov, slots
from scms.errors import ForecastError
from scms.forecast.availability import availability, waiting
from scms.forecast.spells import hazards, life_table, slot_grid

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


def many(state: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    return {f"s{number:03}": row for number, row in enumerate(state)}


def chance(frame: pd.DataFrame, server: str = "a") -> float:
    (row,) = frame[frame["server"] == server].to_dict("records")
    return float(row["probability"])


def spells(*lengths: int, busy: int = 4) -> NDArray[np.int64]:
    """Free spells of these lengths in slots, each after a busy one."""
    return np.concatenate([np.r_[np.zeros(busy), np.ones(length)] for length in lengths]).astype(
        np.int64
    )


def test_the_chance_on_markov_servers_is_that_of_the_chain():
    frame, now = slots(many(markov(40, 60 * 96, end=0.02, begin=0.02, seed=1)))
    result = availability(frame, gpus=1, hours=4, now=now)
    assert result["probability"].mean() == pytest.approx(0.98**16, abs=0.02)
    assert result["probability"].std() < 0.06


def test_chances_are_calibrated_on_servers_that_differ():
    ends = np.repeat([0.005, 0.02, 0.06], 40)
    state = np.vstack(
        [markov(1, 30 * 96 + 16, end=e, begin=0.05, seed=n) for n, e in enumerate(ends)]
    )
    frame, _ = slots(many(state[:, :-16]))
    now = frame["starts_at"].max().to_pydatetime() + timedelta(minutes=15)
    result = availability(frame, gpus=1, hours=4, now=now)
    free_now = state[:, -17] == 1
    stayed = np.asarray(state[free_now, -16:].min(axis=1))
    promised = result["probability"].to_numpy()[free_now]
    assert promised.mean() == pytest.approx(stayed.mean(), abs=0.08)
    sure = promised > np.median(promised)
    assert stayed[sure].mean() > stayed[~sure].mean() + 0.2


def test_an_old_spell_is_more_likely_to_last_where_young_ones_die():
    frame, now = slots({"a": np.r_[spells(*[1, 1, 1, 60] * 12), np.zeros(4), np.ones(20)]})
    frame = frame.astype({"gpus_free": "int64"})
    old = chance(availability(frame, gpus=1, hours=1, now=now))
    young = chance(availability(frame[:-19], gpus=1, hours=1, now=now - timedelta(minutes=15 * 19)))
    assert old > 0.9
    assert young < 0.5


def test_the_age_of_the_present_spell_is_told():
    frame, now = slots({"a": spells(3, 8)})
    assert availability(frame, gpus=1, hours=1, now=now)["free_hours"].iloc[0] == 2.0


def test_a_spell_cut_by_the_end_of_the_record_has_not_ended():
    table = life_table(np.array([[False, True, True, True]]), np.ones((1, 4), dtype=bool))
    assert (table.exposure.sum(), table.ended.sum()) == (2, 0)


def test_a_spell_cut_by_an_outage_has_not_ended():
    inside = np.array([[False, True, True, False, False]])
    known = np.array([[True, True, True, False, True]])
    table = life_table(inside, known)
    assert (table.exposure.sum(), table.ended.sum()) == (1, 0)


def test_a_spell_that_ended_is_counted_at_its_age():
    inside = np.array([[False, *[True] * 6, False]])
    table = life_table(inside, np.ones((1, 8), dtype=bool))
    np.testing.assert_array_equal(table.exposure, [[1, 3, 2, 0, 0, 0]])
    np.testing.assert_array_equal(table.ended, [[0, 0, 1, 0, 0, 0]])
    np.testing.assert_array_equal(table.reached, [[1, 1, 1, 0, 0, 0]])


def test_a_spell_of_unknown_beginning_counts_only_once_it_must_be_old():
    inside = np.ones((1, 264), dtype=bool)
    table = life_table(inside, inside)
    np.testing.assert_array_equal(table.exposure, [[0, 0, 0, 0, 0, 7]])


def test_a_spell_after_an_outage_has_an_unknown_beginning():
    inside = np.array([[False, False, True, True, False]])
    known = np.array([[True, False, True, True, True]])
    assert life_table(inside, known).exposure.sum() == 0


def test_few_cases_are_pulled_toward_those_of_all():
    lasting = spells(*[40] * 30)
    frame, now = slots({"a": spells(2, 8), "b": lasting, "c": lasting})
    alone, alone_now = slots({"a": spells(2, 8)})
    together = chance(availability(frame, gpus=1, hours=2, now=now))
    by_itself = chance(availability(alone, gpus=1, hours=2, now=alone_now))
    assert together > by_itself


def test_many_cases_are_hardly_pulled():
    state = np.vstack(
        [
            markov(1, 5760, end=0.2, begin=0.2, seed=1),
            markov(30, 5760, end=0.01, begin=0.1, seed=2),
        ]
    )
    frame, now = slots(many(state))
    result = availability(frame, gpus=1, hours=1, now=now)
    assert chance(result, "s000") == pytest.approx(0.8**4, abs=0.08)


def test_the_prior_weighs_as_much_as_three_ended_spells():
    inside = np.zeros((2, 40), dtype=bool)
    inside[0, 1:3] = True
    inside[1, 1::4] = True  # ten spells of one slot
    table = life_table(inside, np.ones_like(inside))
    hazard = hazards(table)
    over_all_ages = (11 + 0.5) / (12 + 1)  # eleven spells ended in twelve slots
    pooled = (10 + 3) / (11 + 3 / over_all_ages)  # of these, at the age of one slot
    assert hazard[0, 0] == pytest.approx((0 + 3) / (1 + 3 / pooled))


def walk(length: int, seed: int, top: int = 4) -> NDArray[np.int64]:
    """Free GPUs that come and go one by one."""
    steps = np.random.default_rng(seed).choice([-1, 0, 1], length, p=[0.1, 0.8, 0.1])
    path = np.full(length, top)
    for slot in range(1, length):
        path[slot] = np.clip(path[slot - 1] + steps[slot], 0, top)
    return path


def test_more_gpus_are_less_likely_to_stay_free():
    frame, now = slots({"a": [*walk(5000, seed=3), 4]}, gpu_count=4)
    one, four = (chance(availability(frame, gpus=n, hours=4, now=now)) for n in (1, 4))
    assert one > four + 0.2


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_a_larger_number_never_has_the_higher_chance_on_a_server_with_all_free(seed: int):
    frame, now = slots(
        {name: [*walk(150, seed + n), 4] for n, name in enumerate("abc")}, gpu_count=4
    )
    columns = [
        availability(frame, gpus=n, hours=4, now=now)["probability"].to_numpy()
        for n in (1, 2, 3, 4)
    ]
    assert np.all(np.diff(np.array(columns), axis=0) <= 1e-12)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(-1, 2), min_size=1, max_size=120),
    st.floats(0.25, 48),
    st.floats(0.25, 48),
)
def test_a_chance_is_a_probability_and_falls_with_time(path: list[int], hours: float, more: float):
    frame, now = slots({"a": path, "b": spells(3, 5, 9)}, gpu_count=2)
    short = availability(frame, gpus=1, hours=hours, now=now)["probability"]
    long = availability(frame, gpus=1, hours=hours + more, now=now)["probability"]
    assert short.between(0, 1).all()
    assert (long <= short + 1e-12).all()


def test_a_server_with_fewer_gpus_is_left_out():
    frame, now = slots({"a": spells(4, 4)})
    assert availability(frame, gpus=2, hours=1, now=now).empty


def test_nothing_is_claimed_where_nothing_was_ever_free():
    frame, now = slots({"a": np.zeros(50, dtype=np.int64)})
    assert np.isnan(chance(availability(frame, gpus=1, hours=1, now=now)))


def test_a_server_silent_for_hours_is_judged_without_age():
    frame, now = slots({"a": [*spells(8, 8, 8), *[-1] * 10]})
    row = availability(frame, gpus=1, hours=1, now=now).iloc[0]
    assert np.isnan(row["free_hours"])
    assert 0 < row["probability"] < 1


def test_slots_that_are_not_over_are_left_out():
    frame, now = slots({"a": [1, 1, 0]})
    grid = slot_grid(frame, now=now - timedelta(minutes=1))
    np.testing.assert_array_equal(grid.free, [[1, 1]])


def test_slots_are_aligned_in_time_whatever_their_order():
    frame, now = slots({"a": [1, 0, 1], "b": [0, 1, 1]})
    grid = slot_grid(frame.drop(index=1).sample(frac=1, random_state=0), now=now)
    np.testing.assert_array_equal(grid.free, [[1, -1, 1], [0, 1, 1]])


def test_the_wait_on_markov_servers_is_that_of_the_chain():
    frame, now = slots(many(markov(100, 60 * 96, end=0.02, begin=0.02, seed=4)))
    result = waiting(frame, gpus=1, now=now)
    lower, median, upper = (np.log(share) / np.log(0.98) / 4 for share in (0.9, 0.5, 0.1))
    assert result["wait_hours_median"].mean() == pytest.approx(median, rel=0.1)
    assert result["wait_hours_lower"].mean() == pytest.approx(lower, rel=0.25)
    assert result["wait_hours_upper"].mean() == pytest.approx(upper, rel=0.1)


def test_waits_are_told_only_where_too_few_are_free():
    frame, now = slots({"free": [*spells(4, 4), 1], "busy": [*spells(4, 4), 0]})
    assert list(waiting(frame, gpus=1, now=now)["server"]) == ["busy"]


def test_a_wait_longer_than_two_weeks_is_unknown():
    frame, now = slots(
        {"a": np.r_[0, 1, np.zeros(5700)].astype(np.int64), "b": [1] * 20 + [0] * 5682}
    )
    assert waiting(frame, gpus=1, now=now)["wait_hours_upper"].isna().any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"gpus": 0, "hours": 1.0}, "gpus is 0"),
        ({"gpus": 1, "hours": 0.0}, "hours is 0.0"),
        ({"gpus": 1, "hours": float("nan")}, "hours is nan"),
    ],
)
def test_an_argument_that_cannot_be_used_is_named(arguments: dict[str, Any], message: str):
    frame, now = slots({"a": [1]})
    with pytest.raises(ForecastError, match=message):
        availability(frame, now=now, **arguments)


def test_a_missing_column_is_named():
    frame, now = slots({"a": [1]})
    with pytest.raises(ForecastError, match="no column observed"):
        availability(frame.drop(columns="observed"), gpus=1, hours=1, now=now)


def test_two_hundred_servers_and_sixty_days_take_a_moment():
    free = 8 * markov(200, 60 * 96, end=0.02, begin=0.01, seed=1)
    frame, now = slots(many(free), gpu_count=8)
    began = time.process_time()
    availability(frame, gpus=1, hours=8, now=now)
    assert time.process_time() - began < 3
