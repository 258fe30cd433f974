from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from scms.reports.findings import Finding, Thresholds, find

SERVER = {
    "server": "atlas",
    "gpu_hours_available": 100.0,
    "gpu_hours_observed": 100.0,
    "gpu_hours_used": 50.0,
    "gpu_hours_idle_held": 2.0,
    "gpu_hours_free": 48.0,
    "gpu_use_ratio": 0.5,
    "coverage_ratio": 1.0,
    "simulated": False,
}


def _found(
    servers: list[dict[str, Any]],
    users: list[dict[str, Any]] | None = None,
    **thresholds: float,
) -> dict[str, Finding]:
    table = pd.DataFrame([SERVER | row for row in servers])
    people = pd.DataFrame(users or [], columns=["user", "gpu_hours_idle_held"])
    totals = table[["gpu_hours_available", "gpu_hours_idle_held"]].sum(min_count=1).to_frame().T
    found = find(table, people, totals, thresholds=Thresholds(**thresholds))
    return {finding.kind: finding for finding in found}


def test_an_ordinary_server_is_no_news() -> None:
    assert _found([{}]) == {}


def test_idle_held_hours_are_told_with_whose_they_are() -> None:
    users: list[dict[str, Any]] = [
        {"user": "ann", "gpu_hours_idle_held": 4.0},
        {"user": None, "gpu_hours_idle_held": 9.0},
        {"user": "bob", "gpu_hours_idle_held": 6.0},
        {"user": "cleo", "gpu_hours_idle_held": 1.0},
    ]
    finding = _found([{"gpu_hours_idle_held": 20.0}], users)["idle_held"]
    assert finding.sentence == (
        "20.0 GPU-hours (20 % of those available) were held without work: "
        "(nobody visible) 9.0, bob 6.0, ann 4.0 and 1 other user."
    )
    assert finding.gpu_hours == pytest.approx(20.0)


def test_little_idle_time_is_no_news() -> None:
    assert "idle_held" not in _found([{"gpu_hours_idle_held": 4.0}])
    assert "idle_held" in _found([{"gpu_hours_idle_held": 4.0}], idle_held_ratio=0.03)


def test_a_server_that_nobody_uses_is_told_with_its_free_hours() -> None:
    finding = _found([{"gpu_use_ratio": 0.04, "gpu_hours_free": 96.0}, {"server": "borg"}])
    assert finding["little_used"].sentence == (
        "Used least: atlas 4 % of the available time; 96.0 GPU-hours were free there."
    )


def test_a_server_that_is_always_taken_is_told() -> None:
    row = {"gpu_use_ratio": 0.93, "gpu_hours_used": 93.0, "gpu_hours_free": 5.0}
    assert _found([row])["much_used"].sentence == (
        "Nearly always busy: atlas 93 %; 93.0 GPU-hours used there, 5.0 free."
    )


def test_of_a_server_hardly_observed_only_that_is_told() -> None:
    row = {"gpu_use_ratio": 0.01, "coverage_ratio": 0.5}
    found = _found([row])
    assert set(found) == {"not_told"}
    assert "atlas 50 %" in found["not_told"].sentence
    assert found["not_told"].gpu_hours == pytest.approx(100.0)


def test_faulty_hours_are_told() -> None:
    finding = _found([{"gpu_hours_observed": 110.0}])["broken"]
    assert finding.sentence == "10.0 GPU-hours could not be used, faulty or unreadable: atlas 10.0."


def test_a_simulated_server_is_named_so() -> None:
    row = {"gpu_use_ratio": 0.04, "gpu_hours_free": 96.0, "simulated": True}
    assert "atlas (simulated) 4 %" in _found([row])["little_used"].sentence


def test_what_cannot_be_told_comes_first_then_what_is_most() -> None:
    rows = [
        {"server": "gone", "coverage_ratio": 0.1},
        {"server": "idle", "gpu_use_ratio": 0.0, "gpu_hours_free": 90.0},
        {"server": "full", "gpu_use_ratio": 1.0, "gpu_hours_used": 95.0},
    ]
    assert list(_found(rows)) == ["not_told", "much_used", "little_used"]


def test_unknown_use_is_not_no_use() -> None:
    columns = [name for name in SERVER if name.startswith("gpu_")]
    assert _found([dict.fromkeys(columns)]) == {}
