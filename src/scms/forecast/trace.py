"""Recordings of other clusters, to judge forecasts and advice on.

In: a long table with a row per server and step: ``server, time, busy, total`` (also called ``ts``,
``busy_gpus``, ``total_gpus``), as Parquet or CSV. Out: a checked `Trace`, and from it the same
series and slots that the views give of our own past. A step that was not observed has no ``busy``;
a step without a row is a fault, because nobody can say whether it was idle, down or forgotten. A
time without a zone is UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from scms.errors import ForecastError
from scms.forecast.series import Series
from scms.forecast.spells import SLOT_SECONDS, SlotGrid

if TYPE_CHECKING:
    from scms.forecast.series import FloatArray, IntArray
    from scms.forecast.spells import BoolArray

_NAMES: Final = {"ts": "time", "busy_gpus": "busy", "total_gpus": "total"}
_COLUMNS: Final = ("server", "time", "busy", "total")
#: At most so many rows are named in a refusal.
_TOLD: Final = 5
_UNSEEN: Final = "a step that was not observed needs a row without busy"
_EXPECTED: Final = "columns server, time, busy, total; a row per server and step, evenly spaced"


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """A recording on one axis of time.

    Attributes:
        servers: Names, sorted; the rows.
        start: Epoch seconds of the first step.
        step_seconds: Length of a step.
        busy: GPUs taken, mean of the step: servers × steps; NaN where not observed.
        total: GPUs of each server.
    """

    servers: tuple[str, ...]
    start: int
    step_seconds: int
    busy: FloatArray
    total: IntArray

    @property
    def end(self) -> int:
        """Epoch seconds of the end of the last step."""
        return self.start + int(self.busy.shape[1]) * self.step_seconds

    def hourly(self) -> list[Series]:
        """The mean load of each hour; NaN where less than half of it was observed."""
        per_hour = 3600 // self.step_seconds
        skip = (-self.start % 3600) // self.step_seconds
        hours = (self.busy.shape[1] - skip) // per_hour
        part = self.busy[:, skip : skip + hours * per_hour]
        parts = part.reshape(len(self.servers), hours, per_hour)
        known = ~np.isnan(parts)
        sums = np.where(known, parts, 0.0).sum(axis=2)
        counts = known.sum(axis=2)
        means = np.where(2 * counts >= per_hour, sums / np.maximum(counts, 1), np.nan)
        first = -(-self.start // 3600)
        return [
            Series(name, "gpus_busy", first, means[row], float(self.total[row]))
            for row, name in enumerate(self.servers)
        ]

    def grid(self) -> SlotGrid:
        """GPUs free for the whole of each quarter of an hour; −1 where a part was not observed."""
        first = -(-self.start // SLOT_SECONDS)
        count = self.end // SLOT_SECONDS - first
        slots = (first + np.arange(count)) * SLOT_SECONDS - self.start
        taken = np.full((len(self.servers), count), -np.inf)
        begin = slots // self.step_seconds
        last = (slots + SLOT_SECONDS - 1) // self.step_seconds
        for ahead in range(int((last - begin).max(initial=0)) + 1):
            taken = np.maximum(taken, self.busy[:, np.minimum(begin + ahead, last)])
        free = self.total[:, None] - np.ceil(taken - 1e-6)
        grid = np.where(np.isnan(taken), -1, np.nan_to_num(free)).astype(np.int16)
        return SlotGrid(self.servers, grid, self.total)

    def used_at_least(self, ratio: float) -> Trace:
        """The servers of whose observed GPU time at least this share was used.

        Others are free whatever anybody says, and make every policy look good.

        Raises:
            ForecastError: There is none.
        """
        known = ~np.isnan(self.busy)
        time = np.maximum(known.sum(axis=1), 1) * self.total
        used = np.where(known, self.busy, 0.0).sum(axis=1) / time
        if not (used >= ratio).any():
            raise ForecastError(
                f"no server of the trace is used for {ratio:.0%} of the time or more",
                expected=f"at most {used.max():.0%}",
            )
        return self.only(used >= ratio)

    def only(self, keep: BoolArray) -> Trace:
        """The servers for which ``keep`` holds."""
        rows = np.flatnonzero(keep)
        names = tuple(self.servers[row] for row in rows)
        return Trace(names, self.start, self.step_seconds, self.busy[rows], self.total[rows])


def read_trace(path: Path | str) -> Trace:
    """Read and check a recording.

    Args:
        path: A ``.parquet`` or ``.csv`` file.

    Raises:
        ForecastError: The file cannot be read, or its rows cannot be used; the message names them
            by number, counted from 1 without the head.
    """
    file = Path(path)
    try:
        frame = pd.read_parquet(file) if file.suffix == ".parquet" else pd.read_csv(file)
    except (OSError, ValueError) as error:
        said = (isinstance(error, OSError) and error.strerror) or error
        raise ForecastError(
            f"{file} cannot be read: {said}", expected="a .parquet or .csv file"
        ) from error
    return trace_of(frame)


def trace_of(frame: pd.DataFrame) -> Trace:
    """Check a table and lay it on one axis of time.

    Raises:
        ForecastError: A column is missing, a value is negative or impossible, a step of a server
            appears twice or is missing; the message names the rows.
    """
    rows = _named(frame)
    _refuse(rows, rows["server"].isna() | rows["time"].isna(), "has no server or no time")
    busy, total = rows["busy"], rows["total"]
    _refuse(rows, busy < 0, "has a negative busy", mend=_UNSEEN)
    _refuse(rows, ~(total > 0) | (total % 1 != 0), "has a total that is no whole number above 0")
    _refuse(rows, busy > total + 1e-9, "has more busy than there are in total")
    _refuse(
        rows,
        rows.duplicated(["server", "time"]),
        "repeats a time of a server",
        mend="keep one row per server and time",
    )
    if busy.isna().all():
        raise ForecastError("no step of the trace was observed", expected="some rows with a busy")
    rows = rows.sort_values(["server", "time"], kind="stable")
    _refuse(
        rows,
        rows["total"] != rows.groupby("server")["total"].transform("first"),
        "changes the total of a server",
        mend="give a server another name from when it has other GPUs",
    )
    step = _step(rows)
    later = rows["time"].diff().where(rows["server"] == rows["server"].shift())
    _refuse(
        rows,
        later.notna() & (later != step),
        f"has a gap (its steps are {step} s)",
        where="before",
        mend=_UNSEEN,
    )
    start, end = int(rows["time"].min()), int(rows["time"].max())
    code, names = pd.factorize(rows["server"], sort=True)
    grid = np.full((len(names), (end - start) // step + 1), np.nan)
    place, off = np.divmod(rows["time"].to_numpy() - start, step)
    _refuse(rows, pd.Series(off != 0, index=rows.index), "leaves the steps of the other servers")
    grid[code, place] = rows["busy"].to_numpy(dtype=np.float64)
    count = rows.groupby("server", sort=True)["total"].first().to_numpy(dtype=np.int64)
    return Trace(tuple(str(name) for name in names), start, step, grid, count)


def _named(frame: pd.DataFrame) -> pd.DataFrame:
    """The four columns under their names, the time in epoch seconds."""
    rows = frame.rename(columns=_NAMES)
    missing = [name for name in _COLUMNS if name not in rows.columns]
    if missing:
        raise ForecastError(f"the trace has no column {', '.join(missing)}", expected=_EXPECTED)
    rows = rows[list(_COLUMNS)].reset_index(drop=True)
    if rows.empty:
        raise ForecastError("the trace has no rows", expected=_EXPECTED)
    times = pd.to_datetime(rows["time"], utc=True, errors="coerce", format="ISO8601")
    _refuse(
        rows,
        times.isna() & rows["time"].notna(),
        "has a time that cannot be read",
        mend="write times as 2026-11-23T10:00:00Z",
    )
    numbers = {}
    for name in ("busy", "total"):
        read = pd.to_numeric(rows[name], errors="coerce").astype("float64")
        _refuse(rows, read.isna() & rows[name].notna(), f"has a {name} that is no number")
        numbers[name] = read
    seconds = times.dt.as_unit("s").astype("int64").where(times.notna())
    return rows.assign(time=seconds, **numbers)


def _step(rows: pd.DataFrame) -> int:
    """The most common distance between two rows of a server, seconds."""
    later = rows["time"].diff().where(rows["server"] == rows["server"].shift()).dropna()
    step = int(later.mode().iloc[0]) if len(later) else 0
    if step <= 0 or 3600 % step or int(rows["time"].min()) % step:
        raise ForecastError(
            f"the rows of a server are {step} s apart",
            expected="steps that divide the hour, such as 10 min, and begin with it",
        )
    return step


def _refuse(
    rows: pd.DataFrame, bad: pd.Series, what: str, *, where: str = "in", mend: str | None = None
) -> None:
    """Refuse the trace where a row is bad, and say which."""
    if not bad.any():
        return
    numbers = sorted(int(index) + 1 for index in rows.index[bad])
    told = ", ".join(str(number) for number in numbers[:_TOLD])
    more = f" and {len(numbers) - _TOLD} more" if len(numbers) > _TOLD else ""
    word = "row" if len(numbers) == 1 else "rows"
    raise ForecastError(
        f"the trace {what} {where} {word} {told}{more}", expected=_EXPECTED, mend=mend
    )
