"""What can be added up of use: a query function and a period in, tables of hours out.

The hours come from warehouse/views/usage_by_*.sql. Where only some servers or one user are meant,
the same files give them server by server, and the rows that are meant are added up here.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Final

from scms.errors import QueryError
from scms.reports.asking import Query, asked
from scms.reports.chosen import chosen_servers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import pandas as pd

    from scms.reports.period import Period

__all__ = [
    "ADDITIVE",
    "DIMENSIONS",
    "TIMES",
    "Query",
    "added_up",
    "asked",
    "by_model",
    "by_server",
    "by_user",
    "exploded",
    "over_time",
    "sums",
]

#: Of these a table has one row per part of the period.
TIMES: Final = ("hour", "day", "month", "weekday", "hour_of_day", "hour_of_week")
#: What a table of use can have one row per.
DIMENSIONS: Final = ("server", "device", "user", "group", "tag", "model", *TIMES)
#: Columns that can be added up over rows.
ADDITIVE: Final = (
    "server_count",
    "simulated_server_count",
    "gpu_count",
    "observed_hours",
    "down_hours",
    "expected_hours",
    "gpu_hours_observed",
    "gpu_hours_available",
    "gpu_hours_used",
    "gpu_hours_idle_held",
    "gpu_hours_free",
    "gpu_hours_utilized",
    "gpu_hours_measured",
    "gpu_hours_memory_held",
    "gpu_hours_down",
    "energy_kwh",
    "cpu_hours_available",
    "cpu_hours_used",
)
#: What can be told of a user.
_OF_USERS: Final = ("gpu_hours_used", "gpu_hours_idle_held", "cpu_hours_used")
_WHAT_ROWS_ARE: Final = (
    "server_count",
    "simulated_server_count",
    "observed_hours",
    "expected_hours",
)
#: Which relation has the time of each dimension server by server.
_FINER: Final = {"hour": "hour", "day": "day", "month": "day"} | dict.fromkeys(
    ("weekday", "hour_of_day", "hour_of_week"), "hour_of_week"
)


def sums(
    query: Query,
    period: Period,
    *,
    by: str,
    now: datetime,
    where: str = "",
    user: str | None = None,
) -> pd.DataFrame:
    """What `usage` is made of: the key and columns that can be added up.

    Arguments and errors are those of `scms.reports.metrics.usage`.
    """
    check_dimension(by)
    servers = None if where.strip() == "" else chosen_servers(query, period, where, now=now)
    if user is not None:
        return _of_user(query, period, by=by, now=now, servers=servers, user=user)
    if servers is None and by == "month":
        return over_time(asked(query, "usage_by_server_and_day", period, now=now), by)
    if servers is None:
        return asked(query, f"usage_by_{by}", period, now=now)
    return _of_servers(query, period, by=by, now=now, servers=servers)


def check_dimension(by: str) -> None:
    """Refuse what is none of `DIMENSIONS`.

    Raises:
        QueryError: It is none; the message names the nearest.
    """
    if by in DIMENSIONS:
        return
    near = difflib.get_close_matches(by, DIMENSIONS, n=1)
    raise QueryError(
        f"use cannot be had by {by!r}",
        expected=f"one of {', '.join(DIMENSIONS)}",
        mend=f'did you mean "{near[0]}"?' if near else None,
    )


def added_up(rows: pd.DataFrame, by: str) -> pd.DataFrame:
    """Rows added up by a key: null where every row is null; a null key is a row of its own."""
    columns = [column for column in ADDITIVE if column in rows.columns]
    return rows.groupby(by, dropna=False)[columns].sum(min_count=1).reset_index()


def _of_servers(
    query: Query, period: Period, *, by: str, now: datetime, servers: Sequence[str]
) -> pd.DataFrame:
    """The sums of some servers."""
    if by in TIMES:
        finer = asked(
            query,
            f"usage_by_server_and_{_FINER[by]}",
            period,
            now=now,
            rest="WHERE list_contains($servers, server)",
            servers=list(servers),
        )
        return over_time(finer, by)
    if by == "user":
        rows = asked(query, "usage_by_server_and_user", period, now=now)
        place = _of_servers(query, period, by="server", now=now, servers=servers)
        return by_user(rows[rows["server"].isin(list(servers))], place)
    table = "usage_by_device" if by in {"device", "model"} else "usage_by_server"
    rows = asked(query, table, period, now=now)
    rows = rows[rows["server"].isin(list(servers))].reset_index(drop=True)
    if by in {"server", "device"}:
        return rows
    if by == "model":
        return by_model(rows)
    return added_up(exploded(rows) if by == "tag" else rows, by)


def exploded(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per server and tag; a server without tags has one with null."""
    # A server that is not in the inventory has no list at all.
    listed = rows["tags"].map(lambda tags: list(tags) if hasattr(tags, "__len__") else [])
    tags = listed.map(lambda tags: tags or [None])
    return rows.assign(tag=tags).explode("tag", ignore_index=True)


