"""What is known at a moment about how long free GPUs stay free: the features of the pooled Logit.

In: a grid of quarter-hour slots. Out: for every server and moment, numbers that look only back:
the age of the free spell, how often the GPUs were free lately, and how often they stayed free over
the same hours of past days. Slots that were not observed count neither as free nor as taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from scms.forecast.spells import FRESH_SLOTS, SLOTS_PER_HOUR, SlotGrid, ages

if TYPE_CHECKING:
    from scms.forecast.series import FloatArray, IntArray
    from scms.forecast.spells import BoolArray

#: The features, in the order of the columns; a stored fit names them, so that one made by another
#: version is not misread.
FEATURES: Final = (
    "age",
    "kept_7d",
    "kept_28d",
    "kept_weekday",
    "next_hour_14d",
    "free_24h",
    "free_168h",
    "endings_7d",
    "gpus",
    "share",
)
_DAY: Final = 24 * SLOTS_PER_HOUR
_WEEK: Final = 7 * _DAY
_MONTH_DAYS: Final = 28


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """What is known of servers (rows) at moments (columns).

    Attributes:
        table: Servers × moments × `FEATURES`.
        free: So many GPUs are free, as far as is known.
    """

    table: FloatArray
    free: BoolArray


def moments(grid: SlotGrid, gpus: IntArray, hours: float, at: IntArray) -> Moments:
    """The features of every server at positions of the grid.

    Args:
        grid: The slots.
        gpus: How many GPUs must be free, per server.
        hours: For how long.
        at: Positions; at one of them, the slots before it are known.
    """
    known = grid.free >= 0
    inside = known & (grid.free >= gpus[:, None])
    age, free = _age(inside, known, at)
    ends = np.zeros_like(inside)
    ends[:, 1:] = inside[:, :-1] & known[:, 1:] & ~inside[:, 1:]
    since = _Sums(inside, known, ends)
    kept = _kept(inside, known, slots_of(hours), at)
    log_age = np.log2(np.maximum(age, 1))
    columns = [
        log_age,
        *kept,
        since.share(at, _DAY),
        since.share(at, _WEEK),
        since.endings(at, _WEEK),
        np.broadcast_to(np.log2(np.maximum(gpus, 1))[:, None], log_age.shape),
        np.broadcast_to((gpus / np.maximum(grid.gpu_count, 1))[:, None], log_age.shape),
    ]
    return Moments(np.stack(columns, axis=-1), free)


def outcomes(grid: SlotGrid, gpus: IntArray, hours: float, at: IntArray) -> FloatArray:
    """Whether so many GPUs stayed free from each moment on: 1, 0, or NaN.

    NaN where a slot of the stretch was not observed, or is yet to come. Also where the spell was
    seen to end before that slot: counting endings but not survivals would make spells look short.
    """
    known = grid.free >= 0
    taken = _cumulated(known & (grid.free < gpus[:, None]))
    seen = _cumulated(known)
    length = slots_of(hours)
    stop = np.minimum(at + length, known.shape[1])
    whole = (seen[:, stop] - seen[:, at]) == length
    stayed = (taken[:, stop] - taken[:, at]) == 0
    return np.where(whole, stayed.astype(np.float64), np.nan)


def free_ages(grid: SlotGrid, gpus: IntArray, at: IntArray) -> tuple[FloatArray, BoolArray]:
    """Slots that so many GPUs have been free at moments, at least, and whether they are."""
    known = grid.free >= 0
    return _age(known & (grid.free >= gpus[:, None]), known, at)


def lately(grid: SlotGrid) -> SlotGrid:
    """The newest part of a grid, which is all that features at its end look at."""
    keep = (_MONTH_DAYS + 8) * _DAY
    return SlotGrid(grid.servers, grid.free[:, -keep:], grid.gpu_count)


def slots_of(hours: float) -> int:
    """A duration in whole slots, rounded up."""
    return int(np.ceil(hours * SLOTS_PER_HOUR - 1e-9))


class _Sums:
    """Running sums, to read what happened in the stretch before each moment."""

    def __init__(self, inside: BoolArray, known: BoolArray, ends: BoolArray) -> None:
        self._inside = _cumulated(inside)
        self._known = _cumulated(known)
        self._ends = _cumulated(ends)

    def share(self, at: IntArray, length: int) -> FloatArray:
        """Log odds of the share of the known time that was free."""
        first = np.maximum(at - length, 0)
        free = self._inside[:, at] - self._inside[:, first]
        known = self._known[:, at] - self._known[:, first]
        return _log_odds(free / SLOTS_PER_HOUR, known / SLOTS_PER_HOUR)

    def endings(self, at: IntArray, length: int) -> FloatArray:
        """Log of the free spells that ended, per free hour."""
        first = np.maximum(at - length, 0)
        free = (self._inside[:, at] - self._inside[:, first]) / SLOTS_PER_HOUR
        return np.asarray(np.log((self._ends[:, at] - self._ends[:, first] + 0.5) / (free + 24.0)))


def _age(inside: BoolArray, known: BoolArray, at: IntArray) -> tuple[FloatArray, BoolArray]:
    """Slots the present spell has lasted at least, and whether there is one.

    A silence of up to an hour does not end it.
    """
    length, _ = ages(inside, known)
    position = np.arange(known.shape[1])
    newest = np.maximum.accumulate(np.where(known, position, -1), axis=1)[:, np.maximum(at - 1, 0)]
    row = np.arange(len(known))[:, None]
    silent = at[None, :] - 1 - newest
    there = np.maximum(newest, 0)
    free = (newest >= 0) & (silent <= FRESH_SLOTS) & inside[row, there] & (at > 0)[None, :]
    return np.where(free, length[row, there] + silent, 0).astype(np.float64), free


def _kept(inside: BoolArray, known: BoolArray, length: int, at: IntArray) -> tuple[FloatArray, ...]:
    """Log odds that the GPUs were free all through the same hours of past days.

    Of the past 7 days, of the past 28 days, and of the same weekday of four weeks; and through the
    hour that begins now alone, of the past 14 days: whose day begins soon, shows there.
    """
    free, seen = _cumulated(inside), _cumulated(known)
    first = -(-length // _DAY)  # a stretch of past days must be over at the moment
    week = -(-first // 7)
    return (
        _kept_on(free, seen, range(first, first + 7), length, at),
        _kept_on(free, seen, range(first, first + _MONTH_DAYS), length, at),
        _kept_on(free, seen, range(7 * week, 7 * (week + 4), 7), length, at),
        _kept_on(free, seen, range(1, 15), min(length, SLOTS_PER_HOUR), at),
    )


def _kept_on(free: IntArray, seen: IntArray, days: range, length: int, at: IntArray) -> FloatArray:
    """Log odds of the share of past days on which the stretch was free, of those it was seen."""
    start = at[None, :] - np.array(days)[:, None] * _DAY  # days × moments
    stop = np.minimum(start + length, at[None, :])
    usable = start >= 0
    start, stop = np.maximum(start, 0), np.maximum(stop, 0)
    whole = ((seen[:, stop] - seen[:, start]) == length) & usable
    kept = whole & ((free[:, stop] - free[:, start]) == length)
    return _log_odds(kept.sum(axis=1), whole.sum(axis=1))


def _cumulated(flags: BoolArray) -> IntArray:
    """Running counts with a zero before: the count in [a, b) is ``[b] − [a]``."""
    total = np.zeros((flags.shape[0], flags.shape[1] + 1), dtype=np.int32)
    np.cumsum(flags, axis=1, out=total[:, 1:])
    return total


def _log_odds(yes: FloatArray | IntArray, of: FloatArray | IntArray) -> FloatArray:
    return np.asarray(np.log((yes + 0.5) / (of - yes + 0.5)))
