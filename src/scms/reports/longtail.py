"""How unevenly use is spread: tables of use in, Gini, Lorenz curves and unpopular servers out.

Servers are compared by the share of their own time that was used, so that a large server counts
for more, not as more used; users are compared one with another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from scms.reports.cards import tensor_tflops
from scms.reports.present import rows_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from scms.settings import FindingSettings

_TOP: Final = 3
#: A card with less than this part of what the median GPU has is called slow, or small.
_MUCH_LESS: Final = 0.5


def lorenz(amounts: Sequence[float], weights: Sequence[float] | None = None) -> pd.DataFrame:
    """The Lorenz curve of amounts (M. O. Lorenz, 1905), from the least to the most.

    Args:
        amounts: What each one used.
        weights: What each one could have used; the same for all by default. Ones with weight 0
            are left out.

    Returns:
        population_ratio and use_ratio, both from 0 to 1; no rows when nothing was used.
    """
    import numpy as np
    import pandas as pd

    used = np.asarray(amounts, dtype="float64")
    could = np.ones_like(used) if weights is None else np.asarray(weights, dtype="float64")
    used, could = used[could > 0], could[could > 0]
    if used.size == 0 or used.sum() <= 0:
        return pd.DataFrame({"population_ratio": [], "use_ratio": []}, dtype="float64")
    order = np.argsort(used / could, kind="stable")
    curve = {"population_ratio": could[order], "use_ratio": used[order]}
    return pd.DataFrame(
        {name: np.insert(np.cumsum(part) / part.sum(), 0, 0.0) for name, part in curve.items()}
    )


def gini(curve: pd.DataFrame) -> float | None:
    """Gini's coefficient of a Lorenz curve: 0 when all are alike, near 1 when one has everything.

    Twice the area between the curve and the diagonal; None without a curve.
    """
    import numpy as np

    if curve.empty:
        return None
    area = float(np.trapezoid(curve["use_ratio"], curve["population_ratio"]))
    return max(0.0, 1.0 - 2.0 * area)


def concentration(servers: pd.DataFrame, users: pd.DataFrame) -> pd.DataFrame:
    """How uneven use is.

    Args:
        servers: `usage` by server.
        users: `usage` by user.

    Returns:
        One row for servers with GPUs and one for visible users: ``over``, ``member_count``,
        ``gini_ratio``, ``top_three_ratio`` (share of all used GPU-hours that the three with most
        have), ``top_three_of_available_ratio`` (their share of what was available; null for
        users), ``gpu_hours_used`` and ``coverage_ratio`` (of the time of all of them).
    """
    import pandas as pd

    having = servers.dropna(subset=["gpu_hours_used", "gpu_hours_available"])
    people = users.dropna(subset=["user", "gpu_hours_used"])
    people = people[people["gpu_hours_used"] > 0]
    rows = [
        _uneven("servers", having, having["gpu_hours_available"]),
        _uneven("users", people, None),
    ]
    return pd.DataFrame([row for row in rows if row["gini_ratio"] is not None])


def _uneven(over: str, frame: pd.DataFrame, weights: pd.Series | None) -> dict[str, Any]:
    used = frame["gpu_hours_used"]
    top = used.nlargest(_TOP)
    could = None if weights is None else float(weights.sum())
    curve = lorenz(used.tolist(), None if weights is None else weights.tolist())
    return {
        "over": over,
        "member_count": len(frame),
        "gini_ratio": gini(curve),
        "top_three_ratio": float(top.sum() / used.sum()) if used.sum() > 0 else None,
        "top_three_of_available_ratio": None
        if weights is None or not could
        else float(weights[top.index].sum()) / could,
        "gpu_hours_used": float(used.sum()),
        "coverage_ratio": float(frame["coverage_ratio"].mean()) if len(frame) else None,
    }


def unpopular(
    servers: pd.DataFrame,
    devices: pd.DataFrame,
    *,
    user_counts: Mapping[Any, int],
    people: int,
    limits: FindingSettings,
) -> pd.DataFrame:
    """Servers that are little used, and what speaks against them.

    Args:
        servers: `usage` by server.
        devices: `usage` by device, with ``memory_total_bytes``.
        user_counts: How many visible users used each server.
        people: How many used any.
        limits: From where on a server is little used, or often down.

    Returns:
        ``server``, ``group``, ``device_name``, ``gpu_count``, ``gpu_use_ratio``,
        ``gpu_hours_free``, ``user_count``, ``reason``, ``coverage_ratio``, ``simulated``; the most
        free hours first. Servers that were observed too little are not judged.
    """
    import pandas as pd

    cards = _cards(devices)
    usual = {name: _median(cards, name) for name in ("tflops", "memory_total_bytes")}
    rows = []
    for row in rows_of(servers):
        use, coverage = row["gpu_use_ratio"], row["coverage_ratio"]
        if use is None or use > limits.little_use_ratio or (coverage or 0) < limits.coverage_ratio:
            continue
        if (row["gpu_hours_free"] or 0) < limits.gpu_hours:
            continue
        card = cards.get(str(row["server"]), {})
        users = user_counts.get(str(row["server"]), 0)
        reasons = [*_against(card, usual), *_often_down(row, limits)]
        if not reasons:
            reasons = [f"nothing speaks against it; {users} of {people} users were on it"]
        rows.append(
            {
                **{name: row[name] for name in ("server", "group")},
                "device_name": card.get("device_name"),
                **{name: row[name] for name in ("gpu_count", "gpu_use_ratio", "gpu_hours_free")},
                "user_count": users,
                "reason": "; ".join(reasons),
                **{name: row[name] for name in ("coverage_ratio", "simulated")},
            }
        )
    frame = pd.DataFrame(rows)
    if frame.empty:
        return frame
    return frame.sort_values("gpu_hours_free", ascending=False, ignore_index=True)


def _cards(devices: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Of each server: its GPU model, how many, their speed and memory."""
    cards: dict[str, dict[str, Any]] = {}
    for row in rows_of(devices):
        card = cards.setdefault(str(row["server"]), {**row, "count": 0})
        card["tflops"] = tensor_tflops(card["device_name"])
        card["count"] += 1
    return cards


def _median(cards: Mapping[str, Mapping[str, Any]], name: str) -> float | None:
    """The median over GPUs of something that is known of them."""
    import numpy as np

    values = [card[name] for card in cards.values() for _ in range(card["count"])]
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else None


def _against(card: Mapping[str, Any], usual: Mapping[str, float | None]) -> list[str]:
    reasons = []
    speed, memory = card.get("tflops"), card.get("memory_total_bytes")
    if speed is not None and usual["tflops"] and speed < _MUCH_LESS * usual["tflops"]:
        reasons.append(f"slow card, {card['device_name']}")
    many = usual["memory_total_bytes"]
    if memory is not None and many and memory < _MUCH_LESS * many:
        reasons.append(
            f"little memory ({memory / 2**30:.0f} GiB a GPU, usual are {many / 2**30:.0f})"
        )
    return reasons


def _often_down(row: Mapping[str, Any], limits: FindingSettings) -> list[str]:
    down, observed = row["down_hours"] or 0.0, row["gpu_hours_observed"] or 0.0
    up = observed / row["gpu_count"] if row["gpu_count"] else 0.0
    share = down / (down + up) if down + up else 0.0
    return [f"down for {down:,.0f} h"] if share >= limits.down_ratio else []
