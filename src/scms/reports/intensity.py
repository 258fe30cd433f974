"""How hard servers worked: percentiles and peaks of a period, a row per server."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from scms.reports.sums import Query, asked

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd

    from scms.reports.period import Period

#: Histograms of a longer period take too long to add up while somebody waits.
LONGEST: Final = timedelta(days=101)
_MEASURES: Final = {
    "gpu_utilization_ratio": "gpu",
    "gpu_memory_ratio": "gpu_memory",
    "cpu_utilization_ratio": "cpu",
    "memory_ratio": "memory",
}


def intensity(
    query: Query, period: Period, servers: pd.DataFrame, *, now: datetime
) -> pd.DataFrame:
    """Percentiles and peaks of what servers did, in the order of ``servers``.

    Returns:
        ``server``, and of ``gpu`` (utilisation), ``gpu_memory`` (used in total device memory),
        ``cpu`` and ``memory`` (RAM) each ``…_p50_ratio``, ``…_p95_ratio`` and ``…_max_ratio``, the
        GPUs of a server together; ``coverage_ratio`` and ``simulated``. From the view
        ``utilization_percentiles``. No rows for periods over 101 days.
    """
    import pandas as pd

    if period.end - period.start > LONGEST:
        return pd.DataFrame()
    rows = asked(query, "utilization_percentiles", period, now=now)
    frame = servers[["server"]]
    for measure, short in _MEASURES.items():
        part = rows[rows["measure"] == measure].rename(
            columns={part: f"{short}_{part}_ratio" for part in ("p50", "p95", "max")}
        )
        frame = frame.merge(
            part.drop(columns=["measure", "known_seconds"]), on="server", how="left"
        )
    told = frame.drop(columns="server").notna().any(axis=1)
    facts = servers[["coverage_ratio", "simulated"]]
    return pd.concat([frame, facts], axis="columns")[told].reset_index(drop=True)
