"""The last quarter of an hour, shaped for the chart of all servers and the line on each card.

In: rows of ``lab.history()`` and a snapshot for the weights. Out: series of equal steps; a step
without a sample is a gap.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from scms.widgets import headline

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from scms.live import Snapshot
    from scms.widgets.frame import Buffers

WINDOW_SECONDS: Final = 900
_STEP_SECONDS: Final = 10
_SPARK_POINTS: Final = 60


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


def load_series(snapshot: Snapshot, history: Sequence[Mapping[str, Any]], now: Past) -> Past:
    """The load of all servers in steps of 10 s, ending with the point of now.

    Servers weigh by their GPUs, their GPU memory and their CPUs, as in the tiles.
    """
    weights = {
        row["server"]: (row["gpus_total"], row["gpu_memory_total_bytes"], row["cpu_count"])
        for row in snapshot.servers
    }
    steps: dict[int, dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for row in history:
        if row["server"] in weights:
            step = int(row["sampled_at"].timestamp() // _STEP_SECONDS)
            steps[step][row["server"]] = row  # the newest of a step stands for it
    last = int(snapshot.as_of.timestamp() // _STEP_SECONDS)
    names = ("gpu_utilization_ratio", "gpu_memory_ratio", "cpu_utilization_ratio")
    series: list[list[float | None]] = [[], [], []]
    time = []
    for step in range(min(steps, default=last), last):
        rows = steps.get(step, {})
        time.append(step * _STEP_SECONDS * 1000.0 + now.offset_ms)
        for n, name in enumerate(names):
            pairs = ((row[name], weights[server][n]) for server, row in rows.items())
            series[n].append(_percent(headline.weighted(pairs)))
    return Past(
        time + now.time,
        series[0] + now.gpu,
        series[1] + now.gpu_memory,
        series[2] + now.cpu,
        now.offset_ms,
    )


def sparks(
    servers: Sequence[Mapping[str, Any]],
    history: Sequence[Mapping[str, Any]],
    as_of: datetime,
    buffers: Buffers,
) -> dict[str, Any]:
    """The line on each card: GPU use (CPU where there is no GPU), 60 steps up to now.

    Returns ``start`` and ``step`` in milliseconds, ``points`` and a buffer of servers times points.
    """
    step = WINDOW_SECONDS / _SPARK_POINTS
    start = as_of.timestamp() - WINDOW_SECONDS
    measure = {
        row["server"]: "gpu_utilization_ratio" if row["gpus_total"] else "cpu_utilization_ratio"
        for row in servers
    }
    lines: dict[str, list[float | None]] = {name: [None] * _SPARK_POINTS for name in measure}
    for row in history:
        point = int((row["sampled_at"].timestamp() - start) // step)
        if row["server"] in lines and 0 <= point < _SPARK_POINTS:
            lines[row["server"]][point] = row[measure[row["server"]]]
    values = (value for line in lines.values() for value in line)
    return {
        "start": start * 1000,
        "step": step * 1000,
        "points": _SPARK_POINTS,
        "values": buffers.floats(values),
    }


def _percent(ratio: float | None) -> float | None:
    return None if ratio is None else ratio * 100
