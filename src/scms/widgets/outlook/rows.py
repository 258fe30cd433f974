"""What the outlook page shows, as plain rows: the map of chances, its headline, and one server.

In: what is said of the coming week (`scms.forecast.ahead.Ahead`), the live rows of servers, the
active holds, and what was asked. Out: rows for the page; they are in the cluster's time zone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from scms.forecast.ahead import LIKELY, UNLIKELY, Window, best_window, held_hours

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from zoneinfo import ZoneInfo

    from scms.cluster import Cluster
    from scms.forecast.ahead import Ahead, ServerAhead

Row = dict[str, Any]
#: Hours of one column: a week has three hours in each, of which the least likely one counts.
COLUMN_HOURS: Final = {24: 1, 48: 1, 168: 3}
#: States in which what a server will do is not known.
_SILENT: Final = {
    "down": "down now: nobody knows when it comes back",
    "stale": "not answering now",
    "unknown": "not seen for a while",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the controls say.

    Attributes:
        gpus: How many are to be free at the same time.
        hours: How far to look: 24, 48 or 168.
        group: Only servers of this group; None for all.
        order: soonest, chance or name.
    """

    gpus: int = 1
    hours: int = 24
    group: str | None = None
    order: str = "soonest"


@dataclass(frozen=True, slots=True)
class Seen:
    """What was read for the page at one moment.

    Attributes:
        ahead: What is said, from the present hour on, with the holds.
        servers: Live rows, one per server.
        holds: The active holds, a mapping per device.
        zone: The cluster's.
    """

    ahead: Ahead
    servers: Sequence[Mapping[str, Any]]
    holds: Sequence[Mapping[str, Any]]
    zone: ZoneInfo


def seen(lab: Cluster, ahead: Ahead) -> Seen:
    """What is said, with the live state and the holds of now."""
    zone = lab.inventory.settings.zone()
    return Seen(ahead, lab.snapshot().servers, lab.active_holds(), zone)


def said_when(seen: Seen) -> str:
    """From when it is, in words."""
    said = seen.ahead.made_at.astimezone(seen.zone)
    return f"said at {said:%H:%M}, from what was known by then, and the holds of now"


@dataclass(frozen=True, slots=True)
class Line:
    """One server of the map.

    Attributes:
        live: Its live row.
        ahead: What is said of it.
        chances: Percent per hour, as far as asked; None where unknown.
        held: GPUs that are held, per hour.
        window: The best hours.
        why_unknown: Why nothing can be said, where that is so.
    """

    live: Mapping[str, Any]
    ahead: ServerAhead
    chances: tuple[int | None, ...]
    held: tuple[float, ...]
    window: Window | None
    why_unknown: str | None

    @property
    def server(self) -> str:
        """Its name."""
        return self.ahead.server


def lines(seen: Seen, asked: Asked) -> list[Line]:
    """The servers that have so many GPUs, in the order that was asked for."""
    said = {one.server: one for one in seen.ahead.servers}
    held = held_hours(seen.holds, seen.ahead.origin, asked.hours)
    found = []
    for live in seen.servers:
        one = said.get(live["server"])
        if one is None or len(one.chances) < asked.gpus:
            continue
        if asked.group is not None and live["group"] != asked.group:
            continue
        why = _why_unknown(one, live)
        chances = one.chances_of(asked.gpus)[: asked.hours]
        if why is not None:
            chances = (None,) * len(chances)
        own = tuple(held.get(one.server, [0.0] * len(chances)))
        found.append(Line(live, one, chances, own, best_window(chances), why))
    return sorted(found, key=lambda line: (*_rank(line, asked.order), line.server))


def columns(seen: Seen, asked: Asked) -> list[Row]:
    """The columns of the map: ``start, end`` (positions of hours), ``day, label, title``."""
    step = COLUMN_HOURS[asked.hours]
    last = len(seen.ahead.servers[0].mean[: asked.hours]) if seen.ahead.servers else 0
    found = []
    start = 0
    while start < last:
        local = _local(seen, start)
        end = min(last, start + step - local.hour % step)
        found.append(
            {
                "start": start,
                "end": end,
                "day": f"{local:%a} {local.day} {local:%b}",
                "label": f"{local:%H}",
                "title": f"{local:%a} {local.day} {local:%b}, {local:%H:%M} to "
                f"{_local(seen, end):%H:%M}",
            }
        )
        start = end
    return found


