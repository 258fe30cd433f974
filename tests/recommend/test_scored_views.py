"""The SQL that holds what was said against what came."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import duckdb
import pandas as pd
import pytest

from recommend.fleet import NOW
from scms.assets import asset_path

RECOMMENDATION = {
    "recommendation_id": "r",
    "said_at": NOW + timedelta(minutes=7),
    "rank": 1,
    "server": "a",
    "gpus": 1,
    "hours": 1.0,
    "probability": 0.9,
    "pool_probability": 0.8,
    "policy": "random",
    "user": None,
    "made_by": "ada scms",
}
OUTLOOK = {
    "outlook_id": "o",
    "origin": NOW,
    "ts": NOW,
    "horizon_hours": 1,
    "server": "a",
    "measure": "gpus_busy",
    "model": "blend",
    "level": 0.8,
    "mean": 1.0,
    "lower": 0.0,
    "upper": 1.0,
    "p_free": 0.9,
}


def slots(free: str, *, begin: int = -1) -> pd.DataFrame:
    """A digit per quarter of an hour from before NOW on: GPUs free; x is not observed."""
    return pd.DataFrame(
        [
            {
                "server": "a",
                "starts_at": NOW + timedelta(minutes=15 * (begin + place)),
                "gpus_free": 0 if digit == "x" else int(digit),
                "gpu_count": 2,
                "observed": digit != "x",
            }
            for place, digit in enumerate(free)
        ]
    )


def used(*places: int, user: str = "ada", seconds: float = 900.0) -> pd.DataFrame:
    columns = ["server", "user", "starts_at", "gpu_busy_seconds", "gpu_idle_held_seconds"]
    rows = [("a", user, NOW + timedelta(minutes=15 * n), seconds, 0.0) for n in places]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.astype({"starts_at": "datetime64[us, UTC]", "gpu_busy_seconds": float})


def scored(view: str, **tables: pd.DataFrame) -> list[dict[str, Any]]:
    connection = duckdb.connect()
    for name, frame in tables.items():
        connection.register(name, frame)
    sql = (asset_path("warehouse") / "views" / f"{view}.sql").read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = connection.sql(sql).to_arrow_table().to_pylist()
    return rows


def holds(*taken: tuple[str, str, str | None]) -> pd.DataFrame:
    """Changes of holds: action, server, the answer that it came from."""
    rows = [dict(zip(("action", "server", "recommendation_id"), row, strict=True)) for row in taken]
    return pd.DataFrame(rows, columns=["action", "server", "recommendation_id"]).astype("string")


def recommended(
    free: str,
    uses: pd.DataFrame | None = None,
    held: pd.DataFrame | None = None,
    **changes: Any,
) -> list[dict[str, Any]]:
    said = pd.DataFrame([RECOMMENDATION | changes])
    said["user"] = said["user"].astype("string")
    return scored(
        "recommendation_scored",
        recommendation=said,
        free_15m=slots(free),
        user_usage_15m=used() if uses is None else uses,
        hold=holds() if held is None else held,
    )


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        (holds(("taken", "a", "r"), ("taken", "a", "r")), 1),  # two GPUs
        (holds(("taken", "b", "r"), ("taken", "a", None), ("renewed", "a", "r")), 0),
    ],
)
def test_a_hold_that_was_taken_from_an_answer_is_known(held: pd.DataFrame, expected: int):
    (row,) = recommended("111111", held=held)
    assert row["held"] == expected


def test_of_servers_that_take_a_job_together_each_is_scored_by_its_own_gpus():
    rows = [RECOMMENDATION | {"gpus": 2}, RECOMMENDATION | {"server": "b", "gpus": 1}]
    said = pd.DataFrame(rows)
    said["user"] = said["user"].astype("string")
    free = pd.concat([slots("111111"), slots("111111").assign(server="b")])
    judged = scored(
        "recommendation_scored",
        recommendation=said,
        free_15m=free,
        user_usage_15m=used(),
        hold=holds(("taken", "a", "r"), ("taken", "b", "r")),
    )
    told = {row["server"]: (row["gpus"], row["stayed"], row["held"]) for row in judged}
    assert told == {"a": (2, 0, 1), "b": (1, 1, 1)}


def test_gpus_that_stayed_free_for_the_hour_kept_the_promise():
    (row,) = recommended("111111")
    assert (row["stayed"], row["kept_hours"]) == (1, 1.0)


def test_gpus_that_were_taken_did_not():
    (row,) = recommended("111101")
    assert (row["stayed"], row["kept_hours"]) == (0, 0.5)


def test_what_the_asker_takes_counts_as_kept():
    (row,) = recommended("110000", used(1, 2, 3, 4))
    assert row["stayed"] == 1
    (row,) = recommended("110000", used(1, 2, 3, 4, user="bob"))
    assert row["stayed"] == 0


def test_a_job_that_began_within_a_slot_is_the_askers_too():
    (row,) = recommended("110111", used(1, seconds=200.0))
    assert row["stayed"] == 1


def test_who_is_named_counts_rather_than_who_ran_the_program():
    (row,) = recommended("110000", used(1, 2, 3, 4, user="eve"), user="eve")
    assert row["stayed"] == 1


@pytest.mark.parametrize("free", ["11111", "11x111"])
def test_what_is_not_over_or_not_seen_is_not_scored(free: str):
    assert recommended(free) == []


def test_how_free_the_server_was_is_that_of_the_slot_before():
    (row,) = recommended("211111")
    assert row["free_before_ratio"] == 1.0


def outlook(busy: float, coverage: float = 1.0, **changes: Any) -> list[dict[str, Any]]:
    came = {
        "server": "a",
        "ts": NOW,
        "gpus_busy": busy,
        "gpu_count": 2,
        "cpu_utilization_ratio": 0.5,
        "coverage_ratio": coverage,
    }
    return scored(
        "outlook_scored",
        outlook=pd.DataFrame([OUTLOOK | changes]),
        load_hourly=pd.DataFrame([came]),
    )


def test_an_hour_within_the_interval_is_inside():
    (row,) = outlook(1.0)
    assert (row["actual"], row["inside"], row["was_free"]) == (1.0, 1, 1)


def test_an_hour_outside_is_not():
    (row,) = outlook(2.0)
    assert (row["inside"], row["was_free"]) == (0, 0)


def test_an_hour_that_is_not_over_is_not_scored():
    assert outlook(1.0, coverage=0.6) == []


def test_cpus_are_held_against_cpus():
    (row,) = outlook(2.0, measure="cpu_utilization_ratio", lower=0.4, upper=0.6)
    assert (row["actual"], row["inside"], row["was_free"]) == (0.5, 1, None)
