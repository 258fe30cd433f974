"""What the users of the simulated lab want, and when.

In: a seed, a hall, an era and the lab's time zone. Out: wishes in order of time, each one job that
somebody would like to run. Whether and where it runs is decided in `scms.demo.jobs`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import numpy as np

from scms.demo.noise import Draw, key_of, keys_of, uniform
from scms.demo.roster import GIB, UserSpec, hall_users
from scms.demo.weather import ERA, MAINTENANCE, SLOT, era_start

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

    import numpy.typing as npt

#: How a working day's submissions spread over its hours.
_DAY: Final = np.array(
    [
        4,
        2,
        1,
        1,
        1,
        2,
        8,
        35,
        110,
        185,
        200,
        180,
        140,
        170,
        190,
        170,
        120,
        70,
        40,
        25,
        20,
        18,
        12,
        6,
    ]
)
#: Shares of jobs that want 1, 2, 4 or 8 GPUs, by kind of work.
_GPUS: Final = {
    "debug": {"1": 0.86, "2": 0.14},
    "training": {"1": 0.50, "2": 0.25, "4": 0.20, "8": 0.05},
    "overnight": {"1": 0.45, "2": 0.30, "4": 0.25},
    "long": {"1": 0.20, "2": 0.30, "4": 0.36, "8": 0.14},
    "sweep": {"1": 1.0},
}
#: Medians in hours and spread of the logarithm: real jobs have heavy tails.
_HOURS: Final = {
    "debug": (1.5, 0.7),
    "training": (2.6, 1.05),
    "overnight": (12.0, 0.25),
    "long": (34.0, 0.9),
    "sweep": (2.5, 0.8),
    "cpu": (4.0, 1.0),
}
_MEMORY: Final = {"16": 0.30, "24": 0.34, "32": 0.10, "48": 0.14, "80": 0.12}
_GPU_COMMANDS: Final = {"python": 7, "python3": 4, "torchrun": 2, "python3.11": 2}
_CPU_COMMANDS: Final = {"python3": 4, "R": 3, "bwa": 2, "samtools": 2, "java": 2, "gmx": 2}


@dataclass(frozen=True, slots=True)
class Wish:
    """One job somebody would like to run: from when, for how long, on what.

    ``cores`` is for each GPU, or in all for a job without.
    """

    at: int
    user: UserSpec
    style: str
    gpus: int
    gpu_memory_bytes: int
    seconds: int
    cores: float
    command: str
    key: int


def wishes(seed: int, hall: int, era: int, zone: ZoneInfo) -> list[Wish]:
    """All wishes of an era, in order of time."""
    slots = np.arange(era_start(era) + MAINTENANCE, era_start(era) + ERA, SLOT, dtype=np.int64)
    hours, working = _local(slots, zone)
    found: list[Wish] = []
    for user in hall_users(hall):
        key = key_of(seed, "arrivals", hall, user.name)
        shape = _DAY[(hours - user.shift_hours).astype(np.int64) % 24] / _DAY.sum() / 4
        chance = user.jobs_per_day * shape * np.where(working, 1.0, user.weekend)
        arrived = uniform(keys_of([key]), slots // SLOT) < chance
        for at in slots[arrived].tolist():
            found.extend(_asked(key_of(key, at), at, user, zone))
    for user in hall_users(hall):  # after the maintenance everybody starts again
        at = era_start(era) + MAINTENANCE
        found.extend(
            _wish(key_of(seed, "again", user.name, at, number), at, user, style)
            for number, style in enumerate(("long", "long", "training"))
        )
    return sorted(found, key=lambda wish: (wish.at, wish.key))


def _local(
    slots: npt.NDArray[np.int64], zone: ZoneInfo
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Hour of the day and whether it is a working day, in the lab's time zone."""
    moments = [datetime.fromtimestamp(at, UTC).astimezone(zone) for at in slots.tolist()]
    hours = np.array([moment.hour + moment.minute / 60 for moment in moments])
    working = np.array([moment.weekday() < 5 for moment in moments])
    return hours, working


def _asked(key: int, at: int, user: UserSpec, zone: ZoneInfo) -> Iterator[Wish]:
    draw = Draw(key)
    style = draw.chosen("style", user.mix)
    if style == "overnight":  # handed in before going home
        hour = datetime.fromtimestamp(at, UTC).astimezone(zone).hour
        leave = 17.5 + 0.5 * user.shift_hours + 2.5 * draw.uniform("leave")
        at += max(0, round((leave - hour) * 4)) * SLOT
    count = 3 + int(4 * draw.uniform("sweep")) if style == "sweep" else 1
    for number in range(count):
        yield _wish(key_of(key, number), at, user, style)


def _wish(key: int, at: int, user: UserSpec, style: str) -> Wish:
    draw = Draw(key)
    median, sigma = _HOURS[style]
    hours = min(draw.lognormal("hours", median=median, sigma=sigma), 14 * 24.0)
    gpus = 0 if style == "cpu" else int(draw.chosen("gpus", _GPUS[style]))
    commands = _CPU_COMMANDS if style == "cpu" else _GPU_COMMANDS
    return Wish(
        at=at,
        user=user,
        style=style,
        gpus=gpus,
        gpu_memory_bytes=int(draw.chosen("memory", _MEMORY)) * GIB if gpus else 0,
        seconds=max(1, round(hours * 4)) * SLOT,
        cores=draw.lognormal("cores", median=7.0 if gpus else 26.0, sigma=0.7),
        command=draw.chosen("command", dict(commands)),
        key=key,
    )