def chance_map(seen: Seen, asked: Asked) -> Row:
    """The map: ``gpus, columns``, and per server ``server, mark, note, window, cells, why``.

    A cell is a percentage or None, that of the least likely hour of its column; ``held`` has the
    positions of the columns in which somebody holds GPUs.
    """
    heads = columns(seen, asked)
    rows = []
    for line in lines(seen, asked):
        cells = [_least(line.chances[head["start"] : head["end"]]) for head in heads]
        held = [n for n, head in enumerate(heads) if any(line.held[head["start"] : head["end"]])]
        rows.append(
            {
                "server": line.server,
                "mark": "simulated" if line.live["simulated"] else "",
                "note": _free_now(line),
                "window": window_words(seen, asked, line.window),
                "cells": cells,
                "held": held,
                "why": line.why_unknown,
            }
        )
    return {"gpus": asked.gpus, "columns": heads, "rows": rows}


def window_words(seen: Seen, asked: Asked, window: Window | None) -> Row:
    """A window in words: ``chance, text, tone``."""
    if window is None:
        return {"chance": None, "text": "not known", "tone": "off"}
    if window.chance < UNLIKELY:
        return {"chance": window.chance, "text": "at best", "tone": "bad"}
    tone = "ok" if window.chance >= LIKELY else "warn"
    return {"chance": window.chance, "text": _from_to(seen, asked, window), "tone": tone}


def _from_to(seen: Seen, asked: Asked, window: Window) -> str:
    on = window.end >= asked.hours
    if window.start == 0:
        return "the whole time" if on else f"now to {_clock(seen, window.end)}"
    begins = f"from {_clock(seen, window.start)}"
    return f"{begins} on" if on else f"{begins} to {_clock(seen, window.end)}"


def tiles(seen: Seen, asked: Asked) -> list[Row]:
    """The headline: how many servers are likely to have so many GPUs free, and when."""
    shown = lines(seen, asked)
    known = [line for line in shown if line.why_unknown is None]
    gpus = f"{asked.gpus} GPU{'s' if asked.gpus > 1 else ''} free, {LIKELY} % or more"
    found = []
    for hours, label in ((1, "Likely free this hour"), (6, "within 6 h"), (24, "within 24 h")):
        count = sum(any((c or 0) >= LIKELY for c in line.chances[:hours]) for line in known)
        found.append(_tile(f"likely-{hours}", label, count, len(shown), gpus))
    silent = len(shown) - len(known)
    note = "hatched below" if silent else "something is said of every server"
    found.append(_tile("silent", "Not known", silent, len(shown), note, "warn" if silent else ""))
    return found


def without(seen: Seen, asked: Asked) -> str:
    """How many servers are not in the map, in words; empty where all are."""
    there = {line.server for line in lines(seen, asked)}
    left = [s for s in seen.servers if s["server"] not in there]
    ours = [s for s in left if asked.group is None or s["group"] == asked.group]
    if not ours:
        return ""
    gpus = f"{asked.gpus} GPU{'s' if asked.gpus > 1 else ''}"
    plural = "s are" if len(ours) > 1 else " is"
    return f"{len(ours)} server{plural} not shown: fewer than {gpus}, or no history yet."


def _tile(key: str, label: str, value: int, total: int, note: str, tone: str = "") -> Row:
    return {
        "key": key,
        "label": label,
        "value": str(value),
        "suffix": f"of {total}",
        "note": note,
        "ratio": None,
        "tone": tone,
        "title": f"{label}: {value} of {total} servers ({note})",
    }


def _why_unknown(one: ServerAhead, live: Mapping[str, Any]) -> str | None:
    if live["state"] in _SILENT:
        return _SILENT[live["state"]]
    return one.why if one.model == "none" else None


def _rank(line: Line, order: str) -> tuple[float, ...]:
    window = line.window
    if order == "name":
        return ()
    if window is None:
        return (9.0, 0.0, 0.0)
    if order == "chance":
        known = [chance for chance in line.chances if chance is not None]
        return (0.0, -sum(known) / len(known), 0.0)
    # Who is likely comes by the hour, who is not by how likely.
    likely = window.chance >= LIKELY
    return (0.0, window.start, -window.chance) if likely else (1.0, -window.chance, window.start)


def _free_now(line: Line) -> str:
    free, total = line.live["gpus_free"], line.live["gpus_total"]
    if line.live["state"] in _SILENT:
        return str(line.live["state"])
    return f"{free} of {total} free"


def _least(chances: Sequence[int | None]) -> int | None:
    known = [chance for chance in chances if chance is not None]
    return min(known) if known and len(known) == len(chances) else None


def _local(seen: Seen, hour: int) -> datetime:
    return (seen.ahead.origin + timedelta(hours=hour)).astimezone(seen.zone)


def _clock(seen: Seen, hour: int) -> str:
    """The time of an hour, with its day where that is not today."""
    local = _local(seen, hour)
    today = _local(seen, 0).date() == local.date()
    return f"{local:%H:%M}" if today else f"{local:%a %H:%M}"
