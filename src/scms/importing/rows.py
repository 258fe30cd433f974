"""The rows of a recording: a trace and some days in, Arrow tables of the rollups out.

A step holds its mean for as long as it lasts, so that steps of any length, also those that do not
end with a quarter of an hour, give the same sums. What was not observed has no row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from scms.warehouse.read import day_start

if TYPE_CHECKING:
    from datetime import date

    import numpy as np
    import pyarrow as pa

    from scms.forecast.trace import Trace

    FloatArray = np.ndarray[Any, np.dtype[np.float64]]

COLLECTOR: Final = "import"
_BIN_SECONDS: Final = 900
_DAY_SECONDS: Final = 86_400


def rollup_rows(name: str, trace: Trace, first: date, last: date) -> pa.Table:
    """The rows of a rollup for some days.

    Args:
        name: ``server_15m`` or ``device_15m``.
        trace: What was recorded.
        first: The first day, UTC.
        last: The last day, UTC.
    """
    import numpy as np

    begin = int(day_start(first).timestamp())
    count = ((last - first).days + 1) * _DAY_SECONDS // _BIN_SECONDS
    edges = begin + np.arange(count + 1) * _BIN_SECONDS
    known = ~np.isnan(trace.busy)
    observed = np.stack([_integral(trace, row.astype(np.float64), edges) for row in known])
    make = _server_rows if name == "server_15m" else _device_rows
    return make(trace, edges[:-1], observed)


def _integral(trace: Trace, values: FloatArray, edges: Any) -> FloatArray:
    """Seconds times value in each bin, of values that hold for a step each."""
    import numpy as np

    steps = trace.start + np.arange(len(values) + 1) * trace.step_seconds
    total = np.concatenate([[0.0], np.cumsum(values) * trace.step_seconds])
    return np.diff(np.interp(edges, steps, total))


def _server_rows(trace: Trace, starts: Any, observed: FloatArray) -> pa.Table:
    import numpy as np
    import pyarrow as pa

    server, quarter = np.nonzero(observed > 0)
    seconds = observed[server, quarter]
    return pa.table(
        {
            "server": pa.array(np.array(trace.servers)[server], pa.string()),
            "starts_at": _times(starts[quarter]),
            "simulated": pa.array(np.zeros(len(server), dtype=bool)),
            "sample_count": _samples(trace, seconds),
            "observed_seconds": pa.array(seconds),
            "down_seconds": pa.array(np.zeros(len(server))),
            "gpu_count": pa.array(trace.total[server].astype(np.int64)),
        }
    )


def _device_rows(trace: Trace, starts: Any, observed: FloatArray) -> pa.Table:
    """The n-th GPU of a server is busy for the part of the load that is above n."""
    import pyarrow as pa

    parts = [
        _one_device(trace, row, number, starts, observed[row])
        for row in range(len(trace.servers))
        for number in range(int(trace.total[row]))
    ]
    return pa.concat_tables(parts)


def _one_device(trace: Trace, row: int, number: int, starts: Any, observed: FloatArray) -> pa.Table:
    import numpy as np
    import pyarrow as pa

    share = np.clip(np.nan_to_num(trace.busy[row], nan=0.0) - number, 0.0, 1.0)
    edges = np.append(starts, starts[-1:] + _BIN_SECONDS)
    seen = observed > 0
    seconds = observed[seen]
    busy = np.minimum(_integral(trace, share, edges)[seen], seconds)
    nothing = np.zeros(len(seconds))
    name = trace.servers[row]
    return pa.table(
        {
            "server": pa.array([name] * len(seconds), pa.string()),
            "device": pa.array([f"{COLLECTOR}:{name}:{number}"] * len(seconds), pa.string()),
            "starts_at": _times(starts[seen]),
            "device_index": pa.array(np.full(len(seconds), number)),
            "sample_count": _samples(trace, seconds),
            "observed_seconds": pa.array(seconds),
            "busy_seconds": pa.array(busy),
            "free_seconds": pa.array(seconds - busy),
            "idle_held_seconds": pa.array(nothing),
            "ghost_seconds": pa.array(nothing),
            "faulty_seconds": pa.array(nothing),
            "unknown_seconds": pa.array(nothing),
        }
    )


def _times(seconds: Any) -> pa.Array:
    import pyarrow as pa

    return pa.array(seconds * 1_000_000, pa.int64()).cast(pa.timestamp("us", tz="UTC"))


def _samples(trace: Trace, seconds: FloatArray) -> pa.Array:
    """How many steps a quarter of an hour is made of; at least one."""
    import numpy as np
    import pyarrow as pa

    return pa.array(np.maximum(np.ceil(seconds / trace.step_seconds), 1).astype(np.int64))
