"""Which servers to use together, where a job may take its GPUs from several and none has enough.

In: what was answered for one server, the live rows, and what is known of the past. Out: the same
answer with plans: the fewest servers that do, of one GPU model where so few have enough of one, and
of these those of the best score, in which the chances of the servers are multiplied.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING, Final

from scms.recommend.answer import Plan, Recommendation, Rejected
from scms.recommend.conditions import faults, usable_devices
from scms.recommend.facts import facts_of
from scms.recommend.fewest import best_shares, fewest
from scms.recommend.hardware import most_gpus
from scms.recommend.rank import MAX_AGE_SECONDS, candidate_of, choose_devices, luck, prospects_of
from scms.recommend.score import GPU_WEIGHTS, TIE_POINTS, score
from scms.recommend.together import chances_of_shares, joint_chance, wait_together
from scms.units import format_duration, format_ratio

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pandas as pd

    from scms.forecast.logit import Chances
    from scms.recommend.answer import Candidate, Wait
    from scms.recommend.facts import Facts, Fault, Row
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
    prospects: Mapping[int, Prospect]


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
    rejected = tuple(_rejected(found, facts, usable, request if missing > 0 else None))
    if missing > 0:
        return replace(
            answer,
            rejected=rejected,
            impossible=_never(request, facts, found),
            waits=_waits(slots, request, facts, found),
        )
    most = max(map(len, usable.values()))
    chances = (
        {} if slots is None else chances_of_shares(slots, request, most=most, now=now, model=model)
    )
    prospects = {
        gpus: prospects_of(one, chances.get(gpus), outlook, use_ratios, list(usable))
        for gpus in range(1, most + 1)
    }
    givers = {
        name: _Giver(facts[name], own, {gpus: told[name] for gpus, told in prospects.items()})
        for name, own in usable.items()
    }
    plans = tuple(_plans(request, givers, seed))
    return replace(answer, rejected=rejected, impossible=None, waits=(), plans=plans)


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
        values = {
            name: _values(request, givers[name], own, count, seed) for name, own in pools.items()
        }
        told.append((*best_shares(values, count, request.gpus), pools))
    _, shares, pools = max(told, key=lambda one: one[0])
    return shares, pools


def _values(
    request: Request, giver: _Giver, pool: Sequence[Row], servers: int, seed: int | None
) -> dict[int, float]:
    """What each number of GPUs of a server is worth to a plan of so many servers.

    The worths of a plan's servers are added: chances are multiplied, so that their logarithms are,
    and of the rest of the scores it is the mean that counts.
    """
    weight = GPU_WEIGHTS[0]
    lucky = TIE_POINTS / 100 * luck(seed, str(giver.facts.server["server"]))
    values = {}
    for gpus in range(1, min(len(pool), request.gpus - 1) + 1):
        prospect = giver.prospects[gpus]
        chance = prospect.typical if prospect.chance is None else prospect.chance.probability
        wanted = replace(request, gpus=gpus)
        points = score(wanted, giver.facts, choose_devices(pool, gpus), giver.usable, prospect)
        rest = (points - weight * chance + lucky) / servers
        values[gpus] = weight * math.log(max(chance, _LEAST_CHANCE)) + rest
    return values


def _plan(request: Request, taken: Mapping[str, tuple[_Giver, Sequence[Row], int]]) -> Plan:
    parts = [
        candidate_of(replace(request, gpus=gpus), giver.facts, giver.prospects[gpus], among=pool)
        for giver, pool, gpus in taken.values()
    ]
    parts.sort(key=lambda part: (-len(part.devices), part.server))
    chances = [
        told.typical if told.chance is None else told.chance.probability
        for told in (giver.prospects[gpus] for giver, _, gpus in taken.values())
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


def _rejected(
    found: Mapping[str, Sequence[Fault]],
    facts: Mapping[str, Facts],
    usable: Mapping[str, Sequence[Row]],
    short: Request | None,
) -> Iterator[Rejected]:
    """Who can give nothing and, where all are short of a request, who could not give enough."""
    total = sum(map(len, usable.values()))
    for name, own in found.items():
        if own:
            texts = tuple(fault.text for fault in own)
            yield Rejected(name, texts, any(fault.permanent for fault in own))
        elif short is not None:
            has = f"{len(usable[name])} of {len(facts[name].devices)} GPUs free"
            yield Rejected(name, (f"{has}, all servers together {total}, {short.gpus} wanted",))


def _never(
    request: Request, facts: Mapping[str, Facts], found: Mapping[str, Sequence[Fault]]
) -> str | None:
    """Why all servers together could never hold the job, if they could not, with counts."""
    if not found:
        return "No server is watched: the inventory is empty"
    open_ = [name for name, own in found.items() if not any(fault.permanent for fault in own)]
    counts = [most_gpus(request, facts[name]) for name in open_]
    known = [count for count in counts if count is not None]
    if len(known) < len(counts) or sum(known) >= request.gpus:
        return None
    ruled_out = Counter(
        condition
        for own in found.values()
        for condition in {fault.condition for fault in own if fault.permanent}
    )
    suit = f"{sum(known)} GPUs on {len(open_)} of {len(found)} servers suit it"
    has = f"{suit} and {request.gpus} are wanted"
    others = (f"{n} of {len(found)} {condition}" for condition, n in ruled_out.most_common())
    return f"No servers together can ever take this: {', '.join((has, *others))}"


def _waits(
    slots: pd.DataFrame | None,
    request: Request,
    facts: Mapping[str, Facts],
    found: Mapping[str, Sequence[Fault]],
) -> tuple[Wait, ...]:
    """How long until all servers together have enough, of those that are up and suit as a whole."""
    if slots is None:
        return ()
    open_ = [
        name
        for name, own in found.items()
        if not any(fault.permanent for fault in own)
        and facts[name].server["state"] in {"up", "degraded"}
        and most_gpus(request, facts[name]) == len(facts[name].devices)
    ]
    wait = wait_together(slots, request, servers=open_, now=next(iter(facts.values())).now)
    return () if wait is None else (wait,)
