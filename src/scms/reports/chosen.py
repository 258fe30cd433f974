"""Which servers a filter means over a period: a filter in, names out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scms.errors import FilterError
from scms.filters import parse_filter
from scms.reports.asking import Query, asked

if TYPE_CHECKING:
    from datetime import datetime

    from scms.reports.period import Period


def chosen_servers(query: Query, period: Period, where: str, *, now: datetime) -> list[str]:
    """The servers that a filter means: by name, group, tag, model, user and number of GPUs.

    Raises:
        FilterError: It cannot be read, or asks for what is only known of this moment.
    """
    wanted = parse_filter(where)
    rows = asked(query, "usage_by_server", period, now=now)
    models = asked(query, "usage_by_device", period, now=now).groupby("server")["device_name"]
    model_of = {str(server): next(iter(names.dropna()), None) for server, names in models}
    people = asked(query, "usage_by_server_and_user", period, now=now).groupby("server")["user"]
    users_of = {str(server): sorted(set(names.dropna())) for server, names in people}
    known = [
        {
            "server": row["server"],
            "group": row["group"] if isinstance(row["group"], str) else None,
            "tags": [] if row["tags"] is None else [str(tag) for tag in row["tags"]],
            "gpu_model": model_of.get(row["server"]),
            "gpus_total": row["gpu_count"],
            "users": users_of.get(row["server"], []),
        }
        for row in rows.astype(object).where(rows.notna(), None).to_dict("records")
    ]
    try:
        return [str(row["server"]) for row in wanted.rows(known)]
    except KeyError as missing:
        raise FilterError(
            f"the filter {where!r} asks for {missing.args[0]}, which is known of this moment only",
            expected="server, group, tag, user, model or gpus",
        ) from None
