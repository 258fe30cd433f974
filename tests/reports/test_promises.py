"""Whether what was recommended and held in a period came true, over the real SQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from reports.rollups import START, Rollups, made_up, query_over
from scms.reports import promises
from scms.reports.build import build_report
from scms.reports.period import parse_period
from scms.reports.privacy import Veil

NOW = datetime(2026, 10, 20, tzinfo=UTC)
PERIOD = parse_period("2026-10-05", ZoneInfo("UTC"), NOW)


def quarter(place: int, *, free: bool) -> dict[str, Any]:
    return {
        "server": "a",
        "device": "GPU-a-0",
        "starts_at": START + timedelta(minutes=15 * place),
        "sample_count": 180,
        "observed_seconds": 900.0,
        "free_seconds": 900.0 if free else 0.0,
        "busy_seconds": 0.0 if free else 900.0,
        "idle_held_seconds": 0.0,
        "ghost_seconds": 0.0,
        "faulty_seconds": 0.0,
        "unknown_seconds": 0.0,
    }


def told(number: int, place: int, *, rank: int = 1, promised: float = 0.9) -> dict[str, Any]:
    return {
        "recommendation_id": f"r{number}",
        "said_at": START + timedelta(minutes=15 * place),
        "rank": rank,
        "server": "a",
        "devices": "GPU-a-0",
        "gpus": 1,
        "hours": 1.0,
        "probability": promised,
        "policy": "random",
        "request": "{}",
        "made_by": "ada scms",
    }


def change(hold: str, action: str, minutes: float, user: str = "ada") -> dict[str, Any]:
    return {
        "hold_id": hold,
        "said_at": START + timedelta(minutes=minutes),
        "action": action,
        "server": "a",
        "device": "GPU-a-0",
        "user": user,
        "expires_at": START + timedelta(minutes=minutes + 20),
    }


def lab(said: dict[str, list[dict[str, Any]]]) -> Rollups:
    """A GPU that is free for two hours and busy for two."""
    listed: dict[str, Any] = {"server": "a", "group": None, "tags": []}
    devices = [quarter(place, free=place < 8) for place in range(16)]
    up = {"simulated": False, "down_seconds": 0.0, "gpu_count": 1}
    servers = [
        {name: device[name] for name in ("server", "starts_at", "sample_count", "observed_seconds")}
        | up
        for device in devices
    ]
    return Rollups(servers, devices, [], [listed | {"simulated": False, "position": 0}], said)


def test_recommendations_are_held_against_what_came():
    said = [told(1, 0), told(2, 6, promised=0.7), told(2, 6, rank=2, promised=0.5)]
    rows = promises.advice(query_over(lab({"recommendation": said})), PERIOD, now=NOW)
    assert rows.to_dict("records") == [
        {"choice": "first choice", "answer_count": 2, "promised_ratio": 0.8, "kept_ratio": 0.5,
         "asked_hours": 2.0, "kept_hours": 1.5},
        {"choice": "other candidates", "answer_count": 1, "promised_ratio": 0.5, "kept_ratio": 0.0,
         "asked_hours": 1.0, "kept_hours": 0.5},
    ]  # fmt: skip


def test_what_was_said_in_another_period_is_not_counted():
    query = query_over(lab({"recommendation": [told(1, 0)]}))
    later = parse_period("2026-10-06", ZoneInfo("UTC"), NOW)
    assert promises.advice(query, later, now=NOW).empty


def test_without_recommendations_there_are_columns_and_no_rows():
    rows = promises.advice(query_over(lab({})), PERIOD, now=NOW)
    assert tuple(rows.columns) == promises.ADVICE_COLUMNS
    assert rows.empty


def test_holds_were_kept_given_back_or_left_to_lapse():
    said = [
        change("kept", "taken", 0), change("kept", "renewed", 11), change("kept", "released", 40),
        change("back", "taken", 0), change("back", "released", 5),
        change("idle", "taken", 0, "bob"), change("idle", "expired", 20, "bob"),
        change("open", "taken", 30, "bob"),
    ]  # fmt: skip
    rows = promises.holds(query_over(lab({"hold": said})), PERIOD, now=NOW)
    assert rows.to_dict("records") == [
        {"user": "ada", "hold_count": 2, "kept_count": 1, "returned_count": 1, "lapsed_count": 0},
        {"user": "bob", "hold_count": 2, "kept_count": 0, "returned_count": 0, "lapsed_count": 1},
    ]


def test_a_hold_of_the_day_before_is_not_of_this_one():
    said = [change("h", "taken", -5), change("h", "expired", 15)]
    assert promises.holds(query_over(lab({"hold": said})), PERIOD, now=NOW).empty


def test_a_report_tells_both_and_hides_who_held_from_those_who_may_not_know():
    rollups = made_up()
    rollups.said["hold"] = [change("h", "taken", 5)]
    rollups.said["recommendation"] = [told(1, 3) | {"server": "atlas"}]
    query = query_over(rollups)
    report = build_report(query, PERIOD, name="lab", now=NOW)
    assert report.tables["advice"]["answer_count"].to_list() == [1]
    assert report.tables["holds"]["user"].to_list() == ["ada"]
    public = build_report(query, PERIOD, name="lab", now=NOW, veil=Veil(names="totals"))
    assert public.tables["holds"].empty
