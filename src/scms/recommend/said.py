"""What we say, as rows of the tables in which it is kept.

In: an outlook, a recommendation or a change of holds. Out: rows for `scms.hot.HotStore.say`.
"""

from __future__ import annotations

import json
import math
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    import pandas as pd

    from scms.recommend.answer import Recommendation

Row = dict[str, object]

#: Candidates of a lower rank than this are not kept of one answer.
MAXIMUM_CANDIDATES: Final = 20


def outlook_rows(outlook: pd.DataFrame, *, outlook_id: str, made_by: str) -> list[Row]:
    """Rows of the table ``outlook``; servers without a forecast are left out.

    Args:
        outlook: Of `scms.forecast.outlook`.
        outlook_id: Shared by all rows.
        made_by: Who says it.
    """
    columns = ("horizon_hours", "measure", "mean", "lower", "upper", "level", "p_free", "model")
    return [
        {
            "server": row["server"],
            "origin": milliseconds(row["origin"]),
            "ts": milliseconds(row["ts"]),
            **{name: _plain(row[name]) for name in columns},
            "coverage_ratio": _plain(row["coverage_ratio"]),
            "made_by": made_by,
            "outlook_id": outlook_id,
        }
        for row in outlook.to_dict("records")
        if row["model"] != "none"
    ]


def recommendation_rows(
    answer: Recommendation, *, recommendation_id: str, made_by: str
) -> list[Row]:
    """Rows of the table ``recommendation``: one per candidate, the best 20 of them.

    Of servers that take a job together there is one each, with the GPUs and the chance of its own;
    they share the rank. So each is scored by itself, and what is promised of all of them follows
    from these (`scms.recommend.together`).

    Args:
        answer: What was recommended.
        recommendation_id: Shared by all rows.
        made_by: The login name of who ran the program, and its name.
    """
    ranked = list(answer.ranked())
    known = [one.probability for _, one in ranked if one.probability is not None]
    request = answer.request
    return [
        {
            "recommendation_id": recommendation_id,
            "said_at": milliseconds(answer.as_of),
            "rank": rank,
            "server": candidate.server,
            "devices": ",".join(candidate.devices),
            "gpus": len(candidate.devices),
            "hours": request.hours,
            "probability": candidate.probability,
            "pool_probability": fmean(known) if known else None,
            "cases": None if candidate.probability is None else candidate.probability_cases,
            "policy": answer.policy,
            "request": json.dumps(request.to_dict(), default=str),
            "user": request.user,
            "hold_id": None,
            "made_by": made_by,
        }
        for rank, candidate in ranked
        if rank <= MAXIMUM_CANDIDATES
    ]


def hold_rows(
    holds: Iterable[Mapping[str, Any]],
    action: str,
    now: datetime,
    *,
    recommendation_id: str | None = None,
) -> list[Row]:
    """Rows of the table ``hold``.

    Args:
        holds: As `scms.recommend.holds.Holds` gives them.
        action: taken, renewed, released or expired.
        now: When.
        recommendation_id: The answer that they were taken from, if any.
    """
    return [
        {
            "hold_id": hold["hold_id"],
            "said_at": milliseconds(now),
            "action": action,
            "server": hold["server"],
            "device": hold["device"],
            "user": hold["user"],
            "purpose": hold["purpose"],
            "expires_at": milliseconds(hold["expires_at"]),
            "recommendation_id": recommendation_id,
        }
        for hold in holds
    ]


def milliseconds(moment: datetime) -> int:
    """Epoch milliseconds."""
    return round(moment.timestamp() * 1000)


def _plain(value: Any) -> Any:
    """A number of numpy as one of Python, and NaN as None."""
    plain = value.item() if hasattr(value, "item") else value
    return None if isinstance(plain, float) and math.isnan(plain) else plain
