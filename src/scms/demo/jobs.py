"""Which jobs ran where in the simulated lab: the truth that everything else follows.

In: a seed, a hall, an era and a time zone. Out: jobs, in order of their beginning. Nobody schedules
this lab: people look at the servers they think of first and take what is free, try again later
when nothing is, and give up after some tries.
"""

from __future__ import annotations

import heapq
from bisect import bisect_right
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from scms.demo.demand import Wish, wishes
from scms.demo.noise import Draw, key_of, keys_of, uniform
from scms.demo.roster import ServerSpec, hall_servers, hall_users
from scms.demo.weather import ERA, SLOT, Fault, Spell, era_start, faults_of, spells_of

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from scms.demo.noise import Floats

JobKind = Literal["training", "notebook-idle", "cpu", "ghost"]

_TRIES: Final = 8
#: Chance that a debugging session leaves a notebook open, or a training a ghost behind.
_LEFT_OPEN: Final = 0.09
_GHOST: Final = 0.008


@dataclass(frozen=True, slots=True)
class Job:
    """One spell of use, on one server; epoch seconds, ``ended_at`` excluded.

    ``devices`` are indices. ``cores`` is the most it ever uses. A ``notebook-idle`` holds memory
    and does nothing; a ``ghost`` is memory that a crashed job left behind and has no user.
    """

    job: str
    user: str | None
    group: str | None
    server: str
    devices: tuple[int, ...]
    started_at: int
    ended_at: int
    kind: JobKind
    command: str
    cores: float
    key: int


class _Floor:
    """One server while jobs are placed: which devices and cores are taken, and until when."""

    def __init__(
        self, spec: ServerSpec, spells: tuple[Spell, ...], faults: tuple[Fault, ...]
    ) -> None:
        self.spec = spec
        self._until = [0] * spec.gpus
        self._cores: list[tuple[int, float]] = []
        self._shut = [(spell.first_slot, spell.ready_slot) for spell in spells]
        self._kills = [spell.first_slot for spell in spells if spell.kills]
        self._faults = [
            [(fault.start, fault.end) for fault in faults if fault.index == index]
            for index in range(spec.gpus)
        ]

    def is_open(self, at: int) -> bool:
        return not any(first <= at < ready for first, ready in self._shut)

    def free_devices(self, at: int) -> list[int]:
        return [
            index
            for index, until in enumerate(self._until)
            if until <= at and not any(first <= at < last for first, last in self._faults[index])
        ]

    def free_cores(self, at: int) -> float:
        self._cores = [(end, cores) for end, cores in self._cores if end > at]
        return 0.9 * self.spec.cpus - sum(cores for _, cores in self._cores)

    def horizon(self, devices: tuple[int, ...], at: int) -> int:
        """When whatever begins now on these devices is killed at the latest."""
        position = bisect_right(self._kills, at)
        ends = self._kills[position : position + 1]
        ends += [first for index in devices for first, _ in self._faults[index] if first > at]
        return min(ends, default=at + 2 * ERA)

    def take(self, job: Job) -> None:
        for index in job.devices:
            self._until[index] = job.ended_at
        self._cores.append((job.ended_at, job.cores))


def simulate(seed: int, hall: int, era: int, zone: ZoneInfo) -> tuple[Job, ...]:
    """The jobs of all servers of a hall in an era, in order of their beginning."""
    floors = [
        _Floor(spec, spells_of(seed, spec, era), faults_of(seed, spec, era))
        for spec in hall_servers(hall)
        if spec.popularity is not None
    ]
    end = era_start(era) + ERA
    habits = _habits(seed, hall, floors)
    waiting = [(wish.at, wish.key, 0, wish) for wish in wishes(seed, hall, era, zone)]
    heapq.heapify(waiting)
    jobs: list[Job] = []
    while waiting:
        at, key, tries, wish = heapq.heappop(waiting)
        if at >= end:
            break
        placed = _place(wish, at, _preferred(wish, floors, habits[wish.user.name]), last=end)
        jobs.extend(placed)
        if not placed and tries < _TRIES:
            pause = 1 + int(8 * Draw(key_of(key, tries)).uniform("pause"))
            heapq.heappush(waiting, (at + pause * SLOT, key, tries + 1, wish))
    jobs.sort(key=lambda job: (job.started_at, job.server, job.devices, job.key))
    return tuple(replace(job, job=f"j{era}.{hall}-{n:05d}") for n, job in enumerate(jobs))


