"""Why a finding is said: its kind and the thresholds in, the rule and its limit in words out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from scms.reports.present import ratio

if TYPE_CHECKING:
    from scms.settings import FindingSettings


@dataclass(frozen=True, slots=True)
class Rule:
    """From where on something is said.

    Attributes:
        words: What is looked at.
        limit: The threshold in words.
        setting: Its name in the section ``[findings]`` of cluster.toml.
    """

    words: str
    limit: str
    setting: str


#: By kind: what is looked at, how the limit reads, and the setting that holds it.
_RULES: Final = {
    "not_told": (
        "Servers and times that were observed too little to be judged.",
        "observed less than {}",
        "coverage_ratio",
    ),
    "not_compared": (
        "Earlier periods that were observed too little to compare with.",
        "observed less than {}",
        "coverage_ratio",
    ),
    "idle_held": (
        "GPU-hours held by a process that does nothing, of those available.",
        "at least {}",
        "idle_held_ratio",
    ),
    "free_while_full": (
        (
            "GPU-hours free while other servers, with GPUs no larger, had none free, "
            "of those available."
        ),
        "at least {}",
        "free_while_full_ratio",
    ),
    "little_used": (
        "Servers by the share of their available GPU time that was used.",
        "at most {}",
        "little_use_ratio",
    ),
    "much_used": (
        "Servers by the share of their available GPU time that was used.",
        "at least {}",
        "much_use_ratio",
    ),
    "contention": (
        "Time in which a request of 1, 2, 4 or 8 GPUs had no place on any server.",
        "at least {} of the time that can be told",
        "contention_ratio",
    ),
    "concentrated": (
        "Share of all use that three servers of six or more have.",
        "at least {}",
        "top_three_ratio",
    ),
    "by_others": (
        "Share of the use of a group's servers by people of other groups.",
        "at least {}",
        "others_ratio",
    ),
    "changed": (
        "Use against an earlier period, as far as this one has passed.",
        "a change of at least {}",
        "change_ratio",
    ),
    "broken": (
        "GPU-hours faulty or unreadable, of those observed.",
        "at least {} on a server",
        "broken_ratio",
    ),
    "down": ("Time in which a server did not answer.", "at least {} of the time", "down_ratio"),
    "throttled": (
        "Time in which heat, power or the board held the clock of a GPU back.",
        "at least {} of its time",
        "throttled_ratio",
    ),
    "hot": ("GPU-hours at a temperature that is called hot.", "{} or more", "hot_celsius"),
    "memory_errors": (
        "Memory errors of GPUs that could not be corrected.",
        "at least one",
        "",
    ),
}


def explained(kind: str, at: FindingSettings) -> Rule:
    """The rule behind a kind of finding.

    Args:
        kind: One of `scms.reports.findings.RULES`.
        at: The thresholds that the report was made with.
    """
    words, limit, setting = _RULES[kind]
    if not setting:
        return Rule(words, limit, setting)
    value: float = getattr(at, setting)
    told = f"{value:.0f} °C" if setting.endswith("_celsius") else ratio(value)
    return Rule(words, limit.format(told), setting)
