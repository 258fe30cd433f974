"""Makes a report of a period: a query function in, a `Report` out.

The findings and headlines are made of the tables that the report shows, never of anything else, so
that what is left out of the tables (names, for one audience) cannot come back in a sentence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scms.reports import (
    compare,
    findings,
    intensity,
    longtail,
    metrics,
    promises,
    room,
    sharing,
    sums,
    wear,
)
from scms.reports.document import Report
from scms.reports.headlines import headlines
from scms.reports.pictures import gpu_grid
from scms.reports.privacy import SHOWN
from scms.settings import PowerSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import pandas as pd

    from scms.reports.period import Period
    from scms.reports.privacy import Veil

#: Up to so many days a report shows hours, up to so many days, above months.
_MOST_DAYS_BY_HOUR: Final = 2
_MOST_DAYS_BY_DAY: Final = 100


def build_report(
    query: metrics.Query,
    period: Period,
    *,
    name: str,
    now: datetime,
    thresholds: findings.Thresholds | None = None,
    power: PowerSettings | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
    veil: Veil = SHOWN,
) -> Report:
    """Make the report of a period.

    Args:
        query: Runs SQL over the views.
        period: What to report on.
        name: Of the cluster.
        now: The clock; aware.
        thresholds: From where on a finding is worth saying.
        power: What energy costs and emits.
        groups: Who belongs to which group.
        veil: What of names is shown.
    """
    query = veil.query(query)
    limits = findings.Thresholds() if thresholds is None else thresholds
    paid = PowerSettings() if power is None else power
    tables, pictures, used = _of_use(query, period, now=now, power=paid)
    servers = tables["server"]
    totals = metrics.finish(metrics.total(pictures.pop("summed")), power=paid)
    compared = compare.compare(
        query, period, totals, now=now, coverage_ratio=limits.coverage_ratio, power=paid
    )
    tables["periods"] = compared.periods
    pictures["before"] = compared.before
    tables |= _of_room(query, period, now=now, servers=servers, limits=limits)
    tables |= _of_spread(tables, used, limits=limits)
    tables["sharing"] = sharing.sharing(used, tables["group"], veil.groups(groups or {}))
    tables["outages"] = wear.outages(query, period, servers, now=now)
    tables["health"] = wear.health(query, period, servers, now=now, hot_celsius=limits.hot_celsius)
    tables["advice"] = promises.advice(query, period, now=now)
    tables["holds"] = promises.holds(query, period, now=now)
    pictures["grid"] = gpu_grid(query, period, now=now)
    tables, pictures = veil.tables(tables), veil.tables(pictures)
    return Report(
        name=name,
        period=period,
        made_at=now,
        tables=tables,
        totals=totals,
        headlines=headlines(totals, servers, compared.periods, currency=paid.currency),
        findings=findings.find(tables, totals, thresholds=limits),
        pictures=pictures,
    )


def _of_room(
    query: metrics.Query,
    period: Period,
    *,
    now: datetime,
    servers: pd.DataFrame,
    limits: findings.Thresholds,
) -> dict[str, pd.DataFrame]:
    """Whether work would have found a place, and how hard servers worked."""
    quarters = room.fleet(query, period, now=now)
    coverage = limits.coverage_ratio
    return {
        "contention": room.contention(quarters, servers, coverage_ratio=coverage),
        "intensity": intensity.intensity(query, period, servers, now=now),
        "peak": room.peaks(quarters, coverage_ratio=coverage),
        "room": room.waste(query, period, servers, now=now),
    }


def _of_spread(
    tables: Mapping[str, pd.DataFrame], used: pd.DataFrame, *, limits: findings.Thresholds
) -> dict[str, pd.DataFrame]:
    """How unevenly use is spread, and over which servers it is not."""
    people = used.dropna(subset=["user"])
    people = people[people["gpu_hours_used"].fillna(0) > 0]
    unpopular = longtail.unpopular(
        tables["server"],
        tables["device"],
        user_counts=people.groupby("server")["user"].nunique().to_dict(),
        people=people["user"].nunique(),
        limits=limits,
    )
    concentration = longtail.concentration(tables["server"], tables["user"])
    return {"unpopular": unpopular, "concentration": concentration}


def _of_use(
    query: metrics.Query, period: Period, *, now: datetime, power: PowerSettings
) -> tuple[dict[str, pd.DataFrame], dict[str, pd.DataFrame], pd.DataFrame]:
    """The tables of use, the rows for pictures, and use by server and user."""
    step, fine = _over_time(query, period, now=now)
    by_server = sums.by_server(sums.asked(query, "report_servers", period, now=now), fine)
    by_device = sums.sums(query, period, by="device", now=now)
    used = sums.asked(query, "usage_by_server_and_user", period, now=now)
    summed = {
        "server": by_server,
        "user": sums.by_user(used, by_server),
        "group": sums.added_up(by_server, "group"),
        "model": sums.by_model(by_device),
        "tag": sums.added_up(sums.exploded(by_server), "tag"),
    }
    tables = {}
    for by, frame in summed.items():
        # The most used first; what is unknown last, in the order of the inventory.
        table = metrics.finish(frame, by=by, power=power)
        tables[by] = metrics.top_rows(table, len(table))
    if tables["tag"]["tag"].isna().all():
        del tables["tag"]
    tables["device"] = metrics.finish(by_device, by="device", power=power)
    week = sums.asked(query, "usage_by_server_and_hour_of_week", period, now=now)
    tables[step] = metrics.finish(sums.over_time(fine, step), by=step, power=power)
    tables["weekday"] = metrics.finish(sums.over_time(week, "weekday"), by="weekday", power=power)
    return tables, {"summed": by_server, "time": fine, "week": week}, used


def _over_time(query: metrics.Query, period: Period, *, now: datetime) -> tuple[str, pd.DataFrame]:
    """Use over time, server by server, in steps that make a readable chart."""
    days = sum(1 for _ in period.days())
    if days <= _MOST_DAYS_BY_HOUR:
        return "hour", sums.asked(query, "usage_by_server_and_hour", period, now=now)
    fine = sums.asked(query, "usage_by_server_and_day", period, now=now)
    return ("day" if days <= _MOST_DAYS_BY_DAY else "month"), fine
