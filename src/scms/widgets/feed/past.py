"""The last quarter of an hour, shaped for the chart of all servers and the line on each card.

In: rows of ``lab.history()`` and a snapshot for the weights. Out: series of equal steps; a step
without a sample is a gap.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from scms.widgets.feed import headline

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from scms.live import Snapshot
    from scms.widgets.feed.frame import Buffers

    Rows = Sequence[Mapping[str, Any]]

WINDOW_SECONDS: Final = 900
STEP_SECONDS: Final = 10
_SPARK_POINTS: Final = 60
#: A tick may come a little late without being a gap.
_LEAST_REACH_SECONDS: Final = 20.0
_LOAD_NAMES: Final = ("gpu_utilization_ratio", "gpu_memory_ratio", "cpu_utilization_ratio")


@dataclass(frozen=True, slots=True)
class Past:
    """Load of all servers together: milliseconds shown as local time, and percentages."""

    time: list[float]
    gpu: list[float | None]
    gpu_memory: list[float | None]
    cpu: list[float | None]
    offset_ms: float

    @classmethod
    def of(cls, snapshot: Snapshot, offset_ms: float) -> Past:
        """The single point of a snapshot."""
        load = headline.load(snapshot)
        moment = snapshot.as_of.timestamp() * 1000 + offset_ms
        gpu, gpu_memory, cpu = (_percent(load[name]) for name in ("gpu", "gpu_memory", "cpu"))
        return cls([moment], [gpu], [gpu_memory], [cpu], offset_ms)

    def window(self) -> tuple[float, float]:
        """The 15 minutes that end with the last point, in milliseconds."""
        return self.time[-1] - WINDOW_SECONDS * 1000, self.time[-1]


def load_series(
    snapshot: Snapshot, history: Rows, now: Past, *, interval_seconds: float = 5.0
) -> Past:
    """The load of all servers in steps of 10 s, ending with the point of now.

    Servers weigh by their GPUs, their GPU memory and their CPUs, as in the tiles. A step in which
    less than half of what is known now was observed is a gap: as when a collector has just begun,
    the few that answered first are not all servers.
    """
    weights = {
        row["server"]: (row["gpus_total"], row["gpu_memory_total_bytes"], row["cpu_count"])
        for row in snapshot.servers
    }
    end = snapshot.as_of.timestamp()
    start = min((row["sampled_at"].timestamp() for row in history), default=end)
    count = int((end - start) // STEP_SECONDS)
    first = end - count * STEP_SECONDS
    steps = _in_steps([*weights], history, first, STEP_SECONDS, count, interval_seconds)
    series: list[list[float | None]] = []
    for n, name in enumerate(_LOAD_NAMES):
        pairs = [
            [(None if row is None else row[name], weights[server][n]) for row in rows]
            for server, rows in steps.items()
        ]
        whole = sum(weights[server][n] or 0 for server in steps)
        series.append([_percent(_of_all(step, whole)) for step in zip(*pairs, strict=True)])
    return Past(
        [(first + n * STEP_SECONDS) * 1000 + now.offset_ms for n in range(count)] + now.time,
        series[0] + now.gpu,
        series[1] + now.gpu_memory,
        series[2] + now.cpu,
        now.offset_ms,
    )


def _of_all(step: Sequence[tuple[float | None, float | None]], whole: float) -> float | None:
    observed = sum(weight or 0 for value, weight in step if value is not None)
    return headline.weighted(step) if 2 * observed >= whole else None


def sparks(
    servers: Rows, history: Rows, as_of: datetime, buffers: Buffers, *, interval_seconds: float
) -> dict[str, Any]:
    """The line on each card: GPU use (CPU where there is no GPU), 60 steps up to now.

    Returns ``start`` and ``step`` in milliseconds, ``points`` and a buffer of servers times points.
    """
    step = WINDOW_SECONDS / _SPARK_POINTS
    start = as_of.timestamp() - WINDOW_SECONDS
    names = [row["server"] for row in servers]
    steps = _in_steps(names, history, start, step, _SPARK_POINTS, interval_seconds)
    values: list[float | None] = []
    for server in servers:
        measure = "gpu_utilization_ratio" if server["gpus_total"] else "cpu_utilization_ratio"
        values += [None if row is None else row[measure] for row in steps[server["server"]]]
    return {
        "start": start * 1000,
        "step": step * 1000,
        "points": _SPARK_POINTS,
        "values": buffers.floats(values),
    }


def _in_steps(
    servers: Sequence[str],
    history: Rows,
    start: float,
    step: float,
    count: int,
    interval_seconds: float,
) -> dict[str, list[Mapping[str, Any] | None]]:
    """Per server the newest row of each step; after three intervals without one there is a gap."""
    reach = math.ceil(max(_LEAST_REACH_SECONDS, 3 * interval_seconds) / step)
    steps: dict[str, list[Mapping[str, Any] | None]] = {name: [None] * count for name in servers}
    for row in history:
        n = int((row["sampled_at"].timestamp() - start) // step)
        if row["server"] in steps and 0 <= n < count:
            steps[row["server"]][n] = row
    for rows in steps.values():
        last: Mapping[str, Any] | None = None
        age = 0
        for n, newer in enumerate(rows):
            last, age = (newer, 0) if newer is not None else (last, age + 1)
            rows[n] = last if age < reach else None
    return steps


def _percent(ratio: float | None) -> float | None:
    return None if ratio is None else ratio * 100
