"""Findings on who used what: rows of the tables of use in, sentences out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scms.reports.finding import Finding, Row, listed, server_name
from scms.reports.present import hours, key_label, ratio

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scms.reports.finding import Rule
    from scms.settings import FindingSettings

    Tables = Mapping[str, Sequence[Row]]

#: Of fewer servers, three have much in any case.
_FEWEST: Final = 6
#: So many little used servers get a sentence of their own.
_SENTENCES: Final = 4


def _not_told(tables: Tables, _total: Row, at: FindingSettings) -> list[Finding]:
    """Servers that were observed too little to be spoken of."""
    chosen = [
        row
        for row in tables["server"]
        if row["coverage_ratio"] is not None and row["coverage_ratio"] < at.coverage_ratio
    ]
    if not chosen:
        return []
    chosen.sort(key=lambda row: (row["coverage_ratio"], row["server"]))
    names = listed([f"{server_name(row)} {ratio(row['coverage_ratio'])}" for row in chosen])
    missing = [
        row["gpu_hours_observed"] * (1 / row["coverage_ratio"] - 1)
        for row in chosen
        if row["gpu_hours_observed"] and row["coverage_ratio"]
    ]
    sentence = (
        f"Observed too little to judge (share of the time): {names}. The rest of it counts "
        "neither as used nor as free."
    )
    return [Finding("not_told", sentence, sum(missing) if missing else None, "server")]


def _idle_held(tables: Tables, total: Row, at: FindingSettings) -> list[Finding]:
    held, available = total["gpu_hours_idle_held"], total["gpu_hours_available"]
    if not held or not available or held < at.gpu_hours:
        return []
    if held / available < at.idle_held_ratio:
        return []
    holders = [
        row
        for row in tables.get("user", ())
        if (row["gpu_hours_idle_held"] or 0) >= at.gpu_hours / 10
    ]
    holders.sort(key=lambda row: -row["gpu_hours_idle_held"])
    whose = listed(
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
    return [Finding("idle_held", sentence, held, "user")]


def _little_used(tables: Tables, _total: Row, at: FindingSettings) -> list[Finding]:
    """Each of the worst in a sentence with what speaks against it; the others in one."""
    rows = [row for row in tables.get("unpopular", ()) if _judged(row, at)]
    rows.sort(key=lambda row: (-row["gpu_hours_free"], row["server"]))
    crowded = {row["server"]: row["free_while_full_gpu_hours"] for row in tables.get("room", ())}
    found = [
        Finding(
            "little_used",
            _of_one(row, crowded.get(row["server"])),
            row["gpu_hours_free"],
            "unpopular",
        )
        for row in rows[:_SENTENCES]
    ]
    others = rows[_SENTENCES:]
    if others:
        free = sum(row["gpu_hours_free"] for row in others)
        names = listed([f"{server_name(row)} {ratio(row['gpu_use_ratio'])}" for row in others])
        sentence = f"Little used as well: {names}; {hours(free)} GPU-hours were free there."
        found.append(Finding("little_used", sentence, free, "unpopular"))
    return found


def _judged(row: Row, at: FindingSettings) -> bool:
    return (
        row["gpu_use_ratio"] is not None
        and row["gpu_use_ratio"] <= at.little_use_ratio
        and (row["gpu_hours_free"] or 0) >= at.gpu_hours
        and (row["coverage_ratio"] or 0) >= at.coverage_ratio
    )


def _of_one(row: Row, crowded: float | None) -> str:
    meanwhile = (
        f", {hours(crowded)} of which full servers with GPUs no larger could have used"
        if crowded
        else ""
    )
    return (
        f"{server_name(row)} was used {ratio(row['gpu_use_ratio'])} of its time: {row['reason']}. "
        f"{hours(row['gpu_hours_free'])} GPU-hours were free{meanwhile}."
    )


def _much_used(tables: Tables, _total: Row, at: FindingSettings) -> list[Finding]:
    chosen = [
        row
        for row in tables["server"]
        if row["gpu_use_ratio"] is not None
        and row["gpu_use_ratio"] >= at.much_use_ratio
        and row["gpu_hours_used"] >= at.gpu_hours
        and (row["coverage_ratio"] or 0) >= at.coverage_ratio
    ]
    if not chosen:
        return []
    chosen.sort(key=lambda row: (-row["gpu_use_ratio"], row["server"]))
    used = sum(row["gpu_hours_used"] for row in chosen)
    free = sum(row["gpu_hours_free"] or 0 for row in chosen)
    names = listed([f"{server_name(row)} {ratio(row['gpu_use_ratio'])}" for row in chosen])
    sentence = (
        f"Nearly always busy: {names}; {hours(used)} GPU-hours used there, {hours(free)} free."
    )
    return [Finding("much_used", sentence, used, "server")]


def _concentrated(tables: Tables, _total: Row, at: FindingSettings) -> list[Finding]:
    """Three servers do more than their part of the work."""
    rows = [row for row in tables.get("concentration", ()) if row["over"] == "servers"]
    if not rows or (rows[0]["coverage_ratio"] or 0) < at.coverage_ratio:
        return []
    row = rows[0]
    share, part = row["top_three_ratio"], row["top_three_of_available_ratio"]
    if share is None or part is None or share < at.top_three_ratio or part >= share:
        return []
    amount = row["gpu_hours_used"] * (share - part)
    if amount < at.gpu_hours or row["member_count"] < _FEWEST:
        return []
    most = sorted(tables["server"], key=lambda server: -(server["gpu_hours_used"] or 0))[:3]
    names = ", ".join(server_name(server) for server in most)
    sentence = (
        f"Three of {row['member_count']:.0f} servers did {ratio(share)} of the work with "
        f"{ratio(part)} of the GPU time: {names} (Gini {row['gini_ratio']:.2f}). Spread evenly, "
        f"{hours(amount)} GPU-hours would run elsewhere."
    )
    return [Finding("concentrated", sentence, amount, "concentration")]


def _by_others(tables: Tables, _total: Row, at: FindingSettings) -> list[Finding]:
    """Groups on whose servers mostly others work."""
    found = []
    for row in tables.get("sharing", ()):
        others, used = row["by_others_gpu_hours"], row["gpu_hours_used"]
        if row["by_own_gpu_hours"] is None or not others or not used or others < at.gpu_hours:
            continue
        if others / used < at.others_ratio or (row["coverage_ratio"] or 0) < at.coverage_ratio:
            continue
        sentence = (
            f"On the servers of {row['group']}, people of other groups used "
            f"{ratio(others / used)} of the GPU-hours ({hours(others)}); its own people used "
            f"{hours(row['by_own_gpu_hours'])} there and {hours(row['elsewhere_gpu_hours'])} "
            "elsewhere."
        )
        found.append(Finding("by_others", sentence, others, "sharing"))
    return found


RULES: Final[dict[str, Rule]] = {
    "not_told": _not_told,
    "idle_held": _idle_held,
    "little_used": _little_used,
    "much_used": _much_used,
    "concentrated": _concentrated,
    "by_others": _by_others,
}
