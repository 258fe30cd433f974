"""What a report noticed: tables of use in, plain sentences out, each with what is at stake.

A rule speaks only of what was observed. Its thresholds are arguments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from scms.reports.present import hours, key_label, ratio, rows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

#: So many names are said; the rest are counted.
_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From where on a rule speaks.

    Attributes:
        idle_held_ratio: Share of available GPU time held without work.
        little_use_ratio: Use at or below which a server is called little used.
        much_use_ratio: Use at or above which it is called nearly always busy.
        coverage_ratio: Observed share below which nothing is said of a server's use.
        broken_ratio: Share of observed GPU time that was faulty or unreadable.
        gpu_hours: What is less than this is not worth a sentence.
    """

    idle_held_ratio: float = 0.05
    little_use_ratio: float = 0.20
    much_use_ratio: float = 0.85
    coverage_ratio: float = 0.80
    broken_ratio: float = 0.02
    gpu_hours: float = 1.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence and the GPU-hours it is about (None when that is not known)."""

    kind: str
    sentence: str
    gpu_hours: float | None


def find(
    servers: pd.DataFrame,
    users: pd.DataFrame,
    totals: pd.DataFrame,
    *,
    thresholds: Thresholds | None = None,
) -> tuple[Finding, ...]:
    """Everything worth saying, what cannot be told first, then by GPU-hours at stake.

    Args:
        servers: `usage` by server.
        users: `usage` by user.
        totals: The finished total, one row.
        thresholds: From where on to speak.
    """
    limits = Thresholds() if thresholds is None else thresholds
    rows = rows_of(servers)
    total = rows_of(totals)[0]
    told = [row for row in rows if (row["coverage_ratio"] or 0) >= limits.coverage_ratio]
    found = [
        *_idle_held(rows_of(users), total, limits),
        *_little_used(told, limits),
        *_much_used(told, limits),
        *_broken(rows, limits),
    ]
    found.sort(key=lambda finding: -(finding.gpu_hours or 0.0))
    return (*_not_told(rows, limits), *found)


def _idle_held(users: list[dict[str, Any]], total: dict[str, Any], at: Thresholds) -> list[Finding]:
    held, available = total["gpu_hours_idle_held"], total["gpu_hours_available"]
    if not held or not available or held < at.gpu_hours:
        return []
    if held / available < at.idle_held_ratio:
        return []
    holders = [row for row in users if (row["gpu_hours_idle_held"] or 0) >= at.gpu_hours / 10]
    holders.sort(key=lambda row: -row["gpu_hours_idle_held"])
    whose = _listed(
        [
            f"{key_label(row['user'], 'user')} {hours(row['gpu_hours_idle_held'])}"
            for row in holders
        ],
        "other user",
    )
    sentence = (
        f"{hours(held)} GPU-hours ({ratio(held / available)} of those available) were held "
        f"without work{': ' + whose if whose else ''}."
    )
    return [Finding("idle_held", sentence, held)]


def _little_used(rows: list[dict[str, Any]], at: Thresholds) -> list[Finding]:
    chosen = [
        row
        for row in rows
        if row["gpu_use_ratio"] is not None
        and row["gpu_use_ratio"] <= at.little_use_ratio
        and (row["gpu_hours_free"] or 0) >= at.gpu_hours
    ]
    if not chosen:
        return []
    chosen.sort(key=lambda row: (row["gpu_use_ratio"], row["server"]))
    free = sum(row["gpu_hours_free"] for row in chosen)
    names = _listed([f"{_name(row)} {ratio(row['gpu_use_ratio'])}" for row in chosen])
    return [
        Finding(
            "little_used",
            f"Used least: {names} of the available time; {hours(free)} GPU-hours were free there.",
            free,
        )
    ]


def _much_used(rows: list[dict[str, Any]], at: Thresholds) -> list[Finding]:
    chosen = [
        row
        for row in rows
        if row["gpu_use_ratio"] is not None
        and row["gpu_use_ratio"] >= at.much_use_ratio
        and row["gpu_hours_used"] >= at.gpu_hours
    ]
    if not chosen:
        return []
    chosen.sort(key=lambda row: (-row["gpu_use_ratio"], row["server"]))
    used = sum(row["gpu_hours_used"] for row in chosen)
    free = sum(row["gpu_hours_free"] or 0 for row in chosen)
    names = _listed([f"{_name(row)} {ratio(row['gpu_use_ratio'])}" for row in chosen])
    return [
        Finding(
            "much_used",
            f"Nearly always busy: {names}; {hours(used)} GPU-hours used there, {hours(free)} free.",
            used,
        )
    ]


def _broken(rows: list[dict[str, Any]], at: Thresholds) -> list[Finding]:
    lost = [
        (row, row["gpu_hours_observed"] - row["gpu_hours_available"])
        for row in rows
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
    names = _listed([f"{_name(row)} {hours(amount)}" for row, amount in chosen])
    amount = sum(amount for _, amount in chosen)
    sentence = f"{hours(amount)} GPU-hours could not be used, faulty or unreadable: {names}."
    return [Finding("broken", sentence, amount)]


def _not_told(rows: list[dict[str, Any]], at: Thresholds) -> list[Finding]:
    """Servers that were observed too little to be spoken of."""
    chosen = [
        row
        for row in rows
        if row["coverage_ratio"] is not None and row["coverage_ratio"] < at.coverage_ratio
    ]
    if not chosen:
        return []
    chosen.sort(key=lambda row: (row["coverage_ratio"], row["server"]))
    names = _listed([f"{_name(row)} {ratio(row['coverage_ratio'])}" for row in chosen])
    missing = [
        row["gpu_hours_observed"] * (1 / row["coverage_ratio"] - 1)
        for row in chosen
        if row["gpu_hours_observed"] and row["coverage_ratio"]
    ]
    return [
        Finding(
            "not_told",
            f"Observed too little to judge (share of the time): {names}. The rest of it counts "
            "neither as used nor as free.",
            sum(missing) if missing else None,
        )
    ]


def _listed(names: Sequence[str], noun: str = "other") -> str:
    """The first names with commas between them, the others counted."""
    said = ", ".join(names[:_NAMED])
    more = len(names) - _NAMED
    return f"{said} and {more} {noun}{'s' if more > 1 else ''}" if more > 0 else said


def _name(row: dict[str, Any]) -> str:
    return f"{row['server']} (simulated)" if row["simulated"] else str(row["server"])
