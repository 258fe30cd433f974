"""Lays a recording of other days into the warehouse: a checked trace in, rollup rows out.

What is imported is use per quarter of an hour, of GPUs that are numbered, not known: device
``import:<server>:<n>`` is the n-th GPU that was taken. It lies before everything that a collector
has seen, so that no rollup is ever made anew over it. Each commit says in a table property through
which day a recording is in: a run that was broken off goes on there, and a second run of the same
recording changes nothing. Its servers stand in ``server_dimension`` with collector ``import``.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from scms.errors import WarehouseError
from scms.importing.rows import COLLECTOR, rollup_rows
from scms.warehouse.read import FLOOR, day_start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scms.forecast.trace import Trace
    from scms.warehouse import Warehouse

#: Table property: by recording, the last day that is in.
PROPERTY: Final = "scms.imported"
#: Days of one commit; bounds the memory.
_DAYS: Final = 4
_FACTS: Final = ("server_sample", "device_sample")
_TABLES: Final = ("server_15m", "device_15m")


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did.

    Attributes:
        servers: How many servers the recording has.
        start: Of its first step.
        end: Of its last step.
        rows: How many rows were written, by table; none where the recording was there already.
        gpu_hours_used: GPU-hours taken, of the whole recording.
        gpu_hours_observed: GPU-hours observed.
    """

    servers: int
    start: datetime
    end: datetime
    rows: dict[str, int]
    gpu_hours_used: float
    gpu_hours_observed: float


def import_trace(
    trace: Trace,
    warehouse: Warehouse,
    *,
    now: datetime,
    progress: Callable[[float], None] | None = None,
) -> Imported:
    """Write a recording into the rollups, as far as it is not there.

    Args:
        trace: What was recorded.
        warehouse: Where to.
        now: The clock; aware. Only days that are over are taken.
        progress: Told the share that is done, from 0 to 1.

    Raises:
        WarehouseError: It has days that a collector watched, or a server that is there for that
            time from elsewhere; or the warehouse cannot be written.
    """
    identity = _identity(trace)
    warehouse.ensure_tables()
    done = {name: _through(warehouse, name, identity) for name in _TABLES}
    if all(through is None for through in done.values()):
        _check_days(trace, warehouse, now)
        _check_servers(trace, warehouse)
    rows = dict.fromkeys(_TABLES, 0)
    pieces = list(_pieces(trace))
    for number, (first, last) in enumerate(pieces, start=1):
        for name in _TABLES:
            through = done[name]
            if through is None or last > through:
                said = json.dumps({**_said(warehouse, name), identity: str(last)}, sort_keys=True)
                made = rollup_rows(name, trace, first, last)
                rows[name] += warehouse.append(name, made, {PROPERTY: said})
        if progress is not None:
            progress(number / len(pieces))
    _dimension(trace, warehouse, identity)
    return _imported(trace, rows)


def _imported(trace: Trace, rows: dict[str, int]) -> Imported:
    import numpy as np

    known = ~np.isnan(trace.busy)
    hours = trace.step_seconds / 3600
    return Imported(
        servers=len(trace.servers),
        start=datetime.fromtimestamp(trace.start, UTC),
        end=datetime.fromtimestamp(trace.end, UTC),
        rows=rows,
        gpu_hours_used=float(np.nansum(trace.busy)) * hours,
        gpu_hours_observed=float((known * trace.total[:, None]).sum()) * hours,
    )


def _identity(trace: Trace) -> str:
    """The same for the same recording, in whatever file and order it comes."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(json.dumps([trace.servers, trace.start, trace.step_seconds]).encode())
    digest.update(trace.total.astype("<i8").tobytes())
    # Single precision is what survives a way through CSV and Parquet alike.
    digest.update(trace.busy.astype("<f4").tobytes())
    return digest.hexdigest()


def _said(warehouse: Warehouse, name: str) -> dict[str, str]:
    said: dict[str, str] = json.loads(warehouse.state(name).property(PROPERTY) or "{}")
    return said


def _through(warehouse: Warehouse, name: str, identity: str) -> date | None:
    said = _said(warehouse, name).get(identity)
    return None if said is None else date.fromisoformat(said)


def _days(trace: Trace) -> tuple[date, date]:
    """Its first and its last day, UTC."""
    first = datetime.fromtimestamp(trace.start, UTC).date()
    return first, datetime.fromtimestamp(trace.end - 1, UTC).date()


def _check_days(trace: Trace, warehouse: Warehouse, now: datetime) -> None:
    """Refuse days that are not over, and those of which rollups may be made anew."""
    first, last = _days(trace)
    if last >= now.astimezone(UTC).date():
        raise WarehouseError(
            f"the recording goes on to {last}", expected="days that are over (UTC)"
        )
    for name in _FACTS:
        state = warehouse.state(name)
        floor = state.property(FLOOR)
        watched = sorted(state.rows_by_day())
        begin = date.fromisoformat(floor) if floor is not None else None
        begin = watched[0] if begin is None and watched else begin
        if begin is not None and last >= begin:
            raise WarehouseError(
                f"the recording has days from {max(first, begin)} to {last}, and from {begin} on "
                "collectors have watched",
                expected="days before that",
                mend="leave these days out of the file, or import into a warehouse of its own",
            )


def _check_servers(trace: Trace, warehouse: Warehouse) -> None:
    """Refuse a server that is there already for a part of that time."""
    import pyarrow.compute as pc

    first, last = _days(trace)
    state = warehouse.state("server_15m")
    files = state.between(day_start(first), day_start(last + timedelta(days=1)))
    if not files:
        return
    there = state.arrow(files, columns=["server", "starts_at"], servers=list(trace.servers))
    begin, end = (datetime.fromtimestamp(edge, UTC) for edge in (trace.start, trace.end))
    within = pc.and_(pc.greater_equal(there["starts_at"], begin), pc.less(there["starts_at"], end))
    names = sorted(pc.unique(there.filter(within)["server"]).to_pylist())
    if names:
        some = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        raise WarehouseError(
            f"there are rows of {some} between {first} and {last} already, from elsewhere",
            expected="servers and times that are new",
            mend="give these servers other names, or leave them out",
        )


def _pieces(trace: Trace) -> Iterator[tuple[date, date]]:
    """Its days, a few at a time: first and last; no piece is over the turn of a month."""
    day, last = _days(trace)
    while day <= last:
        ahead = min(day + timedelta(days=_DAYS - 1), last)
        while (ahead.year, ahead.month) != (day.year, day.month):
            ahead -= timedelta(days=1)
        yield day, ahead
        day = ahead + timedelta(days=1)


def _dimension(trace: Trace, warehouse: Warehouse, identity: str) -> None:
    """Its servers in the dimension of servers, marked as imported."""
    name = "server_dimension"
    if _through(warehouse, name, identity) is not None:
        return
    rows: list[dict[str, object]] = [
        {
            "server": server,
            "valid_from": trace.start * 1000,
            "valid_to": trace.end * 1000,
            "gpu_count": int(total),
            "simulated": False,
            "collector": COLLECTOR,
        }
        for server, total in zip(trace.servers, trace.total, strict=True)
    ]
    said = json.dumps({**_said(warehouse, name), identity: str(_days(trace)[1])}, sort_keys=True)
    warehouse.append(name, rows, {PROPERTY: said})
