"""How good a fitting server is, and why, in words.

In: a request, the facts of a server that fits, the devices chosen there and what its past says.
Out: a score of 0 to 1, and reasons with numbers. The chance to stay free weighs most, for it is
what a job needs; the rest decides where chances are alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final

from scms.recommend.conditions import idle_cores
from scms.units import format_bytes, format_duration, format_ratio

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from scms.recommend.facts import Facts, Row
    from scms.recommend.request import Request

#: What each part weighs for a job on GPUs: chance, fit, overlooked, headroom.
GPU_WEIGHTS: Final = (0.70, 0.12, 0.10, 0.08)
#: For a job on CPUs: headroom, no GPUs blocked, overlooked.
CPU_WEIGHTS: Final = (0.60, 0.25, 0.15)
#: Scores this close, of 100, are a tie that the seed decides: else everybody gets the same advice.
TIE_POINTS: Final = 2.0
#: What an unknown use counts as, and an unknown chance where no other is known.
UNKNOWN: Final = 0.5
#: Of the fit: how much is about GPUs left over (the rest is about memory left over).
_COUNT_SHARE: Final = 0.7


@dataclass(frozen=True, slots=True)
class Chance:
    """The chance to stay free, and what it rests on.

    Attributes:
        probability: 0 to 1.
        cases: Past spells of this server.
    """

    probability: float
    cases: int


@dataclass(frozen=True, slots=True)
class Prospect:
    """What the past says of one server: each None where it says nothing.

    Attributes:
        chance: To stay free.
        use_ratio: Use over the last 7 days, 0 to 1.
        expected: The row of its outlook with the highest load within the job's hours.
        typical: What an unknown chance counts as: the mean of those of the other servers.
    """

    chance: Chance | None = None
    use_ratio: float | None = None
    expected: Mapping[str, Any] | None = None
    typical: float = UNKNOWN


def score(
    request: Request, facts: Facts, chosen: Sequence[Row], usable: Sequence[Row], prospect: Prospect
) -> float:
    """0 to 1: a weighted mean of chance, fit, overlookedness and headroom, each 0 to 1."""
    overlooked = 1 - (UNKNOWN if prospect.use_ratio is None else min(1.0, prospect.use_ratio))
    if request.gpus == 0:
        on_cpus = (headroom(facts.server, prospect), _cpu_fit(facts), overlooked)
        return sum(w * part for w, part in zip(CPU_WEIGHTS, on_cpus, strict=True))
    chance = prospect.typical if prospect.chance is None else prospect.chance.probability
    parts = (chance, fit(request, chosen, usable), overlooked, headroom(facts.server, prospect))
    return sum(w * part for w, part in zip(GPU_WEIGHTS, parts, strict=True))


def fit(request: Request, chosen: Sequence[Row], usable: Sequence[Row]) -> float:
    """1 where nothing is left over: no block of GPUs is broken, no memory is wasted."""
    count = request.gpus / len(usable)
    if request.gpu_memory_bytes is None:
        return count
    sizes = [float(device["memory_total_bytes"]) for device in chosen]
    memory = min(1.0, request.gpu_memory_bytes / fmean(sizes))
    return _COUNT_SHARE * count + (1 - _COUNT_SHARE) * memory


def headroom(server: Mapping[str, Any], prospect: Prospect) -> float:
    """Mean of the idle share of CPU (the least expected, where an outlook says) and of RAM.

    Unknown counts as none.
    """
    used = server.get("cpu_utilization_ratio")
    expected = prospect.expected
    if used is not None and expected is not None and expected["measure"] != "gpus_busy":
        used = max(float(used), float(expected["upper"]))
    cpu = 0.0 if used is None else 1.0 - float(used)
    total, free = server.get("memory_total_bytes"), server.get("memory_available_bytes")
    memory = float(free) / float(total) if total and free is not None else 0.0
    return fmean((min(1.0, max(0.0, cpu)), min(1.0, max(0.0, memory))))


def reasons(
    request: Request, facts: Facts, chosen: Sequence[Row], usable: Sequence[Row], prospect: Prospect
) -> Iterator[str]:
    """Why this server, in plain words, the most important first."""
    if request.gpus > 0:
        yield f"{len(usable)} of {len(facts.devices)} GPUs free"
        yield from _chance_words(request, prospect)
        yield from _memory_words(request, chosen)
        left = len(usable) - request.gpus
        yield "tight fit" if left == 0 else f"leaves {left} GPU{'s' if left > 1 else ''} free"
    elif not facts.devices:
        yield "no GPUs that the job would block"
    yield from _server_words(facts.server)
    if prospect.use_ratio is not None:
        yield f"{format_ratio(prospect.use_ratio)} used in the last 7 days"
    yield from _expected_words(request, facts, prospect)
    if facts.server["state"] == "degraded" and facts.server["reason"] is not None:
        yield f"degraded: {facts.server['reason']}"


def _chance_words(request: Request, prospect: Prospect) -> Iterator[str]:
    chance = prospect.chance
    if chance is None:
        yield "no history yet to tell how long"
        return
    hours = format_duration(request.hours * 3600)
    spells = f"{chance.cases} past spell{'s' if chance.cases != 1 else ''}"
    yield f"stays free {hours}: {format_ratio(chance.probability)} ({spells})"


def _memory_words(request: Request, chosen: Sequence[Row]) -> Iterator[str]:
    sizes = [device["memory_total_bytes"] for device in chosen]
    if any(size is None for size in sizes):
        return
    smallest = format_bytes(min(sizes))
    if request.gpu_memory_bytes is None:
        yield f"{smallest} per GPU"
    elif min(sizes) >= request.gpu_memory_bytes:
        yield f"{smallest} ≥ {format_bytes(request.gpu_memory_bytes)} per GPU"
    else:
        yield f"{smallest} per GPU, nominally {format_bytes(request.gpu_memory_bytes)}"


def _server_words(server: Mapping[str, Any]) -> Iterator[str]:
    idle = idle_cores(server)
    if idle is not None:
        used = format_ratio(server["cpu_utilization_ratio"])
        yield f"CPU {used}, {idle:.0f} of {server['cpu_count']} cores idle"
    free = server.get("memory_available_bytes")
    if free is not None:
        yield f"{format_bytes(free)} RAM free"


def _expected_words(request: Request, facts: Facts, prospect: Prospect) -> Iterator[str]:
    row = prospect.expected
    if row is None:
        return
    level = f"({format_ratio(row['level'])} interval)"
    if row["measure"] != "gpus_busy":
        between = f"{format_ratio(row['lower'])} to {format_ratio(row['upper'])}"
        yield f"in the busiest hour ahead CPU {between} {level}"
    elif request.gpus > 0:
        low, high = f"{row['lower']:.0f}", f"{row['upper']:.0f}"
        between = low if low == high else f"{low} to {high}"
        yield f"in the busiest hour ahead {between} of {len(facts.devices)} GPUs busy {level}"


def _cpu_fit(facts: Facts) -> float:
    """1 on a server without GPUs, 0.5 where all are taken anyway, 0 where free ones are blocked."""
    if not facts.devices:
        return 1.0
    free = sum(1 for device in facts.devices if device["state"] == "free")
    return 0.5 * (1.0 - free / len(facts.devices))
