"""Findings on room and on what broke: rows of a report's tables in, sentences out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from scms.reports.finding import Finding, Row, listed, server_name
from scms.reports.present import hours, ratio

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scms.reports.finding import Rule
    from scms.settings import FindingSettings

    Tables = Mapping[str, Sequence[Row]]


def _free_while_full(tables: Tables, total: Row, at: FindingSettings) -> list[Finding]:
    rows = [row for row in tables.get("room", ()) if row["free_while_full_gpu_hours"]]
    available = total["gpu_hours_available"]
    amount = sum(row["free_while_full_gpu_hours"] for row in rows)
    if not available or amount < at.gpu_hours or amount / available < at.free_while_full_ratio:
        return []
    rows.sort(key=lambda row: (-row["free_while_full_gpu_hours"], row["server"]))
    names = listed(
        [f"{server_name(row)} {hours(row['free_while_full_gpu_hours'])}" for row in rows]
    )
    sentence = (
        f"{hours(amount)} GPU-hours ({ratio(amount / available)} of those available) stood free "
        f"that full servers, with GPUs no larger, could have used: {names}."
    )
    return [Finding("free_while_full", sentence, amount, "room")]


def _contention(tables: Tables, _total: Row, at: FindingSettings) -> list[Finding]:
    """Requests that had no place, the largest share last; or that this cannot be told."""
    rows = list(tables.get("contention", ()))
    if not rows:
        return []
    told = rows[0]["coverage_ratio"] or 0.0
    if told < at.coverage_ratio:
        sentence = (
            "How often a request had no place cannot be told: enough servers were read for only "
            f"{ratio(told)} of the time."
        )
        return [Finding("not_told", sentence, None, "contention")]
    chosen = [
        row
        for row in rows
        if row["no_place_ratio"] >= at.contention_ratio
        and row["no_place_hours"] * row["gpus_wanted"] >= at.gpu_hours
    ]
    if not chosen:
        return []
    first, last = chosen[0], chosen[-1]
    waited = [
        f"for {row['request'] if row is first else _gpus(row)} {hours(row['no_place_hours'])} h "
        f"({ratio(row['no_place_ratio'])})"
        for row in chosen
    ]
    sentence = (
        f"A request had no place anywhere: {', '.join(waited)}. Meanwhile "
        f"{hours(last['gpus_free'])} GPUs stood free on {hours(last['servers_free'])} servers, "
        f"too few on each for {_gpus(last)}."
        if last["gpus_wanted"] > 1
        else f"A request had no place anywhere: {', '.join(waited)}."
    )
    stake = max(row["no_place_hours"] * row["gpus_wanted"] for row in chosen)
    return [Finding("contention", sentence, stake, "contention")]


def _gpus(row: Row) -> str:
    return f"{row['gpus_wanted']:.0f} GPU{'s' if row['gpus_wanted'] > 1 else ''}"


def _broken(tables: Tables, _total: Row, at: FindingSettings) -> list[Finding]:
    lost = [
        (row, row["gpu_hours_observed"] - row["gpu_hours_available"])
        for row in tables["server"]
        if row["gpu_hours_observed"] and row["gpu_hours_available"] is not None
    ]
    chosen = [
        (row, amount)
        for row, amount in lost
        if amount >= at.gpu_hours and amount / row["gpu_hours_observed"] >= at.broken_ratio
    ]
    if not chosen:
        return []
    chosen.sort(key=lambda pair: -pair[1])
    names = listed([f"{server_name(row)} {hours(amount)}" for row, amount in chosen])
    amount = sum(amount for _, amount in chosen)
    sentence = f"{hours(amount)} GPU-hours could not be used, faulty or unreadable: {names}."
    return [Finding("broken", sentence, amount, "server")]


def _down(tables: Tables, _total: Row, at: FindingSettings) -> list[Finding]:
    rows = [row for row in tables.get("outages", ()) if (row["down_ratio"] or 0) >= at.down_ratio]
    if not rows:
        return []
    rows.sort(key=lambda row: (-(row["lost_gpu_hours"] or 0), row["server"]))
    names = listed(
        [
            f"{server_name(row)} {_times(row['outage_count'])}, {hours(row['down_hours'])} h"
            for row in rows
        ]
    )
    lost = [row["lost_gpu_hours"] for row in rows if row["lost_gpu_hours"] is not None]
    missed = f"; {hours(sum(lost))} GPU-hours were lost" if lost and sum(lost) > 0 else ""
    return [
        Finding("down", f"Often down: {names}{missed}.", sum(lost) if lost else None, "outages")
    ]


def _times(count: float) -> str:
    return "once" if count == 1 else f"{count:.0f} times"


def _unwell(tables: Tables, _total: Row, at: FindingSettings) -> list[Finding]:
    """GPUs that were hot or held back, and GPUs whose memory failed."""
    rows = list(tables.get("health", ()))
    found = []
    slowed = [
        row
        for row in rows
        if (row["throttled_ratio"] or 0) >= at.throttled_ratio
        and row["throttled_hours"] >= at.gpu_hours
    ]
    if slowed:
        slowed.sort(key=lambda row: -row["throttled_hours"])
        amount = sum(row["throttled_hours"] for row in slowed)
        sentence = (
            f"For {hours(amount)} GPU-hours heat, power or the board held the clock back: "
            f"{_named(slowed, 'throttled_hours')}."
        )
        found.append(Finding("throttled", sentence, amount, "health"))
    hot = [row for row in rows if (row["hot_hours"] or 0) >= at.gpu_hours]
    if hot:
        hot.sort(key=lambda row: -row["hot_hours"])
        amount = sum(row["hot_hours"] for row in hot)
        sentence = (
            f"{hours(amount)} GPU-hours at {at.hot_celsius:.0f} °C or more: "
            f"{_named(hot, 'hot_hours')}."
        )
        found.append(Finding("hot", sentence, amount, "health"))
    failing = [row for row in rows if (row["ecc_uncorrected_count"] or 0) > 0]
    if failing:
        names = _named(failing, "ecc_uncorrected_count")
        sentence = f"Memory errors that could not be corrected: {names}. Doubt results there."
        found.append(Finding("memory_errors", sentence, None, "health"))
    return found


def _named(rows: Sequence[Row], column: str) -> str:
    def label(row: Row) -> str:
        index: Any = row["device_index"]
        gpu = "" if index is None else f" GPU {index:.0f}"
        return f"{server_name(row)}{gpu} {hours(row[column])}"

    return listed([label(row) for row in rows])


RULES: Final[dict[str, Rule]] = {
    "free_while_full": _free_while_full,
    "contention": _contention,
    "broken": _broken,
    "down": _down,
    "unwell": _unwell,
}
