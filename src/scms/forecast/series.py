"""Regular hourly series from the load table.

In: the frame of the view ``load_hourly``. Out: one `Series` per server on a gapless hourly grid,
where an hour that was not observed (gap, outage, too little coverage) is NaN: it is neither
dropped, which would shift the daily rhythm, nor zero, which would call an outage idle.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import pandas as pd

from scms.errors import ForecastError

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]

Measure = Literal["gpus_busy", "cpu_utilization_ratio"]

#: An hour observed for a smaller share than this is masked.
MINIMUM_COVERAGE_RATIO: Final = 0.5
#: Only the newest hours are used: older ones say little about tomorrow and cost time.
WINDOW_HOURS: Final = 60 * 24

_COLUMNS: Final = (
    "server",
    "ts",
    "gpus_busy",
    "gpu_count",
    "cpu_utilization_ratio",
    "coverage_ratio",
)


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """The load of one server, hour by hour.

    Attributes:
        server: Its name.
        measure: ``gpus_busy`` (GPUs not free, mean of the hour) or ``cpu_utilization_ratio``.
        first_hour: Hours between the epoch and the start of ``values[0]``, UTC.
        values: One per hour; NaN where unknown.
        capacity: The highest possible value: number of GPUs, or 1.
    """

    server: str
    measure: Measure
    first_hour: int
    values: FloatArray
    capacity: float

    @property
    def known_hours(self) -> int:
        """How many hours are known."""
        return int(np.count_nonzero(~np.isnan(self.values)))

    @property
    def coverage_ratio(self) -> float:
        """Share of the hours that are known."""
        return self.known_hours / len(self.values) if len(self.values) else 0.0

    def until(self, origin: int) -> Series:
        """What was known before hour ``origin`` of the series."""
        return replace(self, values=self.values[:origin])

    def last_known(self, origin: int) -> int | None:
        """Position of the newest known hour before ``origin``."""
        known = np.flatnonzero(~np.isnan(self.values[:origin]))
        return int(known[-1]) if len(known) else None

    def hours_of_day(self) -> IntArray:
        """The hour of the day, UTC, of each value."""
        return (self.first_hour + np.arange(len(self.values), dtype=np.int64)) % 24


def origin_hour(now: datetime) -> int:
    """Hours from the epoch to the start of the hour of ``now``, the first that is not over.

    Raises:
        ForecastError: ``now`` has no time zone.
    """
    if now.tzinfo is None:
        raise ForecastError(
            f"now is {now.isoformat()} without a time zone", expected="an aware datetime"
        )
    return int(now.timestamp() // 3600)


def hourly_series(
    load: pd.DataFrame,
    *,
    now: datetime,
    minimum_coverage_ratio: float = MINIMUM_COVERAGE_RATIO,
    window_hours: int = WINDOW_HOURS,
) -> list[Series]:
    """One series per server, sorted by name, ending with the last hour that is over at ``now``.

    Args:
        load: Columns ``server, ts`` (start of the hour, aware), ``gpus_busy, gpu_count,
            cpu_utilization_ratio, coverage_ratio``; at most one row per server and hour.
        now: The present, aware.
        minimum_coverage_ratio: Hours observed less than this are masked.
        window_hours: How far back a series reaches at most.

    Raises:
        ForecastError: A column is missing, times have no zone, or an hour appears twice.
    """
    origin = origin_hour(now)
    _check(load)
    hours = load["ts"].dt.tz_convert("UTC").dt.as_unit("s").astype("int64") // 3600
    keep = (hours < origin) & (hours >= origin - window_hours)
    part = load.loc[keep].assign(hour=hours[keep])
    _check_unique(part)
    return [
        _series(str(server), rows, origin, minimum_coverage_ratio)
        for server, rows in part.groupby("server", sort=True)
    ]


def _series(server: str, rows: pd.DataFrame, origin: int, minimum: float) -> Series:
    hour = rows["hour"].to_numpy(dtype=np.int64)
    count = _floats(rows, "gpu_count")[np.argsort(hour)]
    count = count[~np.isnan(count)]
    has_gpus = bool(len(count)) and bool(np.max(count) > 0)
    measure: Measure = "gpus_busy" if has_gpus else "cpu_utilization_ratio"
    capacity = float(count[count > 0][-1]) if has_gpus else 1.0
    first = int(hour.min())
    values = np.full(origin - first, np.nan)
    observed = _floats(rows, "coverage_ratio") >= minimum  # NaN compares false: masked
    values[hour[observed] - first] = np.clip(_floats(rows, measure)[observed], 0.0, capacity)
    return Series(server, measure, first, values, capacity)


def _floats(rows: pd.DataFrame, column: str) -> FloatArray:
    return rows[column].to_numpy(dtype=np.float64, na_value=np.nan)


def _check(load: pd.DataFrame) -> None:
    missing = [name for name in _COLUMNS if name not in load.columns]
    if missing:
        raise ForecastError(
            f"the load table has no column {', '.join(missing)}",
            expected=f"the columns {', '.join(_COLUMNS)}",
        )
    if not isinstance(load["ts"].dtype, pd.DatetimeTZDtype):
        raise ForecastError(
            f"column ts of the load table is {load['ts'].dtype}",
            expected="times with a time zone",
            mend="convert it with pandas.to_datetime(…, utc=True)",
        )


def _check_unique(part: pd.DataFrame) -> None:
    twice = part.duplicated(["server", "hour"])
    if twice.any():
        row = part.loc[twice].iloc[0]
        raise ForecastError(
            f"the load table has two rows for {row['server']} at {row['ts'].isoformat()}",
            expected="one row per server and hour",
        )
