"""Sets of time as sorted lists of spans that do not touch. Pure arithmetic.

In and out: lists of (start, end) in epoch seconds, ``end`` excluded.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Span = tuple[float, float]
_DAY: Final = 86400.0


def union(spans: Iterable[Span]) -> list[Span]:
    """The spans in order, those that overlap or touch made one."""
    merged: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def without(spans: Iterable[Span], taken: Iterable[Span]) -> list[Span]:
    """What is left of the spans outside ``taken``."""
    left = union(spans)
    for start, end in union(taken):
        left = [
            part
            for low, high in left
            for part in ((low, min(high, start)), (max(low, end), high))
            if part[0] < part[1]
        ]
    return left


def cut(spans: Iterable[Span], edges: Iterable[float]) -> list[Span]:
    """The spans in order, cut at every edge that lies within one."""
    parts: list[Span] = []
    marks = sorted(set(edges))
    for low, high in union(spans):
        stops = [low, *(mark for mark in marks if low < mark < high), high]
        parts.extend(pairwise(stops))
    return parts


def newest_first(spans: Sequence[Span], *, first_days: int, days: int) -> list[Span]:
    """Sorted spans, cut at midnights UTC into pieces of some days, the newest piece first.

    ``first_days`` is the length of the newest piece, which people wait for.
    """
    pieces: list[Span] = []
    length = first_days
    for low, high in reversed(spans):
        end = high
        while end > low:
            midnight = (-(-end // _DAY) - length) * _DAY
            start = max(low, midnight)
            pieces.append((start, end))
            end, length = start, days
    return pieces
