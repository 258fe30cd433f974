"""How a report asks the views: a relation and a period in, its rows out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import pandas as pd

    from scms.reports.period import Period

#: Columns of our relations that hold words, lists, moments or yes and no.
_NO_NUMBERS: Final = (
    *("server", "device", "device_name", "user", "group", "tag", "tags", "model", "measure"),
    *("hour", "day", "starts_at", "simulated"),
)


class Query(Protocol):
    """Runs SQL over the views and returns a frame, as `scms.views.Views.frame` does."""

    def __call__(
        self,
        sql: str,
        params: Mapping[str, Any] | None = None,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> pd.DataFrame:
        """Rows of ``sql``; ``start`` and ``end`` say which time it is about."""


def asked(
    query: Query, relation: str, period: Period, *, now: datetime, rest: str = "", **params: object
) -> pd.DataFrame:
    """The rows of a relation of warehouse/views that takes a period.

    Args:
        query: Runs SQL over the views.
        relation: Its name, one of ours.
        period: What to look at, as far as it has passed.
        now: The clock; aware.
        rest: What follows FROM, with ``$names`` for values.
        params: Their values.
    """
    start, end = period.start, period.until(now)
    frame = query(
        f"SELECT * FROM {relation}($period_start, $period_end) {rest}",  # noqa: S608  our own names
        {"period_start": start, "period_end": end, **params},
        start=start,
        end=end,
    )
    for column in frame.columns.difference([*_NO_NUMBERS]):
        frame[column] = frame[column].astype("float64")
    for column in {"hour", "day"} & set(frame.columns):
        frame[column] = frame[column].dt.tz_convert(period.zone)
    return frame
