"""All pictures of a report, in order: a report in, titled figures out.

A figure is made when somebody asks for it: who looks at one picture need not wait for ten.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Final

from scms.reports.charts import bars, words
from scms.reports.charts.curves import changes, lorenz_curves, waterfall
from scms.reports.charts.grid import gpu_time_grid
from scms.reports.charts.heat import heat_of_hours, heat_of_week, heat_over_time
from scms.reports.charts.style import inked
from scms.reports.charts.went import where_hours_went

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
        draw: Makes the Bokeh figure.
        words: What it shows, in sentences: for who cannot see it, and for who has no time.
    """

    name: str
    title: str
    note: str
    draw: Callable[[], figure]
    words: tuple[str, ...] = ()

    @cached_property
    def figure(self) -> figure:
        """The figure, letters dark enough for paper."""
        return inked(self.draw())


def gallery(report: Report) -> tuple[Picture, ...]:
    """The pictures that a report has rows for."""
    return (*_bars(report), *_spread(report), *_heat(report), *_grid(report))


def _bars(report: Report) -> Iterator[Picture]:
    by = report.time_dimension
    over_time = report.tables[by]
    what = bars.resource(report.tables["server"])
    note = f"by {by}; what was not observed is a gap"
    draw = partial(bars.usage_over_time, over_time)
    yield Picture("time", f"{what} time", note, draw, words.of_usage(over_time))
    if what == "GPU" and report.totals["gpu_hours_used"].notna().any():
        draw = partial(where_hours_went, report.totals)
        note = "from all that there was to what was used"
        told = words.of_totals(report.totals)
        yield Picture("went", "Where the GPU-hours went", note, draw, told)
    servers = bars.drawable(report.tables["server"])
    if not servers.empty:
        more = f"; the {_MOST_BARS} most used" if len(report.tables["server"]) > _MOST_BARS else ""
        draw = partial(bars.usage_by, servers.head(_MOST_BARS))
        yield Picture("servers", f"{what} time", f"by server{more}", draw, words.of_usage(servers))
    users = bars.drawable(report.tables["user"])
    if not users.empty:
        more = f"; the {_MOST_USERS} with most" if len(users) > _MOST_USERS else ""
        draw = partial(bars.usage_by, users.head(_MOST_USERS))
        yield Picture("users", f"{what} time", f"by user{more}", draw, words.of_usage(users))


def _spread(report: Report) -> Iterator[Picture]:
    before = report.pictures.get("before")
    if before is not None and not before.empty:
        servers = report.tables["server"]
        names = (report.period.previous().title, report.period.title)
        if not changes(before, servers).empty:
            draw = partial(_waterfall, report, names)
            told = words.of_change(before, servers)
            yield Picture("change", "Change of use", f"since {names[0]}, by server", draw, told)
    concentration = report.tables.get("concentration")
    if concentration is not None and not concentration.empty:
        draw = partial(lorenz_curves, report.tables["server"], report.tables["user"])
        note = "the further from the dotted line, the more uneven"
        told = words.of_spread(concentration)
        yield Picture("lorenz", "How use is spread", note, draw, told)


def _waterfall(report: Report, names: tuple[str, str]) -> figure:
    drawn = waterfall(report.pictures["before"], report.tables["server"], names)
    assert drawn is not None
    return drawn


def _heat(report: Report) -> Iterator[Picture]:
    servers = report.tables["server"].dropna(subset=["gpu_hours_used"])["server"].tolist()
    if not servers:
        return
    by = {"hour": "hour", "day": "day", "month": "week"}[report.time_dimension]
    fine, week = report.pictures.get("time"), report.pictures.get("week")
    if fine is not None and not fine.empty:
        told = words.of_servers(report.tables["server"])
        draw = partial(heat_over_time, fine, by, servers)
        yield Picture("heat", "Use of each server", f"by {by}", draw, told)
    if week is None or week.empty or report.time_dimension == "hour":
        return
    told = words.of_week(week)
    draw = partial(heat_of_hours, week)
    yield Picture("hours", "When GPUs are used", "all servers together", draw, told)
    if len(servers) <= _MOST_SERVERS_BY_WEEK:
        draw = partial(heat_of_week, week, servers)
        told = words.of_servers(report.tables["server"])
        yield Picture("week", "Use of each server", "by hour of the week", draw, told)


def _grid(report: Report) -> Iterator[Picture]:
    rows = report.pictures.get("grid")
    if rows is not None and not rows.empty:
        note = "user and mean utilisation hour by hour; hatched: held without work"
        draw = partial(gpu_time_grid, rows)
        yield Picture("grid", "Every GPU", note, draw, words.of_grid(rows))
