from __future__ import annotations

from typing import Any

import pandas as pd
from bokeh.models import ColumnDataSource, Range1d, RangeTool
from bokeh.models.layouts import Column

from scms.widgets.server.past_chart import local_percent, server_load


def load(*minutes: int, **values: Any) -> pd.DataFrame:
    """Quarters of an hour of a server with a GPU that is half used."""
    start = pd.Timestamp("2026-10-05 12:00", tz="Europe/Berlin")
    row = {
        "cpu_mean": 0.2, "cpu_min": 0.1, "cpu_max": 0.9, "memory_max": 0.3,
        "gpu_mean": 0.5, "gpu_min": 0.0, "gpu_max": 1.0,
    }  # fmt: skip
    rows = [{"starts_at": start + pd.Timedelta(minutes=n)} | row | values for n in minutes]
    return pd.DataFrame(rows)


def lines(chart: Any) -> set[str]:
    return {str(r.glyph.y) for r in chart.renderers if hasattr(r.glyph, "y")}


def test_the_highest_of_all_ticks_is_a_line_in_both_charts():
    chart = server_load(load(0, 15, 30))
    assert isinstance(chart, Column)
    for plot in chart.children:
        assert {"gpu_max", "cpu_max"} <= lines(plot)


def test_the_small_chart_chooses_what_the_large_one_shows():
    chart = server_load(load(0, 15, 30))
    assert isinstance(chart, Column)
    closer, overview = chart.children
    (brush,) = [tool for tool in overview.tools if isinstance(tool, RangeTool)]
    assert brush.x_range is closer.x_range


def test_nobody_leaves_what_was_read():
    chart = server_load(load(0, 15, 30))
    assert isinstance(chart, Column)
    window = chart.children[0].x_range
    assert isinstance(window, Range1d)
    assert window.bounds == (window.start, window.end)


def test_a_server_without_gpus_has_no_line_of_them():
    chart = server_load(load(0, 15, gpu_mean=None, gpu_min=None, gpu_max=None))
    assert isinstance(chart, Column)
    assert lines(chart.children[0]) == {"cpu_mean", "cpu_max"}


def test_a_missing_quarter_is_a_gap():
    data = local_percent(load(0, 30))
    assert data["gpu_mean"] == [50.0, None, 50.0]
    assert len(ColumnDataSource(data).data["time"]) == 3


def test_nothing_recorded_is_an_empty_chart():
    chart = server_load(load(0).iloc[:0])
    assert not isinstance(chart, Column)
