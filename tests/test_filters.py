from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scms.errors import FilterError
from scms.filters import FIELDS, parse_filter

if TYPE_CHECKING:
    from pathlib import Path

ROW: dict[str, Any] = {
    "server": "gpu-a01",
    "group": "vision",
    "tags": ["nvlink", "a100"],
    "gpu_model": "NVIDIA A100-SXM4-80GB",
    "users": ["ada", "bob"],
    "state": "up",
    "reason": None,
    "gpu_utilization_ratio": 0.04,
    "gpu_memory_used_bytes": 20 * 2**30,
    "gpu_memory_total_bytes": 80 * 2**30,
    "cpu_utilization_ratio": None,
    "memory_used_bytes": 100,
    "memory_total_bytes": 400,
    "gpus_total": 8,
    "gpus_free": 2,
    "gpus_busy": 6,
    "gpus_idle_held": 0,
    "cpu_count": 64,
    "load_1m": 3.5,
    "gpu_power_watts": 900.0,
    "age_seconds": 1.0,
    "scratch_free_bytes": 2 * 2**40,
}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "atlas or vision",
        "A100 ada",
        '"a100-sxm4"',
        "gpu<5 and memory>20",
        "gpu < 5%",
        "free>=2 gpus=8",
        "gpu_memory=25",
        "scratch>1TiB",
        "group:vis user=ada tag!=v100",
        "not group:nlp",
        "(gpus=4 or gpus=8) and not (free=0 or state=down)",
        'server:"gpu-a01"',
    ],
)
def test_what_is_meant_is_shown(text: str):
    assert parse_filter(text).matches(ROW)


@pytest.mark.parametrize(
    "text", ["atlas", "gpu>=5", "free>2", "group:nlp", "user=ad", "not vision", "gpus!=8"]
)
def test_what_is_not_meant_is_hidden(text: str):
    assert not parse_filter(text).matches(ROW)


@pytest.mark.parametrize("text", ["cpu<5", "not cpu<5", "reason:disk", "not reason:disk"])
def test_the_unknown_is_shown_by_neither_a_condition_nor_its_contrary(text: str):
    assert not parse_filter(text).matches(ROW)


def test_a_known_truth_beside_something_unknown_is_enough():
    assert parse_filter("cpu<5 or free>1").matches(ROW)


def test_words_alone_can_be_looked_for_in_the_browser():
    assert parse_filter('Atlas "A100 80"').words == ("atlas", "a100 80")


@pytest.mark.parametrize("text", ["gpu<5", "a or b", "not a", "(a)"])
def test_more_than_words_is_not_mere_words(text: str):
    assert parse_filter(text).words is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gpu<", "the filter ends too early"),
        ("(gpu<5", "a parenthesis is not closed"),
        ("gpu<5)", "stands alone"),
        ("gpu:5", "gpu cannot be compared by :"),
        ("gpus<many", "'many' is no value of gpus; expected a number"),
        ("ram>lots", "expected a size such as 64GiB"),
        ("memry>5", 'did you mean "memory"?'),
        ("and gpu<5", "stands where"),
        ('"open', "cannot be read from"),
    ],
)
def test_what_cannot_be_read_says_why(text: str, said: str):
    with pytest.raises(FilterError) as caught:
        parse_filter(text)
    assert said in str(caught.value)


def refusal(text: str) -> FilterError | None:
    """How it is refused; None when it is read, and says of a server that it is meant or not."""
    try:
        assert parse_filter(text).matches(ROW) in {True, False}
    except FilterError as error:
        return error
    return None


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_with_what_was_expected(text: str):
    refused = refusal(text)
    assert refused is None or refused.expected is not None


@given(st.sampled_from(FIELDS), st.sampled_from(["<", "<=", ">", ">=", "=", "!=", ":"]))
def test_every_field_compares_or_says_how_it_would(field: str, mark: str):
    refused = refusal(f"{field}{mark}5")
    assert refused is None or refused.expected in {": = !=", "< <= > >= = !="}


@pytest.mark.parametrize("field", FIELDS)
def test_the_docs_name_every_field(field: str, repository: Path):
    page = (repository / "docs/reference/filters.md").read_text(encoding="utf-8")
    assert re.search(rf"`{field}[`<>=:!]", page)
