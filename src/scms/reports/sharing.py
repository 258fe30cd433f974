"""Who uses whose servers: use by server and user in, a row per group out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

_TOP: Final = 3


def sharing(
    used: pd.DataFrame, groups: pd.DataFrame, members: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """How the servers of each group are shared.

    Args:
        used: The rows of ``usage_by_server_and_user``.
        groups: `usage` by group.
        members: Who belongs to which group (``[groups]`` of cluster.toml); may be empty.

    Returns:
        One row per group that owns servers or has members: ``group``, ``gpu_hours_used`` and
        ``gpu_hours_idle_held`` on its servers, ``user_count`` (visible ones), ``top_three_ratio``
        (share of that use by the three with most), ``by_own_gpu_hours`` and ``by_others_gpu_hours``
        (by its members and by members of other groups; the rest is by people of no known group),
        ``elsewhere_gpu_hours`` (its members on servers of others), ``coverage_ratio``,
        ``simulated``. The last three sums are null for a group without known members.
    """
    import pandas as pd

    home = {user: group for group, users in members.items() for user in users}
    rows = used.assign(home=used["user"].map(home))
    names = [*groups["group"], *(name for name in members if name not in set(groups["group"]))]
    facts = groups.set_index("group")
    frame = pd.DataFrame([_row(name, rows, members) for name in names])
    if frame.empty:
        return frame
    frame["coverage_ratio"] = [_fact(facts, name, "coverage_ratio") for name in names]
    frame["simulated"] = [bool(_fact(facts, name, "simulated")) for name in names]
    return frame


def _row(name: Any, rows: pd.DataFrame, members: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    owned = name is None or name != name  # noqa: PLR0124  NaN differs from itself
    here = rows[rows["group"].isna() if owned else rows["group"] == name]
    people = here.dropna(subset=["user"]).groupby("user")["gpu_hours_used"].sum()
    people = people[people > 0].sort_values(ascending=False)
    total = here["gpu_hours_used"].sum(min_count=1)
    known = not owned and name in members
    away = rows[(rows["home"] == name) & (rows["group"] != name)]
    others = here[here["home"].notna() & (here["home"] != name)]
    return {
        "group": None if owned else name,
        "gpu_hours_used": total,
        "gpu_hours_idle_held": here["gpu_hours_idle_held"].sum(min_count=1),
        "user_count": len(people),
        "top_three_ratio": people.head(_TOP).sum() / total if total and total > 0 else None,
        "by_own_gpu_hours": here.loc[here["home"] == name, "gpu_hours_used"].sum()
        if known
        else None,
        "by_others_gpu_hours": others["gpu_hours_used"].sum() if members else None,
        "elsewhere_gpu_hours": away["gpu_hours_used"].sum() if known else None,
    }


def _fact(facts: pd.DataFrame, name: Any, column: str) -> Any:
    return facts[column].get(name)
