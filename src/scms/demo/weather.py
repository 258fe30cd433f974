"""The times of the simulated lab: eras, slots, and what happens to servers whatever people do.

In: a seed and an era. Out: spells in which a server is out of reach or its GPUs are, and spells in
which one GPU is faulty.

An era is 26 weeks and begins on a Sunday with two hours of maintenance, in which every server is
switched off. Nothing crosses it, so that any moment can be computed from the beginning of its own
era, and the past never depends on what "now" is. Jobs begin and end at quarters of an hour
(slots).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from scms.demo.noise import Draw, key_of

if TYPE_CHECKING:
    from scms.demo.roster import ServerSpec

SLOT: Final = 900
WEEK: Final = 7 * 86400
ERA: Final = 26 * WEEK
#: Sunday 2020-01-05, 05:00 UTC.
_FIRST_ERA: Final = 1_578_200_400
MAINTENANCE: Final = 2 * 3600

SpellKind = Literal["power", "network", "reboot", "driver"]


@dataclass(frozen=True, slots=True)
class Spell:
    """A time in which a server is not itself; epoch seconds, ``end`` excluded.

    ``power``: off, all jobs are killed and it boots afterwards. ``network``: out of reach, jobs go
    on. ``reboot``: the same as power for some minutes. ``driver``: it answers, but its GPUs cannot
    be read until it boots at the end.
    """

    kind: SpellKind
    start: int
    end: int
    reason: str

    @property
    def kills(self) -> bool:
        """Whether the jobs of the server die at its beginning."""
        return self.kind != "network"

    @property
    def silent(self) -> bool:
        """Whether the server does not answer."""
        return self.kind != "driver"

    @property
    def first_slot(self) -> int:
        """When jobs end and none can begin any more."""
        return self.start // SLOT * SLOT

    @property
    def ready_slot(self) -> int:
        """When jobs can begin again."""
        return -(-self.end // SLOT) * SLOT


@dataclass(frozen=True, slots=True)
class Fault:
    """A time in which one GPU is faulty; epoch seconds, ``end`` excluded."""

    index: int
    start: int
    end: int
    what: str


def era_of(at: float) -> int:
    """The era of a moment."""
    return int((at - _FIRST_ERA) // ERA)


def era_start(era: int) -> int:
    """When an era begins."""
    return _FIRST_ERA + era * ERA


def spells_of(seed: int, server: ServerSpec, era: int) -> tuple[Spell, ...]:
    """What happens to a server in an era, in order; spells never overlap."""
    start = era_start(era)
    spells = [
        Spell("power", start, start + MAINTENANCE, "no route to host: half-yearly maintenance")
    ]
    for week in range(26):
        draw = Draw(key_of(seed, "spell", server.name, era, week))
        chance = draw.uniform("happens")
        begin = start + week * WEEK + 86400 + int(draw.uniform("when") * 4 * 96) * SLOT
        hours = min(max(draw.lognormal("hours", median=2.5, sigma=0.8), 0.5), 14.0)
        end = begin + round(hours * 4) * SLOT
        if chance < 0.07:
            spells.append(Spell("power", begin, end, "no route to host"))
        elif chance < 0.11:
            spells.append(Spell("network", begin, end, "connection timed out"))
        elif chance < 0.19:
            spells.append(Spell("reboot", begin + 300, begin + 600, "connection refused"))
        elif chance < 0.2 and server.gpus > 0:
            reason = "driver/library mismatch: reboot"
            spells.append(Spell("driver", begin, begin + round(hours * 12) * SLOT, reason))
    return tuple(spells)


_FAULTS: Final = (
    "GPU is lost: Xid 79, fallen off the bus",
    "uncorrectable ECC error: Xid 48",
    "row remapping failed: Xid 64",
)


def faults_of(seed: int, server: ServerSpec, era: int) -> tuple[Fault, ...]:
    """The faults of the GPUs of a server in an era, in order of device and time."""
    faults = []
    for index in range(server.gpus if server.popularity is not None else 0):
        for part in range(13):
            draw = Draw(key_of(seed, "fault", server.name, index, era, part))
            if draw.uniform("happens") >= 0.05:
                continue
            begin = (
                era_start(era) + part * 2 * WEEK + 86400 + int(draw.uniform("when") * 672) * SLOT
            )
            hours = min(max(draw.lognormal("hours", median=20, sigma=0.7), 4.0), 96.0)
            what = _FAULTS[int(draw.uniform("what") * len(_FAULTS))]
            faults.append(Fault(index, begin, begin + round(hours * 4) * SLOT, what))
    return tuple(faults)
