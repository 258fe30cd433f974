from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from scms.reports.findings import RULES, Finding, Thresholds, find

if TYPE_CHECKING:
    from pathlib import Path

SERVER = {
    "server": "atlas",
    "group": "vision",
    "gpu_count": 4.0,
    "gpu_hours_available": 100.0,
    "gpu_hours_observed": 100.0,
    "gpu_hours_used": 50.0,
    "gpu_hours_idle_held": 2.0,
    "gpu_hours_free": 48.0,
    "gpu_use_ratio": 0.5,
    "down_hours": 0.0,
    "coverage_ratio": 1.0,
    "simulated": False,
}
Rows = list[dict[str, Any]]


def _found(servers: Rows, thresholds: Thresholds | None = None, **tables: Rows) -> list[Finding]:
    """What is found in tables that have an ordinary server but for what is given."""
    frames = {"server": pd.DataFrame([SERVER | row for row in servers])}
    frames |= {name: pd.DataFrame(rows) for name, rows in tables.items()}
    summed = frames["server"][["gpu_hours_available", "gpu_hours_idle_held"]].sum(min_count=1)
    return list(find(frames, summed.to_frame().T, thresholds=thresholds))


def _of_kind(kind: str, found: list[Finding]) -> Finding:
    return next(finding for finding in found if finding.kind == kind)


def _kinds(found: list[Finding]) -> list[str]:
    return [finding.kind for finding in found]


def _unpopular(**values: Any) -> dict[str, Any]:
    row = {"server": "atlas", "gpu_use_ratio": 0.04, "gpu_hours_free": 96.0, "coverage_ratio": 1.0}
    return {**row, "reason": "slow card, X", "simulated": False, **values}


def test_an_ordinary_server_is_no_news() -> None:
    assert _found([{}]) == []


def test_idle_held_hours_are_told_with_whose_they_are() -> None:
    users: Rows = [
        {"user": "ann", "gpu_hours_idle_held": 4.0},
        {"user": None, "gpu_hours_idle_held": 9.0},
        {"user": "bob", "gpu_hours_idle_held": 6.0},
        {"user": "cleo", "gpu_hours_idle_held": 1.0},
    ]
    finding = _of_kind("idle_held", _found([{"gpu_hours_idle_held": 20.0}], user=users))
    assert finding.sentence == (
        "20.0 GPU-hours (20 % of those available) were held without work: "
        "(nobody visible) 9.0, bob 6.0, ann 4.0 and 1 other user."
    )
    assert finding.gpu_hours == pytest.approx(20.0)
    assert finding.evidence == "user"


def test_a_threshold_is_where_a_rule_begins_to_speak() -> None:
    row = {"gpu_hours_idle_held": 4.0}
    assert "idle_held" not in _kinds(_found([row]))
    assert "idle_held" in _kinds(_found([row], Thresholds(idle_held_ratio=0.03)))


def test_a_server_that_nobody_uses_is_told_with_what_speaks_against_it() -> None:
    room = [{"server": "atlas", "free_while_full_gpu_hours": 30.0, "simulated": False}]
    finding = _of_kind("little_used", _found([{}], unpopular=[_unpopular()], room=room))
    assert finding.sentence == (
        "atlas was used 4 % of its time: slow card, X. 96.0 GPU-hours were free, 30.0 of which "
        "full servers with GPUs no larger could have used."
    )
    assert finding.gpu_hours == pytest.approx(96.0)


def test_of_many_little_used_servers_the_worst_are_told_one_by_one() -> None:
    rows = [_unpopular(server=f"s{n}", gpu_hours_free=100.0 - n) for n in range(6)]
    found = [f.sentence for f in _found([{}], unpopular=rows) if f.kind == "little_used"]
    assert len(found) == 5
    assert "Little used as well: s4 4 %, s5 4 %; 191 GPU-hours were free there." in found


def test_a_little_used_server_that_was_hardly_observed_is_not_judged() -> None:
    assert _found([{}], unpopular=[_unpopular(coverage_ratio=0.5)]) == []


def test_a_server_that_is_always_taken_is_told() -> None:
    row = {"gpu_use_ratio": 0.93, "gpu_hours_used": 93.0, "gpu_hours_free": 5.0}
    assert _of_kind("much_used", _found([row])).sentence == (
        "Nearly always busy: atlas 93 %; 93.0 GPU-hours used there, 5.0 free."
    )


