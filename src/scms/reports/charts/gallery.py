"""All pictures of a report, in order: a report in, titled figures out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scms.reports.charts import bars
from scms.reports.charts.curves import lorenz_curves, waterfall
from scms.reports.charts.grid import gpu_time_grid
from scms.reports.charts.heat import heat_of_hours, heat_of_week, heat_over_time
from scms.reports.charts.style import inked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bokeh.plotting import figure

    from scms.reports.document import Report

_MOST_BARS: Final = 40
_MOST_USERS: Final = 15
#: More servers are drawn over the hours of a day together, not each over those of the week.
_MOST_SERVERS_BY_WEEK: Final = 60


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure with its words.

    Attributes:
        name: What it is called in links.
        title: For people.
        note: What is drawn, in a few words.
        figure: A Bokeh figure.
    """

    name: str
    title: str
    note: str
    figure: figure


def gallery(report: Report) -> tuple[Picture, ...]:
    """The pictures that a report has rows for; letters are dark enough for paper."""
    drawn = [*_bars(report), *_spread(report), *_heat(report), *_grid(report)]
    for picture in drawn:
        inked(picture.figure)
    return tuple(drawn)


def _bars(report: Report) -> Iterator[Picture]:
    by = report.time_dimension
    what = bars.resource(report.tables["server"])
    note = f"by {by}; what was not observed is a gap"
    yield Picture("time", f"{what} time", note, bars.usage_over_time(report.tables[by]))
    servers = bars.drawable(report.tables["server"])
    if not servers.empty:
        more = f"; the {_MOST_BARS} most used" if len(report.tables["server"]) > _MOST_BARS else ""
        figure = bars.usage_by(servers.head(_MOST_BARS))
        yield Picture("servers", f"{what} time", f"by server{more}", figure)
    users = bars.drawable(report.tables["user"])
    if not users.empty:
        more = f"; the {_MOST_USERS} with most" if len(users) > _MOST_USERS else ""
        yield Picture(
            "users", f"{what} time", f"by user{more}", bars.usage_by(users.head(_MOST_USERS))
        )


def _spread(report: Report) -> Iterator[Picture]:
    before = report.pictures.get("before")
    if before is not None:
        names = (report.period.previous().title, report.period.title)
        figure = waterfall(before, report.tables["server"], names)
        if figure is not None:
            yield Picture("change", "Change of use", f"since {names[0]}, by server", figure)
    concentration = report.tables.get("concentration")
    if concentration is not None and not concentration.empty:
        figure = lorenz_curves(report.tables["server"], report.tables["user"])
        note = "the further from the dotted line, the more uneven"
        yield Picture("lorenz", "How use is spread", note, figure)


def _heat(report: Report) -> Iterator[Picture]:
    servers = report.tables["server"].dropna(subset=["gpu_hours_used"])["server"].tolist()
    if not servers:
        return
    by = {"hour": "hour", "day": "day", "month": "week"}[report.time_dimension]
    fine, week = report.pictures.get("time"), report.pictures.get("week")
    if fine is not None and not fine.empty:
        figure = heat_over_time(fine, by, servers)
        yield Picture("heat", "Use of each server", f"by {by}", figure)
    if week is None or week.empty or report.time_dimension == "hour":
        return
    yield Picture("hours", "When GPUs are used", "all servers together", heat_of_hours(week))
    if len(servers) <= _MOST_SERVERS_BY_WEEK:
        figure = heat_of_week(week, servers)
        yield Picture("week", "Use of each server", "by hour of the week", figure)


def _grid(report: Report) -> Iterator[Picture]:
    rows = report.pictures.get("grid")
    if rows is not None and not rows.empty:
        note = "user and mean utilisation hour by hour; hatched: held without work"
        yield Picture("grid", "Every GPU", note, gpu_time_grid(rows))
