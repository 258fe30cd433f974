"""Which server to use: pure ranking of live rows.

In: a request, the live rows of servers and devices, and what is known of the past (chances, waits,
outlook, recent use) as tables. Out: a `Recommendation`. The same input and seed give the same
answer; another seed only reorders servers that are about equally good.
"""

from __future__ import annotations

import math
import random
import shlex
from collections import Counter, defaultdict
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final

from scms.errors import RequestError
from scms.recommend.answer import Candidate, Recommendation, Rejected, Wait, known
from scms.recommend.conditions import faults, usable_devices
from scms.recommend.facts import Facts, Fault, Row, facts_of
from scms.recommend.score import (
    TIE_POINTS,
    UNKNOWN,
    Chance,
    Prospect,
    reasons,
    score,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    import pandas as pd

    from scms.recommend.request import Request

__all__ = ["Candidate", "Recommendation", "Rejected", "Wait", "choose_devices", "recommend"]

#: Live data older than this is no data.
MAX_AGE_SECONDS: Final = 60.0
#: How many waits are told where nothing is free.
MAXIMUM_WAITS: Final = 5


def recommend(  # noqa: PLR0913  each source of evidence may be missing by itself
    request: Request,
    servers: Sequence[Row],
    devices: Sequence[Row],
    *,
    availability: pd.DataFrame | None = None,
    waits: pd.DataFrame | None = None,
    outlook: pd.DataFrame | None = None,
    use_ratios: Mapping[str, float | None] | None = None,
    holds: Iterable[Row] = (),
    now: datetime,
    seed: int | None = 0,
    max_age_seconds: float = MAX_AGE_SECONDS,
) -> Recommendation:
    """Rank the servers for a job.

    Args:
        request: What the job needs.
        servers: Live rows, one per server (`scms.live.Snapshot.servers`).
        devices: Live rows, one per GPU (`scms.live.Snapshot.devices`).
        availability: Of `scms.forecast.availability.availability`, for the request's GPUs and
            hours. Without it chances are unknown, and fit decides.
        waits: Of `scms.forecast.availability.waiting`; used where no server fits now.
        outlook: Of `scms.forecast.outlook`; adds what is expected to the reasons, and for jobs on
            CPUs to the headroom.
        use_ratios: Server to its use over the last 7 days, 0 to 1, or None where unknown; where
            chances tie, the less used server comes first.
        holds: Active holds (`scms.recommend.holds.Holds.active`).
        now: The present, aware; times in reasons are told in its zone.
        seed: Decides among servers whose scores are within `TIE_POINTS`; None where a hold is
            taken on the first one, which needs no luck against others.
        max_age_seconds: Data older than this is no data.

    Raises:
        RequestError: ``now`` has no time zone.
    """
    if now.tzinfo is None:
        raise RequestError(f"now is {now.isoformat()}", expected="a time with a zone")
    facts = facts_of(servers, devices, holds=holds, now=now, max_age_seconds=max_age_seconds)
    found = {name: faults(request, fact) for name, fact in facts.items()}
    fitting = [name for name in sorted(found) if not found[name]]
    prospects = prospects_of(request, availability, outlook, use_ratios, fitting)
    candidates = [candidate_of(request, facts[name], prospects[name]) for name in fitting]
    candidates.sort(key=lambda c: (-c.score - luck(seed, c.server) * TIE_POINTS, c.server))
    rejected = tuple(
        Rejected(name, tuple(f.text for f in own), any(f.permanent for f in own))
        for name, own in sorted(found.items())
        if own
    )
    return Recommendation(
        request=request,
        as_of=now,
        candidates=tuple(candidates),
        rejected=rejected,
        impossible=_impossible(found),
        waits=() if candidates else _waits(waits, rejected, facts, request.start_by),
        policy="best" if seed is None else "random",
    )


def luck(seed: int | None, server: str) -> float:
    """What decides among servers that are alike, 0 to 1; none without a seed."""
    return 0.0 if seed is None else random.Random(f"{seed}:{server}").random()  # noqa: S311


def prospects_of(
    request: Request,
    availability: pd.DataFrame | None,
    outlook: pd.DataFrame | None,
    use_ratios: Mapping[str, float | None] | None,
    names: Sequence[str],
) -> dict[str, Prospect]:
    """What the past says of each of these servers; arguments as of `recommend`."""
    chances: dict[str, Chance] = {}
    for row in () if availability is None else availability.to_dict("records"):
        probability = known(row["probability"])
        if row["server"] in names and probability is not None and request.gpus > 0:
            chances[str(row["server"])] = Chance(probability, int(row["cases"]))
    typical = fmean(c.probability for c in chances.values()) if chances else UNKNOWN
    expected = {} if outlook is None else _expected(outlook, request.hours)
    used = {} if use_ratios is None else use_ratios
    return {
        name: Prospect(chances.get(name), known(used.get(name)), expected.get(name), typical)
        for name in names
    }


def _expected(outlook: pd.DataFrame, hours: float) -> dict[str, Row]:
    """Per server, the highest outlook within the job's hours."""
    part = outlook[(outlook["horizon_hours"] <= max(1, math.ceil(hours))) & outlook["mean"].notna()]
    highest = part.sort_values("upper", ascending=False).drop_duplicates("server")
    return {
        str(row["server"]): {str(name): value for name, value in row.items()}
        for row in highest.to_dict("records")
    }


def candidate_of(
    request: Request, facts: Facts, prospect: Prospect, among: Sequence[Row] | None = None
) -> Candidate:
    """A server that can take a request, with the devices to use there.

    Args:
        request: What is needed of it.
        facts: What is known of it.
        prospect: What its past says.
        among: The devices to choose from; all that are usable by default.
    """
    server = facts.server
    usable = usable_devices(request, facts)
    chosen = choose_devices(usable if among is None else among, request.gpus)
    names = list(dict.fromkeys(str(device["device_name"]) for device in chosen))
    uuids = tuple(str(device["device"]) for device in chosen)
    chance = prospect.chance
    return Candidate(
        server=str(server["server"]),
        target=str(server["target"]),
        devices=uuids,
        device_indices=tuple(device["device_index"] for device in chosen),
        device_name=" + ".join(names) if names else None,
        gpus_free=len(usable),
        gpus_total=len(facts.devices),
        score=round(100 * score(request, facts, chosen, usable, prospect), 1),
        probability=None if chance is None else chance.probability,
        probability_cases=0 if chance is None else chance.cases,
        reasons=tuple(reasons(request, facts, chosen, usable, prospect)),
        age_seconds=float(server["age_seconds"]),
        command=_command(str(server["target"]), uuids),
        simulated=bool(server["simulated"]),
    )


def choose_devices(usable: Sequence[Row], count: int) -> list[Row]:
    """The devices to give: all of one model where possible, the smallest that do, by index."""
    models: defaultdict[str, list[Row]] = defaultdict(list)
    for device in usable:
        models[str(device["device_name"])].append(device)
    whole = [group for group in models.values() if len(group) >= count]
    pools = sorted(whole, key=lambda group: min(map(_size, group))) if whole else [list(usable)]
    smallest = sorted(pools[0], key=_size) if pools else []
    return sorted(smallest[:count], key=_position)


def _size(device: Mapping[str, Any]) -> tuple[float, int, str]:
    size = device["memory_total_bytes"]
    return (math.inf if size is None else float(size), *_position(device))


def _position(device: Mapping[str, Any]) -> tuple[int, str]:
    index = device["device_index"]
    return (1 << 30 if index is None else int(index), str(device["device"]))


def _command(target: str, uuids: Sequence[str]) -> str:
    """What to type; everything is quoted, as names and UUIDs come from other machines."""
    ssh = f"ssh {shlex.quote(target)}"
    if not uuids:
        return ssh
    return f"{ssh}\nexport CUDA_VISIBLE_DEVICES={shlex.quote(','.join(uuids))}"


def _impossible(found: Mapping[str, Sequence[Fault]]) -> str | None:
    """Which conditions rule out how many servers, if no server could ever take the job."""
    if not found:
        return "No server is watched: the inventory is empty"
    if not all(any(fault.permanent for fault in own) for own in found.values()):
        return None
    counts = Counter(
        condition
        for own in found.values()
        for condition in {fault.condition for fault in own if fault.permanent}
    )
    parts = (f"{n} of {len(found)} {condition}" for condition, n in counts.most_common())
    return f"No server can ever take this: {', '.join(parts)}"


def _waits(
    waits: pd.DataFrame | None,
    rejected: Iterable[Rejected],
    facts: Mapping[str, Facts],
    by: datetime | None,
) -> tuple[Wait, ...]:
    """The soonest servers that are up and only lack free GPUs; the likeliest until ``by``."""
    if waits is None:
        return ()
    open_ = {
        one.server
        for one in rejected
        if not one.permanent and facts[one.server].server["state"] in {"up", "degraded"}
    }
    found = [
        Wait.of_row(row, server=str(row["server"]), by=by)
        for row in waits.to_dict("records")
        if row["server"] in open_
    ]
    found.sort(
        key=lambda w: (
            0.0 if w.by_probability is None else -w.by_probability,
            math.inf if w.median_hours is None else w.median_hours,
            str(w.server),
        )
    )
    return tuple(found[:MAXIMUM_WAITS])
