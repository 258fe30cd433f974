"""The coming week as it was said last: what the collector keeps for every reader.

In: an outlook with the series that it was made of. Out: an `Ahead`, as text and back. Reading one
takes neither numpy nor pandas, so that the kernel of a page that shows it stays small.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd

    from scms.forecast.series import Series

#: Under this key the hot store keeps what was said; another form of it takes another key.
KEY: Final = "forecast_ahead"
#: How far ahead it is said.
AHEAD_HOURS: Final = 168
#: How much of the past is kept beside it, to be drawn.
PAST_HOURS: Final = 48
#: What was said of hours that began longer ago is made anew.
VALID: Final = timedelta(hours=3)
#: A chance of so many percent is called likely; less than that at best, unlikely.
LIKELY: Final = 80
UNLIKELY: Final = 20
#: A window takes in hours that are this many percentage points below the best one.
_NEAR: Final = 5

Numbers = tuple[float | None, ...]
#: Whole percent, 1 to 99: neither "never" nor "surely" can be told from a hundred past cases.
Percents = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class ServerAhead:
    """What is said of one server, an item per hour from the origin on.

    Attributes:
        server: Its name.
        measure: gpus_busy, or cpu_utilization_ratio for a server without GPUs.
        capacity: The highest possible value: its GPUs, or 1.
        model: Which model speaks; ``none`` where the past says too little.
        why: Why that one.
        coverage_ratio: Share of past hours that such ranges held; None without such a past.
        observed_ratio: Share of the history that was observed.
        past: The hours before the origin, newest last; None where not observed.
        mean: What is expected; None where unknown.
        lower: Lower end of the range.
        upper: Upper end of the range.
        chances: For 1, 2, … GPUs, the chance that at least so many are free.
    """

    server: str
    measure: str
    capacity: float
    model: str
    why: str
    coverage_ratio: float | None
    observed_ratio: float | None
    past: Numbers
    mean: Numbers
    lower: Numbers
    upper: Numbers
    chances: tuple[Percents, ...]

    def chances_of(self, gpus: int) -> Percents:
        """The chance of so many free GPUs, per hour; all None where there are fewer GPUs."""
        if 1 <= gpus <= len(self.chances):
            return self.chances[gpus - 1]
        return (None,) * len(self.mean)


@dataclass(frozen=True, slots=True)
class Ahead:
    """What is said of all servers.

    Attributes:
        origin: Start of the first hour spoken of, UTC; only what was before it was used.
        made_at: When it was said.
        level: Share of the ranges that should hold the truth.
        servers: By name.
    """

    origin: datetime
    made_at: datetime
    level: float
    servers: tuple[ServerAhead, ...]

    def _repr_html_(self) -> str:
        from scms.forecast.ahead_html import ahead_html

        return ahead_html(self)

    def since(self, now: datetime) -> Ahead:
        """The same from the hour of ``now`` on; hours that are over by now are not known here."""
        passed = math.floor((now - self.origin) / timedelta(hours=1))
        if passed <= 0:
            return self
        return replace(
            self,
            origin=self.origin + timedelta(hours=passed),
            servers=tuple(_later(one, passed) for one in self.servers),
        )

    def with_holds(self, holds: Iterable[Mapping[str, Any]]) -> Ahead:
        """The same with what is known of the future: held devices are busy until the hold ends.

        A floor and no addition, as in `scms.forecast.outlook`: what is held may be used already.

        Args:
            holds: A mapping per device with ``server`` and ``expires_at`` (aware).
        """
        taken = held_hours(holds, self.origin, AHEAD_HOURS)
        return replace(
            self,
            servers=tuple(
                _held(one, taken[one.server]) if one.server in taken else one
                for one in self.servers
            ),
        )


@dataclass(frozen=True, slots=True)
class Window:
    """Hours in which GPUs are likely free.

    Attributes:
        start: The first, counted from the origin.
        end: The first that is not one of them.
        chance: Percent, of the least likely of its hours.
    """

    start: int
    end: int
    chance: int


def best_window(chances: Sequence[int | None]) -> Window | None:
    """The first hours in a row that are likely; where none is, those about as likely as the best.

    Args:
        chances: Percent per hour; None where unknown.
    """
    known = [chance for chance in chances if chance is not None]
    if not known:
        return None
    bar = min(LIKELY, max(known) - _NEAR)
    good = [chance is not None and chance >= bar for chance in chances]
    start = good.index(True)
    end = good.index(False, start) if False in good[start:] else len(good)
    return Window(start, end, min(c for c in chances[start:end] if c is not None))


def held_hours(
    holds: Iterable[Mapping[str, Any]], origin: datetime, hours: int
) -> dict[str, list[float]]:
    """Per server with holds, how many GPUs are held in each hour from ``origin`` on."""
    held: dict[str, list[float]] = {}
    for hold in holds:
        left = (hold["expires_at"] - origin) / timedelta(hours=1)
        own = held.setdefault(str(hold["server"]), [0.0] * hours)
        for hour in range(min(hours, math.ceil(max(0.0, left)))):
            own[hour] += min(1.0, left - hour)
    return held


def ahead_of(outlook: pd.DataFrame, series: Sequence[Series], *, made_at: datetime) -> Ahead:
    """What an outlook says, in the form that is kept.

    Args:
        outlook: Of `scms.forecast.outlook`, with the chances of as many GPUs as any server has.
        series: What it was made of.
        made_at: When, aware.
    """
    past = {one.server: one for one in series}
    first = outlook.iloc[0]
    return Ahead(
        origin=first["origin"].to_pydatetime(),
        made_at=made_at,
        level=float(first["level"]),
        servers=tuple(
            _server(str(name), rows, past[str(name)])
            for name, rows in outlook.groupby("server", sort=True)
        ),
    )


def ahead_to_json(ahead: Ahead) -> str:
    """As text, for `ahead_from_json`."""
    document = asdict(ahead) | {
        "origin": ahead.origin.timestamp(),
        "made_at": ahead.made_at.timestamp(),
    }
    return json.dumps(document, separators=(",", ":"))


def ahead_from_json(text: str) -> Ahead:
    """What `ahead_to_json` wrote."""
    document = json.loads(text)
    return Ahead(
        origin=datetime.fromtimestamp(document["origin"], UTC),
        made_at=datetime.fromtimestamp(document["made_at"], UTC),
        level=document["level"],
        servers=tuple(
            ServerAhead(
                **own
                | {name: tuple(own[name]) for name in ("past", "mean", "lower", "upper")}
                | {"chances": tuple(tuple(chances) for chances in own["chances"])}
            )
            for own in document["servers"]
        ),
    )


def _server(name: str, rows: pd.DataFrame, series: Series) -> ServerAhead:
    first = rows.iloc[0]
    gpus = int(series.capacity) if series.measure == "gpus_busy" else 0
    columns = ["p_free", *(f"p_free_{count}" for count in range(2, gpus + 1))]
    known = series.values[-PAST_HOURS:].tolist()  # noqa: PD011  a Series of ours, no pandas
    past = [_rounded(value) for value in known]
    return ServerAhead(
        server=name,
        measure=series.measure,
        capacity=float(series.capacity),
        model=str(first["model"]),
        why=str(first["why"]),
        coverage_ratio=_rounded(first["coverage_ratio"]),
        observed_ratio=_rounded(first["observed_ratio"]),
        past=(None,) * (PAST_HOURS - len(past)) + tuple(past),
        mean=tuple(_rounded(value) for value in rows["mean"]),
        lower=tuple(_rounded(value) for value in rows["lower"]),
        upper=tuple(_rounded(value) for value in rows["upper"]),
        chances=tuple(tuple(_percent(p) for p in rows[column]) for column in columns[:gpus]),
    )


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 3)


def _percent(chance: float) -> int | None:
    return None if math.isnan(chance) else min(99, max(1, round(100 * float(chance))))


def _later(one: ServerAhead, passed: int) -> ServerAhead:
    return replace(
        one,
        past=(*one.past[passed:], *(None,) * passed)[-PAST_HOURS:],
        mean=one.mean[passed:],
        lower=one.lower[passed:],
        upper=one.upper[passed:],
        chances=tuple(chances[passed:] for chances in one.chances),
    )


def _held(one: ServerAhead, taken: Sequence[float]) -> ServerAhead:
    floor = [min(busy, one.capacity) for busy in taken]

    def raised(values: Numbers) -> Numbers:
        pairs = zip(values, floor, strict=False)  # hours that are over have been cut off
        return tuple(None if value is None else max(value, busy) for value, busy in pairs)

    def lowered(gpus: int, chances: Percents) -> Percents:
        # So many are free for most of an hour when fewer than this are busy.
        bar = one.capacity - gpus + 0.5
        pairs = zip(chances, floor, strict=False)
        return tuple(1 if chance and busy >= bar else chance for chance, busy in pairs)

    return replace(
        one,
        mean=raised(one.mean),
        lower=raised(one.lower),
        upper=raised(one.upper),
        chances=tuple(lowered(n + 1, chances) for n, chances in enumerate(one.chances)),
    )
