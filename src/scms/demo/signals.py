"""What the probe of a simulated server would say at given times: messages of protocol 1.

In: the history of a server, sorted times within one boot, and the interval. Out: the JSON objects
of the protocol. Every value is a function of the seed, the server and the time, counters included.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from scms.demo.gpus import Gpus
from scms.demo.history import RATES, History
from scms.demo.kernel import kernel_facts, scanned
from scms.demo.noise import Draw, key_of, keys_of, swell, swell_integral
from scms.demo.roster import GIB

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scms.demo.noise import Floats

#: How often file systems and processes are read, at least.
FILESYSTEM_SECONDS: Final = 60.0
SCAN_SECONDS: Final = 10.0
DEVICE_FACT_SECONDS: Final = 60.0
_TOP: Final = 10
_DAY: Final = 86400.0
_SWAP: Final = 8 * GIB
#: When the lab is busiest, in seconds after midnight UTC.
_PEAK: Final = 13 * 3600.0
_LOAD_KEYS: Final = np.array([3, 3, 3, 4], dtype=np.uint64)
_LOAD_LAGS: Final = np.array([0.0, 120.0, 400.0, 0.0])


class Signals:
    """Reads messages off the history of one server and era."""

    def __init__(self, history: History) -> None:
        self._history = history
        spec = history.spec
        self._gpus = None if spec.model is None else Gpus(history, spec.model)
        self._draw = Draw(key_of(history.seed, "server", spec.name))
        self._key = keys_of([key_of(history.seed, "background", spec.name)])
        modes = (0.5 + 0.004 * spec.cpus) * np.array([0.62, 0.02, 0.33, 0.03])
        flows = np.array([2.5e5, 4.0e5, 9.0e4, 7.0e4]) * self._draw.between("flows", 0.6, 1.8)
        self._background = np.concatenate([modes, flows])

    def hello(self, at: float, interval: float) -> dict[str, object]:
        """The first message of a session."""
        spec = self._history.spec
        return {
            "type": "hello",
            "protocol": 1,
            "hostname": spec.name,
            "kernel": "6.8.0-51-generic" if spec.gpus else "6.1.0-28-amd64",
            "python": "3.12.3" if spec.gpus else "3.11.2",
            "machine_id": f"{key_of(self._history.seed, spec.name):032x}",
            "boot_id": self._history.boot_id(at),
            "cpu_model": spec.cpu_model,
            "os": "Ubuntu 24.04.1 LTS" if spec.gpus else "Debian GNU/Linux 12 (bookworm)",
            "numa_nodes": 2 if spec.cpus > 64 else 1,
            "hidden_processes": False,
            "interval_seconds": interval,
            "time": at + self._offset(),
            "simulated": True,
        }

    def samples(self, times: Floats, interval: float) -> list[dict[str, object]]:
        """One message per time; all times within the same boot and era."""
        spec, booted = self._history.spec, self._history.booted(times[0])
        cpu, flows = self._counters(times, booted)
        scans, resident, cores, users = self._processes(times, interval)
        available = np.maximum(spec.memory_bytes * 0.97 - 3e9 - resident, 0.02 * spec.memory_bytes)
        waves = swell(self._key ^ _LOAD_KEYS, times[:, None] - _LOAD_LAGS)
        load = np.round(np.maximum(cores[:, None] + 0.35 + 0.3 * waves[:, :3], 0.02), 2)
        count = 170 + 4 * spec.cpus + 12 * users + 9 * waves[:, 3]
        logged_in = users * 0.6 + np.maximum(1.6 * _daily(times), 0.0)
        columns = zip(
            times.tolist(),
            cpu.tolist(),
            flows.tolist(),
            available.astype(np.int64).tolist(),
            load.tolist(),
            np.round(count).astype(np.int64).tolist(),
            np.round(logged_in).astype(np.int64).tolist(),
            self._filesystems(times, interval),
            scans,
            [[] for _ in scans] if self._gpus is None else self._gpus.devices(times),
            kernel_facts(spec, cores, flows, waves, available),
            strict=True,
        )
        return [self._sample(row, booted, interval) for row in columns]

    def _sample(
        self,
        row: tuple[Any, ...],
        booted: int,
        interval: float,
    ) -> dict[str, object]:
        at, cpu, flows, available, load, count, logged_in, filesystems, scan, devices, facts = row
        spec = self._history.spec
        up = round(at - booted, 3)
        message: dict[str, object] = {
            "type": "sample",
            "sequence": round(up / interval),
            "time": round(at + self._offset(), 3),
            "monotonic": up,
            "cpu_count": spec.cpus,
            "cpu": cpu,
            "load": load,
            "memory": {
                "total": spec.memory_bytes,
                "available": available,
                "cached": facts.pop("cached"),
                "swap_total": _SWAP,
                "swap_free": _SWAP - 12 * 1024**2,
            },
            "disk": flows[:2],
            "network": flows[2:],
            "uptime": up,
            "users_logged_in": logged_in,
            "process_count": count,
            **facts,
            **self._gpu(at, devices),
        }
        if filesystems is not None:
            message["filesystems"] = filesystems
        if scan is not None:
            message["processes"] = scan
            message.update(scanned(flows, facts["disk_operations"]))
        if self._gpus is not None and message["devices"] and _due(at, interval, _rarely(interval)):
            message["device_facts"] = self._gpus.facts(devices)
        return message

    def _offset(self) -> float:
        """The server's clock minus the true time."""
        return round(self._draw.between("clock", -0.02, 0.02), 4)

    def _gpu(self, at: float, devices: object) -> dict[str, object]:
        spec, spell = self._history.spec, self._history.spell(at)
        if spell is not None and not spell.silent:
            return {
                "gpu": {"problem": spell.reason, "driver": None, "age_seconds": None},
                "devices": None,
            }
        driver, age = (spec.driver, 0.05) if spec.gpus else (None, None)
        cuda = None if driver is None else "12.2" if driver.startswith("535") else "12.6"
        return {
            "gpu": {"problem": None, "driver": driver, "cuda": cuda, "age_seconds": age},
            "devices": devices,
        }

    def _counters(self, times: Floats, booted: int) -> tuple[Floats, Floats]:
        """CPU seconds in eight modes, and bytes read, written, received and sent, since boot."""
        jobs, position = self._history.running(times)
        used = self._history.ended_since_boot(times)
        worked = self._history.worked(jobs, times[position])
        np.add.at(used, position, worked[:, None] * self._history.rates[jobs])
        used = used + self._idling(times, booted)[:, None] * self._background
        up = times - booted
        user, nice, system, iowait = used[:, 0], used[:, 1], used[:, 2], used[:, 3]
        irq, softirq = 0.002 * up, 0.004 * up
        idle = self._history.spec.cpus * up - user - nice - system - iowait - irq - softirq
        modes = (user, nice, system, idle, iowait, irq, softirq, np.zeros_like(up))
        cpu = np.round(np.stack(modes, axis=1), 2)
        return cpu, used[:, len(RATES) - 4 :].astype(np.int64)

    def _idling(self, times: Floats, booted: int) -> Floats:
        """The integral since boot of the level of everything but jobs: smooth, and daily."""
        start = np.array([float(booted)])

        def integral(at: Floats) -> Floats:
            turn = _DAY / (2 * math.pi)
            daily = 0.35 * turn * np.sin((at - _PEAK) / turn)
            noise: Floats = at + daily + 0.5 * swell_integral(self._key, at)
            return noise

        return integral(times) - integral(start)

    def _processes(
        self, times: Floats, interval: float
    ) -> tuple[list[object], Floats, Floats, Floats]:
        """Scans (None where not due), resident bytes, cores in use and users, for each time."""
        history = self._history
        jobs, position = history.running(times)
        order = np.argsort(position, kind="stable")
        jobs, position = jobs[order], position[order]
        window = max(interval, SCAN_SECONDS)
        now = times[position]
        before = np.maximum(now - window, history.starts[jobs])
        used = (history.worked(jobs, now) - history.worked(jobs, before)) / window
        used = np.round(used * history.cores[jobs], 3)
        resident = history.memory[jobs] * np.minimum(1.0, 0.3 + (now - history.starts[jobs]) / 600)
        total = np.bincount(position, resident, minlength=times.size).astype(np.float64)
        level = history.level(jobs, now) * history.cores[jobs]
        cores = np.bincount(position, level, minlength=times.size).astype(np.float64)
        edges = np.searchsorted(position, np.arange(times.size + 1)).tolist()
        lists = (jobs.tolist(), used.tolist(), resident.astype(np.int64).tolist())
        scans: list[object] = []
        users = []
        for number, at in enumerate(times.tolist()):
            part = slice(edges[number], edges[number + 1])
            found = [column[part] for column in lists]
            users.append(len({history.jobs[job].user for job in found[0]} - {None}))
            due = _due(at, interval, SCAN_SECONDS)
            scans.append(self._scan(found, at, window) if due else None)
        return scans, total, cores, np.array(users, dtype=np.float64)

    def _scan(self, found: Sequence[list[float]], at: float, window: float) -> dict[str, object]:
        history = self._history
        rows: list[list[object]] = []
        for number, cores, resident in zip(*found, strict=True):
            job = history.jobs[int(number)]
            if job.user is not None:
                pid, began = history.pids[int(number)], job.started_at
                rows.append([pid, job.user, job.command, cores, resident, began])
        rows.sort(key=lambda row: -float(str(row[3])))
        rest: dict[object, list[float]] = {}
        for row in rows[_TOP:]:
            sums = rest.setdefault(row[1], [0.0, 0.0])
            sums[0] += float(str(row[3]))
            sums[1] += float(str(row[4]))
        rows = rows[:_TOP]
        system = round(0.4 + 0.003 * history.spec.cpus * (1 + 0.3 * float(_daily(at))), 3)
        rest["root"] = [system, 2.6e9]
        rows += [[None, user, "", sums[0], int(sums[1]), None] for user, sums in rest.items()]
        return {"scan_seconds": window, "rows": rows}

    def _filesystems(self, times: Floats, interval: float) -> list[object]:
        """For each time the local file systems; None where they are not due."""
        due = [_due(at, interval, FILESYSTEM_SECONDS) for at in times.tolist()]
        if not any(due):
            return [None] * len(due)
        scratch = 14e12 if self._history.spec.memory_bytes > 400 * GIB else 3.6e12
        mounts: list[list[list[object]]] = []
        for mount, kind, size in (("/", "ext4", int(9.4e11)), ("/scratch", "xfs", int(scratch))):
            key = keys_of([key_of(self._history.seed, self._history.spec.name, mount)])
            share = self._draw.between(mount, 0.35, 0.8) + 0.12 * swell(key, times / 60)
            sizes = (size * share).astype(np.int64).tolist()
            mounts.append([[mount, kind, size, used, size - used] for used in sizes])
        rows = zip(*mounts, strict=True)
        return [list(row) if wanted else None for row, wanted in zip(rows, due, strict=True)]


def _due(at: float, interval: float, every: float) -> bool:
    """Whether something that is read this often is read at this tick."""
    return interval >= every or math.floor(at / every) != math.floor((at - interval) / every)


def _rarely(interval: float) -> float:
    """How often the slow facts of GPUs are told: in the past, once an hour is enough."""
    return DEVICE_FACT_SECONDS if interval < DEVICE_FACT_SECONDS else 3600.0


def _daily(times: Floats | float) -> Floats:
    """The rhythm of a day, from -1 to 1."""
    rhythm: Floats = np.cos((np.asarray(times) - _PEAK) * (2 * math.pi / _DAY))
    return rhythm