def by_server(facts: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """The same as ``usage_by_server`` from rows over time, which spares a look at every device.

    Args:
        facts: The rows of ``report_servers``.
        rows: Those of ``usage_by_server_and_hour`` or ``…_day``.
    """
    summed = added_up(rows, "server").drop(columns="simulated_server_count")
    marks = rows.groupby("server", as_index=False)["simulated_server_count"].max()
    return facts.merge(summed, on="server").merge(marks, on="server")


def by_user(rows: pd.DataFrame, servers: pd.DataFrame) -> pd.DataFrame:
    """The rows of ``usage_by_server_and_user`` by user, with the coverage of all the servers."""
    frame = added_up(rows.assign(server_count=1.0), "user")
    for column in ("observed_hours", "expected_hours"):
        frame[column] = servers[column].sum()
    return frame.sort_values("gpu_hours_used", ascending=False, ignore_index=True)


def by_model(devices: pd.DataFrame) -> pd.DataFrame:
    """The rows of ``usage_by_device`` by model; a server with two of one model is one server."""
    rows = devices.rename(columns={"device_name": "model"})
    frame = added_up(rows, "model")
    simulated = rows[rows["simulated_server_count"] > 0]
    for column, some in (("server_count", rows), ("simulated_server_count", simulated)):
        counted = some.groupby("model", dropna=False)["server"].nunique()
        frame[column] = counted.reindex(frame["model"]).fillna(0).to_numpy(dtype="float64")
    return frame


def over_time(rows: pd.DataFrame, by: str) -> pd.DataFrame:
    """Rows by server and part of the time, added up over servers.

    Args:
        rows: Those of ``usage_by_server_and_hour``, ``…_day`` or ``…_hour_of_week``.
        by: ``hour``, ``day``, ``month`` (from days), ``weekday``, ``hour_of_day`` or
            ``hour_of_week``.
    """
    frame = added_up(_with_time(rows, by), by)
    place = rows.drop_duplicates("server")
    return frame.assign(
        server_count=float(len(place)),
        simulated_server_count=float(place["simulated_server_count"].sum()),
    )


def _of_user(
    query: Query,
    period: Period,
    *,
    by: str,
    now: datetime,
    servers: Sequence[str] | None,
    user: str,
) -> pd.DataFrame:
    """The sums of one user, with the coverage of where they could have been."""
    if by in {"device", "model"}:
        raise QueryError(
            f"the use of one user cannot be had by {by!r}: users are added up per server",
            expected=f"one of {', '.join(d for d in DIMENSIONS if d not in {'device', 'model'})}",
        )
    where = asked(query, "usage_by_server", period, now=now)
    chosen = where["server"].tolist() if servers is None else list(servers)
    frame = _of_servers(query, period, by=by, now=now, servers=chosen)
    if by == "user":
        return frame[frame["user"] == user].reset_index(drop=True)
    rows = asked(
        query,
        "usage_by_user_and_hour",
        period,
        now=now,
        rest='WHERE "user" = $user AND list_contains($servers, server)',
        user=user,
        servers=chosen,
    )
    facts = where[["server", "group", "tags"]].merge(_with_time(rows, by), on="server")
    used = added_up(exploded(facts) if by == "tag" else facts, by)
    wanted = dict.fromkeys((by, "group", "gpu_count", *_WHAT_ROWS_ARE))
    kept = [column for column in wanted if column in frame.columns]
    joined = frame[kept].merge(
        used[[by, *_OF_USERS]], on=by, how="left" if by in TIMES else "inner"
    )
    return _nothing_where_observed(joined) if by in TIMES else joined


def _with_time(rows: pd.DataFrame, by: str) -> pd.DataFrame:
    if by == "weekday":
        return rows.assign(weekday=rows["hour_of_week"] // 24 + 1)
    if by == "hour_of_day":
        return rows.assign(hour_of_day=rows["hour_of_week"] % 24)
    if by == "month":
        month = rows["day"].dt.tz_localize(None).dt.to_period("M").dt.to_timestamp()
        return rows.assign(month=month.dt.tz_localize(rows["day"].dt.tz))
    return rows


def _nothing_where_observed(frame: pd.DataFrame) -> pd.DataFrame:
    """Observed, and the user was not there: nothing. Not observed: not known."""
    seen = frame["observed_hours"] > 0
    return frame.assign(
        **{name: frame[name].where(frame[name].notna() | ~seen, 0.0) for name in _OF_USERS}
    )
