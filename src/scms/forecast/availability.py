"""Chances that GPUs stay free, and how long until some are: ranges, never one clock time.

In: the view ``free_15m``. Out: a frame with one row per server. The age of the present spell says
most about how long it lasts; each server is judged by its own past spells, shrunk toward those of
all servers where it has few (`scms.forecast.spells`).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from scms.errors import ForecastError
from scms.forecast.features import lately, slots_of
from scms.forecast.spells import (
    AGE_CLASS_ENDS,
    SLOTS_PER_HOUR,
    hazards,
    life_table,
    log_survival,
    slot_grid,
)

if TYPE_CHECKING:
    from datetime import datetime

    from scms.forecast.logit import Chances
    from scms.forecast.series import FloatArray, IntArray
    from scms.forecast.spells import LifeTable, SlotGrid

#: Waits are told up to two weeks; beyond, the answer is "longer".
LONGEST_WAIT_HOURS: Final = 14 * 24


def availability(
    slots: pd.DataFrame,
    *,
    gpus: int = 1,
    hours: float,
    now: datetime,
    model: Chances | None = None,
) -> pd.DataFrame:
    """The chance that at least ``gpus`` GPUs stay free for ``hours``, given that they are now.

    Where a fitted `Chances` is given that has something to say, the answer is the mean of its
    chance and of that of the life tables; else the life tables speak alone.

    Args:
        slots: The view ``free_15m``: ``server, starts_at, gpus_free`` (free for the whole slot),
            ``gpu_count, observed``.
        gpus: How many must stay free.
        hours: For how long; rounded up to quarters of an hour.
        now: The present, aware.
        model: Of `scms.forecast.logit.fit_chances`, fitted on the same cluster.

    Returns:
        One row per server with that many GPUs: ``server, gpus, hours, probability, cases`` (past
        spells of this server that reached the age of the present one), ``free_hours`` (age of the
        present spell, a lower bound; 0 where the last slot was not free, null where unknown) and
        ``fitted`` (whether a Logit of all servers is behind it).
        ``probability`` is null only where no server was ever watched with that many GPUs free.

    Raises:
        ForecastError: An argument or the table cannot be used.
    """
    _check(gpus, hours)
    grid = slot_grid(slots, now=now)
    table, chance = _chance(grid, gpus, hours, model)
    frame = pd.DataFrame(
        {
            "server": list(grid.servers),
            "gpus": gpus,
            "hours": float(hours),
            "probability": _in_order(grid, gpus, hours, model),
            "cases": _cases(table),
            "free_hours": np.where(table.age < 0, np.nan, table.age / SLOTS_PER_HOUR),
            "fitted": model is not None and bool(model.fits),
        }
    )
    frame["probability"] = frame["probability"].where(table.age > 0, chance)
    return frame.loc[grid.gpu_count >= gpus].reset_index(drop=True)


def _chance(
    grid: SlotGrid, gpus: int, hours: float, model: Chances | None
) -> tuple[LifeTable, FloatArray]:
    """The life table of spells with so many GPUs free, and the chance that the present one lasts.

    A server with fewer GPUs never is in such a spell, so that it has no part in the pool.
    """
    table = life_table(grid.free >= gpus, grid.free >= 0)
    ahead = np.array([slots_of(hours)])
    chance = np.exp(log_survival(hazards(table), table.age, ahead))[:, 0]
    if model is None:
        return table, chance
    wanted = np.full(len(grid.servers), gpus)
    fitted = model.survival(lately(grid), wanted, hours)[:, 0]
    return table, np.where(np.isnan(fitted), chance, (chance + fitted) / 2)


def _in_order(grid: SlotGrid, gpus: int, hours: float, model: Chances | None) -> FloatArray:
    """Chances that do not rise with the number of GPUs, as true ones cannot.

    On a server with several GPUs free now, the chance is estimated for each number of them and the
    falling sequence nearest to all of these is taken (isotonic regression). So spells of all sizes
    speak for one, which steadies what few of them say. NaN where so many are not free now.
    """
    most = int(grid.free.max(initial=0))
    sums, counts = [np.zeros(len(grid.servers))], [np.zeros(len(grid.servers))]
    for number in range(1, most + 1):
        table, one = _chance(grid, number, hours, model)
        told = (table.age > 0) & ~np.isnan(one)
        sums.append(sums[-1] + np.where(told, one, 0.0))
        counts.append(counts[-1] + told)
    fitted = np.full(len(grid.servers), np.inf)
    for first in range(1, min(gpus, most) + 1):
        highest = np.full(len(grid.servers), -np.inf)
        for last in range(gpus, most + 1):
            size = counts[last] - counts[first - 1]
            mean = (sums[last] - sums[first - 1]) / np.maximum(size, 1)
            highest = np.where(size > 0, np.maximum(highest, mean), highest)
        fitted = np.where(np.isfinite(highest), np.minimum(fitted, highest), fitted)
    return np.where(np.isfinite(fitted), fitted, np.nan)


def waiting(
    slots: pd.DataFrame, *, gpus: int = 1, now: datetime, by: datetime | None = None
) -> pd.DataFrame:
    """How long until ``gpus`` GPUs are free, on servers where fewer are now.

    Args:
        slots: As for `availability`.
        gpus: How many are wanted.
        now: The present, aware.
        by: A time until which they are wanted, aware.

    Returns:
        One row per server that has so many GPUs but fewer free in its last slot: ``server, gpus,
        wait_hours_median, wait_hours_lower, wait_hours_upper`` (10 and 90 %; null means longer
        than two weeks, or unknown), ``cases`` (past spells that reached the present age),
        ``busy_hours`` (age of the present one, a lower bound) and ``probability_by`` (the chance
        that they are free by that time; null where none was named).

    Raises:
        ForecastError: An argument or the table cannot be used.
    """
    _check(gpus, 1.0)
    grid = _with_gpus(slot_grid(slots, now=now), gpus)
    known = grid.free >= 0
    table = life_table((grid.free < gpus) & known, known)
    ahead = np.arange(1, LONGEST_WAIT_HOURS * SLOTS_PER_HOUR + 1)
    survival = np.exp(log_survival(hazards(table), table.age, ahead))
    columns = {
        name: _first_below(survival, 1 - share)
        for name, share in (
            ("wait_hours_median", 0.5),
            ("wait_hours_lower", 0.1),
            ("wait_hours_upper", 0.9),
        )
    }
    frame = pd.DataFrame(
        {
            "server": list(grid.servers),
            "gpus": gpus,
            **columns,
            "cases": _cases(table),
            "busy_hours": table.age / SLOTS_PER_HOUR,
            "probability_by": _by(survival, now, by),
        }
    )
    return frame.loc[table.age > 0].reset_index(drop=True)


def _by(survival: FloatArray, now: datetime, by: datetime | None) -> FloatArray:
    """The chance that the wait is over at a time; NaN where none was named."""
    if by is None:
        return np.full(len(survival), np.nan)
    hours = (by - now).total_seconds() / 3600
    last = min(int(hours * SLOTS_PER_HOUR), survival.shape[1]) - 1
    return np.zeros(len(survival)) if last < 0 else np.asarray(1 - survival[:, last])


def _with_gpus(grid: SlotGrid, gpus: int) -> SlotGrid:
    enough = grid.gpu_count >= gpus
    names = tuple(name for name, keep in zip(grid.servers, enough, strict=True) if keep)
    return type(grid)(names, grid.free[enough], grid.gpu_count[enough])


def _cases(table: LifeTable) -> IntArray:
    class_ = np.searchsorted(AGE_CLASS_ENDS, np.maximum(table.age, 1))
    at_age = table.reached[np.arange(len(class_)), class_]
    return np.where(table.age < 0, table.reached[:, 0], at_age)


def _first_below(survival: FloatArray, share: float) -> FloatArray:
    below = survival <= share
    first = np.argmax(below, axis=1) + 1
    return np.where(below.any(axis=1), first / SLOTS_PER_HOUR, np.nan)


def _check(gpus: int, hours: float) -> None:
    if isinstance(gpus, bool) or not isinstance(gpus, int) or gpus < 1:
        raise ForecastError(f"gpus is {gpus!r}", expected="a whole number from 1 on")
    if not math.isfinite(hours) or not 0 < hours <= LONGEST_WAIT_HOURS:
        raise ForecastError(
            f"hours is {hours!r}", expected=f"a number above 0 and at most {LONGEST_WAIT_HOURS}"
        )
