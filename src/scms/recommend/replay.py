"""What advice would have been worth: policies replayed on a recording.

In: a grid of slots. Out: a frame of scores. Pools of servers, drawn at random, stand for small
labs: at each moment somebody wants GPUs in each pool for some hours, each policy names a server
that is free, and the recording tells how long it stayed free. Whoever follows the advice changes
nothing here; `scms.recommend.crowd` replays what happens when many do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from scms.errors import ForecastError
from scms.forecast.features import slots_of
from scms.forecast.spells import SLOTS_PER_HOUR, past
from scms.forecast.telling import tell
from scms.recommend.score import GPU_WEIGHTS, TIE_POINTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scms.forecast.series import FloatArray, IntArray
    from scms.forecast.spells import BoolArray, SlotGrid

#: The policies, the best possible last.
POLICIES: Final = ("random-free", "least-used-now", "longest-free", "scms", "oracle")
POOL_SERVERS: Final = 8
#: Hours between two moments: prime, so that they walk through the day.
EVERY_HOURS: Final = 5
_DAY: Final = 24 * SLOTS_PER_HOUR
_WEEK: Final = 7 * _DAY
_TRAINING_DAYS: Final = 28
_RESAMPLES: Final = 500


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What is known and what comes at the moments of one day.

    Attributes:
        day: Its number.
        moments: As positions of the grid.
        chance: Told chances, servers × moments; NaN where not free.
        ages: Slots that the server has been free.
        load: Share of its GPUs that is taken at the moment.
        used: Share of its GPU time that was used in the past week.
        lasts: Slots that it stays free from the moment on; −1 where the recording does not say
            for as long as is asked.
    """

    day: int
    moments: IntArray
    chance: FloatArray
    ages: IntArray
    load: FloatArray
    used: FloatArray
    lasts: IntArray


