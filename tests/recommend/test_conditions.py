"""Why a server is not suitable, in the words people read."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import Any

import pytest

from recommend.fleet import GIB, NOW, device, devices, server
from scms.recommend.rank import Recommendation, recommend
from scms.recommend.request import Request


def ask(
    request: Request, row: dict[str, Any], own: list[dict[str, Any]], **arguments: Any
) -> Recommendation:
    return recommend(request, [row], own, **({"now": NOW} | arguments))


def why_not(
    request: Request, row: dict[str, Any], own: list[dict[str, Any]], **arguments: Any
) -> tuple[str, ...]:
    (rejected,) = ask(request, row, own, **arguments).rejected
    return rejected.reasons


def hold(number: int, user: str = "bob", minutes: int = 20) -> dict[str, Any]:
    return {
        "hold_id": "h",
        "server": "gpu-1",
        "device": f"GPU-gpu-1-{number}",
        "user": user,
        "expires_at": NOW + timedelta(minutes=minutes),
    }


def test_too_few_free_gpus_are_counted_by_what_they_do():
    own = devices("gpu-1", "ffbbbigx")
    (reason,) = why_not(Request(gpus=4), server(), own)
    assert reason == (
        "2 of 8 GPUs free, 4 wanted "
        "(3 busy, 1 faulty, 1 held by no visible process, 1 idle but held)"
    )


@pytest.mark.parametrize("state", ["busy", "idle_held", "ghost", "faulty", "unknown"])
def test_a_device_in_any_state_but_free_is_not_given(state: str):
    assert ask(Request(), server(), [device(state=state)]).candidates == ()


def test_a_server_with_fewer_gpus_can_never_do_it():
    answer = ask(Request(gpus=8), server(), devices("gpu-1", "ffff"))
    assert answer.rejected[0].reasons == ("4 GPUs, 8 wanted",)
    assert answer.rejected[0].permanent


def test_a_server_without_gpus_can_never_do_it():
    assert why_not(Request(), server(), []) == ("no GPUs, 1 wanted",)


def test_gpus_that_cannot_be_read_may_come_back():
    row = server(gpu_problem="driver/library mismatch: reboot", state="degraded")
    answer = ask(Request(), row, [])
    assert answer.rejected[0].reasons == ("GPUs cannot be read: driver/library mismatch: reboot",)
    assert not answer.rejected[0].permanent


def test_too_little_gpu_memory():
    own = devices("gpu-1", "ff", memory_total_bytes=24 * GIB)
    request = Request(gpu_memory_bytes=40 * GIB)
    assert why_not(request, server(), own) == ("24 GiB per GPU, 40 GiB wanted",)


def test_too_few_gpus_with_enough_memory():
    own = [device(index=0), device(index=1, memory_total_bytes=24 * GIB)]
    request = Request(gpus=2, gpu_memory_bytes=40 * GIB)
    assert why_not(request, server(), own) == ("1 of 2 GPUs have 40 GiB, 2 wanted",)


def test_unknown_gpu_memory_is_not_enough():
    own = devices("gpu-1", "f", memory_total_bytes=None)
    request = Request(gpu_memory_bytes=40 * GIB)
    assert why_not(request, server(), own) == ("GPU memory is unknown, 40 GiB wanted",)


def test_a_gpu_sold_as_48_gb_is_one_of_48_gib():
    own = devices("gpu-1", "f", memory_total_bytes=46068 * 1024**2)
    assert len(ask(Request(gpu_memory_bytes=48 * GIB), server(), own).candidates) == 1


def test_another_model():
    request = Request(gpu_model="h100")
    assert why_not(request, server(), devices("gpu-1", "f")) == (
        "GPUs are NVIDIA A100-SXM4-80GB, not h100, 1 wanted",
    )


def test_a_model_is_found_by_part_of_its_name_in_any_case():
    assert ask(Request(gpu_model="a100"), server(), devices("gpu-1", "f")).candidates


def test_too_few_of_a_model_are_free():
    own = [*devices("gpu-1", "bf"), device(index=2, device_name="NVIDIA L40S")]
    assert why_not(Request(gpus=2, gpu_model="A100"), server(), own) == (
        "1 of 2 suitable GPUs free, 2 wanted (1 busy)",
    )


def test_a_down_server_says_why():
    row = server(state="down", reason="no route to host", age_seconds=30.0)
    assert why_not(Request(), row, devices("gpu-1", "u")) == ("down: no route to host",)


def test_a_stale_server_says_how_long_it_has_been_silent():
    row = server(state="stale", age_seconds=185.0)
    assert why_not(Request(), row, devices("gpu-1", "u")) == ("no fresh data for 3 min",)


def test_data_older_than_allowed_are_no_data():
    row = server(age_seconds=90.0)
    own = devices("gpu-1", "f")
    assert why_not(Request(), row, own) == ("no fresh data for 1 min",)
    assert ask(Request(), row, devices("gpu-1", "f"), max_age_seconds=120).candidates


def test_a_server_never_seen_is_unknown():
    row = server(state="unknown", reason="never seen by the collector", age_seconds=None)
    assert why_not(Request(gpus=0), row, []) == ("state unknown: never seen by the collector",)


def test_old_data_of_the_gpus_alone_are_no_data():
    own = devices("gpu-1", "f", age_seconds=500.0)
    assert why_not(Request(), server(), own) == ("no fresh data of its GPUs",)


def test_a_hold_of_another_is_told_with_its_end_in_the_zone_of_the_present():
    now = NOW.astimezone(timezone(timedelta(hours=2)))
    assert why_not(Request(), server(), devices("gpu-1", "f"), holds=[hold(0)], now=now) == (
        "1 held by bob until 14:20",
    )


def test_a_hold_known_from_the_live_row_alone_counts():
    own = devices("gpu-1", "f", held_by="bob")
    assert why_not(Request(), server(), own) == ("1 held by bob",)


def test_an_own_hold_is_no_obstacle():
    answer = ask(Request(user="bob"), server(), devices("gpu-1", "f"), holds=[hold(0)])
    assert answer.candidates[0].devices == ("GPU-gpu-1-0",)


def test_a_hold_that_is_over_is_no_obstacle():
    own = devices("gpu-1", "f")
    assert ask(Request(), server(), own, holds=[hold(0, minutes=0)]).candidates


def test_another_group():
    own = devices("gpu-1", "f")
    assert why_not(Request(group="nlp"), server(group="vision"), own) == (
        "in group vision, nlp wanted",
    )


def test_a_missing_tag():
    own = devices("gpu-1", "f")
    request = Request(tags=("ib", "nvlink"))
    assert why_not(request, server(tags=["ib"]), own) == ("has no tag nvlink",)


def test_too_few_idle_cores():
    row = server(cpu_count=16, cpu_utilization_ratio=0.9)
    assert why_not(Request(gpus=0, cpu_cores=8), row, []) == (
        "1.6 of 16 CPU cores idle, 8 wanted (CPU 90 %)",
    )


def test_unknown_cpu_use_is_no_idleness():
    row = server(cpu_utilization_ratio=None)
    assert why_not(Request(gpus=0, cpu_cores=8), row, []) == ("CPU use is unknown, 8 wanted",)


def test_too_few_cores_can_never_do_it():
    assert why_not(Request(gpus=0, cpu_cores=128), server(), []) == ("64 CPU cores, 128 wanted",)


def test_too_little_free_memory():
    request = Request(gpus=0, memory_bytes=300 * GIB)
    assert why_not(request, server(), []) == ("256 GiB RAM free, 300 GiB wanted",)


def test_too_little_memory_can_never_do_it():
    request = Request(gpus=0, memory_bytes=1024 * GIB)
    assert why_not(request, server(), []) == ("512 GiB RAM, 1 TiB wanted",)


def test_unknown_scratch_space_is_no_space():
    request = Request(gpus=0, scratch_bytes=GIB)
    row = server(scratch_free_bytes=None)
    assert why_not(request, row, []) == ("free scratch space is unknown, 1 GiB wanted",)


def test_all_reasons_that_hold_now_are_told():
    row = server(cpu_utilization_ratio=1.0)
    request = Request(gpus=2, cpu_cores=4)
    assert len(why_not(request, row, devices("gpu-1", "fb"))) == 2


def test_what_no_server_can_ever_take_says_which_condition_rules_out_how_many():
    answer = recommend(
        Request(gpus=4, gpu_memory_bytes=80 * GIB),
        [server("a"), server("b"), server("c")],
        [
            *devices("a", "ff"),
            *devices("b", "ff"),
            *devices("c", "ffff", memory_total_bytes=24 * GIB),
        ],
        now=NOW,
    )
    assert answer.impossible == (
        "No server can ever take this: 2 of 3 have fewer than 4 GPUs, "
        "1 of 3 have less than 80 GiB per GPU"
    )


def test_what_a_busy_server_could_take_later_is_not_impossible():
    assert ask(Request(gpus=2), server(), devices("gpu-1", "bb")).impossible is None


def test_what_a_server_never_seen_could_take_is_not_impossible():
    row = server(state="unknown", age_seconds=None)
    assert ask(Request(gpus=2), row, []).impossible is None


def test_without_any_server_nothing_is_possible():
    answer = recommend(Request(), [], [], now=NOW)
    assert answer.impossible == "No server is watched: the inventory is empty"