def _place(wish: Wish, at: int, floors: list[_Floor], *, last: int) -> list[Job]:
    for floor in floors:
        spec = floor.spec
        if not _suits(spec, wish) or not floor.is_open(at):
            continue
        devices = tuple(floor.free_devices(at)[: wish.gpus])
        cores = _cores(spec, wish)
        if len(devices) < wish.gpus or floor.free_cores(at) < cores:
            continue
        horizon = min(floor.horizon(devices, at), last)
        job = Job(
            job="",
            user=wish.user.name,
            group=wish.user.group,
            server=spec.name,
            devices=devices,
            started_at=at,
            ended_at=min(at + wish.seconds, horizon),
            kind="cpu" if wish.gpus == 0 else "training",
            command=wish.command,
            cores=cores,
            key=wish.key,
        )
        placed = [job, *_left_behind(job, wish, horizon)]
        for one in placed:
            floor.take(one)
        return placed
    return []


def _left_behind(job: Job, wish: Wish, horizon: int) -> list[Job]:
    """What a job leaves on its first device when it ends by itself, if anything."""
    draw = Draw(key_of(wish.key, "left"))
    chance = draw.uniform("chance")
    hours: float
    kind: JobKind
    if job.ended_at >= horizon or not job.devices:
        return []
    if wish.style == "debug" and chance < _LEFT_OPEN:
        kind, hours = "notebook-idle", draw.lognormal("hours", median=17, sigma=0.9)
    elif wish.style != "debug" and chance < _GHOST:
        kind, hours = "ghost", draw.lognormal("hours", median=8, sigma=0.6)
    else:
        return []
    end = min(job.ended_at + max(2, round(min(hours, 240) * 4)) * SLOT, horizon)
    left = replace(
        job,
        devices=job.devices[:1],
        started_at=job.ended_at,
        ended_at=end,
        kind=kind,
        key=key_of(job.key, kind),
        cores=0.05,
    )
    return [left if kind == "notebook-idle" else replace(left, user=None, group=None, cores=0.0)]


def _suits(spec: ServerSpec, wish: Wish) -> bool:
    if spec.group not in {"shared", wish.user.group}:
        return False
    if wish.gpus == 0:
        return spec.gpus == 0
    return (
        spec.model is not None
        and spec.gpus >= wish.gpus
        and spec.model.memory_bytes >= wish.gpu_memory_bytes
    )


def _habits(seed: int, hall: int, floors: list[_Floor]) -> dict[str, Floats]:
    """How readily each user thinks of each server: its renown and the user's habit."""
    renown = np.array([floor.spec.popularity for floor in floors], dtype=np.float64)
    numbers = np.arange(len(floors), dtype=np.int64)
    return {
        user.name: renown + 1.5 * uniform(keys_of([key_of(seed, "habit", user.name)]), numbers)
        for user in hall_users(hall)
    }


def _preferred(wish: Wish, floors: list[_Floor], habit: Floats) -> list[_Floor]:
    """The servers in the order in which the user thinks of them now."""
    numbers = np.arange(len(floors), dtype=np.int64)
    mood = np.clip(uniform(keys_of([wish.key]), numbers), 1e-9, 1 - 1e-9)
    order = np.argsort(np.log(-np.log(mood)) - habit, kind="stable")
    return [floors[number] for number in order.tolist()]


def _cores(spec: ServerSpec, wish: Wish) -> float:
    """The cores it will use at most: no more than its part of the server."""
    if wish.gpus == 0:
        return round(min(wish.cores, 0.5 * spec.cpus), 2)
    return round(wish.gpus * min(wish.cores, 0.8 * spec.cpus / spec.gpus), 2)
