"""What advice is worth when many follow it at the same time: requests replayed on a recording.

In: a grid of slots. Out: a frame of scores. Requests come when jobs began in the recording, bursts
and all; each takes one server for some hours, if nobody was faster. Whoever asks sees what the
others took only after a blind window, in which they log in and start; a hold is seen at once, and
needs no luck against others. The recorded jobs go on beside all this, and end the luck of whoever
is on their server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from scms.errors import ForecastError
from scms.forecast.features import slots_of
from scms.forecast.spells import SLOT_SECONDS, SLOTS_PER_HOUR
from scms.recommend.replay import POLICIES, order, scenes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scms.forecast.series import IntArray
    from scms.forecast.spells import BoolArray, SlotGrid
    from scms.recommend.replay import Scene

#: Each policy alone, and with a hold.
CROWD_POLICIES: Final = (*POLICIES, *(f"{policy} + hold" for policy in POLICIES))
#: Until a job that was just advised is seen on its server.
BLIND_SECONDS: Final = 1200.0


def crowd(
    grid: SlotGrid,
    *,
    gpus: int | None = None,
    hours: float = 4.0,
    policies: Sequence[str] = CROWD_POLICIES,
    blind_seconds: float = BLIND_SECONDS,
    seed: int = 0,
) -> pd.DataFrame:
    """Score policies when everybody follows the same one.

    Args:
        grid: The slots.
        gpus: How many GPUs each wants; None for all of a server.
        hours: For how long.
        policies: Of `CROWD_POLICIES`.
        blind_seconds: Until others are seen.
        seed: Places requests within their slots and breaks ties.

    Returns:
        One row per policy: ``policy, requests, unmet`` (share to whom no server could be named),
        ``collided`` (share of the met that found their server taken by another request) and
        ``delivered`` (share of the hours of the met that they got).

    Raises:
        ForecastError: The recording is too short, or a policy is unknown.
    """
    for policy in policies:
        if policy not in CROWD_POLICIES:
            known = ", ".join(CROWD_POLICIES)
            raise ForecastError(f"{policy!r} is no policy", expected=f"one of {known}")
    wanted = grid.gpu_count if gpus is None else np.full(len(grid.servers), gpus)
    days = list(scenes(grid, wanted, hours, every_hours=1))
    begins = _begins(grid)
    return pd.DataFrame(
        [_followed(days, begins, policy, hours, blind_seconds, seed) for policy in policies]
    )


def _followed(
    days: Sequence[Scene],
    begins: IntArray,
    policy: str,
    hours: float,
    blind_seconds: float,
    seed: int,
) -> dict[str, Any]:
    """Everybody follows one policy."""
    random = np.random.default_rng(seed)
    name, _, hold = policy.partition(" + ")
    servers = len(days[0].chance)
    # Until when others are on a server, and since when that is seen.
    until, seen = np.full(servers, -np.inf), np.full(servers, -np.inf)
    requests = unmet = collided = 0
    got = 0.0
    for scene in days:
        for column, moment in enumerate(scene.moments):
            ahead = np.repeat(np.arange(moment, moment + SLOTS_PER_HOUR), _of(begins, moment))
            times = np.sort((ahead + random.random(len(ahead))) * SLOT_SECONDS)
            for now in times:
                requests += 1
                taken = (until > now) & (seen <= now)
                open_ = _free(scene, column, now) & ~taken
                if not open_.any():
                    unmet += 1
                    continue
                luck = np.zeros(servers) if hold and name == "scms" else random.random(servers)
                points = order(name, scene, column, luck)
                pick = int(np.argmax(np.where(open_, points, -np.inf)))
                if until[pick] > now:
                    collided += 1
                    continue
                got += _hours(scene, pick, column, now, hours)
                until[pick] = now + hours * 3600
                seen[pick] = now if hold else now + blind_seconds
    met = requests - unmet
    return {
        "policy": policy,
        "requests": requests,
        "unmet": unmet / max(requests, 1),
        "collided": collided / max(met, 1),
        "delivered": got / hours / max(met, 1),
    }


def _free(scene: Scene, column: int, now: float) -> BoolArray:
    """Servers that are free of recorded jobs in the slot of ``now``, as a live view shows them.

    Chances are those of the last full hour.
    """
    lasts = scene.lasts[:, column]
    still = lasts > now // SLOT_SECONDS - scene.moments[column]
    return np.asarray(~np.isnan(scene.chance[:, column]) & (lasts >= 0) & still)


def _hours(scene: Scene, server: int, column: int, now: float, hours: float) -> float:
    """The hours until a recorded job takes the server, at most those asked for."""
    if scene.lasts[server, column] >= slots_of(hours):
        return hours
    end = (scene.moments[column] + scene.lasts[server, column]) * SLOT_SECONDS
    return float(max(0.0, end - now)) / 3600


def _begins(grid: SlotGrid) -> IntArray:
    """Servers on which jobs began, per slot."""
    known = grid.free >= 0
    fewer = known[:, :-1] & known[:, 1:] & (grid.free[:, 1:] < grid.free[:, :-1])
    return np.concatenate([[0], fewer.sum(axis=0)])


def _of(begins: IntArray, moment: int) -> IntArray:
    """Requests in each of the four slots of an hour."""
    return begins[moment : moment + SLOTS_PER_HOUR]
