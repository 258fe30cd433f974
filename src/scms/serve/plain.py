"""The live state as one plain page: no script, no websocket; the browser fetches it anew.

In: a cluster. Out: HTML. Everything that came from a server is escaped.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from scms.units import format_bytes, format_ratio

if TYPE_CHECKING:
    from jinja2 import Template

    from scms.cluster import Cluster

#: Seconds between two looks; the live page is for those who want more.
_REFRESH_SECONDS: Final = 10


def plain_page(lab: Cluster) -> str:
    """The servers now as an HTML document."""
    settings = lab.inventory.settings
    snapshot = lab.snapshot()
    return _template().render(
        name=settings.name,
        as_of=snapshot.as_of.astimezone(settings.zone()).strftime("%Y-%m-%d %H:%M:%S %Z"),
        refresh=max(_REFRESH_SECONDS, round(settings.interval)),
        rows=[_row(server) for server in snapshot.servers],
        up=sum(server["state"] in {"up", "degraded"} for server in snapshot.servers),
        free=sum(server["gpus_free"] for server in snapshot.servers),
        gpus=sum(server["gpus_total"] for server in snapshot.servers),
    )


def _row(server: dict[str, Any]) -> dict[str, str]:
    total = server["gpus_total"]
    return {
        "server": server["server"],
        "state": server["state"],
        "free": f"{server['gpus_free']} of {total}" if total else "–",
        "model": server["gpu_model"] or "–",
        "gpu": format_ratio(server["gpu_utilization_ratio"]),
        "cpu": format_ratio(server["cpu_utilization_ratio"]),
        "memory": f"{format_bytes(server['memory_used_bytes'])} of "
        f"{format_bytes(server['memory_total_bytes'])}",
        "users": ", ".join(server["users"]),
        "reason": server["reason"] or "",
    }


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader

    loader = PackageLoader("scms.serve", package_path="")
    return Environment(loader=loader, autoescape=True).get_template("plain.html.j2")