def scenes(
    grid: SlotGrid, gpus: IntArray, hours: float, *, every_hours: int = EVERY_HOURS
) -> Iterator[Scene]:
    """The test days of a recording, each from what was known at its beginning.

    Raises:
        ForecastError: The recording is too short.
    """
    end = grid.free.shape[1]
    first = min(_TRAINING_DAYS * _DAY, end // 3 // _DAY * _DAY)
    length = slots_of(hours)
    if first < _DAY or end < first + length:
        raise ForecastError(
            f"the recording has {end / _DAY:.1f} days", expected="at least 3, and the hours asked"
        )
    lasts = _lasts(grid, gpus, length)
    busy = np.where(grid.free >= 0, grid.gpu_count[:, None] - grid.free, 0)
    used = np.concatenate([np.zeros((len(busy), 1)), np.cumsum(busy, axis=1)], axis=1)
    every = every_hours * SLOTS_PER_HOUR
    for begin in range(first, end - length, _DAY):
        at = np.arange(-(-begin // every) * every, begin + _DAY, every)
        at = at[at + length <= end]
        if not len(at):
            continue
        told = tell(grid, past(grid, begin), gpus, hours, at)
        week = np.maximum(at - _WEEK, 0)
        yield Scene(
            day=begin // _DAY,
            moments=at,
            chance=told.combined,
            ages=told.ages,
            load=busy[:, at - 1] / grid.gpu_count[:, None],
            used=(used[:, at] - used[:, week]) / ((at - week) * grid.gpu_count[:, None]),
            lasts=lasts[:, at],
        )


def replay(
    grid: SlotGrid,
    *,
    gpus: int | None = None,
    hours: Sequence[float] = (1.0, 4.0, 8.0, 24.0),
    policies: Sequence[str] = POLICIES,
    every_hours: int = EVERY_HOURS,
    seed: int = 0,
) -> pd.DataFrame:
    """Score policies in pools of 8 servers.

    Args:
        grid: The slots.
        gpus: How many GPUs are wanted; None for all of a server.
        hours: For how long.
        policies: Of `POLICIES`.
        every_hours: Between moments.
        seed: Draws the pools, breaks ties and resamples days.

    Returns:
        One row per stretch and policy: ``hours, policy, cases, stayed`` (share of picks that stayed
        free throughout), ``stayed_lower, stayed_upper`` (95 %, resampling days), ``delivered``
        (share of the hours asked for that were free), ``regret`` (hours per pick less than the
        oracle's), ``promised`` (mean of the chance that would have been shown; scms alone) and
        ``gini`` (how unevenly picks fall on servers).

    Raises:
        ForecastError: The recording is too short, or a policy is unknown.
    """
    for policy in policies:
        if policy not in POLICIES:
            raise ForecastError(
                f"{policy!r} is no policy", expected=f"one of {', '.join(POLICIES)}"
            )
    wanted = grid.gpu_count if gpus is None else np.full(len(grid.servers), gpus)
    frames = [
        _picks(scene, stretch, seed)
        for stretch in hours
        for scene in scenes(grid, wanted, stretch, every_hours=every_hours)
    ]
    picks = pd.concat(frames, ignore_index=True)
    rows = [
        _scored(own, picks[(picks["hours"] == stretch) & (picks["policy"] == "oracle")], grid, seed)
        for stretch in hours
        for policy in policies
        for own in [picks[(picks["hours"] == stretch) & (picks["policy"] == policy)]]
        if len(own)
    ]
    return pd.DataFrame(rows)


def order(policy: str, scene: Scene, column: int, luck: FloatArray) -> FloatArray:
    """How good a policy finds each server at a moment; the highest is its pick.

    The policy ``scms`` is that of `scms.recommend.rank`, as far as a recording knows: chance, use
    of the past week, and luck within the tie; GPUs of one server are alike, its CPU is not known.
    """
    if policy == "random-free":
        return luck
    if policy == "least-used-now":
        return np.asarray(-scene.load[:, column] + 1e-6 * luck)
    if policy == "longest-free":
        return np.asarray(scene.ages[:, column] + luck)
    if policy == "oracle":
        return np.asarray(scene.lasts[:, column] + 0.5 * luck)
    chance, _, overlooked, _ = GPU_WEIGHTS
    points = chance * scene.chance[:, column] + overlooked * (1 - scene.used[:, column])
    return np.asarray(100 * points + TIE_POINTS * luck)


def _picks(scene: Scene, hours: float, seed: int) -> pd.DataFrame:
    """What each policy picks in each pool at the moments of a day."""
    random = np.random.default_rng([seed, scene.day])
    rows = []
    for column in range(len(scene.moments)):
        free = ~np.isnan(scene.chance[:, column]) & (scene.lasts[:, column] >= 0)
        pools = random.permutation(len(free))
        luck = random.random(len(free))
        for start in range(0, len(free) - POOL_SERVERS + 1, POOL_SERVERS):
            pool = pools[start : start + POOL_SERVERS]
            pool = pool[free[pool]]
            if len(pool) < 2:
                continue  # nothing to choose
            for policy in POLICIES:
                pick = pool[np.argmax(order(policy, scene, column, luck)[pool])]
                promised = scene.chance[pick, column] if policy == "scms" else np.nan
                lasted = scene.lasts[pick, column] / slots_of(hours)
                rows.append((hours, policy, scene.day, int(pick), lasted, promised))
    columns = ["hours", "policy", "day", "server", "lasted", "promised"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.astype({"hours": float, "day": int, "server": int, "lasted": float})


def _scored(
    own: pd.DataFrame, oracle: pd.DataFrame, grid: SlotGrid, seed: int
) -> dict[str, object]:
    stayed = own["lasted"] >= 1
    lower, upper = day_interval(stayed.groupby(own["day"]).agg(["sum", "size"]), seed)
    hours = float(own["hours"].iloc[0])
    counts = np.bincount(own["server"], minlength=len(grid.servers))
    return {
        "hours": hours,
        "policy": own["policy"].iloc[0],
        "cases": len(own),
        "stayed": float(stayed.mean()),
        "stayed_lower": lower,
        "stayed_upper": upper,
        "delivered": float(own["lasted"].mean()),
        "regret": float(oracle["lasted"].mean() - own["lasted"].mean()) * hours,
        "promised": float(own["promised"].mean()),
        "gini": gini(counts),
    }


def day_interval(days: pd.DataFrame, seed: int) -> tuple[float, float]:
    """The 95 % interval of a share by resampling whole days, within which cases hang together.

    Args:
        days: Per day, columns ``sum`` (of the cases for which it holds) and ``size`` (cases).
        seed: Of the resampling.
    """
    random = np.random.default_rng(seed)
    drawn = random.integers(0, len(days), size=(_RESAMPLES, len(days)))
    sums, sizes = days["sum"].to_numpy(dtype=float), days["size"].to_numpy(dtype=float)
    shares = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    lower, upper = np.quantile(shares, [0.025, 0.975])
    return float(lower), float(upper)


def gini(counts: IntArray) -> float:
    """0 where all have the same, toward 1 where one has all."""
    ordered = np.sort(counts).astype(float)
    total = ordered.sum()
    if total == 0:
        return 0.0
    place = np.arange(1, len(ordered) + 1)
    return float(((2 * place - len(ordered) - 1) * ordered).sum() / (len(ordered) * total))


def _lasts(grid: SlotGrid, gpus: IntArray, length: int) -> IntArray:
    """Slots that servers stay free from each moment on, at most ``length``; −1 where nobody saw."""
    known = grid.free >= 0
    free = known & (grid.free >= gpus[:, None])
    width = grid.free.shape[1]
    position = np.arange(width)
    taken = _next(known & ~free, position, width) - position
    silent = _next(~known, position, width) - position
    seen = (taken < silent) | (silent >= length)
    return np.where(seen, np.minimum(np.minimum(taken, silent), length), -1)


def _next(where: BoolArray, position: IntArray, width: int) -> IntArray:
    marked = np.where(where, position, width)
    return np.minimum.accumulate(marked[:, ::-1], axis=1)[:, ::-1]