def test_of_a_server_hardly_observed_only_that_is_told() -> None:
    found = _found([{"gpu_use_ratio": 0.99, "gpu_hours_used": 99.0, "coverage_ratio": 0.5}])
    assert _kinds(found) == ["not_told"]
    assert "atlas 50 %" in found[0].sentence
    assert found[0].gpu_hours == pytest.approx(100.0)


def test_faulty_hours_are_told() -> None:
    finding = _of_kind("broken", _found([{"gpu_hours_observed": 110.0}]))
    assert finding.sentence == "10.0 GPU-hours could not be used, faulty or unreadable: atlas 10.0."


def test_a_simulated_server_is_named_so() -> None:
    finding = _of_kind("little_used", _found([{}], unpopular=[_unpopular(simulated=True)]))
    assert finding.sentence.startswith("atlas (simulated) was used 4 %")


def test_what_cannot_be_told_comes_first_then_what_is_most() -> None:
    rows = [
        {"server": "gone", "coverage_ratio": 0.1},
        {"server": "full", "gpu_use_ratio": 1.0, "gpu_hours_used": 95.0},
    ]
    found = _found(rows, unpopular=[_unpopular(gpu_hours_free=90.0)])
    assert _kinds(found) == ["not_told", "much_used", "little_used"]


def test_unknown_use_is_not_no_use() -> None:
    columns = [name for name in SERVER if name.startswith("gpu_")]
    assert _found([dict.fromkeys(columns)]) == []


def test_free_hours_while_others_were_full_are_told() -> None:
    room = [
        {"server": "atlas", "free_while_full_gpu_hours": 9.0, "simulated": False},
        {"server": "borg", "free_while_full_gpu_hours": 11.0, "simulated": False},
    ]
    finding = _of_kind("free_while_full", _found([{}], room=room))
    assert finding.sentence == (
        "20.0 GPU-hours (20 % of those available) stood free that full servers, with GPUs no "
        "larger, could have used: borg 11.0, atlas 9.0."
    )
    assert _found([{}], Thresholds(free_while_full_ratio=0.3), room=room) == []


def _refused(gpus: int, hours: float, **values: Any) -> dict[str, Any]:
    row = {"request": f"{gpus} GPUs on one server", "gpus_wanted": gpus, "no_place_hours": hours}
    more = {"no_place_ratio": hours / 100, "gpus_free": 9.3, "servers_free": 5.1}
    return {**row, **more, "coverage_ratio": 1.0, **values}


def test_requests_without_a_place_are_told_with_what_stood_free() -> None:
    rows = [_refused(2, 1.0), _refused(4, 6.0), _refused(8, 28.0)]
    finding = _of_kind("contention", _found([{}], contention=rows))
    assert finding.sentence == (
        "A request had no place anywhere: for 4 GPUs on one server 6.0 h (6 %), for 8 GPUs 28.0 h "
        "(28 %). Meanwhile 9.3 GPUs stood free on 5.1 servers, too few on each for 8 GPUs."
    )
    assert finding.gpu_hours == pytest.approx(8 * 28.0)


def test_contention_that_cannot_be_told_is_said_to_be_so() -> None:
    found = _found([{}], contention=[_refused(4, 60.0, coverage_ratio=0.4)])
    assert _kinds(found) == ["not_told"]
    assert "cannot be told" in found[0].sentence
    assert found[0].evidence == "contention"


def _uneven(**values: Any) -> dict[str, Any]:
    row = {"over": "servers", "member_count": 20.0, "gini_ratio": 0.41, "top_three_ratio": 0.6}
    more = {"top_three_of_available_ratio": 0.3, "gpu_hours_used": 1000.0, "coverage_ratio": 1.0}
    return {**row, **more, **values}


def test_three_servers_that_do_most_of_the_work_are_told() -> None:
    finding = _of_kind("concentrated", _found([{}], concentration=[_uneven()]))
    assert finding.sentence == (
        "Three of 20 servers did 60 % of the work with 30 % of the GPU time: atlas (Gini 0.41). "
        "Spread evenly, 300 GPU-hours would run elsewhere."
    )
    assert _found([{}], concentration=[_uneven(top_three_ratio=0.4)]) == []


