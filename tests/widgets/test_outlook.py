"""The outlook page without a browser: what it shows of what was said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from scms.forecast.ahead import AHEAD_HOURS, KEY, PAST_HOURS, Ahead, ServerAhead, ahead_to_json
from scms.widgets import OutlookView, ServerView
from scms.widgets.outlook import detail as outlook_detail
from scms.widgets.outlook.rows import Asked, Seen, chance_map, columns, lines, tiles, without
from widgets.light import heavy_imports

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from scms.cluster import Cluster

#: 21:00 in Berlin, so that midnight is the fourth hour.
ORIGIN = datetime(2026, 11, 23, 20, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def one(
    name: str, *chances: Sequence[int | None], gpus: int = 2, model: str = "blend"
) -> ServerAhead:
    """A server whose chances go on as they end."""
    told = tuple((*given, *[given[-1]] * (AHEAD_HOURS - len(given))) for given in chances)
    return ServerAhead(
        server=name,
        measure="gpus_busy" if gpus else "cpu_utilization_ratio",
        capacity=float(gpus or 1),
        model=model,
        why="as asked",
        coverage_ratio=0.83,
        observed_ratio=0.9,
        past=(None,) * (PAST_HOURS - 1) + (1.0,),
        mean=(1.0,) * AHEAD_HOURS,
        lower=(0.5,) * AHEAD_HOURS,
        upper=(1.5,) * AHEAD_HOURS,
        chances=told[:gpus],
    )


def live(name: str, *, state: str = "up", group: str = "a", gpus: int = 2) -> dict[str, Any]:
    return {
        "server": name,
        "state": state,
        "group": group,
        "simulated": False,
        "gpus_free": 1,
        "gpus_total": gpus,
    }


def seen(*servers: ServerAhead, rows: list[dict[str, Any]] | None = None, **more: Any) -> Seen:
    found = [live(server.server) for server in servers] if rows is None else rows
    return Seen(
        Ahead(ORIGIN, ORIGIN, 0.8, servers),
        found,
        more.get("holds", []),
        BERLIN,
    )


def test_an_hour_is_a_column_and_a_week_has_three_in_each():
    said = seen(one("a", [90], [80]))
    assert len(columns(said, Asked(hours=48))) == 48
    week = columns(said, Asked(hours=168))
    assert (week[0]["start"], week[0]["end"], week[0]["label"]) == (0, 3, "21")
    assert week[1]["label"] == "00"
    assert week[-1]["end"] == 168


def test_a_column_says_its_day_and_hours_in_the_zone_of_the_cluster():
    head = columns(seen(one("a", [90], [80])), Asked())[3]
    assert (head["day"], head["label"]) == ("Tue 24 Nov", "00")
    assert head["title"] == "Tue 24 Nov, 00:00 to 01:00"


def test_of_several_hours_the_least_likely_one_is_told():
    said = seen(one("a", [90, 70, 80, 60], [1]))
    assert chance_map(said, Asked(hours=168))["rows"][0]["cells"][:2] == [70, 60]


def test_what_is_asked_for_more_gpus_is_another_number():
    said = seen(one("a", [90], [40]))
    assert chance_map(said, Asked(gpus=2))["rows"][0]["cells"][0] == 40


def test_servers_with_fewer_gpus_are_left_out_and_counted():
    said = seen(one("a", [90], [40]), one("b", [50], gpus=1), one("c", gpus=0))
    assert [line.server for line in lines(said, Asked(gpus=2))] == ["a"]
    assert without(said, Asked(gpus=2)).startswith("2 servers are not shown: fewer than 2 GPUs")
    assert without(seen(one("a", [90], [40])), Asked(gpus=2)) == ""


@pytest.mark.parametrize("state", ["down", "stale", "unknown"])
def test_of_a_server_that_is_silent_nothing_is_known_and_why_is_said(state: str):
    said = seen(one("a", [90], [80]), rows=[live("a", state=state)])
    (row,) = chance_map(said, Asked())["rows"]
    assert set(row["cells"]) == {None}
    assert row["why"]
    assert row["window"] == {"chance": None, "text": "not known", "tone": "off"}


def test_of_a_server_with_too_little_history_nothing_is_known():
    (row,) = chance_map(seen(one("a", [None], [None], model="none")), Asked())["rows"]
    assert row["why"] == "as asked"


def test_windows_are_told_in_words():
    said = seen(
        one("always", [90], [1]),
        one("later", [50, 50, 85, 85, 85, 50], [1]),
        one("maybe", [20, 60, 30], [1]),
        one("never", [3], [1]),
    )
    found = {r["server"]: r["window"] for r in chance_map(said, Asked())["rows"]}
    assert found["always"] == {"chance": 90, "text": "the whole time", "tone": "ok"}
    assert found["later"]["text"] == "from 23:00 to Tue 02:00"
    assert found["maybe"] == {"chance": 60, "text": "from 22:00 to 23:00", "tone": "warn"}
    assert found["never"] == {"chance": 3, "text": "at best", "tone": "bad"}


def test_who_is_free_soonest_comes_first_and_who_is_not_known_last():
    said = seen(
        one("dead", [99], [1]),
        one("late", [10, 10, 99], [1]),
        one("soon", [85], [1]),
        one("poor", [40], [1]),
        rows=[live("dead", state="down"), live("late"), live("soon"), live("poor")],
    )
    assert [line.server for line in lines(said, Asked())] == ["soon", "late", "poor", "dead"]
    by_name = lines(said, Asked(order="name"))
    assert [line.server for line in by_name] == ["dead", "late", "poor", "soon"]
    assert lines(said, Asked(order="chance"))[0].server == "late"


def test_a_group_is_one_group():
    said = seen(one("a", [90], [1]), rows=[live("a", group="x")])
    assert lines(said, Asked(group="x"))
    assert not lines(said, Asked(group="y"))


def test_the_headline_counts_who_is_likely_and_who_is_not_known():
    said = seen(
        one("now", [85], [1]),
        one("later", [10, 10, 10, 85], [1]),
        one("dead", [99], [1]),
        rows=[live("now"), live("later"), live("dead", state="down")],
    )
    found = {tile["key"]: tile for tile in tiles(said, Asked())}
    assert [found[f"likely-{hours}"]["value"] for hours in (1, 6, 24)] == ["1", "2", "2"]
    assert (found["silent"]["value"], found["silent"]["tone"]) == ("1", "warn")


def test_columns_in_which_somebody_holds_gpus_are_marked():
    hold = {"server": "a", "user": "ada", "expires_at": ORIGIN + timedelta(minutes=90)}
    said = seen(one("a", [90], [1]), holds=[hold])
    assert chance_map(said, Asked())["rows"][0]["held"] == [0, 1]
    facts = outlook_detail.facts(said, Asked(), lines(said, Asked())[0], said.ahead.servers[0])
    assert facts[-1] == {"name": "Held", "text": "1 GPU until Mon 22:30", "people": "ada"}


def test_the_facts_name_the_model_and_how_good_its_ranges_were():
    said = seen(one("a", [90], [30]))
    line = lines(said, Asked())[0]
    facts = {
        row["name"]: row["text"] for row in outlook_detail.facts(said, Asked(), line, line.ahead)
    }
    assert facts["2 GPUs"] == "30 % the whole time"
    assert facts["Model"].startswith("blend: ")
    assert facts["Its 80 % ranges"] == "held 83 % of past hours"


def test_a_server_without_gpus_has_a_level_in_percent():
    said = seen(one("c", gpus=0))
    said_of = said.ahead.servers[0]
    assert outlook_detail.curve(said, Asked(), said_of)["ahead"]["mean"][0] == 100.0
    _, rows = outlook_detail.hours(said, Asked(), None, said_of)
    assert rows[0]["texts"] == ["Mon 23 Nov, 21:00", "100 %", "50 % to 150 %", "–"]


@pytest.fixture
def told(lab: Cluster) -> Iterator[Cluster]:
    """The lab, of which something was said this hour."""
    origin = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    rows = [row for row in lab.snapshot().servers if row["gpus_total"]]
    servers = tuple(
        one(row["server"], *[[90]] * row["gpus_total"], gpus=row["gpus_total"]) for row in rows
    )
    lab.hot.set_meta(KEY, ahead_to_json(Ahead(origin, origin, 0.8, servers)))
    yield lab
    lab.hot.set_meta(KEY, None)


def test_the_view_gives_the_rows_that_it_shows(told: Cluster):
    view = OutlookView(told)
    view.gpus.value = 8
    frame = view.data()
    assert set(frame["server"]) == {row["server"] for row in view.map.map["rows"]}
    assert len(frame) == 24 * frame["server"].nunique()
    assert set(frame["gpus"]) == {8}
    view.close()


def test_the_first_server_is_shown_until_another_is_chosen(told: Cluster):
    view = OutlookView(told)
    assert view.map.chosen == view.map.map["rows"][0]["server"]
    last = view.map.map["rows"][-1]["server"]
    view._on_message(view.map, {"kind": "choose", "server": last}, [])
    assert (view.map.chosen, view.facts.title) == (last, last)
    assert len(view.hours.rows) == 24
    assert view.figure.item is not None
    view.close()


def test_a_server_of_which_nothing_is_said_can_be_chosen_too(told: Cluster):
    view = OutlookView(told)
    view.server.value = "cpu-01"
    assert view.facts.rows == [{"name": "Not known", "text": "no history yet"}]
    view.close()


def test_the_controls_are_in_the_address(told: Cluster):
    view = OutlookView(told)
    view.address.restore({"gpus": "2", "hours": "7 days", "server": "gpu-a01", "order": "?"})
    assert view.asked().hours == 168
    assert view.map.chosen == "gpu-a01"
    assert view.address.state() == {"gpus": "2", "hours": "7 days", "server": "gpu-a01"}
    view.close()


def test_without_history_the_page_says_what_is_missing(lab: Cluster):
    view = OutlookView(lab)
    assert "at least 48 of one server" in view.map.map["nothing"]
    assert view.progress.problem == ""
    assert view.data().empty
    view.close()


def test_a_kernel_that_shows_what_was_said_stays_light(told: Cluster, tmp_path: Path):
    script = "view = scms.OutlookView(lab); assert view.map.map"
    assert heavy_imports(told, tmp_path, script, "pandas") == set()


def test_the_page_of_a_server_shows_what_is_said_of_its_next_day(told: Cluster):
    view = ServerView(told, "gpu-a01")
    (row,) = view.ahead.map.map["rows"]
    assert (row["server"], len(row["cells"])) == ("gpu-a01", 24)
    assert view.ahead.facts.rows[0] == {"name": "1 GPU", "text": "90 % the whole time"}
    assert view.ahead.layout.display == ""
    view.close()


def test_the_page_of_a_server_makes_no_outlook_of_its_own(lab: Cluster):
    view = ServerView(lab, "gpu-a01")
    assert view.ahead.layout.display == "none"
    view.close()
