"""Spells of enough free GPUs, and how soon they end: the life tables behind the chances.

In: quarter-hour slots. Out: for every server and age of a spell, how many slots it was watched at
that age and how often it ended there, with what was not seen left out:

- a slot that was not observed (down, gap) belongs to no spell and ends none: the spell before it is
  censored on the right, the one after it on the left;
- a spell whose beginning was not seen has at least the age for which it was seen; it counts only
  once that age lies in the last, open-ended class, where its true age must lie too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from scms.errors import ForecastError

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray

    from scms.forecast.series import FloatArray, IntArray

    BoolArray = NDArray[np.bool_]

SLOT_SECONDS: Final = 900
SLOTS_PER_HOUR: Final = 4
#: Classes of the age of a spell, by the last slot of each: 15 min, 1 h, 4 h, 16 h, 64 h, longer.
#: Even steps of the logarithm, as that is what the chance goes by.
AGE_CLASS_ENDS: Final = np.array([1, 4, 16, 64, 256])
AGE_CLASSES: Final = len(AGE_CLASS_ENDS) + 1
#: Only the newest days are used.
WINDOW_SLOTS: Final = 60 * 24 * SLOTS_PER_HOUR
#: The prior counts as many ended spells (see `hazards`).
PRIOR_SPELLS: Final = 3.0
#: A silence this short, in slots, does not hide how long the present spell has lasted.
FRESH_SLOTS: Final = 4

_COLUMNS: Final = ("server", "starts_at", "gpus_free", "gpu_count", "observed")


@dataclass(frozen=True, slots=True, eq=False)
class SlotGrid:
    """Slots of all servers side by side, on one axis of time.

    Attributes:
        servers: Names, sorted; the rows.
        free: GPUs free for the whole slot; −1 where not observed.
        gpu_count: GPUs of each server, last known.
    """

    servers: tuple[str, ...]
    free: NDArray[np.int16]
    gpu_count: IntArray


def past(grid: SlotGrid, end: int) -> SlotGrid:
    """What was known of a grid before a slot."""
    return SlotGrid(grid.servers, grid.free[:, :end], grid.gpu_count)


@dataclass(frozen=True, slots=True, eq=False)
class LifeTable:
    """What was seen of one kind of spell, per server (rows) and class of age (columns).

    Attributes:
        exposure: Slots watched into the next one.
        ended: Of these, those after which the spell ended.
        reached: Spells seen to enter the class.
        age: Slots the present spell has lasted at least; 0 when the server is not in one,
            −1 when nobody knows.
    """

    exposure: FloatArray
    ended: FloatArray
    reached: IntArray
    age: IntArray


def slot_grid(slots: pd.DataFrame, *, now: datetime) -> SlotGrid:
    """Line the slots up in time; those that are not over at ``now`` are left out.

    Args:
        slots: The view ``free_15m``: ``server, starts_at, gpus_free, gpu_count, observed``.
        now: The present, aware.

    Raises:
        ForecastError: A column is missing or times have no zone.
    """
    _check(slots, now)
    end = int(now.timestamp() // SLOT_SECONDS)
    seconds = slots["starts_at"].dt.tz_convert("UTC").dt.as_unit("s").astype("int64").to_numpy()
    slot = seconds // SLOT_SECONDS
    code, names = pd.factorize(slots["server"], sort=True)
    count = slots["gpu_count"].to_numpy(dtype=np.float64, na_value=np.nan)
    free = slots["gpus_free"].to_numpy(dtype=np.float64, na_value=np.nan)
    observed = slots["observed"].to_numpy(dtype=bool, na_value=False)
    inside = (slot < end) & (slot >= end - WINDOW_SLOTS)
    first = int(slot[inside].min()) if inside.any() else end
    grid = np.full((len(names), end - first), -1, dtype=np.int16)
    use = inside & observed & ~np.isnan(free)
    grid[code[use], slot[use] - first] = free[use].astype(np.int16)
    gpus = np.zeros(len(names), dtype=np.int64)
    named = np.flatnonzero(~np.isnan(count))
    order = named[np.argsort(slot[named], kind="stable")]
    gpus[code[order]] = count[order].astype(np.int64)  # the newest assignment stays
    return SlotGrid(tuple(str(name) for name in names), grid, gpus)


def life_table(inside: BoolArray, known: BoolArray) -> LifeTable:
    """Count exposure and endings of the spells for which ``inside`` holds.

    Args:
        inside: Servers × slots: the server is in such a spell.
        known: Likewise: the slot was observed.
    """
    rows, columns = inside.shape
    if columns == 0:
        nothing = np.zeros((rows, AGE_CLASSES))
        unknown = np.full(rows, -1)
        return LifeTable(nothing, nothing.copy(), nothing.astype(np.int64), unknown)
    inside = inside & known
    age, seen_begin = ages(inside, known)
    class_ = np.searchsorted(AGE_CLASS_ENDS, age)  # age 1 → 0, 2 to 4 → 1, …
    counted = inside & (seen_begin | (class_ == AGE_CLASSES - 1))
    at_risk = counted[:, :-1] & known[:, 1:]
    ends = at_risk & ~inside[:, 1:]
    enters = counted & ((age == 1) | np.isin(age - 1, AGE_CLASS_ENDS))
    return LifeTable(
        exposure=_count(at_risk, class_[:, :-1]).astype(np.float64),
        ended=_count(ends, class_[:, :-1]).astype(np.float64),
        reached=_count(enters, class_),
        age=_present_age(age, inside, known),
    )


def hazards(table: LifeTable, *, strength: float = PRIOR_SPELLS) -> FloatArray:
    """The chance that a spell ends with the slot, per server and class of age, shrunk.

    The prior of a server is a beta distribution whose mean is the hazard of all servers together
    at that age and whose weight is that of ``strength`` ended spells; that of all servers, class by
    class, is the one over all ages, with the same weight. NaN where no spell was ever watched.

    Returns:
        Shape (servers, classes + 1); the last column is over all ages, for unknown age.
    """
    exposure = np.column_stack([table.exposure, table.exposure.sum(axis=1)])
    ended = np.column_stack([table.ended, table.ended.sum(axis=1)])
    watched = exposure[:, -1].sum()
    if watched == 0:
        return np.full(exposure.shape, np.nan)
    overall = (ended[:, -1].sum() + 0.5) / (watched + 1.0)
    pooled = (ended.sum(axis=0) + strength) / (exposure.sum(axis=0) + strength / overall)
    return np.asarray((ended + strength) / (exposure + strength / pooled[None, :]))


def log_survival(hazard: FloatArray, age: IntArray, slots: IntArray) -> FloatArray:
    """Log of the chance that a spell of an age lasts so many slots more.

    Args:
        hazard: Of `hazards`.
        age: Per server, in slots; −1 for unknown.
        slots: How many more; any number of horizons.

    Returns:
        Shape (servers, horizons).
    """
    begins = np.concatenate([[0], AGE_CLASS_ENDS])
    ends = np.concatenate([AGE_CLASS_ENDS, [np.iinfo(np.int64).max]])
    # The slots to come end at ages a, a+1, …, a+k−1: count those in each class.
    start = np.maximum(age, 1)[:, None, None] - 1
    stop = start + slots[None, :, None]
    inside = np.minimum(stop, ends) - np.maximum(start, begins)
    logs = np.log1p(-np.minimum(hazard, 1 - 1e-9))
    by_age = (np.maximum(inside, 0) * logs[:, None, :-1]).sum(axis=2)
    ageless = slots[None, :] * logs[:, -1:]
    return np.where((age < 0)[:, None], ageless, by_age)


def ages(inside: BoolArray, known: BoolArray) -> tuple[IntArray, BoolArray]:
    """How many slots each spell has lasted at each slot, and whether its beginning was seen."""
    position = np.arange(inside.shape[1])
    last_break = np.maximum.accumulate(np.where(inside, -1, position), axis=1)
    before = np.take_along_axis(known, np.maximum(last_break, 0), axis=1)
    return np.where(inside, position - last_break, 0), (last_break >= 0) & before


def _present_age(age: IntArray, inside: BoolArray, known: BoolArray) -> IntArray:
    newest = np.where(known, np.arange(known.shape[1]), -1).max(axis=1)
    silent = known.shape[1] - 1 - newest
    row = np.arange(len(newest))
    at = np.maximum(newest, 0)
    present = np.where(inside[row, at], age[row, at] + silent, 0)
    return np.where((newest < 0) | (silent > FRESH_SLOTS), -1, present)


def _count(where: BoolArray, class_: IntArray) -> IntArray:
    rows = np.arange(len(where))[:, None]
    flat = (rows * AGE_CLASSES + class_)[where]
    return np.bincount(flat, minlength=len(where) * AGE_CLASSES).reshape(-1, AGE_CLASSES)


def _check(slots: pd.DataFrame, now: datetime) -> None:
    missing = [name for name in _COLUMNS if name not in slots.columns]
    if missing:
        raise ForecastError(
            f"the table of free slots has no column {', '.join(missing)}",
            expected=f"the columns {', '.join(_COLUMNS)}",
        )
    if now.tzinfo is None or not isinstance(slots["starts_at"].dtype, pd.DatetimeTZDtype):
        raise ForecastError(
            f"now is {now.isoformat()} and starts_at is {slots['starts_at'].dtype}",
            expected="times with a time zone",
        )