def test_outages_are_told_with_what_was_lost() -> None:
    row = {"server": "atlas", "outage_count": 3.0, "down_hours": 16.2, "down_ratio": 0.022}
    row |= {"lost_gpu_hours": 64.8, "simulated": False}
    finding = _of_kind("down", _found([{}], outages=[row]))
    assert finding.sentence == "Often down: atlas 3 times, 16.2 h; 64.8 GPU-hours were lost."
    assert _found([{}], outages=[row | {"down_ratio": 0.01}]) == []


def _unwell(**values: Any) -> dict[str, Any]:
    row = {"server": "atlas", "device_index": 2.0, "hot_hours": 0.0, "throttled_hours": None}
    more = {"throttled_ratio": None, "ecc_uncorrected_count": None, "simulated": False}
    return {**row, **more, **values}


@pytest.mark.parametrize(
    ("row", "kind", "said"),
    [
        (_unwell(hot_hours=4.0), "hot", "4.0 GPU-hours at 88 °C or more: atlas GPU 2 4.0."),
        (
            _unwell(throttled_hours=9.0, throttled_ratio=0.2),
            "throttled",
            "For 9.0 GPU-hours heat, power or the board held the clock back: atlas GPU 2 9.0.",
        ),
        (
            _unwell(ecc_uncorrected_count=3.0),
            "memory_errors",
            "Memory errors that could not be corrected: atlas GPU 2 3.0. Doubt results there.",
        ),
    ],
)
def test_gpus_that_suffer_are_told(row: dict[str, Any], kind: str, said: str) -> None:
    found = _found([{}], health=[row])
    assert [(finding.kind, finding.sentence) for finding in found] == [(kind, said)]


def test_a_gpu_that_tells_nothing_of_its_health_is_no_news() -> None:
    assert _found([{}], health=[_unwell()]) == []


def _periods(**before: Any) -> Rows:
    this = {"period": "October 2026", "gpu_use_ratio": 0.6, "coverage_ratio": 1.0}
    row = {"period": "September 2026", "gpu_use_ratio": 0.5, "coverage_ratio": 1.0}
    change = {"used_change_gpu_hours": 100.0, "used_change_ratio": 0.2}
    return [this | dict.fromkeys(change), row | change | before]


def test_a_change_against_the_period_before_is_told() -> None:
    finding = _of_kind("changed", _found([{}], periods=_periods()))
    assert finding.sentence == (
        "Compared with September 2026, 100 GPU-hours more were used (20 % more); use was 60 % of "
        "the available time, after 50 %."
    )
    assert _found([{}], periods=_periods(used_change_ratio=0.05)) == []


def test_a_period_that_was_observed_too_little_is_not_compared_with() -> None:
    untold = {"used_change_gpu_hours": None, "used_change_ratio": None, "coverage_ratio": 0.4}
    found = _found([{}], periods=_periods(**untold))
    assert [finding.sentence for finding in found] == [
        "Nothing is compared with September 2026: only 40 % of it was observed."
    ]
    assert _found([{}], periods=_periods(**(untold | {"coverage_ratio": 0.0}))) == []


def test_a_group_whose_servers_serve_others_is_told() -> None:
    row = {"group": "vision", "gpu_hours_used": 100.0, "by_own_gpu_hours": 30.0}
    row |= {"by_others_gpu_hours": 62.0, "elsewhere_gpu_hours": 80.0, "coverage_ratio": 1.0}
    finding = _of_kind("by_others", _found([{}], sharing=[row]))
    assert finding.sentence == (
        "On the servers of vision, people of other groups used 62 % of the GPU-hours (62.0); its "
        "own people used 30.0 there and 80.0 elsewhere."
    )
    assert _found([{}], sharing=[row | {"by_own_gpu_hours": None}]) == []


def test_every_kind_has_its_line_in_the_reference(repository: Path) -> None:
    page = (repository / "docs/reference/metrics.md").read_text(encoding="utf-8")
    said = {"hot", "throttled", "memory_errors", *RULES} - {"unwell"}
    assert {kind for kind in said if f"| `{kind}` |" not in page} == set()
