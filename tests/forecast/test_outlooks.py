"""The outlook as users get it."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from forecast.synthetic import daily, load
from scms.errors import ForecastError
from scms.forecast import outlook
from scms.forecast.champion import Choice
from scms.forecast.outlooks import COLUMNS


def test_there_is_a_row_per_server_and_hour_from_the_present_hour_on():
    frame, now = load({"a": np.ones(100), "b": np.ones(100)})
    result = outlook(frame, now=now + timedelta(minutes=20), horizon_hours=6)
    assert list(result.columns) == list(COLUMNS)
    assert result.groupby("server").size().to_dict() == {"a": 6, "b": 6}
    first = result.iloc[0]
    assert (first["ts"], first["origin"], first["horizon_hours"]) == (now, now, 1)
    assert str(result["ts"].dt.tz) == "UTC"


def test_a_steady_server_is_expected_to_stay_as_it_is():
    frame, now = load({"a": np.full(100, 3.0)})
    row = outlook(frame, now=now).iloc[-1]
    assert (row["mean"], row["lower"], row["upper"]) == pytest.approx((3.0, 3.0, 3.0))
    assert row["p_free"] > 0.99


def test_a_full_server_is_not_expected_to_have_a_gpu_free():
    frame, now = load({"a": np.full(100, 8.0)})
    assert outlook(frame, now=now)["p_free"].max() < 0.01


def test_the_chance_of_a_free_gpu_is_the_share_of_hours_with_one():
    values = np.random.default_rng(0).choice([5.0, 8.0], 1000, p=[0.3, 0.7])
    frame, now = load({"a": values})
    result = outlook(frame, now=now, models=["analog"])
    assert result["p_free"].mean() == pytest.approx(0.3, abs=0.05)


def test_the_chance_of_several_free_gpus_is_the_share_of_hours_with_as_many():
    values = np.random.default_rng(0).choice([2.0, 5.0, 8.0], 1000, p=[0.2, 0.3, 0.5])
    frame, now = load({"a": values})
    result = outlook(frame, now=now, models=["analog"], gpus=9)
    assert list(result.columns) == [*COLUMNS, *(f"p_free_{n}" for n in range(2, 10))]
    assert result["p_free_3"].mean() == pytest.approx(0.5, abs=0.06)
    assert result["p_free_4"].mean() == pytest.approx(0.2, abs=0.06)
    assert result["p_free_7"].max() < 0.01
    assert result["p_free_9"].isna().all()  # there are eight


def test_a_server_without_gpus_has_an_outlook_of_its_cpus_and_no_chance_of_gpus():
    frame, now = load({"a": np.zeros(100)}, gpu_count=0)
    result = outlook(frame, now=now)
    assert set(result["measure"]) == {"cpu_utilization_ratio"}
    assert result["p_free"].isna().all()
    assert result["mean"].to_numpy() == pytest.approx(0.5)


def test_the_interval_widens_with_its_level():
    frame, now = load({"a": daily(30, noise=1.0)})
    narrow, wide = (outlook(frame, now=now, level=level) for level in (0.5, 0.95))
    assert (wide["upper"] - wide["lower"] > narrow["upper"] - narrow["lower"]).all()


def test_a_daily_rhythm_is_found_and_the_reason_told():
    frame, now = load({"a": daily(60, noise=0.3)})
    result = outlook(frame, now=now)
    assert result["model"].iloc[0] in {"analog", "ets"}
    assert "lower than that of blend in 16 past forecasts" in result["why"].iloc[0]


def test_a_short_history_speaks_through_the_baseline():
    frame, now = load({"a": daily(10)})
    result = outlook(frame, now=now)
    assert set(result["model"]) == {"blend"}
    assert result["why"].iloc[0] == "2 past forecasts, 14 needed to compare models"


def test_a_server_with_too_little_history_gets_the_widest_interval():
    frame, now = load({"new": np.ones(100), "old": np.ones(100)})
    frame = frame[(frame["server"] == "old") | (frame["ts"] >= now - timedelta(hours=5))]
    row = outlook(frame, now=now).set_index("server").loc["new"].iloc[0]
    assert (row["lower"], row["upper"], row["model"]) == (0.0, 8.0, "none")
    assert pd.isna(row["mean"])
    assert pd.isna(row["p_free"])
    assert row["why"] == "5 hours are known, 48 needed"


def test_a_server_silent_for_two_days_gets_the_widest_interval():
    frame, now = load({"down": np.ones(100), "up": np.ones(148)})
    row = outlook(frame, now=now).set_index("server").loc["down"].iloc[0]
    assert (row["model"], row["why"]) == ("none", "not observed for 48 h")


def test_too_little_history_of_all_says_how_much_there_is_and_what_is_needed():
    frame, now = load({"a": np.ones(3)})
    with pytest.raises(ForecastError, match="3 hours of load are known; expected at least 48"):
        outlook(frame, now=now)


def test_an_empty_load_table_is_too_little_history():
    frame, now = load({"a": np.ones(3)})
    with pytest.raises(ForecastError, match="0 hours"):
        outlook(frame.iloc[:0], now=now)


def test_what_was_observed_is_the_share_of_hours_that_were_known():
    values = np.ones(100)
    values[10:35] = np.nan
    frame, now = load({"a": values})
    assert outlook(frame, now=now)["observed_ratio"].iloc[0] == pytest.approx(0.75)


def test_the_coverage_is_that_of_past_intervals():
    random = np.random.default_rng(3)
    frame, now = load({"a": np.clip(random.normal(4, 1, 60 * 24), 0, 8)})
    assert outlook(frame, now=now)["coverage_ratio"].iloc[0] == pytest.approx(0.8, abs=0.03)


def test_choices_made_before_are_used():
    frame, now = load({"a": daily(60, noise=0.3)})
    made = {"a": Choice("last_value", "as stored")}
    result = outlook(frame, now=now, choices=made)
    assert (result["model"].iloc[0], result["why"].iloc[0]) == ("last_value", "as stored")


def test_a_choice_that_is_not_at_hand_leaves_the_baseline():
    frame, now = load({"a": daily(60, noise=0.3)})
    result = outlook(frame, now=now, models=["blend", "analog"], choices={"a": Choice("ets", "")})
    assert result["model"].iloc[0] == "blend"


def test_what_is_held_counts_as_busy_until_it_ends():
    frame, now = load({"a": np.zeros(100), "b": np.zeros(100)})
    held = [
        {"server": "a", "device": f"GPU-{n}", "expires_at": now + timedelta(hours=2.5)}
        for n in range(8)
    ]
    result = outlook(frame, now=now, taken=held, horizon_hours=4)
    of_a, of_b = result[result["server"] == "a"], result[result["server"] == "b"]
    assert of_a["mean"].to_list() == pytest.approx([8.0, 8.0, 4.0, 0.0])
    assert of_a["p_free"].iloc[0] < 0.01
    assert of_b["mean"].max() == 0.0


def test_one_named_model_is_used_as_asked():
    frame, now = load({"a": daily(10)})
    result = outlook(frame, now=now, models=["ets"])
    assert set(result["model"]) == {"ets"}


def test_the_same_seed_gives_the_same_outlook():
    values = np.random.default_rng(0).integers(0, 9, 800).astype(float)
    frame, now = load({"a": values})
    first, again = (outlook(frame, now=now, seed=7, models=["analog"]) for _ in range(2))
    pd.testing.assert_frame_equal(first, again)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"horizon_hours": 0}, "horizon_hours is 0; expected 1 to 168"),
        ({"horizon_hours": 2.5}, "horizon_hours is 2.5"),
        ({"level": 1.0}, "level is 1.0"),
        ({"models": ["prophet"]}, "'prophet' is no model; expected one of blend"),
        ({"models": []}, "no model was named"),
    ],
)
def test_an_argument_that_cannot_be_used_is_named(arguments: dict[str, Any], message: str):
    frame, now = load({"a": np.ones(100)})
    with pytest.raises(ForecastError, match=message):
        outlook(frame, now=now, **arguments)


def test_twenty_servers_and_sixty_days_take_seconds():
    frame, now = load({f"s{n:02}": daily(60, noise=1, seed=n) for n in range(20)})
    began = time.process_time()
    outlook(frame, now=now)
    assert time.process_time() - began < 8
