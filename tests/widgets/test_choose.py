from __future__ import annotations

import pytest

from scms.widgets.live.choose import FILTERS, HEADINGS, ORDERS, shown
from widgets.rows import device, server, snapshot

STATE = snapshot(
    [
        server("alpha", group="vision", gpu_utilization_ratio=0.2, users=["ada"]),
        server("beta", group="nlp", gpu_utilization_ratio=0.9, gpu_model="NVIDIA A100"),
        server("gamma", state="down", reason="no route"),
    ],
    [
        device("alpha", 0),
        device("alpha", 1, "busy"),
        device("beta", 0, "busy"),
        device("beta", 1, held_by="bob"),
        device("gamma", 0, "unknown"),
    ],
)


def names(**choice: object) -> list[str]:
    return [row["server"] for row in shown(STATE, **choice)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("All", ["beta", "alpha", "gamma"]),
        ("Free GPUs", ["alpha"]),
        ("Full", ["beta"]),
        ("Alerts", ["gamma"]),
    ],
)
def test_each_filter_shows_its_servers(name: str, expected: list[str]):
    assert names(show=FILTERS.index(name)) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [("VISION", ["alpha"]), ("a100", ["beta"]), ("ada alpha", ["alpha"]), ("ada beta", [])],
)
def test_every_word_must_occur(words: str, expected: list[str]):
    assert names(search=words) == expected


@pytest.mark.parametrize(
    ("user", "expected"), [("ada", ["alpha"]), (" bob ", ["beta"]), ("", []), ("nobody", [])]
)
def test_mine_are_the_servers_where_somebody_computes_or_holds(user: str, expected: list[str]):
    assert names(show=FILTERS.index("Mine"), user=user) == expected


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("gpu", ["alpha", "beta", "gamma"]),
        ("-gpu", ["beta", "alpha", "gamma"]),
        ("group", ["beta", "alpha", "gamma"]),
        ("-users", ["alpha", "beta", "gamma"]),
        ("colour", ["beta", "alpha", "gamma"]),
    ],
)
def test_a_heading_sorts_and_what_is_unknown_comes_last(sort: str, expected: list[str]):
    assert names(sort=sort) == expected


@pytest.mark.parametrize("heading", HEADINGS)
def test_every_heading_can_be_sorted_by(heading: str):
    assert sorted(names(sort=heading)) == ["alpha", "beta", "gamma"]


def test_unknown_load_is_sorted_last():
    assert names(order=ORDERS.index("GPU load"))[-1] == "gamma"


def test_names_are_sorted():
    assert names(order=ORDERS.index("Name")) == ["alpha", "beta", "gamma"]
