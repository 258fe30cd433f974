"""The order of the candidates, what is said of them, and what never happens."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommend.fleet import GIB, NOW, device, devices, server
from scms.errors import RequestError
from scms.recommend.rank import recommend
from scms.recommend.request import Request
from scms.recommend.score import TIE_POINTS


def chances(values: dict[str, float | None], cases: int = 1000) -> pd.DataFrame:
    rows = [{"server": name, "probability": p, "cases": cases} for name, p in values.items()]
    return pd.DataFrame(rows).astype({"probability": float})


def order(request: Request, names: str, states: str = "ff", **arguments: Any) -> list[str]:
    rows = [server(name) for name in names]
    own = [row for name in names for row in devices(name, states)]
    answer = recommend(request, rows, own, **({"now": NOW} | arguments))
    return [candidate.server for candidate in answer.candidates]


def test_the_chance_to_stay_free_comes_first():
    table = chances({"a": 0.5, "b": 0.9, "c": 0.7})
    assert order(Request(), "abc", availability=table) == ["b", "c", "a"]


def test_a_big_block_is_not_broken_where_chances_tie():
    rows = [server("a"), server("b")]
    own = [*devices("a", "ffffffff"), *devices("b", "fbbb")]
    table = chances({"a": 0.9, "b": 0.9})
    answer = recommend(Request(), rows, own, availability=table, now=NOW)
    assert answer.candidates[0].server == "b"
    assert "tight fit" in answer.candidates[0].reasons
    assert "leaves 7 GPUs free" in answer.candidates[1].reasons


def test_memory_is_not_wasted_where_chances_tie():
    rows = [server("a"), server("b")]
    own = [*devices("a", "f"), *devices("b", "f", memory_total_bytes=24 * GIB)]
    request = Request(gpu_memory_bytes=24 * GIB)
    answer = recommend(request, rows, own, now=NOW)
    assert answer.candidates[0].server == "b"


def test_the_overlooked_server_comes_first_where_chances_tie():
    assert order(Request(), "ab", use_ratios={"a": 0.9, "b": 0.1}) == ["b", "a"]


def test_unknown_use_counts_as_half():
    assert order(Request(), "abc", use_ratios={"a": 0.9, "b": None, "c": 0.1}) == ["c", "b", "a"]


def test_the_less_loaded_server_comes_first_where_all_else_ties():
    rows = [
        server("a", cpu_utilization_ratio=0.95, memory_available_bytes=10 * GIB),
        server("b", cpu_utilization_ratio=0.05, memory_available_bytes=500 * GIB),
    ]
    answer = recommend(Request(), rows, [*devices("a", "f"), *devices("b", "f")], now=NOW)
    assert answer.candidates[0].server == "b"


def test_near_ties_are_shared_out_by_the_seed():
    tops = Counter(order(Request(), "abcd", seed=seed)[0] for seed in range(200))
    assert set(tops) == set("abcd")
    assert max(tops.values()) < 90


def test_no_seed_lifts_a_server_over_a_clearly_better_one():
    table = chances({"a": 0.9, "b": 0.6})
    assert {order(Request(), "ab", availability=table, seed=s)[0] for s in range(50)} == {"a"}


def test_the_same_seed_gives_the_same_answer_in_whatever_order_the_rows_come():
    rows = [server(name) for name in "abcdef"]
    own = [row for name in "abcdef" for row in devices(name, "ff")]
    first = recommend(Request(), rows, own, now=NOW, seed=3)
    again = recommend(Request(), rows[::-1], own[::-1], now=NOW, seed=3)
    assert first.candidates == again.candidates


def test_without_history_the_chance_is_unknown_and_said_to_be():
    answer = recommend(Request(), [server()], devices("gpu-1", "f"), now=NOW)
    (one,) = answer.candidates
    assert (one.probability, one.probability_cases) == (None, 0)
    assert "no history yet to tell how long" in one.reasons


def test_a_chance_that_is_null_in_the_table_is_unknown():
    table = chances({"gpu-1": None})
    answer = recommend(Request(), [server()], devices("gpu-1", "f"), availability=table, now=NOW)
    assert answer.candidates[0].probability is None


def test_a_server_without_history_is_ranked_like_the_mean_of_the_others():
    table = chances({"a": 0.95, "b": 0.75})
    assert order(Request(), "abc", availability=table) == ["a", "c", "b"]


def test_the_reasons_carry_the_numbers():
    table = chances({"gpu-1": 0.914}, cases=34)
    answer = recommend(
        Request(gpus=2, gpu_memory_bytes=40 * GIB, hours=8),
        [server()],
        devices("gpu-1", "fffb"),
        availability=table,
        use_ratios={"gpu-1": 0.12},
        now=NOW,
    )
    assert answer.candidates[0].reasons == (
        "3 of 4 GPUs free",
        "stays free 8 h: 91 % (34 past spells)",
        "80 GiB ≥ 40 GiB per GPU",
        "leaves 1 GPU free",
        "CPU 25 %, 48 of 64 cores idle",
        "256 GiB RAM free",
        "12 % used in the last 7 days",
    )


def test_the_outlook_joins_the_reasons_with_its_highest_hour():
    outlook = pd.DataFrame(
        {
            "server": "gpu-1",
            "horizon_hours": [1, 2, 3],
            "measure": "gpus_busy",
            "mean": [1.0, 1.5, 2.0],
            "lower": [0.0, 1.0, 2.0],
            "upper": [1.0, 2.0, 2.0],
            "level": 0.8,
        }
    )
    answer = recommend(
        Request(hours=2), [server()], devices("gpu-1", "ff"), outlook=outlook, now=NOW
    )
    assert answer.candidates[0].reasons[-1] == (
        "in the busiest hour ahead 1 to 2 of 2 GPUs busy (80 % interval)"
    )


def test_the_smallest_devices_that_do_are_chosen():
    own = [
        device(index=0),
        device(index=1, memory_total_bytes=24 * GIB),
        device(index=2, memory_total_bytes=48 * GIB),
    ]
    answer = recommend(Request(gpu_memory_bytes=40 * GIB), [server()], own, now=NOW)
    assert answer.candidates[0].device_indices == (2,)


def test_devices_of_one_model_are_chosen_where_possible():
    own = [
        device(index=0, device_name="NVIDIA L40S", memory_total_bytes=48 * GIB),
        device(index=1),
        device(index=2),
    ]
    answer = recommend(Request(gpus=2), [server()], own, now=NOW)
    assert answer.candidates[0].device_indices == (1, 2)
    assert answer.candidates[0].device_name == "NVIDIA A100-SXM4-80GB"


def test_the_command_names_the_devices_by_uuid():
    answer = recommend(Request(gpus=2), [server()], devices("gpu-1", "fbf"), now=NOW)
    assert answer.candidates[0].command == (
        "ssh alice@gpu-1.example\nexport CUDA_VISIBLE_DEVICES=GPU-gpu-1-0,GPU-gpu-1-2"
    )


def test_what_a_server_calls_its_devices_cannot_run_a_command():
    own = [device(device="GPU-1; rm -rf ~")]
    answer = recommend(Request(), [server(target="$(reboot)")], own, now=NOW)
    assert answer.candidates[0].command == (
        "ssh '$(reboot)'\nexport CUDA_VISIBLE_DEVICES='GPU-1; rm -rf ~'"
    )


def test_a_job_on_cpus_goes_where_cpus_and_memory_are_idle():
    rows = [server("a", cpu_utilization_ratio=0.8), server("b", cpu_utilization_ratio=0.1)]
    answer = recommend(Request(gpus=0, cpu_cores=8), rows, [], now=NOW)
    assert [c.server for c in answer.candidates] == ["b", "a"]
    assert answer.candidates[0].command == "ssh alice@b.example"
    assert answer.candidates[0].devices == ()


def test_a_job_on_cpus_leaves_free_gpus_alone():
    rows = [server("a"), server("b")]
    answer = recommend(Request(gpus=0), rows, devices("a", "ffff"), now=NOW)
    assert [c.server for c in answer.candidates] == ["b", "a"]
    assert "no GPUs that the job would block" in answer.candidates[0].reasons


def test_a_job_on_cpus_avoids_a_server_that_is_expected_to_be_loaded():
    outlook = pd.DataFrame(
        {
            "server": ["a"],
            "horizon_hours": [1],
            "measure": ["cpu_utilization_ratio"],
            "mean": [0.8],
            "lower": [0.6],
            "upper": [0.95],
            "level": [0.8],
        }
    )
    assert order(Request(gpus=0), "ab", states="", outlook=outlook) == ["b", "a"]


def waits() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "server": ["a", "b", "c"],
            "wait_hours_median": [4.0, 1.0, 0.5],
            "wait_hours_lower": [0.5, 0.25, 0.25],
            "wait_hours_upper": [float("nan"), 9.0, 1.0],
            "cases": [3, 30, 9],
        }
    )


def test_where_nothing_is_free_waits_are_told_as_ranges_soonest_first():
    rows = [server("a"), server("b"), server("c", state="down")]
    own = [row for name in "abc" for row in devices(name, "b")]
    answer = recommend(Request(), rows, own, waits=waits(), now=NOW)
    assert [str(wait) for wait in answer.waits] == [
        "b: in 15 min to 9 h (4 in 5 times), median 1 h (30 past spells)",
        "a: in 30 min to over 14 d (4 in 5 times), median 4 h (3 past spells)",
    ]


def test_where_something_is_free_no_waits_are_told():
    assert (
        recommend(Request(), [server("a")], devices("a", "f"), waits=waits(), now=NOW).waits == ()
    )


def test_an_answer_becomes_json():
    answer = recommend(Request(), [server("a"), server("b")], devices("a", "f"), now=NOW)
    read = json.loads(json.dumps(answer.to_dict()))
    assert read["candidates"][0]["devices"] == ["GPU-a-0"]
    assert read["rejected"][0] == {
        "server": "b",
        "reasons": ["no GPUs, 1 wanted"],
        "permanent": True,
    }
    assert read["as_of"] == "2026-11-02T12:00:00+00:00"


def test_an_answer_becomes_a_table_with_the_same_columns_even_when_empty():
    full = recommend(Request(), [server("a")], devices("a", "f"), now=NOW).to_frame()
    empty = recommend(Request(), [server("a")], devices("a", "b"), now=NOW).to_frame()
    assert list(full.columns) == list(empty.columns)
    assert (len(full), len(empty)) == (1, 0)


def test_the_html_escapes_what_came_from_elsewhere():
    row = server("a", reason="<script>alert(1)</script>", state="down")
    html = recommend(Request(), [row], devices("a", "u"), now=NOW)._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_the_age_of_the_answer_is_that_of_its_oldest_data():
    rows = [server("a", age_seconds=3.0), server("b", age_seconds=40.0)]
    answer = recommend(Request(), rows, [*devices("a", "f"), *devices("b", "f")], now=NOW)
    assert answer.age_seconds == 40.0
    assert recommend(Request(), [], [], now=NOW).age_seconds is None


def test_a_present_without_a_zone_is_refused():
    with pytest.raises(RequestError, match="a time with a zone"):
        recommend(Request(), [], [], now=datetime(2026, 1, 1))  # noqa: DTZ001  the point


STATES = st.sampled_from(["up", "degraded", "stale", "down", "unknown"])
AGES = st.none() | st.floats(0, 300)


@st.composite
def fleets(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    names = draw(st.lists(st.sampled_from("abcdef"), unique=True, min_size=1))
    rows = [
        server(
            name,
            state=draw(STATES),
            age_seconds=draw(AGES),
            cpu_utilization_ratio=draw(st.none() | st.floats(0, 1)),
            memory_available_bytes=draw(st.none() | st.integers(0, 512 * GIB)),
        )
        for name in names
    ]
    own = [
        row | {"held_by": draw(st.sampled_from([None, "bob", "carol"])), "age_seconds": draw(AGES)}
        for name in names
        for row in devices(name, draw(st.text("fbigxu", max_size=4)))
    ]
    return rows, own


@settings(max_examples=150)
@given(
    fleets(),
    st.integers(0, 3),
    st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 1)),
    st.integers(0, 5),
)
def test_only_free_fresh_unheld_devices_of_the_server_are_ever_given(
    fleet: tuple[list[dict[str, Any]], list[dict[str, Any]]],
    gpus: int,
    table: dict[str, float],
    seed: int,
):
    rows, own = fleet
    availability = chances(dict(table), cases=3) if table else None
    answer = recommend(
        Request(gpus=gpus, user="carol"), rows, own, availability=availability, now=NOW, seed=seed
    )
    known = {row["device"]: row for row in own}
    servers = {row["server"]: row for row in rows}
    for candidate in answer.candidates:
        assert servers[candidate.server]["state"] in {"up", "degraded"}
        assert servers[candidate.server]["age_seconds"] <= 60
        assert len(candidate.devices) == len(set(candidate.devices)) == gpus
        for uuid in candidate.devices:
            assert known[uuid]["server"] == candidate.server
            assert known[uuid]["state"] == "free"
            assert known[uuid]["held_by"] in {None, "carol"}
            assert known[uuid]["age_seconds"] <= 60
        assert candidate.probability is None or 0 <= candidate.probability <= 1
        assert 0 <= candidate.score <= 100
    named = [c.server for c in answer.candidates] + [r.server for r in answer.rejected]
    assert sorted(named) == sorted(servers)
    assert all(rejected.reasons for rejected in answer.rejected)
    scores = [candidate.score for candidate in answer.candidates]
    assert all(b - a <= TIE_POINTS for a, b in pairwise(scores))


def test_five_hundred_servers_are_ranked_in_a_moment():
    rows = [server(f"s{n}") for n in range(500)]
    own = [row for n in range(500) for row in devices(f"s{n}", "ffbbffbb")]
    began = datetime.now(tz=NOW.tzinfo)
    recommend(Request(gpus=2), rows, own, now=NOW)
    assert datetime.now(tz=NOW.tzinfo) - began < timedelta(seconds=2)
