"""Compute capability by name, and requests that ask for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from recommend.fleet import NOW, device, devices, server
from scms.errors import RequestError
from scms.recommend.capability import compute_capability
from scms.recommend.rank import recommend
from scms.recommend.request import Request
from scms.recommend.words import request_from
from scms.units import format_ratio


@pytest.mark.parametrize(
    ("name", "capability"),
    [
        ("NVIDIA H100 80GB HBM3", 9.0),
        ("NVIDIA A100-SXM4-80GB", 8.0),
        ("NVIDIA A10G", 8.6),
        ("NVIDIA RTX A6000", 8.6),
        ("NVIDIA RTX 6000 Ada Generation", 8.9),
        ("NVIDIA L40S", 8.9),
        ("NVIDIA GeForce RTX 3090 Ti", 8.6),
        ("NVIDIA GeForce RTX 2080 Ti", 7.5),
        ("Tesla V100-SXM2-32GB", 7.0),
        ("Tesla T4", 7.5),
        ("Tesla P100-PCIE-16GB", 6.0),
        ("Tesla P40", 6.1),
        ("NVIDIA GeForce GTX 1080 Ti", 6.1),
        ("NVIDIA GB10", 12.1),
        ("NVIDIA RTX PRO 6000 Blackwell Server Edition", 12.0),
        ("NVIDIA RTX PRO 4500 Blackwell", 12.0),
        ("NVIDIA RTX PRO 2000 Blackwell", 12.0),
        ("NVIDIA GeForce RTX 5070 Ti", 12.0),
        ("NVIDIA B300 SXM6 AC", 10.3),
        ("NVIDIA GB300", 10.3),
        ("NVIDIA B200", 10.0),
        ("NVIDIA GH200 480GB", 9.0),
        ("NVIDIA H20", 9.0),
        ("NVIDIA L4", 8.9),
        ("NVIDIA RTX 4000 SFF Ada Generation", 8.9),
        ("NVIDIA RTX 4500 Ada Generation", 8.9),
        ("NVIDIA RTX 2000 Ada Generation", 8.9),
        ("NVIDIA RTX A4500", 8.6),
        ("NVIDIA A2", 8.6),
        ("NVIDIA A16", 8.6),
        ("Quadro RTX 6000", 7.5),
        ("NVIDIA T400 4GB", 7.5),
        ("NVIDIA TITAN X (Pascal)", 6.1),
        ("NVIDIA TITAN Xp", 6.1),
        ("NVIDIA GeForce GTX TITAN X", 5.2),
        ("Quadro P2200", 6.1),
        ("Quadro P620", 6.1),
        ("Tesla M40 24GB", 5.2),
        ("Tesla M10", 5.0),
        ("Tesla K80", 3.7),
        ("NVIDIA B100", None),
        ("Something New 9000", None),
        (None, None),
    ],
)
def test_the_capability_is_that_of_the_name(name: str | None, capability: float | None):
    assert compute_capability({"device_name": name}) == capability


def test_what_the_device_says_itself_comes_first():
    assert compute_capability({"device_name": "Tesla T4", "compute_capability": 9.9}) == 9.9


def test_too_old_gpus_can_never_do_it():
    answer = recommend(Request(compute_capability=9.0), [server()], devices("gpu-1", "ff"), now=NOW)
    assert answer.rejected[0].reasons == ("compute capability 8, 9 wanted",)
    assert answer.impossible == (
        "No server can ever take this: 1 of 1 have compute capability below 9"
    )


def test_a_gpu_of_unknown_capability_is_not_guessed():
    own = [device(device_name="Something New 9000")]
    answer = recommend(Request(compute_capability=7.0), [server()], own, now=NOW)
    assert answer.rejected[0].reasons == ("compute capability is unknown, 7 wanted",)
    assert answer.impossible is None


def test_new_enough_gpus_fit():
    answer = recommend(Request(compute_capability=8.0), [server()], [device()], now=NOW)
    assert len(answer.candidates) == 1


def test_a_job_without_gpus_has_no_capability():
    with pytest.raises(RequestError, match="gpus is 0 and compute_capability is 8"):
        Request(gpus=0, compute_capability=8.0)


def test_a_time_of_day_is_the_next_such():
    noon = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
    assert request_from({"start_by": "18:00"}, now=noon).start_by == noon + timedelta(hours=6)
    assert request_from({"start_by": "9:30"}, now=noon).start_by == noon + timedelta(hours=21.5)
    assert request_from({"start_by": "2h"}, now=noon).start_by == noon + timedelta(hours=2)


@pytest.mark.parametrize("text", ["25:00", "12:75", "soon"])
def test_a_time_that_is_none_is_refused(text: str):
    with pytest.raises(RequestError, match=f"start_by is '{text}'"):
        request_from({"start_by": text}, now=NOW)


def test_waits_tell_the_chance_until_the_deadline_the_likeliest_first():
    waits = pd.DataFrame(
        {
            "server": ["a", "b"],
            "wait_hours_median": [1.0, 2.0],
            "wait_hours_lower": [0.5, 0.5],
            "wait_hours_upper": [9.0, 9.0],
            "cases": [5, 5],
            "probability_by": [0.4, 0.6],
        }
    )
    answer = recommend(
        Request(start_by=NOW + timedelta(hours=3)),
        [server("a"), server("b")],
        [device("a", state="busy"), device("b", state="busy")],
        waits=waits,
        now=NOW,
    )
    assert [wait.server for wait in answer.waits] == ["b", "a"]
    assert str(answer.waits[0]).endswith(f", by 15:00 {format_ratio(0.6)}")


def test_a_hold_needs_no_luck():
    fleet = [server("a"), server("b")]
    own = [device("a"), *devices("b", "ff")]
    firsts = {
        recommend(Request(), fleet, own, now=NOW, seed=None).candidates[0].server for _ in range(9)
    }
    assert len(firsts) == 1
    assert recommend(Request(), fleet, own, now=NOW, seed=None).policy == "best"
