"""One server of the simulated lab over one era, as arrays that any moment can be read from.

In: the server, its jobs, spells and faults. Out: which jobs run at given times, what they have
used since boot (exact integrals of their rates), and which job a device serves.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final

import numpy as np

from scms.demo.noise import keys_of, swell, swell_integral, uniform
from scms.demo.roster import device_uuid

if TYPE_CHECKING:
    import numpy.typing as npt

    from scms.demo.jobs import Job
    from scms.demo.noise import Floats
    from scms.demo.roster import ServerSpec
    from scms.demo.weather import Fault, Spell

    Ints = npt.NDArray[np.int64]

#: What a job uses, per second: core seconds in four modes, then bytes.
RATES: Final = ("user", "nice", "system", "iowait", "read", "written", "received", "sent")
_STEADY: Final = 0.75
_WAVE: Final = 0.25
_MB: Final = 1e6


class History:
    """What happened on one server in one era.

    Attributes:
        jobs: All its jobs, in order of their beginning.
        spells: What happened to it, in order.
        faults: What happened to its GPUs.
        uuids: Of its devices, in order of their index.
    """

    def __init__(
        self,
        spec: ServerSpec,
        *,
        seed: int,
        jobs: tuple[Job, ...],
        spells: tuple[Spell, ...],
        faults: tuple[Fault, ...],
    ) -> None:
        self.spec = spec
        self.seed = seed
        self.jobs = jobs
        self.spells = spells
        self.faults = faults
        self.uuids = tuple(device_uuid(spec.name, index, seed) for index in range(spec.gpus))
        self.keys = keys_of([job.key for job in jobs])
        self.starts = np.array([job.started_at for job in jobs], dtype=np.float64)
        self.ends = np.array([job.ended_at for job in jobs], dtype=np.float64)
        self.cores = np.array([job.cores for job in jobs], dtype=np.float64)
        self.rates = _rates(jobs, self.keys, self.cores)
        self.memory = _resident(spec, jobs, self.keys, self.cores)
        self.pids = [2000 + job.key % 4_000_000 for job in jobs]
        self._began = swell_integral(self.keys, self.starts)
        order = np.argsort(self.ends, kind="stable")
        totals = self.worked(np.arange(len(jobs)), self.ends)[order, None] * self.rates[order]
        self._ended = self.ends[order]
        self._sums = np.vstack([np.zeros((1, len(RATES))), np.cumsum(totals, axis=0)])
        self._on_device = [
            np.array([n for n, job in enumerate(jobs) if index in job.devices], dtype=np.int64)
            for index in range(spec.gpus)
        ]

    def spell(self, at: float) -> Spell | None:
        """What is happening to the server, if anything."""
        return next((spell for spell in self.spells if spell.start <= at < spell.end), None)

    def booted(self, at: float) -> int:
        """When it last booted; the era begins with a boot."""
        boots = [spell.end for spell in self.spells if spell.kills]
        return boots[max(bisect_right(boots, at) - 1, 0)]

    def boot_id(self, at: float) -> str:
        """The boot id of the kernel that runs at a time."""
        import uuid

        name = f"{self.spec.name}/{self.seed}/{self.booted(at)}"
        return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))

    def worked(self, jobs: Ints, times: Floats) -> Floats:
        """The integral of each job's level (0.5 to 1) from its beginning to its time."""
        noise = swell_integral(self.keys[jobs], times) - self._began[jobs]
        return _STEADY * (times - self.starts[jobs]) + _WAVE * noise

    def level(self, jobs: Ints, times: Floats) -> Floats:
        """The level each job works at, 0.5 to 1 of its rates."""
        return _STEADY + _WAVE * swell(self.keys[jobs], times)

    def running(self, times: Floats) -> tuple[Ints, Ints]:
        """Pairs of (job, position in the sorted ``times``) in which the job runs."""
        first = np.searchsorted(times, self.starts, "left")
        last = np.searchsorted(times, self.ends, "left")
        lengths = last - first
        jobs = np.repeat(np.arange(len(self.jobs)), lengths)
        begins = np.repeat(first - (np.cumsum(lengths) - lengths), lengths)
        return jobs, np.arange(lengths.sum()) + begins

    def ended_since_boot(self, times: Floats) -> Floats:
        """What the jobs that have ended since boot have used in all: a row of RATES per time."""
        now = np.searchsorted(self._ended, times, "right")
        boot = np.searchsorted(self._ended, float(self.booted(times[0])), "right")
        found: Floats = self._sums[now] - self._sums[boot]
        return found

    def latest_on(self, index: int, times: Floats) -> Ints:
        """The last job that has begun on a device by each time; -1 where there is none."""
        jobs = self._on_device[index]
        if jobs.size == 0:
            return np.full(times.shape, -1)
        position = np.searchsorted(self.starts[jobs], times, "right") - 1
        return np.where(position >= 0, jobs[np.maximum(position, 0)], -1)

    def integral_on(self, index: int, times: Floats, rates: Floats) -> Floats:
        """What the jobs of a device have used by each time, at a constant rate for each job."""
        jobs = self._on_device[index]
        if jobs.size == 0:
            return np.zeros(times.shape)
        used = rates[jobs] * (self.ends[jobs] - self.starts[jobs])
        sums = np.concatenate([[0.0], np.cumsum(used)])
        begun = np.searchsorted(self.starts[jobs], times, "right")
        last = jobs[np.maximum(begun - 1, 0)]
        running = rates[last] * (np.minimum(times, self.ends[last]) - self.starts[last])
        total: Floats = np.where(begun > 0, sums[np.maximum(begun - 1, 0)] + running, 0.0)
        return total


def _rates(jobs: tuple[Job, ...], keys: npt.NDArray[np.uint64], cores: Floats) -> Floats:
    nice = np.where(uniform(keys, 1) < 0.15, 0.9, 0.0)
    reading = 2 * _MB * 10 ** (1.6 * uniform(keys, 2) - 0.5)
    writing = 0.4 * _MB * 10 ** (1.4 * uniform(keys, 3) - 0.7)
    network = 1.5 * _MB * 10 ** (2.2 * uniform(keys, 4) - 1.0)
    system = 0.03 + 0.09 * uniform(keys, 5)
    waiting = 0.06 * uniform(keys, 6) ** 2
    work = 1 - system - waiting
    shares = [work * (1 - nice), work * nice, system, waiting]
    shares += [reading, writing, network, 0.3 * network * uniform(keys, 7)]
    if not jobs:
        return np.zeros((0, len(RATES)))
    rates: Floats = np.stack(shares, axis=1) * cores[:, None]
    return rates


def _resident(
    spec: ServerSpec, jobs: tuple[Job, ...], keys: npt.NDArray[np.uint64], cores: Floats
) -> Floats:
    """Resident memory: in proportion to the cores, so that it always fits into the server."""
    part = 0.8 * spec.memory_bytes * cores / spec.cpus * (0.25 + 0.75 * uniform(keys, 8))
    idle = np.array([0.0 if job.user is None else 1.2e9 for job in jobs])
    resident: Floats = np.maximum(part, idle)
    return resident
