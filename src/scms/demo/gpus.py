"""What the GPUs of a simulated server show at given times.

In: the history of a server and sorted times. Out: per time and device, the fields of the
protocol's ``devices``. Power follows the work, and temperature follows the power with a lag.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from scms.demo.noise import key_of, keys_of, swell, uniform

if TYPE_CHECKING:
    from scms.demo.history import History, Ints
    from scms.demo.jobs import Job
    from scms.demo.noise import Floats
    from scms.demo.roster import GpuModel

_MIB: Final = 1024**2
#: What the driver keeps on a GPU that nobody holds.
_RESERVED: Final = 4 * _MIB
_CONTEXT: Final = 420 * _MIB
_WARMING_SECONDS: Final = 150.0
_COOLING_SECONDS: Final = 240.0


class Gpus:
    """The devices of one server: constants of every job and device, worked out once.

    Arrays over jobs have one more entry at the end, for no job; -1 reads it. Arrays over devices
    and times have a row per device.
    """

    def __init__(self, history: History, model: GpuModel) -> None:
        self._history = history
        self._model = model
        jobs, keys = history.jobs, np.append(history.keys, np.uint64(0))
        trains = np.array([*(job.kind == "training" for job in jobs), False], dtype=bool)
        wasteful = uniform(keys, 21) < 0.18
        level = np.where(wasteful, 12 + 25 * uniform(keys, 22), 62 + 36 * uniform(keys, 22) ** 0.6)
        self._level = np.where(trains, level, 0.0)
        self._swing = 4 + 12 * uniform(keys, 23)
        self._cycle = 900 + 4200 * uniform(keys, 24)
        self._moving = 0.25 + 0.45 * uniform(keys, 25)
        self._effort = 0.62 + 0.38 * uniform(keys, 26)
        self._starts = np.append(history.starts, 0.0)
        self._ends = np.append(history.ends, 0.0)
        held = np.where(trains, 0.35 + 0.6 * uniform(keys, 27), 0.04 + 0.5 * uniform(keys, 27) ** 2)
        self._memory = (held * (model.memory_bytes - _CONTEXT) / _MIB).astype(np.int64) * _MIB
        self._memory += _CONTEXT
        self._memory[-1] = _RESERVED
        self._processes = [self._of_job(number, job) for number, job in enumerate(jobs)]
        count = history.spec.gpus
        device_keys = [key_of(history.seed, "gpu", history.spec.name, n) for n in range(count)]
        self._keys = keys_of(device_keys)[:, None]
        self._place = 0.4 * np.arange(count)[:, None]

    def _of_job(self, number: int, job: Job) -> dict[int, list[list[object]]]:
        """By device, the processes of a job; their pids follow one another."""
        pid, memory = self._history.pids[number], int(self._memory[number]) - 12 * _MIB
        return {
            index: []
            if job.user is None
            else [[pid + rank, job.user, job.command, memory, job.started_at]]
            for rank, index in enumerate(job.devices)
        }

    def devices(self, times: Floats) -> list[list[dict[str, object]]]:
        """For each time the list of devices, as the protocol has them."""
        latest = np.stack([self._history.latest_on(n, times) for n in range(len(self._keys))])
        active = (latest >= 0) & (times < self._ends[latest])
        jobs = np.where(active, latest, -1)
        waves = swell(self._keys[..., None] ^ np.arange(4, dtype=np.uint64), times[:, None])
        busy = self._utilization(jobs, times, waves[..., 0])
        power = self._power(jobs, busy, waves[..., 1])
        temperature = self._temperature(latest, times, power, waves[..., 2])
        rate = np.where(busy > 0, 0.97 + 0.03 * waves[..., 3], 0.15)
        clock = np.round(rate * self._model.clock_hertz / 15e6) * 15e6
        columns = [
            np.round(busy).astype(np.int64).tolist(),
            np.round(busy * self._moving[jobs]).astype(np.int64).tolist(),
            self._memory[jobs].tolist(),
            np.round(power, 2).tolist(),
            np.round(temperature).astype(np.int64).tolist(),
            clock.tolist(),
            jobs.tolist(),
        ]
        rows = [self._rows(n, *values) for n, values in enumerate(zip(*columns, strict=True))]
        self._add_faults(times, rows)
        return [list(devices) for devices in zip(*rows, strict=True)]

    def _rows(self, index: int, *columns: list[float]) -> list[dict[str, object]]:
        """One device over time."""
        uuid, model, limit = self._history.uuids[index], self._model, self._model.limit_watts
        return [
            {
                "uuid": uuid,
                "index": index,
                "name": model.name,
                "utilization": busy,
                "memory_utilization": moving,
                "memory_used": held,
                "memory_total": model.memory_bytes,
                "power": power,
                "power_limit": limit,
                "temperature": temperature,
                "sm_clock": clock,
                "fault": None,
                "processes": self._processes[int(job)][index] if job >= 0 else [],
            }
            for busy, moving, held, power, temperature, clock, job in zip(*columns, strict=True)
        ]

    def _add_faults(self, times: Floats, rows: list[list[dict[str, object]]]) -> None:
        for fault in self._history.faults:
            first, last = np.searchsorted(times, [fault.start, fault.end])
            for row in rows[fault.index][first:last]:
                row["fault"] = fault.what
                if "lost" in fault.what:  # NVML answers nothing but the error
                    kept = {"uuid", "index", "name", "fault"}
                    row.update(dict.fromkeys(row.keys() - kept))

    def _utilization(self, jobs: Ints, times: Floats, wave: Floats) -> Floats:
        """Work in percent, with a dip once a cycle (validation, checkpoints)."""
        level = self._level[jobs]
        cycle = self._cycle[jobs]
        dip = np.where((times - self._starts[jobs]) % cycle > 0.95 * cycle, 0.4, 1.0)
        work = np.clip((level + self._swing[jobs] * wave) * dip, 6.0, 100.0)
        return np.where(level > 0, work, 0.0)

    def _power(self, jobs: Ints, busy: Floats, wave: Floats) -> Floats:
        model = self._model
        span = (model.limit_watts - model.idle_watts) * self._effort[jobs]
        power = (model.idle_watts + span * (busy / 100) ** 0.8) * (1 + 0.04 * wave)
        return np.minimum(power, model.limit_watts)

    def _temperature(self, latest: Ints, times: Floats, power: Floats, wave: Floats) -> Floats:
        """Of the die in °C: it warms up after the beginning of a job and cools after its end."""
        room = 28 + 6 * uniform(self._keys, 1) + self._place + 1.2 * wave
        rise = 44 + 6 * uniform(self._keys, 2)
        since = np.maximum(times - self._starts[latest], 0.0)
        after = np.maximum(times - self._ends[latest], 0.0)
        left = self._level[latest] / 100 * self._effort[latest] * np.exp(-after / _COOLING_SECONDS)
        warm = power / self._model.limit_watts * (1 - np.exp(-since / _WARMING_SECONDS))
        heat: Floats = room + rise * np.where(after > 0, left, warm)
        return heat
