"""What the past says of several servers together.

In: the chances of single servers, or the view ``free_15m``. Out: the chance that all of them stay
free, and how long until they have enough.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scms.recommend.answer import Wait

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    import pandas as pd

    from scms.recommend.request import Request


@dataclass(frozen=True, slots=True)
class JointChance:
    """The chance that several servers all stay free.

    Attributes:
        product: If their fates have nothing to do with each other: the product of their chances.
            In a lab they are busy at the same times rather than in turn, and then it is more.
        at_least: However they hang together (the bound of Bonferroni, 1936, and Fréchet, 1935):
            the sum of their chances plus 1, less their number.
    """

    product: float
    at_least: float


def joint_chance(chances: Sequence[float]) -> JointChance:
    """The chance that all of it comes true, from the chance of each, 0 to 1."""
    return JointChance(
        product=math.prod(chances), at_least=max(0.0, math.fsum(chances) - (len(chances) - 1))
    )


def wait_together(
    slots: pd.DataFrame, request: Request, *, servers: Collection[str], now: datetime
) -> Wait | None:
    """How long until so many GPUs are free on some servers together, from their common past.

    The servers are taken as one large one: what was free on all of them at a time is added up, and
    who was not observed had nothing free.

    Args:
        slots: The view ``free_15m``.
        request: How many GPUs, and by when.
        servers: Those whose GPUs all suit the request.
        now: The present, aware.

    Returns:
        A wait without a name; None where they have too few GPUs or nothing is known of their past.
    """
    from scms.forecast.availability import waiting

    own = slots[slots["server"].isin(list(servers)) & slots["observed"]]
    if own.empty:
        return None
    pool = own.groupby("starts_at", as_index=False).agg(gpus_free=("gpus_free", "sum"))
    pool = pool.assign(
        server="", observed=True, gpu_count=int(own.groupby("server")["gpu_count"].last().sum())
    )
    told = waiting(pool, gpus=request.gpus, now=now, by=request.start_by)
    return (
        None
        if told.empty
        else Wait.of_row(told.iloc[0].to_dict(), server=None, by=request.start_by)
    )
