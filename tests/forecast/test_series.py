"""From the load table to regular series: gaps stay gaps, and nothing shifts."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.synthetic import START, START_HOUR, load, series
from scms.errors import ForecastError
from scms.forecast.series import hourly_series


def test_a_missing_hour_is_unknown_and_the_hours_after_it_keep_their_place():
    frame, now = load({"gpu-1": [1, 2, 3, 4, 5]})
    (one,) = hourly_series(frame.drop(index=2), now=now)
    np.testing.assert_array_equal(one.values, [1, 2, np.nan, 4, 5])


def test_an_hour_observed_for_less_than_half_is_unknown():
    frame, now = load({"gpu-1": [1, 2, 3]})
    frame.loc[1, "coverage_ratio"] = 0.49
    (one,) = hourly_series(frame, now=now)
    np.testing.assert_array_equal(one.values, [1, np.nan, 3])


def test_an_hour_that_was_down_is_unknown_and_not_idle():
    frame, now = load({"gpu-1": [1, 2, 3]})
    frame.loc[1, ["gpus_busy", "gpu_count", "coverage_ratio"]] = [np.nan, np.nan, 0.0]
    (one,) = hourly_series(frame, now=now)
    np.testing.assert_array_equal(one.values, [1, np.nan, 3])


def test_a_silence_at_the_end_is_part_of_the_series():
    frame, now = load({"gpu-1": [1, 2, 3]})
    (one,) = hourly_series(frame, now=now + timedelta(hours=2))
    np.testing.assert_array_equal(one.values, [1, 2, 3, np.nan, np.nan])


def test_the_hour_that_is_not_over_is_left_out():
    frame, now = load({"gpu-1": [1, 2, 3]})
    (one,) = hourly_series(frame, now=now - timedelta(minutes=5))
    np.testing.assert_array_equal(one.values, [1, 2])


def test_a_server_without_gpus_is_measured_by_its_cpus():
    frame, now = load({"cpu-1": [0, 0]}, gpu_count=0)
    (one,) = hourly_series(frame, now=now)
    assert (one.measure, one.capacity, list(one.values)) == (
        "cpu_utilization_ratio",
        1.0,
        [0.5, 0.5],
    )


def test_a_server_whose_driver_never_told_is_measured_by_its_cpus():
    frame, now = load({"cpu-1": [np.nan, np.nan]}, gpu_count=np.nan)
    (one,) = hourly_series(frame, now=now)
    assert one.measure == "cpu_utilization_ratio"


def test_the_capacity_is_the_number_of_gpus_last_known():
    frame, now = load({"gpu-1": [1, 2, 3, 4]})
    frame["gpu_count"] = [4.0, 4.0, 8.0, np.nan]
    (one,) = hourly_series(frame, now=now)
    assert one.capacity == 8


def test_times_of_another_zone_fall_into_the_same_hours():
    frame, now = load({"gpu-1": [1, 2, 3]})
    frame["ts"] = frame["ts"].dt.tz_convert("Asia/Kolkata")
    (one,) = hourly_series(frame, now=now)
    assert one.first_hour == START_HOUR


def test_the_hour_of_the_day_is_that_of_utc():
    assert list(series([0, 0, 0]).hours_of_day()) == [0, 1, 2]


def test_servers_do_not_mix():
    frame, now = load({"b": [5, 6], "a": [1, 2]})
    frame = frame.sample(frac=1, random_state=0)
    assert [(s.server, list(s.values)) for s in hourly_series(frame, now=now)] == [
        ("a", [1, 2]),
        ("b", [5, 6]),
    ]


@given(
    st.lists(st.none() | st.floats(0, 8), min_size=1, max_size=60).filter(
        lambda v: v[0] is not None
    )
)
def test_whatever_is_missing_what_is_known_is_kept_in_its_hour(values: list[float | None]):
    path = np.array([np.nan if value is None else value for value in values])
    frame, now = load({"gpu-1": path})
    (one,) = hourly_series(frame[~np.isnan(path)], now=now)
    np.testing.assert_array_equal(one.values, path)


def test_a_missing_column_is_named():
    frame, now = load({"gpu-1": [1]})
    with pytest.raises(ForecastError, match="no column coverage_ratio"):
        hourly_series(frame.drop(columns="coverage_ratio"), now=now)


def test_times_without_a_zone_are_refused():
    frame, now = load({"gpu-1": [1]})
    frame["ts"] = frame["ts"].dt.tz_localize(None)
    with pytest.raises(ForecastError, match="time zone"):
        hourly_series(frame, now=now)


def test_a_present_without_a_zone_is_refused():
    frame, _ = load({"gpu-1": [1]})
    with pytest.raises(ForecastError, match="without a time zone"):
        hourly_series(frame, now=datetime(2026, 9, 2))  # noqa: DTZ001  the point


def test_an_hour_given_twice_is_refused():
    frame, now = load({"gpu-1": [1]})
    with pytest.raises(
        ForecastError, match=re.escape(f"two rows for gpu-1 at {START.isoformat()}")
    ):
        hourly_series(pd.concat([frame, frame]), now=now)
