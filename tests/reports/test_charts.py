from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from reports.rollups import made_up, query_over
from scms.reports.charts import drawable, key_labels, resource, usage_by, usage_over_time
from scms.reports.metrics import usage
from scms.reports.period import parse_period

NOW = datetime(2026, 10, 7, tzinfo=UTC)
PERIOD = parse_period("2026-10-05", ZoneInfo("UTC"), NOW)
QUERY = query_over(made_up())


def _columns(figure: Any) -> dict[str, list[Any]]:
    return dict(figure.renderers[0].data_source.data)


def test_bars_over_time_stand_on_each_other_up_to_the_available_hours() -> None:
    frame = usage(QUERY, PERIOD, "hour", now=NOW)
    data = _columns(usage_over_time(frame))
    assert data["gpu_hours_used_from"] == [0.0] * 24
    assert data["gpu_hours_idle_held_from"] == data["gpu_hours_used_to"]
    assert data["gpu_hours_free_to"] == pytest.approx(frame["gpu_hours_available"].tolist())


def test_a_gap_has_no_bar_and_says_that_nothing_is_known() -> None:
    later = parse_period("2026-10-06..2026-10-07", ZoneInfo("UTC"), NOW)
    frame = usage(QUERY, later, "day", now=datetime(2026, 10, 8, tzinfo=UTC))
    data = _columns(usage_over_time(frame))
    assert data["gpu_hours_free_to"][1] == 0
    assert data["gpu_hours_used_text"][1] == "–"
    assert data["coverage_text"][1] == "0 %"


def test_bars_by_server_are_in_the_order_of_the_table() -> None:
    frame = drawable(usage(QUERY, PERIOD, "server", now=NOW))
    figure = usage_by(frame)
    assert _columns(figure)["label"] == ["atlas", "borg", "crow", "echo (simulated)"]
    assert figure.y_range.start > figure.y_range.end


def test_a_table_of_users_has_no_free_part() -> None:
    figure = usage_by(usage(QUERY, PERIOD, "user", now=NOW))
    assert "gpu_hours_free_to" not in _columns(figure)
    assert "(nobody visible) (partly simulated)" in _columns(figure)["label"]


def test_without_gpu_the_bars_are_cpu_hours() -> None:
    frame = usage(QUERY, PERIOD, "server", now=NOW).query("server == 'dove'")
    assert resource(frame) == "CPU"
    figure = usage_by(frame)
    assert figure.xaxis[0].axis_label == "CPU-hours"
    assert _columns(figure)["cpu_hours_unused_to"] == pytest.approx([24 * 32])


def test_hours_of_several_days_are_labelled_with_the_day() -> None:
    two = parse_period("2026-10-05..2026-10-06", ZoneInfo("UTC"), NOW)
    labels = key_labels(usage(QUERY, two, "hour", now=NOW))
    assert labels[0] == "5 Oct 00:00"
    assert len(set(labels)) == 48


def test_figures_are_transparent() -> None:
    figure = usage_over_time(usage(QUERY, PERIOD, "hour", now=NOW))
    assert figure.background_fill_alpha == 0
    assert figure.border_fill_alpha == 0
