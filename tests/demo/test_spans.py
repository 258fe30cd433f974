from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from scms.demo.spans import cut, newest_first, union, without

if TYPE_CHECKING:
    from scms.demo.spans import Span

DAY = 86400
times = st.integers(0, 40)
spans = st.lists(st.tuples(times, times).map(lambda pair: (min(pair), max(pair))), max_size=6)


def moments(found: list[tuple[float, float]]) -> set[int]:
    return {m for low, high in found for m in range(int(low), int(high))}


@given(spans)
def test_a_union_covers_the_same_time_without_touching(some: list[Span]) -> None:
    merged = union(some)
    assert moments(merged) == moments(some)
    assert all(a[1] < b[0] for a, b in itertools.pairwise(merged))


@given(spans, spans)
def test_without_takes_exactly_the_time_away(some: list[Span], taken: list[Span]) -> None:
    assert moments(without(some, taken)) == moments(some) - moments(taken)


@given(spans, st.lists(times, max_size=6))
def test_cutting_keeps_the_time_and_leaves_no_edge_inside(
    some: list[Span], edges: list[int]
) -> None:
    parts = cut(some, edges)
    assert moments(parts) == moments(some)
    assert not any(low < edge < high for low, high in parts for edge in edges)


def test_pieces_are_cut_at_midnight_and_the_newest_comes_first() -> None:
    start, end = 0.5 * DAY, 9.25 * DAY
    assert newest_first([(start, end)], first_days=2, days=5) == [
        (8 * DAY, end),
        (3 * DAY, 8 * DAY),
        (start, 3 * DAY),
    ]


def test_spans_apart_are_pieces_of_their_own() -> None:
    pieces = newest_first([(0.0, 10.0), (20.0, 30.0)], first_days=2, days=5)
    assert pieces == [(20.0, 30.0), (0.0, 10.0)]
