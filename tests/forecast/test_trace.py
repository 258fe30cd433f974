"""Recordings: what is refused, with the rows, and what becomes of the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from scms.errors import ForecastError
from scms.forecast.trace import read_trace, trace_of

if TYPE_CHECKING:
    from pathlib import Path


def table(busy: dict[str, list[float | None]], *, total: int = 4, step: str = "10min") -> Any:
    frames = [
        pd.DataFrame(
            {
                "server": name,
                "time": pd.date_range("2026-01-01", periods=len(values), freq=step, tz="UTC"),
                "busy": pd.array(values, dtype="Float64"),
                "total": total,
            }
        )
        for name, values in busy.items()
    ]
    return pd.concat(frames, ignore_index=True)


def test_a_quarter_is_free_only_as_far_as_the_busiest_step_in_it():
    trace = trace_of(table({"a": [0.0, 0.0, 0.0, 2.0, 2.0, 1.5]}))
    assert trace.grid().free.tolist() == [[4, 4, 2, 2]]


def test_a_step_that_was_not_observed_hides_its_quarters():
    trace = trace_of(table({"a": [0.0, None, 0.0, 0.0, 0.0, 0.0]}))
    assert trace.grid().free.tolist() == [[-1, -1, 4, 4]]


def test_an_hour_is_the_mean_of_what_was_observed_of_it():
    (series,) = trace_of(table({"a": [1.0, 3.0, None, None, 2.0, 2.0] + [None] * 6})).hourly()
    np.testing.assert_array_equal(series.until(2).values, [2.0, np.nan])


def test_servers_that_begin_later_are_unknown_before():
    early, late = table({"a": [1.0] * 12}), table({"b": [2.0] * 6})
    late["time"] += pd.Timedelta(hours=1)
    trace = trace_of(pd.concat([early, late]))
    assert np.isnan(trace.busy[1]).tolist() == [True] * 6 + [False] * 6


def test_names_of_the_other_spelling_are_read(tmp_path: Path):
    frame = table({"a": [1.0] * 6}).rename(
        columns={"time": "ts", "busy": "busy_gpus", "total": "total_gpus"}
    )
    frame.to_csv(tmp_path / "trace.csv", index=False)
    assert read_trace(tmp_path / "trace.csv").busy.tolist() == [[1.0] * 6]


def test_a_parquet_file_is_read(tmp_path: Path):
    table({"a": [1.0] * 6}).to_parquet(tmp_path / "trace.parquet")
    assert read_trace(tmp_path / "trace.parquet").total.tolist() == [4]


@pytest.mark.parametrize(
    ("row", "column", "value", "message"),
    [
        (2, "busy", -1.0, "the trace has a negative busy in row 3"),
        (4, "busy", 5.0, "more busy than there are in total in row 5"),
        (0, "total", 0, "no whole number above 0 in row 1"),
        (5, "total", 8, "changes the total of a server in row 6"),
    ],
)
def test_values_that_cannot_be_are_refused_by_row(row: int, column: str, value: Any, message: str):
    frame = table({"a": [1.0] * 6})
    frame.loc[row, column] = value
    with pytest.raises(ForecastError, match=message):
        trace_of(frame)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("busy", "many", "has a busy that is no number in row 4"),
        ("total", "8 GPUs", "has a total that is no number in row 4"),
        ("time", "yesterday", r"has a time that cannot be read in row 4; .*2026-11-23T10:00:00Z"),
    ],
)
def test_what_cannot_be_read_is_refused_by_row(column: str, value: str, message: str):
    frame = table({"a": [1.0] * 6}).astype({column: object})
    frame.loc[3, column] = value
    with pytest.raises(ForecastError, match=message):
        trace_of(frame)


def test_a_trace_of_which_nothing_was_observed_is_refused():
    with pytest.raises(ForecastError, match="no step of the trace was observed"):
        trace_of(table({"a": [np.nan] * 6}))


def test_a_refusal_mends_what_is_wrong_and_nothing_else():
    with pytest.raises(ForecastError) as caught:
        trace_of(pd.concat([table({"a": [1.0] * 6})] * 2))
    assert "keep one row per server and time" in str(caught.value)
    assert "not observed" not in str(caught.value)


def test_duplicates_are_refused_by_row():
    frame = table({"a": [1.0] * 6})
    with pytest.raises(ForecastError, match="repeats a time of a server in rows 7, 8"):
        trace_of(pd.concat([frame, frame.iloc[:2]]))


def test_a_gap_is_refused_by_the_row_after_it():
    frame = table({"a": [1.0] * 12}).drop(index=[4, 5])
    with pytest.raises(ForecastError, match=r"has a gap \(its steps are 600 s\) before row 5"):
        trace_of(frame)


def test_many_bad_rows_are_counted():
    with pytest.raises(ForecastError, match="in rows 1, 2, 3, 4, 5 and 7 more"):
        trace_of(table({"a": [-1.0] * 12}))


def test_uneven_clocks_are_refused():
    other = table({"b": [1.0] * 6})
    other["time"] += pd.Timedelta(minutes=5)
    with pytest.raises(ForecastError, match="leaves the steps of the other servers in rows 7, 8"):
        trace_of(pd.concat([table({"a": [1.0] * 6}), other]))


def test_a_step_that_does_not_divide_the_hour_is_refused():
    with pytest.raises(ForecastError, match="2520 s apart; expected steps that divide the hour"):
        trace_of(table({"a": [1.0] * 6}, step="42min"))


def test_a_missing_column_is_named():
    with pytest.raises(ForecastError, match="no column total"):
        trace_of(table({"a": [1.0] * 6}).drop(columns="total"))


def test_an_empty_trace_is_refused():
    with pytest.raises(ForecastError, match="no rows"):
        trace_of(table({"a": [1.0] * 6}).iloc[:0])


def test_a_file_that_is_not_there_is_said(tmp_path: Path):
    with pytest.raises(ForecastError, match="cannot be read"):
        read_trace(tmp_path / "no.parquet")
