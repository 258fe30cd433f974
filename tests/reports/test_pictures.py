"""Pictures have the numbers of the tables that they are drawn from."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from bokeh.models import ColorBar, Text

from reports.rollups import START, made_up, query_over
from scms.reports.build import build_report
from scms.reports.charts import gallery, metric_by
from scms.reports.charts.curves import lorenz_curves, waterfall
from scms.reports.charts.grid import gpu_time_grid
from scms.reports.charts.heat import heat_of_hours, heat_over_time
from scms.reports.charts.style import INK, SCALE
from scms.reports.charts.went import where_hours_went
from scms.reports.charts.words import of_metric, of_totals
from scms.reports.metrics import usage
from scms.reports.period import parse_period
from scms.reports.present import column
from scms.reports.sums import asked

if TYPE_CHECKING:
    from scms.reports.document import Report

ZONE = ZoneInfo("UTC")
NOW = datetime(2026, 10, 7, 8, 30, tzinfo=UTC)
QUERY = query_over(made_up())
TWO_DAYS = parse_period("2026-10-05..2026-10-06", ZONE, NOW)


@pytest.fixture(scope="module")
def report() -> Report:
    return build_report(QUERY, TWO_DAYS, name="Example lab", now=NOW)


def _data(figure: Any, number: int = 0) -> dict[str, list[Any]]:
    return dict(figure.renderers[number].data_source.data)


def _luminance(color: str) -> float:
    red, green, blue = (int(color[n : n + 2], 16) for n in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_a_cell_of_the_heat_map_is_the_use_of_its_server_and_hour() -> None:
    rows = asked(QUERY, "usage_by_server_and_hour", TWO_DAYS, now=NOW)
    data = pd.DataFrame(_data(heat_over_time(rows, "hour", ["atlas", "crow"])))
    one = rows[rows["server"] == "atlas"].sort_values("hour")
    expected = one["gpu_hours_used"] / one["gpu_hours_available"]
    drawn = data[data["y"] == 0].sort_values("x")["use"]
    assert drawn.tolist() == pytest.approx(expected.tolist(), abs=1e-4)


def test_what_was_not_observed_has_no_cell() -> None:
    rows = asked(QUERY, "usage_by_server_and_hour", TWO_DAYS, now=NOW)
    data = pd.DataFrame(_data(heat_over_time(rows, "hour", ["atlas", "crow", "flint"])))
    assert data.groupby("y").size().to_dict() == {0: 48, 1: 9}


def test_days_of_many_are_added_up_to_weeks() -> None:
    rollups = made_up(days=9, start=START + timedelta(days=2))
    period = parse_period("2026-10", ZONE, NOW + timedelta(days=30))
    rows = asked(query_over(rollups), "usage_by_server_and_day", period, now=NOW + timedelta(30))
    data = pd.DataFrame(_data(heat_over_time(rows, "week", ["atlas"])))
    assert data["when"].tolist() == ["Mon 5 Oct", "Mon 12 Oct"]


def test_the_week_of_all_servers_has_the_use_of_its_hours() -> None:
    rows = asked(QUERY, "usage_by_server_and_hour_of_week", TWO_DAYS, now=NOW)
    data = pd.DataFrame(_data(heat_of_hours(rows)))
    table = usage(QUERY, TWO_DAYS, "hour_of_week", now=NOW)
    drawn = data.sort_values(["y", "x"])["use"].tolist()
    assert drawn == pytest.approx(table["gpu_use_ratio"].tolist(), abs=1e-4)
    assert set(data["row"]) == {"Mon", "Tue"}


def test_the_scale_gets_darker_step_by_step() -> None:
    steps = [_luminance(color) for color in SCALE]
    assert steps == sorted(steps, reverse=True)
    assert min(a - b for a, b in pairwise(steps)) > 8


def _hour(**values: Any) -> dict[str, Any]:
    row = {"device": "GPU-1", "server": "atlas", "device_index": 0.0, "user": "ann"}
    row |= {"hour": pd.Timestamp(START), "use_ratio": 1.0, "idle_held_ratio": 0.0}
    return {**row, "utilization_ratio": 0.9, "observed_ratio": 1.0, **values}


def _grid(*rows: dict[str, Any]) -> Any:
    hours = [
        _hour(**row) | {"hour": pd.Timestamp(START + timedelta(hours=n))}
        for n, row in enumerate(rows)
    ]
    return gpu_time_grid(pd.DataFrame(hours))


def _names(figure: Any) -> list[str]:
    return [
        text
        for renderer in figure.renderers
        if isinstance(renderer.glyph, Text)
        for text in renderer.data_source.data["text"]
    ]


def test_hours_of_one_user_carry_the_name_and_utilisation_once() -> None:
    assert _names(_grid({}, {"utilization_ratio": 0.7}, {"user": "bob"})) == ["ann:80", "bob:90"]


def test_a_gpu_that_nobody_visible_holds_carries_no_name() -> None:
    assert _names(_grid({"user": None}, {"user": None})) == []


def test_without_names_the_grid_is_drawn_without_names() -> None:
    rows = pd.DataFrame([_hour()]).drop(columns="user")
    figure = gpu_time_grid(rows)
    assert _names(figure) == []
    assert _data(figure)["use"] == [0.9]


def test_held_without_work_is_hatched() -> None:
    figure = _grid({}, {"use_ratio": 0.1, "idle_held_ratio": 0.9})
    assert _data(figure, 1)["x"] == [1]
    assert figure.renderers[1].glyph.hatch_pattern == "/"


def test_an_hour_without_a_reading_is_a_gap() -> None:
    assert _data(_grid({}, {"use_ratio": None}, {}))["x"] == [0, 2]


def test_the_waterfall_ends_at_the_use_of_the_later_period() -> None:
    before = pd.DataFrame({"server": ["a", "b"], "gpu_hours_used": [10.0, 30.0]})
    after = pd.DataFrame({"server": ["b", "c"], "gpu_hours_used": [5.0, 40.0]})
    figure = waterfall(before, after, ("September", "October"))
    assert figure is not None
    data = _data(figure)
    assert data["label"] == ["September", "c", "b", "a", "October"]
    assert data["amount"] == ["40.0", "+40.0", "−25.0", "−10.0", "45.0"]
    assert data["top"] == pytest.approx([40.0, 80.0, 80.0, 55.0, 45.0])
    assert data["bottom"] == pytest.approx([0.0, 40.0, 55.0, 45.0, 0.0])


def test_where_the_hours_went_adds_up_from_all_to_used() -> None:
    totals = pd.DataFrame(
        {
            "gpu_hours_observed": [90.0],
            "gpu_hours_available": [80.0],
            "gpu_hours_used": [50.0],
            "gpu_hours_idle_held": [10.0],
            "gpu_hours_free": [20.0],
            "gpu_hours_down": [10.0],
            "gpu_hours_utilized": [30.0],
        }
    )
    data = _data(where_hours_went(totals))
    assert data["label"] == [
        *("all", "down", "faulty", "free", "held idle", "used", "pauses", "computing")
    ]
    assert data["top"] == pytest.approx([100.0, 100.0, 90.0, 80.0, 60.0, 50.0, 50.0, 30.0])
    assert of_totals(totals) == (
        ("Of 100 GPU-hours 50 % were used; down 10 %, faulty 10 %, free 20 %, held idle 10 %."),
    )


def test_a_metric_has_a_bar_where_it_is_known() -> None:
    frame = pd.DataFrame(
        {
            "server": ["a", "b"],
            "gpu_use_ratio": [0.25, None],
            "gpu_hours_used": [1.0, None],
            "simulated": [False, False],
        }
    )
    chosen = column("gpu_use_ratio")
    assert chosen is not None
    data = _data(metric_by(frame, chosen))
    assert (data["label"], data["value"], data["text"]) == (["a"], [25.0], ["25 %"])
    assert of_metric(frame, chosen) == ("Highest: a, 25 %.",)


def test_every_picture_is_told_in_words(report: Report) -> None:
    told = {picture.name: picture.words for picture in gallery(report)}
    assert all(told.values())
    assert told["heat"][0].startswith("Highest: ")


def test_without_an_earlier_period_there_is_no_waterfall() -> None:
    after = pd.DataFrame({"server": ["b"], "gpu_hours_used": [5.0]})
    assert waterfall(pd.DataFrame(), after, ("September", "October")) is None


def test_the_lorenz_curve_is_told_with_its_gini() -> None:
    servers = pd.DataFrame({"gpu_hours_used": [0.0, 10.0], "gpu_hours_available": [10.0, 10.0]})
    users = pd.DataFrame({"user": ["ann", "bob"], "gpu_hours_used": [5.0, 5.0]})
    figure = lorenz_curves(servers, users)
    labels = [item.label.value for item in figure.legend[0].items]
    assert labels == ["even use", "servers, Gini 0.50", "users, Gini 0.00"]


def test_a_report_has_every_picture_that_it_has_rows_for(report: Report) -> None:
    assert [picture.name for picture in gallery(report)] == [
        *("time", "went", "servers", "users", "lorenz", "heat", "grid")
    ]


def test_letters_are_dark_enough_for_paper(report: Report) -> None:
    for picture in gallery(report):
        assert {axis.major_label_text_color for axis in picture.figure.axis} == {INK}
        assert {bar.title_text_color for bar in picture.figure.select({"type": ColorBar})} <= {INK}


def test_a_month_has_its_heat_maps_and_no_grid() -> None:
    period = parse_period("2026-10", ZONE, NOW)
    names = [
        picture.name
        for picture in gallery(build_report(QUERY, period, name="Example lab", now=NOW))
    ]
    assert {"heat", "hours", "week"} <= set(names)
    assert "grid" not in names


def test_a_lab_without_gpus_has_only_bars(report: Report) -> None:
    columns = [name for name in report.tables["server"].columns if name.startswith("gpu_hours")]
    bare = report.tables["server"].assign(**dict.fromkeys(columns))
    tables = {**report.tables, "server": bare, "concentration": pd.DataFrame()}
    without = replace(report, tables=tables, pictures={})
    assert {picture.name for picture in gallery(without)} <= {"time", "servers", "users"}


def test_every_finding_points_to_a_table_of_the_page(report: Report) -> None:
    page = report.to_html()
    assert report.findings
    for finding in report.findings:
        assert f'href="#scms-{finding.evidence}"' in page
        assert f'id="scms-{finding.evidence}"' in page
