"""What is kept of the coming week for every reader."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from forecast.synthetic import load
from scms.forecast import outlook
from scms.forecast.ahead import (
    AHEAD_HOURS,
    PAST_HOURS,
    Ahead,
    Window,
    ahead_from_json,
    ahead_of,
    ahead_to_json,
    best_window,
)
from scms.forecast.series import hourly_series


def said(values: np.ndarray, *, gpu_count: int = 4) -> Ahead:
    frame, now = load({"a": values}, gpu_count=gpu_count)
    told = outlook(frame, now=now, horizon_hours=AHEAD_HOURS, gpus=4, models=["blend"])
    return ahead_of(told, hourly_series(frame, now=now), made_at=now)


@pytest.fixture(scope="module")
def steady() -> Ahead:
    """Three of four GPUs have always been busy."""
    return said(np.full(400, 3.0))


def test_there_is_an_hour_for_every_hour_of_the_week_and_a_chance_for_every_number(steady: Ahead):
    (one,) = steady.servers
    assert (one.server, one.measure, one.capacity) == ("a", "gpus_busy", 4.0)
    assert len(one.mean) == len(one.chances_of(1)) == AHEAD_HOURS
    assert len(one.chances) == 4
    assert one.past == (3.0,) * PAST_HOURS


def test_chances_are_whole_percents_that_never_say_never_or_surely(steady: Ahead):
    (one,) = steady.servers
    assert set(one.chances_of(1)) == {99}
    assert set(one.chances_of(2)) == {1}


def test_more_gpus_than_there_are_have_no_chance_that_could_be_told(steady: Ahead):
    assert set(steady.servers[0].chances_of(5)) == {None}


def test_it_comes_back_from_its_text_as_it_was(steady: Ahead):
    assert ahead_from_json(ahead_to_json(steady)) == steady


def test_a_server_without_gpus_has_a_level_and_no_chances():
    (one,) = said(np.zeros(400), gpu_count=0).servers
    assert (one.measure, one.chances) == ("cpu_utilization_ratio", ())
    assert one.mean[0] == pytest.approx(0.5)
    assert one.chances_of(1)[0] is None


def test_an_hour_of_the_past_that_was_not_observed_is_unknown():
    values = np.full(400, 3.0)
    values[-5] = np.nan
    assert said(values).servers[0].past[-6:] == (3.0, None, 3.0, 3.0, 3.0, 3.0)


def test_hours_that_are_over_are_cut_off_and_were_not_seen(steady: Ahead):
    later = steady.since(steady.origin + timedelta(hours=2, minutes=50))
    assert later.origin == steady.origin + timedelta(hours=2)
    assert len(later.servers[0].mean) == AHEAD_HOURS - 2
    assert later.servers[0].past[-3:] == (3.0, None, None)


def test_a_reader_in_the_hour_of_the_origin_sees_all_of_it(steady: Ahead):
    assert steady.since(steady.origin + timedelta(minutes=59)) is steady


def test_a_hold_takes_the_chance_away_until_it_ends(steady: Ahead):
    hold = {"server": "a", "expires_at": steady.origin + timedelta(hours=2, minutes=20)}
    (one,) = steady.with_holds([hold] * 4).servers
    assert one.mean[:3] == (4.0, 4.0, 3.0)
    assert one.chances_of(1)[:4] == (1, 1, 99, 99)


def test_a_hold_on_a_gpu_that_is_busy_anyway_changes_nothing(steady: Ahead):
    hold = {"server": "a", "expires_at": steady.origin + timedelta(hours=9)}
    assert steady.with_holds([hold]) == steady


@pytest.mark.parametrize(
    ("chances", "window"),
    [
        ([90, 95, 70, 99], Window(0, 2, 90)),  # the first that is likely, not the best
        ([20, 50, 48, 44], Window(1, 3, 48)),  # none is likely: about as good as the best
        ([None, 85, None], Window(1, 2, 85)),
        ([10, 85, 85], Window(1, 3, 85)),
        ([None, None], None),
    ],
)
def test_the_window_is_the_first_likely_one_or_the_best(
    chances: list[int | None], window: Window | None
):
    assert best_window(chances) == window


def test_a_notebook_shows_a_number_for_every_hour_and_escapes_names():
    told = said(np.full(400, 3.0))
    hostile = replace(
        told.servers[0], server="<b>", chances=((None, *told.servers[0].chances[0][1:]),)
    )
    html = replace(told, servers=(hostile,))._repr_html_()
    assert html.count(">99</td>") == 23
    assert html.count("not known") == 1
    assert "<b>" not in html


def test_reading_it_takes_neither_numpy_nor_pandas():
    code = "import sys, scms.forecast.ahead; print({'numpy', 'pandas', 'scipy'} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"
