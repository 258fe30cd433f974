"""What a job may ask for, and what it is told when it may not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scms.errors import RequestError
from scms.recommend.request import MAXIMUM_HOURS, Request

GIB = 1024**3


def test_one_gpu_for_an_hour_is_the_default():
    request = Request()
    assert (request.gpus, request.hours, request.tags) == (1, 1.0, ())


def test_a_request_reads_aloud():
    request = Request(gpus=2, gpu_memory_bytes=24 * GIB, gpu_model="A100", hours=8, tags=("ib",))
    assert str(request) == "2 GPUs A100, 24 GiB each, tag ib, for 8 h"


def test_on_any_servers_is_said_where_it_makes_a_difference():
    assert str(Request(gpus=4, same_server=False)) == "4 GPUs, on any servers, for 1 h"
    assert str(Request(gpus=1, same_server=False)) == str(Request(gpus=1))


def test_a_request_on_cpus_reads_aloud():
    request = Request(gpus=0, cpu_cores=16, memory_bytes=64 * GIB, group="nlp", hours=0.5)
    assert str(request) == "no GPU, 16 CPU cores, 64 GiB RAM, group nlp, for 30 min"


def test_tags_may_be_given_as_a_list():
    assert Request(tags=["a", "b"]).tags == ("a", "b")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"gpus": -1}, "gpus is -1; expected a whole number"),
        ({"gpus": 1.5}, "gpus is 1.5"),
        ({"gpus": True}, "gpus is True"),
        ({"gpus": "2"}, "gpus is '2'"),
        ({"hours": 0}, "hours is 0; expected above 0 and at most 336 hours"),
        ({"hours": float("nan")}, "hours is nan"),
        ({"hours": 337}, "hours is 337"),
        ({"gpu_memory_bytes": "24GiB"}, "gpu_memory_bytes is '24GiB'; expected a number"),
        ({"gpu_memory_bytes": -1}, "gpu_memory_bytes is -1"),
        ({"cpu_cores": float("inf")}, "cpu_cores is inf"),
        ({"memory_bytes": True}, "memory_bytes is True"),
        ({"scratch_bytes": -5}, "scratch_bytes is -5"),
        ({"gpu_model": " "}, "gpu_model is ' '; expected some text"),
        ({"group": ""}, "group is ''"),
        ({"user": 7}, "user is 7"),
        ({"tags": "ib"}, r'tags is \'ib\'; expected a tuple of texts; say tags=\("ib",\)'),
        ({"tags": (1,)}, r"tags is \(1,\)"),
        ({"tags": 5}, "tags is 5"),
        ({"gpus": 0, "gpu_memory_bytes": 1}, "gpus is 0 and gpu_memory_bytes is 1"),
        ({"gpus": 0, "gpu_model": "A100"}, "gpus is 0 and gpu_model is 'A100'"),
    ],
)
def test_a_field_that_cannot_be_used_is_named(fields: dict[str, Any], message: str):
    with pytest.raises(RequestError, match=message):
        Request(**fields)


def test_a_request_cannot_be_changed():
    with pytest.raises(AttributeError):
        Request().gpus = 2  # type: ignore[misc]


def test_a_request_becomes_json():
    assert Request(gpus=2, tags=("a",)).to_dict()["tags"] == ["a"]


@given(st.one_of(st.none(), st.integers(), st.floats(), st.text(), st.booleans()))
def test_whatever_is_given_as_hours_is_taken_or_refused_by_name(hours: Any):
    try:
        request = Request(hours=hours)
    except RequestError as error:
        assert str(error).startswith("hours is ")  # noqa: PT017  either outcome is right
    else:
        assert 0 < request.hours <= MAXIMUM_HOURS
