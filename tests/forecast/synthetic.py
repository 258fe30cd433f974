"""Series and slots with known answers, as the views give them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from scms.forecast.series import Series

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

START = datetime(2026, 9, 1, tzinfo=UTC)
START_HOUR = int(START.timestamp() // 3600)


def series(values: Sequence[float] | NDArray[np.float64], capacity: float = 8.0) -> Series:
    return Series("gpu-1", "gpus_busy", START_HOUR, np.asarray(values, dtype=np.float64), capacity)


def daily(days: int, *, noise: float = 0.0, seed: int = 0) -> NDArray[np.float64]:
    """Four GPUs busy at the median, two more at noon UTC, two fewer at midnight."""
    hours = np.arange(days * 24)
    random = np.random.default_rng(seed).normal(0, 1, len(hours))
    return np.asarray(4 - 2 * np.cos(2 * np.pi * hours / 24) + noise * random)


def load(
    values: Mapping[str, Sequence[float] | NDArray[np.float64]], *, gpu_count: float = 8.0
) -> tuple[pd.DataFrame, datetime]:
    """The load table of servers that all began at START, and the end of it."""
    frames = [
        pd.DataFrame(
            {
                "server": name,
                "ts": pd.date_range(START, periods=len(path), freq="h"),
                "gpus_busy": np.asarray(path, dtype=np.float64),
                "gpu_count": gpu_count,
                "cpu_utilization_ratio": 0.5,
                "coverage_ratio": 1.0,
            }
        )
        for name, path in values.items()
    ]
    hours = max(len(path) for path in values.values())
    return pd.concat(frames, ignore_index=True), START + timedelta(hours=hours)


def slots(
    free: Mapping[str, Sequence[int] | NDArray[np.int64]], *, gpu_count: int = 1
) -> tuple[pd.DataFrame, datetime]:
    """The table of free slots; −1 means not observed. And the end of it."""
    frames = [
        pd.DataFrame(
            {
                "server": name,
                "starts_at": pd.date_range(START, periods=len(path), freq="15min"),
                "gpus_free": np.maximum(np.asarray(path), 0),
                "gpu_count": gpu_count,
                "observed": np.asarray(path) >= 0,
            }
        )
        for name, path in free.items()
    ]
    count = max(len(path) for path in free.values())
    return pd.concat(frames, ignore_index=True), START + timedelta(minutes=15 * count)


def markov(
    count: int, slot_count: int, *, end: float, begin: float, seed: int
) -> NDArray[np.int64]:
    """Servers with one GPU whose free spells end with chance ``end`` per slot, at any age."""
    random = np.random.default_rng(seed)
    state = np.ones((count, slot_count), dtype=np.int64)
    for slot in range(1, slot_count):
        chance = random.random(count)
        state[:, slot] = np.where(state[:, slot - 1] == 1, chance >= end, chance < begin)
    return state
