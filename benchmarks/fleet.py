"""What GPUs of a lab say, minute by minute, made up: about two thirds busy, jobs of some hours.

In: how many, a day, a seed. Out: arrays of (GPUs, ticks), in the resolution in which NVML measures:
whole percent, whole degrees, MHz, MiB, and watts and joules rounded to a tenth and to one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

GPUS = 8
DAY_SECONDS = 86400
FIRST_DAY = 1_790_000_000 // DAY_SECONDS * DAY_SECONDS


@dataclass(frozen=True)
class Day:
    """One day: ``times`` in seconds, and each metric as (GPU, tick)."""

    times: NDArray[np.int64]
    metrics: dict[str, NDArray[np.float64]]
    busy: NDArray[np.bool_]

    @property
    def gpus(self) -> int:
        return len(self.busy)

    @property
    def rows(self) -> int:
        return int(self.busy.size)

    @property
    def values(self) -> int:
        return self.rows * len(self.metrics)


def server_of(gpu: int) -> str:
    return f"gpu{gpu // GPUS:04}"


def device_of(gpu: int) -> str:
    return f"GPU-{gpu:08x}-5c1e-4b1d"


def made(servers: int, *, day: int = 0, step: int = 60, seed: int = 1) -> Day:
    """A day of so many servers with 8 GPUs, a tick every ``step`` seconds."""
    chance = np.random.default_rng((seed, day))
    count, ticks = servers * GPUS, DAY_SECONDS // step
    busy, job = _jobs(chance, count, ticks, step)
    level = (job * 7919 % 60 + 40) / 100
    percent = np.clip(np.round(100 * level + chance.normal(0, 4, busy.shape)), 0, 100) * busy
    power = np.where(
        busy,
        90 + 5.6 * percent + chance.normal(0, 4, busy.shape),
        62 + chance.normal(0, 0.4, busy.shape),
    )
    warm = power.copy()
    for tick in range(1, ticks):
        warm[:, tick] = 0.9 * warm[:, tick - 1] + 0.1 * power[:, tick]
    slower = 15e6 * np.round(np.clip(chance.normal(1, 1.2, busy.shape), 0, 8))
    since = chance.integers(10**8, 10**9, (count, 1)) + day * 3e7
    whole = np.ones(busy.shape)
    metrics = {
        "gpu_utilization_ratio": percent / 100,
        "memory_bandwidth_utilization_ratio": np.round(0.45 * percent) / 100,
        "memory_used_bytes": np.where(busy, job * 104729 % 70 * 1024 + 1024, 3) * 1024.0**2,
        "memory_total_bytes": 85899345920 * whole,
        "power_watts": np.round(power, 1),
        "power_limit_watts": 700 * whole,
        "temperature_celsius": np.round(28 + 0.065 * warm),
        "sm_clock_hertz": np.where(busy, 1980e6 - slower, 345e6),
        "memory_clock_hertz": np.where(busy, 2619e6, 405e6),
        "process_count": busy * 1.0,
        "energy_counter_joules": np.round(np.cumsum(power * step, axis=1) + since),
        "pcie_generation": np.where(busy, 5.0, 1.0),
        "pcie_width": 16 * whole,
        "ecc_corrected_count": 0 * whole,
        "retired_page_count": 0 * whole,
    }
    start = FIRST_DAY + day * DAY_SECONDS
    return Day(start + step * np.arange(ticks), metrics, busy)


def _jobs(
    chance: np.random.Generator, count: int, ticks: int, step: int
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    busy, job = np.zeros((count, ticks), np.bool_), np.zeros((count, ticks), np.int64)
    minutes = step / 60
    for gpu in range(count):
        tick, works = 0, chance.random() < 0.66
        while tick < ticks:
            length = max(5, int(chance.exponential(420 if works else 200) / minutes))
            busy[gpu, tick : tick + length] = works
            job[gpu, tick : tick + length] = chance.integers(1, 1000)
            tick += length
            works = not works
    return busy, job


def device_rows(day: Day) -> pa.Table:
    """The day as rows of ``device_sample``, GPU by GPU."""
    import pyarrow as pa

    from scms.tables import DEVICE_SAMPLE
    from scms.warehouse.rows import arrow_schema

    schema = arrow_schema(DEVICE_SAMPLE)
    ticks = len(day.times)
    gpu = np.repeat(np.arange(day.gpus, dtype=np.int32), ticks)
    names = {
        "server": [server_of(number) for number in range(day.gpus)],
        "device": [device_of(number) for number in range(day.gpus)],
    }
    columns: dict[str, object] = {
        name: pa.DictionaryArray.from_arrays(pa.array(gpu), pa.array(texts)).cast(pa.string())
        for name, texts in names.items()
    }
    times = np.tile(day.times, day.gpus) * 1_000_000
    columns["sampled_at"] = pa.array(times, pa.timestamp("us", tz="UTC"))
    columns["observed_seconds"] = pa.array(np.full(day.rows, float(day.times[1] - day.times[0])))
    words = pa.DictionaryArray.from_arrays(
        pa.array(day.busy.ravel().astype(np.int8)), pa.array(["free", "busy"])
    )
    columns["state"] = words.cast(pa.string())
    for name, values in day.metrics.items():
        columns[name] = pa.array(values.ravel()).cast(schema.field(name).type)
    return pa.table(
        {field.name: columns.get(field.name, pa.nulls(day.rows, field.type)) for field in schema},
        schema=schema,
    )
