"""What the scorecard page shows, as plain rows.

In: a `scms.recommend.scorecard.Scorecard`. Out: rows for tiles, tables and the chart, and in words
what could not be judged yet.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from scms.units import format_ratio

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    import pandas as pd

    from scms.cluster.learning import Unscored
    from scms.recommend.scorecard import Scorecard

Row = dict[str, Any]
#: The bins of the chart and the table, by their names there.
_RECOMMENDED: Final = "recommended"
_FREE: Final = "free hour"
_MEASURES: Final = {"gpus_busy": "GPUs busy", "cpu_utilization_ratio": "CPU use"}


def tiles(card: Scorecard) -> list[Row]:
    """The headline: hit rates beside what was promised, and how often ranges held."""
    summary = {row["what"]: row for row in _records(card.summary)}
    found = []
    for what, label in (
        ("first choice", "First choice came true"),
        ("least used now", "Least used now would have"),
        ("all candidates", "All candidates"),
    ):
        row = summary.get(what)
        if row is None:
            continue
        promised = format_ratio(row["promised"])
        note = f"of {row['cases']} answers" + (f", promised {promised}" if row["promised"] else "")
        found.append(_tile(what, label, row["kept"], note))
    hours = int(card.outlooks["hours"].sum()) if len(card.outlooks) else 0
    if hours:
        weights = card.outlooks["hours"] / hours
        held = float((card.outlooks["coverage"] * weights).sum())
        level = float((card.outlooks["level"] * weights).sum())
        label = f"{format_ratio(level)} ranges held"
        found.append(_tile("ranges", label, held, f"of {hours} hours"))
    return found


def series(card: Scorecard) -> dict[str, list[Row]]:
    """The bins for the chart, by name."""
    return {_RECOMMENDED: _records(card.bins), _FREE: _records(card.free)}


def bins(card: Scorecard) -> tuple[list[Row], list[Row]]:
    """Columns and rows of the table of bins, for `scms.widgets.feed.parts.Table`."""
    columns = [
        _column("What"),
        _column("Chance told", kind="number"),
        _column("Cases", kind="number"),
        _column("Promised", kind="number"),
        _column("Came true", kind="number"),
    ]
    rows = []
    for name, found in series(card).items():
        for one in found:
            told = f"{round(100 * one['above'])} to {format_ratio(_end_of(one['above']))}"
            texts = [name, told, str(one["cases"]), *_percents(one["promised"], one["kept"])]
            values = [name, one["above"], one["cases"], one["promised"], one["kept"]]
            rows.append({"texts": texts, "values": values, "mark": ""})
    return columns, rows


def choices(card: Scorecard) -> tuple[list[Row], list[Row]]:
    """The first choice beside the least used server of the same answers."""
    columns = [
        _column("Choice"),
        _column("Answers", kind="number"),
        _column("Promised", kind="number"),
        _column("Came true", kind="number"),
        _column("Hours kept", kind="number"),
        _column("Brier", kind="number"),
    ]
    rows = []
    for one in _records(card.summary):
        shares = _percents(one["promised"], one["kept"], one["hours_kept_ratio"])
        brier = "–" if one["brier"] is None else f"{one['brier']:.3f}"
        texts = [one["what"], str(one["cases"]), *shares, brier]
        values = [one[name] for name in card.summary.columns]
        rows.append({"texts": texts, "values": values, "mark": ""})
    return columns, rows


def outlooks(card: Scorecard) -> tuple[list[Row], list[Row]]:
    """How often the ranges of each model held, and how far off it was."""
    columns = [
        _column("Model"),
        _column("Measure"),
        _column("Hours", kind="number"),
        _column("Ranges of", kind="number"),
        _column("Ranges held", kind="number"),
        _column("Off by", kind="number"),
        _column("Too high by", kind="number"),
    ]
    rows = []
    for one in _records(card.outlooks):
        measure = _MEASURES.get(one["measure"], one["measure"])
        texts = [
            one["model"],
            measure,
            str(one["hours"]),
            *_percents(one["level"], one["coverage"]),
            *(_amount(one["measure"], one[name]) for name in ("error", "bias")),
        ]
        values = [one[name] for name in ("model", "measure", "hours", "level", "coverage")]
        rows.append({"texts": texts, "values": [*values, one["error"], one["bias"]], "mark": ""})
    return columns, rows


def missing(card: Scorecard, unscored: Unscored, zone: ZoneInfo) -> list[str]:
    """What could not be judged yet, and when it will be."""
    said = []
    if card.summary.empty and not unscored.answers:
        said.append(
            "No answer of the finder waits for its time either: ask for a server, "
            "and it is judged when the hours of the job are over."
        )
    elif unscored.answers:
        one = unscored.answers == 1
        first = (
            "" if unscored.answers_due is None else f" from {_when(unscored.answers_due, zone)} on"
        )
        said.append(
            f"{unscored.answers} answer{'' if one else 's'} of the finder wait{'s' if one else ''} "
            f"for the end of the hours asked for: judged{first}."
        )
    if card.outlooks.empty and not unscored.hours:
        said.append(
            "No outlook was kept: the collector keeps one an hour, once it has seen 48 hours."
        )
    elif card.outlooks.empty:
        said.append(
            f"{unscored.hours} hours of outlooks are not over: "
            f"judged from {_when(unscored.hours_due, zone)} on."
        )
    return said


def _end_of(above: float) -> float:
    """The upper end of the bin of chances that begins there."""
    from scms.recommend.scorecard import BINS

    return next((edge for edge in BINS if edge > above), 1.0)


def _when(moment: datetime | None, zone: ZoneInfo) -> str:
    if moment is None:
        return "some time"
    return f"{moment.astimezone(zone):%a %d %b, %H:%M}"


def _tile(key: str, label: str, ratio: float, note: str) -> Row:
    value = f"{100 * ratio:.0f}"
    return {
        "key": key.replace(" ", "-"),
        "label": label,
        "value": value,
        "suffix": "%",
        "note": note,
        "ratio": ratio,
        "tone": "",
        "title": f"{label}: {value} % {note}",
    }


def _column(heading: str, *, kind: str = "text") -> Row:
    return {"heading": heading, "unit": "", "kind": kind}


def _percents(*ratios: float | None) -> list[str]:
    return [format_ratio(ratio) for ratio in ratios]


def _amount(measure: str, value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.2f} GPUs" if measure == "gpus_busy" else f"{100 * value:.1f} points"


def _records(frame: pd.DataFrame) -> list[Row]:
    """The rows, with NaN as None."""
    return [
        {
            str(name): None if isinstance(value, float) and math.isnan(value) else value
            for name, value in row.items()
        }
        for row in frame.to_dict("records")
    ]
