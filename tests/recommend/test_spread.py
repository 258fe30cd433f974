"""Servers that take a job together: which, with how many GPUs, how sure, and what never happens."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommend.fleet import GIB, NOW, devices, server
from recommend.test_rank import fleets
from scms.errors import RequestError
from scms.recommend.fewest import best_shares, fewest
from scms.recommend.rank import recommend
from scms.recommend.request import Request
from scms.recommend.spread import MAXIMUM_PLANS, spread
from scms.recommend.together import joint_chance

if TYPE_CHECKING:
    from scms.recommend.answer import Plan, Recommendation

Row = dict[str, Any]


def ask(
    fleet: dict[str, str] | tuple[list[Row], list[Row]], gpus: int = 4, **arguments: Any
) -> Recommendation:
    """What is answered to who takes GPUs from any servers; of a fleet as states by server."""
    rows, own = (
        ([server(name) for name in fleet], [row for n, s in fleet.items() for row in devices(n, s)])
        if isinstance(fleet, dict)
        else fleet
    )
    needs = {name: arguments.pop(name) for name in list(arguments) if name not in OF_SPREAD}
    request = Request(gpus=gpus, same_server=False, **needs)
    alone = recommend(request, rows, own, now=NOW, seed=None, holds=arguments.get("holds", ()))
    return spread(alone, rows, own, **({"seed": None} | arguments))


OF_SPREAD = {"slots", "model", "outlook", "use_ratios", "holds", "seed"}


def shares(plan: Plan) -> dict[str, int]:
    return {part.server: len(part.devices) for part in plan.parts}


def slots(free: dict[str, list[int]], gpu_count: int = 8) -> pd.DataFrame:
    """The view ``free_15m``: GPUs free per quarter of an hour, up to now; None is not observed."""
    frames = [
        pd.DataFrame(
            {
                "server": name,
                "starts_at": [
                    NOW - timedelta(minutes=15 * (len(own) - place)) for place in range(len(own))
                ],
                "gpus_free": own,
                "gpu_count": gpu_count,
                "observed": True,
            }
        )
        for name, own in free.items()
    ]
    return pd.concat(frames, ignore_index=True)


def test_where_no_server_has_enough_several_do_together():
    answer = ask({"a": "ffb", "b": "fff", "c": "bbb"})
    (plan,) = answer.plans
    assert shares(plan) in ({"a": 1, "b": 3}, {"a": 2, "b": 2})
    assert {uuid for part in plan.parts for uuid in part.devices} <= {
        row["device"] for name in "ab" for row in devices(name, "fff")
    }
    assert [rejected.server for rejected in answer.rejected] == ["c"]
    assert str(answer).startswith("no server can alone, 2 servers can together now (4 GPUs, on any")


def test_where_one_server_has_enough_the_answer_is_that_for_one_server():
    rows, own = [server("a"), server("b")], [*devices("a", "ffff"), *devices("b", "ff")]
    wanted = Request(gpus=4, same_server=False)
    alone = recommend(wanted, rows, own, now=NOW)
    assert spread(alone, rows, own) is alone
    told = recommend(replace(wanted, same_server=True), rows, own, now=NOW)
    assert alone.candidates == told.candidates
    assert alone.rejected == told.rejected


def test_who_wants_one_server_gets_no_plan():
    rows, own = [server("a"), server("b")], [*devices("a", "ff"), *devices("b", "ff")]
    alone = recommend(Request(gpus=4), rows, own, now=NOW)
    assert spread(alone, rows, own) is alone


def test_the_fewest_servers_come_first_also_where_the_chance_is_lower():
    past = slots(
        {"a": [4, 4, 4, 2, 0, 4, 4], "b": [4, 4, 1, 4, 0, 4, 4], "c": [2] * 7, "d": [2] * 7}
    )
    answer = ask({"a": "ffff", "b": "ffff", "c": "ff", "d": "ff"}, 8, slots=past)
    assert shares(answer.plans[0]) == {"a": 4, "b": 4}


def test_one_model_is_kept_to_where_as_few_servers_have_enough():
    rows = [server(name) for name in "abc"]
    own = [
        *devices("a", "fff"),
        *devices("b", "ffff", device_name="NVIDIA L40S"),
        *devices("c", "fff"),
    ]
    answer = ask((rows, own), 6)
    assert shares(answer.plans[0]) == {"a": 3, "c": 3}
    assert "one GPU model" in answer.plans[0].reasons


def test_models_are_mixed_rather_than_one_more_server():
    rows = [server(name) for name in "abc"]
    own = [
        *devices("a", "ffff"),
        *devices("b", "ffff", device_name="NVIDIA L40S"),
        *devices("c", "ff"),
        *devices("d", "ff"),
    ]
    answer = ask(([*rows, server("d")], own), 8)
    assert shares(answer.plans[0]) == {"a": 4, "b": 4}
    assert "different GPU models" in answer.plans[0].reasons


def test_of_as_few_servers_the_surest_are_taken():
    shaky = [4, 4, 0, 4, 0, 4, 4, 0] * 30 + [4]
    past = slots({"a": shaky, "b": [4] * 241, "c": [4] * 241})
    answer = ask({"a": "ffff", "b": "ffff", "c": "ffff"}, 8, slots=past, hours=2)
    assert shares(answer.plans[0]) == {"b": 4, "c": 4}


def test_the_chance_is_the_product_and_its_bound_is_told():
    past = slots({"a": [4, 4, 0, 4] * 60 + [4], "b": [4, 0, 4, 4] * 60 + [4]})
    (plan,) = ask({"a": "ffff", "b": "ffff"}, 8, slots=past, hours=1).plans
    chances = [part.probability for part in plan.parts if part.probability is not None]
    assert len(chances) == 2
    assert plan.probability is not None
    assert plan.probability == pytest.approx(math.prod(chances))
    assert plan.probability_at_least == pytest.approx(max(0.0, sum(chances) - 1))
    assert 0 < plan.probability < min(chances)
    assert any("if their fates are independent, at least" in reason for reason in plan.reasons)


def test_without_the_history_of_one_no_chance_of_all_is_told():
    (plan,) = ask({"a": "ff", "b": "ff"}).plans
    assert (plan.probability, plan.probability_at_least) == (None, None)
    assert "no history yet of all of them to tell how long" in plan.reasons


def test_no_server_is_in_two_plans():
    answer = ask(dict.fromkeys("abcdefghij", "ff"))
    assert len(answer.plans) == MAXIMUM_PLANS
    used = [part.server for plan in answer.plans for part in plan.parts]
    assert len(used) == len(set(used)) == 2 * MAXIMUM_PLANS


def test_near_ties_are_shared_out_by_the_seed():
    firsts = {
        tuple(sorted(shares(ask(dict.fromkeys("abcd", "ff"), seed=seed).plans[0])))
        for seed in range(40)
    }
    assert firsts == set(itertools.combinations("abcd", 2))


def test_what_is_needed_of_a_server_is_needed_of_each():
    rows = [server("a"), server("b", memory_available_bytes=GIB), server("c")]
    own = [row for name in "abc" for row in devices(name, "ff")]
    answer = ask((rows, own), 4, memory_bytes=64 * GIB)
    assert shares(answer.plans[0]) == {"a": 2, "c": 2}
    (rejected,) = answer.rejected
    assert rejected.reasons == ("1 GiB RAM free, 64 GiB wanted",)


def test_a_device_that_somebody_holds_is_not_given():
    hold = {
        "server": "a",
        "device": "GPU-a-0",
        "user": "bob",
        "expires_at": NOW + timedelta(minutes=9),
    }
    fleet = {"a": "ff", "b": "ff", "c": "f"}
    (plan,) = ask(fleet, 4, holds=[hold]).plans
    assert shares(plan) == {"b": 2, "a": 1, "c": 1}
    assert not any("GPU-a-0" in part.devices for part in plan.parts)
    (own,) = ask(fleet, 4, holds=[hold], user="bob").plans
    assert shares(own) == {"a": 2, "b": 2}


def test_where_all_have_too_few_each_says_what_it_could_give():
    answer = ask({"a": "fb", "b": "bb"}, 3)
    assert (answer.plans, answer.impossible) == ((), None)
    assert {rejected.server: rejected.reasons for rejected in answer.rejected} == {
        "a": ("1 of 2 GPUs free, all servers together 1, 3 wanted",),
        "b": ("0 of 2 GPUs free, 1 wanted (2 busy)",),
    }


def test_what_all_servers_together_could_never_hold_says_so_with_counts():
    rows = [server("a"), server("b", group="vision"), server("c")]
    own = [*devices("a", "fb"), *devices("b", "ffff")]
    answer = ask((rows, own), 8, group="vision")
    assert answer.impossible == (
        "No servers together can ever take this: 4 GPUs on 1 of 3 servers suit it and 8 are "
        "wanted, 2 of 3 are not in group vision, 1 of 3 have fewer than 1 GPUs"
    )


@pytest.mark.parametrize(
    "changes", [{"state": "down"}, {"gpu_problem": "GPU lost"}, {"state": "unknown"}]
)
def test_a_server_of_which_the_gpus_are_not_known_rules_nothing_out(changes: Row):
    rows = [server("a"), server("b", **changes)]
    assert ask((rows, devices("a", "ff")), 8).impossible is None


def test_the_wait_is_that_of_all_servers_together_from_their_common_past():
    # One of two has GPUs free at any time; never both, but for one quarter of an hour in eight.
    a, b = [2, 2, 0, 0, 2, 0, 0, 0] * 40, [0, 0, 2, 2, 2, 0, 0, 0] * 40
    answer = ask({"a": "bb", "b": "bb"}, 4, slots=slots({"a": a, "b": b}, gpu_count=2))
    (wait,) = answer.waits
    assert wait.server is None
    assert wait.cases > 0
    assert wait.median_hours is not None
    assert 0 < wait.median_hours <= 2
    assert str(wait).startswith("all together: in ")


def test_an_empty_inventory_is_told_as_ever():
    assert ask(([], []), 2, slots=slots({"a": [0, 4]})).impossible == (
        "No server is watched: the inventory is empty"
    )


def test_no_wait_is_told_of_servers_that_suit_only_in_part():
    rows = [server("a")]
    own = [*devices("a", "bb"), *devices("a", "bb", device_name="NVIDIA L40S", device="x")]
    answer = ask((rows, own), 2, gpu_model="A100", slots=slots({"a": [0, 4] * 50}))
    assert (answer.impossible, answer.waits) == (None, ())


def test_the_line_to_paste_is_of_each_server():
    (plan,) = ask({"a": "ff", "b": "ff"}).plans
    assert [part.command for part in plan.parts] == [
        f"ssh alice@{name}.example\nexport CUDA_VISIBLE_DEVICES=GPU-{name}-0,GPU-{name}-1"
        for name in "ab"
    ]


def test_a_plan_becomes_json_a_table_and_html():
    answer = ask({"a": "ff", "b": "ff"})
    read = json.loads(json.dumps(answer.to_dict()))
    assert [part["server"] for part in read["plans"][0]["parts"]] == ["a", "b"]
    assert read["request"]["same_server"] is False
    assert answer.to_frame()[["plan", "server"]].to_numpy().tolist() == [[1, "a"], [1, "b"]]
    html = answer._repr_html_()
    assert "2 together" in html
    assert html.count("export CUDA_VISIBLE_DEVICES") == 2


@pytest.mark.parametrize("value", ["no", 1, None])
def test_on_one_server_or_not_is_yes_or_no(value: Any):
    with pytest.raises(RequestError, match=r"same_server is .*; expected True or False"):
        Request(same_server=value)


@settings(max_examples=150, deadline=None)
@given(fleets(), st.integers(2, 12), st.integers(0, 3))
def test_only_free_fresh_unheld_devices_are_ever_given_and_never_more_than_asked_for(
    fleet: tuple[list[Row], list[Row]], gpus: int, seed: int
):
    answer = ask(fleet, gpus, user="carol", seed=seed)
    rows, own = fleet
    known, servers = {row["device"]: row for row in own}, {row["server"]: row for row in rows}
    usable = {
        name: sum(
            device["server"] == name
            and device["state"] == "free"
            and device["held_by"] in {None, "carol"}
            and device["age_seconds"] is not None
            and device["age_seconds"] <= 60
            for device in own
        )
        for name, row in servers.items()
        if row["state"] in {"up", "degraded"}
        and row["age_seconds"] is not None
        and row["age_seconds"] <= 60
    }
    alone = any(count >= gpus for count in usable.values())
    assert bool(answer.candidates) == alone
    assert bool(answer.plans) == (not alone and sum(usable.values()) >= gpus)
    assert not (answer.impossible and (answer.plans or answer.candidates))
    for plan in answer.plans:
        given_ = [(part.server, uuid) for part in plan.parts for uuid in part.devices]
        assert len(given_) == len(set(given_)) == gpus
        assert len(plan.parts) == len({part.server for part in plan.parts}) >= 2
        for name, uuid in given_:
            assert known[uuid]["server"] == name
            assert known[uuid]["state"] == "free"
            assert known[uuid]["held_by"] in {None, "carol"}
            assert known[uuid]["age_seconds"] <= 60
            assert name in usable
    if answer.plans:
        best = answer.plans[0]
        largest = sorted(usable.values(), reverse=True)[: len(best.parts) - 1]
        assert sum(largest) < gpus  # no fewer servers have enough


@given(st.lists(st.integers(0, 8), max_size=8), st.integers(1, 20))
def test_the_fewest_are_the_fewest(counts: list[int], wanted: int):
    found = fewest(counts, wanted)
    enough = [
        size
        for size in range(1, len(counts) + 1)
        if any(sum(some) >= wanted for some in itertools.combinations(counts, size))
    ]
    assert found == (min(enough) if enough else None)


@settings(deadline=None)
@given(
    st.lists(st.lists(st.floats(-5, 1), min_size=1, max_size=4), min_size=2, max_size=5),
    st.integers(2, 8),
)
def test_no_other_shares_are_worth_more(worths: list[list[float]], wanted: int):
    values = {f"s{n}": dict(enumerate(own, start=1)) for n, own in enumerate(worths)}
    servers = fewest([len(own) for own in worths], wanted)
    if servers is None:
        return
    worth, taken = best_shares(values, servers, wanted)
    every = [
        sum(values[name][gpus] for name, gpus in zip(names, numbers, strict=True))
        for names in itertools.combinations(values, servers)
        for numbers in itertools.product(*(values[name] for name in names))
        if sum(numbers) == wanted
    ]
    assert worth == pytest.approx(max(every))
    assert (len(taken), sum(taken.values())) == (servers, wanted)
    assert worth == pytest.approx(sum(values[name][gpus] for name, gpus in taken.items()))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_the_product_lies_between_the_bounds(chances: list[float]):
    told = joint_chance(chances)
    assert 0 <= told.at_least <= told.product + 1e-9 <= min(chances) + 2e-9


def test_independent_servers_stay_free_together_as_often_as_the_product_says():
    random = np.random.default_rng(5)
    stays = random.random((20_000, 2)) < [0.8, 0.6]
    assert stays.all(axis=1).mean() == pytest.approx(joint_chance([0.8, 0.6]).product, abs=0.02)


def test_sixty_four_gpus_of_five_hundred_servers_are_found_in_a_moment():
    fleet = {f"s{n:03}": "ffbbffbb" for n in range(500)}
    began = pd.Timestamp.now()
    answer = ask(fleet, 64, seed=1)
    assert len(answer.plans[0].parts) == 16
    assert (pd.Timestamp.now() - began).total_seconds() < 10
