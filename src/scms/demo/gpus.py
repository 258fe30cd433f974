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
_HOT_CELSIUS: Final = 83.0
#: Bits of NVML: what holds the clock back.
_IDLE: Final = 0x1
_POWER_LIMIT: Final = 0x4
_TOO_HOT: Final = 0x20
#: The memory clock of cards that have a display, when nothing runs.
_RESTING_HERTZ: Final = 4.05e8
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
        self._corrected = np.floor(3 * uniform(self._keys[:, 0], 3) ** 3).astype(np.int64).tolist()
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
        limited = np.where(power > 0.985 * self._model.limit_watts, _POWER_LIMIT, 0)
        hot = np.where(temperature > _HOT_CELSIUS, _TOO_HOT, 0)
        columns = [
            np.round(busy).astype(np.int64).tolist(),
            np.round(busy * self._moving[jobs]).astype(np.int64).tolist(),
            self._memory[jobs].tolist(),
            np.round(power, 2).tolist(),
            np.round(temperature).astype(np.int64).tolist(),
            clock.tolist(),
            np.where(busy > 0, limited + hot, _IDLE).tolist(),
            np.round(self._energy(times)).tolist(),
            jobs.tolist(),
        ]
        rows = [self._rows(n, *values) for n, values in enumerate(zip(*columns, strict=True))]
        self._add_faults(times, rows)
        return [list(devices) for devices in zip(*rows, strict=True)]

    def _rows(self, index: int, *columns: list[float]) -> list[dict[str, object]]:
        """One device over time."""
        uuid, model, limit = self._history.uuids[index], self._model, self._model.limit_watts
        stacked = model.stacked_memory
        return [
            {
                "uuid": uuid,
                "index": index,
                "name": model.name,
                "utilization": busy,
                "memory_utilization": moving,
                "memory_used": held,
                "memory_total": model.memory_bytes,
                "memory_free": model.memory_bytes - held,
                "memory_reserved": _RESERVED,
                "power": power,
                "power_limit": limit,
                "temperature": temperature,
                "memory_temperature": temperature + 7 if stacked else None,
                "sm_clock": clock,
                "memory_clock": model.memory_clock_hertz if busy or stacked else _RESTING_HERTZ,
                "performance_state": 0 if busy or stacked else 8,
                "throttle": throttle,
                "encoder": 0,
                "decoder": 0,
                "energy": energy,
                "fault": None,
                "processes": self._processes[int(job)][index] if job >= 0 else [],
            }
            for busy, moving, held, power, temperature, clock, throttle, energy, job in zip(
                *columns, strict=True
            )
        ]

    def facts(self, devices: list[dict[str, object]]) -> dict[str, dict[str, object]]:
        """What hardly changes of devices as `devices` gives them, by UUID, but of lost ones."""
        return {
            str(device["uuid"]): self._facts(int(str(device["index"])), device)
            for device in devices
            if device["power"] is not None
        }

    def _facts(self, index: int, device: dict[str, object]) -> dict[str, object]:
        model, busy = self._model, bool(device["utilization"])
        counts = not model.fan
        warm = float(str(device["temperature"]))
        generation = model.pcie_generation if busy or counts else 1
        traffic = 4.2e7 * float(str(device["memory_utilization"]))
        return {
            "pci_bus": f"00000000:{0x17 + 0x22 * (index // 2) + index % 2:02X}:00.0",
            "sm_clock_max": model.clock_hertz,
            "memory_clock_max": model.memory_clock_hertz,
            "power_limit": model.limit_watts,
            "fan": round(max(30.0, 1.1 * warm - 12)) if model.fan else None,
            "ecc": [self._corrected[index], 0, 3 * self._corrected[index], 0] if counts else None,
            "retired_pages": 0 if counts and model.nvlinks == 6 else None,
            "remapped_rows": 0 if counts and model.nvlinks != 6 else None,
            "pcie": [generation, 16, 0],
            "pcie_throughput": [traffic, 0.4 * traffic],
            "nvlink": [model.nvlinks, 0] if model.nvlinks else None,
            "persistence": counts,
            "compute_mode": 0,
            "mig": False if model.nvlinks > 6 else None,
        }

    def _energy(self, times: Floats) -> Floats:
        """Joules since the driver was loaded, at boot; a row per device."""
        model, booted = self._model, np.array([float(self._history.booted(float(times[0])))])
        span = (model.limit_watts - model.idle_watts) * self._effort
        watts = span * (self._level / 100) ** 0.8
        return np.stack(
            [
                self._history.integral_on(n, times, watts)
                - self._history.integral_on(n, booted, watts)
                + model.idle_watts * (times - booted)
                for n in range(len(self._keys))
            ]
        )

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
