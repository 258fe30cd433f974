from __future__ import annotations

import numpy as np
import pytest

from scms.demo.noise import Draw, key_of, keys_of, swell, swell_integral, uniform

KEYS = keys_of([key_of("a"), key_of("b")])
TIMES = np.linspace(1.79e9, 1.79e9 + 5000, 20001)


def test_hashed_numbers_are_the_same_on_every_machine() -> None:
    assert uniform(keys_of([1]), 2).tolist() == [pytest.approx(0.9710027535867962)]


def test_hashed_numbers_fill_the_unit_interval_evenly() -> None:
    numbers = uniform(keys_of([5]), np.arange(100_000))
    assert numbers.min() >= 0
    assert numbers.max() < 1
    assert np.histogram(numbers, 10, (0, 1))[0] == pytest.approx(10_000, rel=0.05)


def test_noise_stays_between_minus_one_and_one() -> None:
    assert np.abs(swell(KEYS[:1], TIMES)).max() <= 1


def test_noise_is_smooth() -> None:
    assert np.abs(np.diff(swell(KEYS[:1], TIMES))).max() < 0.05  # steps of a quarter second


def test_noise_differs_by_key() -> None:
    assert abs(np.corrcoef(swell(KEYS[:1], TIMES), swell(KEYS[1:], TIMES))[0, 1]) < 0.5


def test_the_integral_is_that_of_the_noise() -> None:
    slopes = np.diff(swell_integral(KEYS[:1], TIMES)) / np.diff(TIMES)
    middles = (TIMES[:-1] + TIMES[1:]) / 2
    assert slopes == pytest.approx(swell(KEYS[:1], middles), abs=2e-3)


def test_a_draw_depends_on_its_name_only() -> None:
    draw = Draw(key_of("x"))
    assert draw.uniform("one") == Draw(key_of("x")).uniform("one")
    assert draw.uniform("one") != draw.uniform("two")


def test_lognormal_draws_have_the_median_asked_for() -> None:
    drawn = [Draw(n).lognormal("hours", median=3, sigma=1) for n in range(2000)]
    assert np.median(drawn) == pytest.approx(3, rel=0.1)


def test_choices_follow_their_weights() -> None:
    drawn = [Draw(n).chosen("kind", {"a": 3, "b": 1}) for n in range(2000)]
    assert drawn.count("a") == pytest.approx(1500, rel=0.06)
