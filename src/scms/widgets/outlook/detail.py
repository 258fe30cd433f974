"""One server on the outlook page: who speaks for it and how well, and its level hour by hour.

In: what is said of it. Out: facts and rows of a table in words, and the columns of a chart.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from scms.forecast.ahead import best_window
from scms.units import format_ratio
from scms.widgets.outlook.rows import window_words

if TYPE_CHECKING:
    from scms.forecast.ahead import ServerAhead
    from scms.widgets.outlook.rows import Asked, Line, Seen

Row = dict[str, Any]
_MODELS: Final = {
    "last_value": "as it is now, give or take what usually changes",
    "analog": "what followed the hours most like the present one",
    "blend": "as it is now, what followed the hours most like it, and the past week, "
    "each as often as it was right",
    "seasonal_naive": "the same hour of the day before",
    "ets": "exponential smoothing with a daily rhythm",
    "none": "no model: too little is known",
}
#: Numbers of GPUs whose windows are told.
_COUNTS: Final = (1, 2, 4, 8, 16)
_HOUR_MS: Final = 3_600_000


def facts(seen: Seen, asked: Asked, line: Line | None, one: ServerAhead) -> list[Row]:
    """What is known about what is said: ``name, text``, and ``people`` where names are in it."""
    found = []
    if line is not None and line.why_unknown is not None:
        found.append({"name": "Not known", "text": line.why_unknown})
    elif line is not None:
        found += [
            {"name": _gpus(count), "text": _window_text(seen, one, asked, count)}
            for count in _COUNTS
            if count <= len(one.chances)
        ]
    model = _MODELS.get(one.model)
    found.append({"name": "Model", "text": one.model if model is None else f"{one.model}: {model}"})
    found.append({"name": "Chosen because", "text": one.why})
    held = one.coverage_ratio
    share = format_ratio(seen.ahead.level)
    text = "not judged yet" if held is None else f"held {format_ratio(held)} of past hours"
    found.append({"name": f"Its {share} ranges", "text": text})
    found.append({"name": "History", "text": f"{format_ratio(one.observed_ratio)} observed"})
    return found + _holds(seen, one)


def hours(seen: Seen, asked: Asked, line: Line | None, one: ServerAhead) -> tuple[list[Row], Any]:
    """The level hour by hour, as columns and rows for `scms.widgets.feed.parts.Table`."""
    level = format_ratio(seen.ahead.level)
    unit = "GPUs" if one.measure == "gpus_busy" else "CPU"
    columns = [
        {"heading": "Hour", "unit": "", "kind": "text"},
        {"heading": "Expected busy", "unit": unit, "kind": "number"},
        {"heading": f"{level} range", "unit": unit, "kind": "number"},
        {"heading": f"{_gpus(asked.gpus)} free", "unit": "", "kind": "number"},
    ]
    chances = one.chances_of(asked.gpus) if line is None else line.chances
    rows = []
    for n in range(min(asked.hours, len(one.mean))):
        local = (seen.ahead.origin + timedelta(hours=n)).astimezone(seen.zone)
        low, high = _said(one, one.lower[n]), _said(one, one.upper[n])
        chance = chances[n]
        texts = [
            f"{local:%a} {local.day} {local:%b}, {local:%H:%M}",
            _said(one, one.mean[n]),
            f"{low} to {high}",
            "–" if chance is None else f"{chance} %",
        ]
        rows.append({"texts": texts, "values": [n, one.mean[n], one.upper[n], chance], "mark": ""})
    return columns, rows


def curve(seen: Seen, asked: Asked, one: ServerAhead) -> Row:
    """Columns for `scms.widgets.charts.level_chart`, over milliseconds that read as local time."""
    factor = 1.0 if one.measure == "gpus_busy" else 100.0

    def scaled(values: tuple[float | None, ...]) -> list[float | None]:
        return [None if value is None else value * factor for value in values]

    def times(first: int, count: int) -> list[float]:
        moments = [seen.ahead.origin + timedelta(hours=first + n) for n in range(count)]
        local = [moment.astimezone(seen.zone) for moment in moments]
        offsets = [(moment.utcoffset() or timedelta(0)).total_seconds() for moment in local]
        return [
            moment.timestamp() * 1000 + offset * 1000 + _HOUR_MS / 2
            for moment, offset in zip(moments, offsets, strict=True)
        ]

    ahead = min(asked.hours, len(one.mean))
    return {
        "capacity": one.capacity * factor,
        "past": {"time": times(-len(one.past), len(one.past)), "level": scaled(one.past)},
        "ahead": {
            "time": times(0, ahead),
            "mean": scaled(one.mean[:ahead]),
            "lower": scaled(one.lower[:ahead]),
            "upper": scaled(one.upper[:ahead]),
        },
    }


def _gpus(count: int) -> str:
    return f"{count} GPU{'s' if count > 1 else ''}"


def _window_text(seen: Seen, one: ServerAhead, asked: Asked, count: int) -> str:
    words = window_words(seen, asked, best_window(one.chances_of(count)[: asked.hours]))
    if words["chance"] is None:
        return str(words["text"])
    return f"{words['chance']} % {words['text']}"


def _said(one: ServerAhead, value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.1f}" if one.measure == "gpus_busy" else format_ratio(value)


def _holds(seen: Seen, one: ServerAhead) -> list[Row]:
    """Who holds GPUs of the server, and until when: the future that is known."""
    return [
        {
            "name": "Held",
            "text": f"1 GPU until {hold['expires_at'].astimezone(seen.zone):%a %H:%M}",
            "people": str(hold["user"]),
        }
        for hold in seen.holds
        if hold["server"] == one.server
    ]
