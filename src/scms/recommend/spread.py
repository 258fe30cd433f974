"""Which servers to use together, where a job may take its GPUs from several and none has enough.

In: what was answered for one server, the live rows, and what is known of the past. Out: the same
answer with plans: the fewest servers that do, of one GPU model where so few have enough of one, and
of these those of the best score, in which the chances of the servers are multiplied.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cache
from statistics import fmean
from typing import TYPE_CHECKING, Final

from scms.recommend.answer import Plan, Recommendation
from scms.recommend.conditions import faults, usable_devices
from scms.recommend.facts import facts_of
from scms.recommend.fewest import best_shares, fewest
from scms.recommend.rank import MAX_AGE_SECONDS, candidate_of, choose_devices, luck, prospects_of
from scms.recommend.score import GPU_WEIGHTS, TIE_POINTS, score
from scms.recommend.shortage import never, rejected_of, waits_of
from scms.recommend.together import joint_chance
from scms.units import format_duration, format_ratio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    import pandas as pd

    from scms.forecast.logit import Chances
    from scms.recommend.answer import Candidate
    from scms.recommend.facts import Facts, Row
    from scms.recommend.request import Request
    from scms.recommend.score import Prospect
    from scms.recommend.together import JointChance

#: So many plans are told; no server is in two of them, so that each is another way out.
MAXIMUM_PLANS: Final = 3
#: A chance of nothing, where chances are multiplied.
_LEAST_CHANCE: Final = 1e-6


@dataclass(frozen=True, slots=True)
class _Giver:
    """A server that can give GPUs: what is known of it, and what its past says by their number."""

    facts: Facts
    usable: Sequence[Row]
    prospects: Callable[[int], Mapping[str, Prospect]]

    def prospect(self, gpus: int) -> Prospect:
        """What its past says of so many of its GPUs."""
        return self.prospects(gpus)[str(self.facts.server["server"])]


def spread(  # noqa: PLR0913  each source of evidence may be missing by itself
    answer: Recommendation,
    servers: Sequence[Row],
    devices: Sequence[Row],
    *,
    slots: pd.DataFrame | None = None,
    model: Chances | None = None,
    outlook: pd.DataFrame | None = None,
    use_ratios: Mapping[str, float | None] | None = None,
    holds: Iterable[Row] = (),
    seed: int | None = 0,
    max_age_seconds: float = MAX_AGE_SECONDS,
) -> Recommendation:
    """Take the GPUs from several servers, where the request allows it and no server can alone.

    What is needed of a server (cores, RAM, scratch space, group, tags) is needed of each.

    Args:
        answer: Of `scms.recommend.rank.recommend`, for the same rows.
        servers: Live rows, one per server.
        devices: Live rows, one per GPU.
        slots: The view ``free_15m``; without it chances are unknown and no wait is told.
        model: Weights of the Logit, where they were learnt.
        outlook: As for `recommend`.
        use_ratios: As for `recommend`.
        holds: Active holds.
        seed: Decides among servers that are about equally good; None where a hold is taken.
        max_age_seconds: Data older than this is no data.

    Returns:
        The same answer where a server can take the job alone or the request wants one server; else
        one with ``plans`` or, where all servers have too few, ``waits``. ``rejected`` are then the
        servers that can give no GPU; without a plan also the others, with what they can give.
    """
    request, now = answer.request, answer.as_of
    if answer.candidates or not request.may_spread:
        return answer
    facts = facts_of(servers, devices, holds=holds, now=now, max_age_seconds=max_age_seconds)
    one = replace(request, gpus=1)
    found = {name: faults(one, own) for name, own in sorted(facts.items())}
    usable = {name: usable_devices(one, facts[name]) for name in found if not found[name]}
    missing = request.gpus - sum(map(len, usable.values()))
    rejected = tuple(rejected_of(found, facts, usable, request if missing > 0 else None))
    if missing > 0:
        return replace(
            answer,
            rejected=rejected,
            impossible=never(request, facts, found),
            waits=() if slots is None else waits_of(slots, request, facts, found, now),
        )

    @cache  # only the numbers that some plan may take of a server are asked for
    def prospects(gpus: int) -> Mapping[str, Prospect]:
        wanted = replace(request, gpus=gpus)
        chances = None if slots is None else _chances(slots, wanted, now, model)
        return prospects_of(wanted, chances, outlook, use_ratios, list(usable))

    givers = {name: _Giver(facts[name], own, prospects) for name, own in usable.items()}
    plans = tuple(_plans(request, givers, seed))
    return replace(answer, rejected=rejected, impossible=None, waits=(), plans=plans)


def _chances(
    slots: pd.DataFrame, request: Request, now: datetime, model: Chances | None
) -> pd.DataFrame:
    from scms.forecast.availability import availability

    return availability(slots, gpus=request.gpus, hours=request.hours, now=now, model=model)


def _plans(request: Request, givers: Mapping[str, _Giver], seed: int | None) -> Iterator[Plan]:
    """The best plan, then the best of the servers that are left, while they have enough."""
    left = dict(givers)
    for _ in range(MAXIMUM_PLANS):
        shares, pools = _shares(request, left, seed)
        if not shares:
            return
        plan = _plan(request, {name: (left[name], pools[name], shares[name]) for name in shares})
        yield plan
        for name in shares:
            del left[name]


def _shares(
    request: Request, givers: Mapping[str, _Giver], seed: int | None
) -> tuple[dict[str, int], dict[str, list[Row]]]:
    """How many GPUs of each server to take, and the devices to choose them from."""
    every = {name: list(giver.usable) for name, giver in givers.items()}
    count = fewest([len(own) for own in every.values()], request.gpus)
    if count is None:
        return {}, every
    models: defaultdict[str, dict[str, list[Row]]] = defaultdict(dict)
    for name, own in every.items():
        for device in own:
            models[str(device["device_name"])].setdefault(name, []).append(device)
    alike = [
        pools
        for _, pools in sorted(models.items())
        if fewest([len(own) for own in pools.values()], request.gpus) == count
    ]
    told = []
    for pools in alike or [every]:
        sizes = sorted(map(len, pools.values()), reverse=True)
        least = max(1, request.gpus - sum(sizes[: count - 1]))  # however much the others give
        values = {
            name: _values(request, givers[name], own, count, least, seed)
            for name, own in pools.items()
        }
        told.append((*best_shares(values, count, request.gpus), pools))
    _, shares, pools = max(told, key=lambda one: one[0])
    return shares, pools


def _values(
    request: Request,
    giver: _Giver,
    pool: Sequence[Row],
    servers: int,
    least: int,
    seed: int | None,
) -> dict[int, float]:
    """What each number of GPUs of a server, from the least on, is worth to a plan of so many.

    The worths of a plan's servers are added: chances are multiplied, so that their logarithms are,
    and of the rest of the scores it is the mean that counts.
    """
    weight = GPU_WEIGHTS[0]
    lucky = TIE_POINTS / 100 * luck(seed, str(giver.facts.server["server"]))
    values = {}
    for gpus in range(least, min(len(pool), request.gpus - 1) + 1):
        prospect = giver.prospect(gpus)
        chance = prospect.typical if prospect.chance is None else prospect.chance.probability
        wanted = replace(request, gpus=gpus)
        points = score(wanted, giver.facts, choose_devices(pool, gpus), giver.usable, prospect)
        rest = (points - weight * chance + lucky) / servers
        values[gpus] = weight * math.log(max(chance, _LEAST_CHANCE)) + rest
    return values


def _plan(request: Request, taken: Mapping[str, tuple[_Giver, Sequence[Row], int]]) -> Plan:
    parts = [
        candidate_of(replace(request, gpus=gpus), giver.facts, giver.prospect(gpus), among=pool)
        for giver, pool, gpus in taken.values()
    ]
    parts.sort(key=lambda part: (-len(part.devices), part.server))
    chances = [
        told.typical if told.chance is None else told.chance.probability
        for told in (giver.prospect(gpus) for giver, _, gpus in taken.values())
    ]
    known = [part.probability for part in parts if part.probability is not None]
    joint = joint_chance(known) if len(known) == len(parts) else None
    weight = GPU_WEIGHTS[0]
    rest = fmean(part.score for part in parts) - 100 * weight * fmean(chances)
    return Plan(
        parts=tuple(parts),
        score=round(100 * weight * math.prod(chances) + rest, 1),
        probability=None if joint is None else joint.product,
        probability_at_least=None if joint is None else joint.at_least,
        reasons=tuple(_reasons(request, parts, joint)),
    )


def _reasons(
    request: Request, parts: Sequence[Candidate], joint: JointChance | None
) -> Iterator[str]:
    """What speaks for servers together, the most important first."""
    shares = " + ".join(str(len(part.devices)) for part in parts)
    yield f"{shares} GPUs of {len(parts)} servers"
    if joint is None:
        yield "no history yet of all of them to tell how long"
    else:
        hours = format_duration(request.hours * 3600)
        yield (
            f"all stay free {hours}: {format_ratio(joint.product)} if their fates are independent, "
            f"at least {format_ratio(joint.at_least)}"
        )
    models = {part.device_name for part in parts}
    yield "one GPU model" if len(models) == 1 else "different GPU models"
