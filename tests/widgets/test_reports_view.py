"""The reports page without a browser: what its controls ask for, and what it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scms.widgets.reports.noticed import Narrow
from scms.widgets.reports.periods import PeriodBar
from scms.widgets.reports.telling import mentioned
from scms.widgets.reports.usage import UsageView
from scms.widgets.reports.view import ReportsView

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scms.cluster import Cluster


@pytest.fixture
def bar(lab: Cluster) -> Iterator[PeriodBar]:
    made = PeriodBar(lab)
    yield made
    made.close()


@pytest.fixture(scope="module")
def view(lab: Cluster) -> Iterator[ReportsView]:
    """One page for all tests of this module: making a report takes long."""
    made = ReportsView(lab)
    yield made
    made.close()


@pytest.fixture
def page(view: ReportsView) -> ReportsView:
    """The page as it opens."""
    view.address.restore({})
    return view


def test_stepping_goes_to_the_period_before_and_back(bar: PeriodBar) -> None:
    bar.value = "2026-03"
    bar.before.click()
    assert bar.value == "2026-02"
    bar.after.click()
    assert bar.value == "2026-03"


def test_there_is_nothing_after_a_period_that_goes_on(bar: PeriodBar) -> None:
    assert bar.after.disabled
    bar.value = "2026-03"
    assert not bar.after.disabled


def test_another_kind_stays_where_one_looks(bar: PeriodBar) -> None:
    bar.value = "2026-03"
    bar.picker.value = "Day"
    assert bar.value == "2026-03-01"
    bar.value = "this-month"
    bar.picker.value = "Week"
    assert bar.value == "this-week"


def test_the_picker_shows_the_kind_and_the_field_what_has_none(bar: PeriodBar) -> None:
    bar.value = "2026-Q2"
    assert (bar.picker.value, bar.text.value) == ("Quarter", "")
    bar.text.value = "7d"
    assert (bar.value, bar.picker.value, bar.text.value) == ("7d", None, "7d")


def test_what_is_no_period_cannot_be_stepped_from(bar: PeriodBar) -> None:
    bar.text.value = "last fortnight"
    assert bar.period is None
    assert bar.before.disabled
    assert bar.after.disabled


def test_what_is_narrowed_to_is_a_filter_beside_the_typed_one() -> None:
    narrow = Narrow(group="vision", server="gpu 1")
    assert narrow.where("") == 'server="gpu 1" group="vision"'
    assert narrow.where("a or b") == '(a or b) server="gpu 1" group="vision"'
    assert Narrow().where(" old ") == "old"


def test_names_are_found_in_a_sentence_and_parts_of_names_are_not() -> None:
    names = {"gpu-a": "server", "gpu-a01": "server", "ann": "user"}
    assert mentioned("gpu-a01 was used by ann; annual", names) == [
        ["gpu-a01", "server"],
        ["ann", "user"],
    ]


def test_the_page_opens_with_findings_and_numbers_of_this_month(page: ReportsView) -> None:
    assert page.head is not None
    assert page.head.title.endswith(", so far")
    assert [row["label"] for row in page.tiles.rows][-1] == "Observed"
    assert all(len(row["more"]) == 2 for row in page.tiles.rows)
    assert page.findings.rows[-1]["kind"] == "simulated"
    assert page.progress.problem == ""


def test_each_finding_has_its_rule_and_its_figures(page: ReportsView) -> None:
    said = [row for row in page.findings.rows if row["kind"] != "simulated"]
    assert said
    assert all(row["rule"] and row["limit"] and row["table"] for row in said)


@pytest.mark.parametrize("by", ["user", "group", "model", "tag", "device", "day", "hour_of_week"])
def test_the_table_has_the_rows_of_its_dimension(page: ReportsView, by: str) -> None:
    page.usage.by = by
    assert page.data().columns[0] == by
    assert len(page.usage.table.rows) == len(page.data())
    assert page.usage.progress.problem == ""


def test_a_metric_and_a_number_of_rows_can_be_chosen(page: ReportsView) -> None:
    page.metric.value, page.top.value = "CPU use", "Top 5"
    ratios = page.data()["cpu_utilization_ratio"]
    assert len(ratios) == 5
    assert ratios.is_monotonic_decreasing
    assert page.usage.figure.title == "CPU use"


def test_a_click_on_a_row_narrows_the_report_and_its_chip_widens_it(page: ReportsView) -> None:
    row = next(row for row in page.usage.table.rows if row["texts"][0] == "gpu-a01")
    page.drill(*row["drill"])
    assert page.address.state() == {"server": "gpu-a01", "by": "user"}
    page.usage.by = "server"
    assert list(page.data()["server"]) == ["gpu-a01"]
    page.narrow.server = ""
    assert len(page.data()) == 20


def test_a_month_drills_to_its_days(page: ReportsView) -> None:
    page.usage.by = "month"
    word, value = page.usage.table.rows[0]["drill"]
    assert word == "period"
    page.drill(word, value)
    assert page.usage.by == "day"
    drills = [row["drill"] for row in page.usage.table.rows]
    assert {day[:7] for _, day in drills} == {value}


def test_of_one_user_the_page_tells_what_can_be_told(page: ReportsView) -> None:
    page.usage.by = "user"
    drills = [row["drill"] for row in page.usage.table.rows if row["drill"]]
    page.drill(*drills[0])
    assert page.usage.by == "server"
    page.usage.by = "user"
    assert list(page.data()["user"]) == [drills[0][1]]
    assert page.tiles.rows[0]["label"] == "GPU-hours used"
    assert page.download.forms == ["csv"]
    page.pictures.chooser.value = "lorenz"
    assert "remove the user" in page.pictures.figures[0].words[0]


def test_a_filter_leaves_the_servers_that_it_means(page: ReportsView) -> None:
    page.where.value = "gpu-a01 or gpu-a02"
    assert sorted(page.data()["server"]) == ["gpu-a01", "gpu-a02"]


def test_what_cannot_be_read_is_said_and_the_page_stays(page: ReportsView) -> None:
    before = page.head
    page.where.value = "colour:red"
    assert "colour" in page.progress.problem
    assert page.head is before
    page.where.value = ""
    page.period.text.value = "last fortnight"
    assert "last fortnight" in page.progress.problem


def test_the_state_goes_to_the_address_and_comes_back(page: ReportsView) -> None:
    state = {"period": "7d", "group": "vision", "by": "user", "top": "5", "picture": "heat"}
    page.address.restore(state)
    assert page.address.state() == state
    assert page.head is not None
    assert page.by.value == "User"
    page.address.restore({"by": "nonsense", "top": "many"})
    assert page.address.state() == {}
    assert page.by.value == "Server"


def test_the_figures_of_a_finding_are_the_table_it_was_read_from(page: ReportsView) -> None:
    page._on_finding(page.findings, {"kind": "evidence", "table": "user"}, [])
    assert page.usage.by == "user"
    page._on_finding(page.findings, {"kind": "evidence", "table": "concentration"}, [])
    assert page.evidence.chooser.value == "concentration"


def test_every_picture_is_drawn_or_says_why_not(page: ReportsView) -> None:
    for _, choice in page.pictures.chooser.options:
        page.pictures.chooser.value = choice
        figure = page.pictures.figures[0]
        assert figure.words
        assert figure.item is not None or len(figure.words) == 1


def test_unknown_is_a_dash_and_names_are_marked(page: ReportsView) -> None:
    columns = page.usage.table.columns
    used = [column["heading"] for column in columns].index("Used")
    row = next(row for row in page.usage.table.rows if row["texts"][0].startswith("cpu-"))
    assert (row["texts"][used], row["values"][used]) == ("–", None)
    assert [column["heading"] for column in columns if column["name"]][:2] == ["Server", "Group"]


def test_a_usage_view_answers_alone(lab: Cluster) -> None:
    view = UsageView(lab, "today", "group", metric="cpu_hours_used")
    told = ["group", "gpu_hours_used", "cpu_hours_used", "gpu_count"]
    assert view.data()[told].equals(lab.usage("today", by="group")[told])
    assert view.figure.title == "CPU used"
    assert all(row["drill"] is None for row in view.table.rows)
    view.by = "server"
    assert view.data().columns[0] == "server"
    view.close()


def test_a_file_of_the_report_has_its_name_and_contents(page: ReportsView) -> None:
    name, contents = page._maker.file(page.ask, "json")
    assert name.endswith(".json")
    assert contents.startswith(b"{")
