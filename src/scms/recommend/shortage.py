"""What is said where all servers together have too few GPUs for a job that several may take.

In: what speaks against each server, and what it could give. Out: the rejected with their reasons,
why it can never be, and how long it may take.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from scms.recommend.answer import Rejected
from scms.recommend.hardware import most_gpus
from scms.recommend.together import wait_together

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    import pandas as pd

    from scms.recommend.answer import Wait
    from scms.recommend.facts import Facts, Fault, Row
    from scms.recommend.request import Request


def rejected_of(
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


def never(
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


def waits_of(
    slots: pd.DataFrame,
    request: Request,
    facts: Mapping[str, Facts],
    found: Mapping[str, Sequence[Fault]],
    now: datetime,
) -> tuple[Wait, ...]:
    """How long until all servers together have enough, of those that are up and suit as a whole."""
    open_ = [
        name
        for name, own in found.items()
        if not any(fault.permanent for fault in own)
        and facts[name].server["state"] in {"up", "degraded"}
        and most_gpus(request, facts[name]) == len(facts[name].devices)
    ]
    wait = wait_together(slots, request, servers=open_, now=now)
    return () if wait is None else (wait,)
