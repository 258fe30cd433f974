"""The live state as one plain page: no script, no websocket; the browser fetches it anew.

In: a cluster, and the language. Out: HTML. Everything that came from a server is escaped.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from scms.units import format_bytes, format_ratio
from scms.widgets.base.words import words

if TYPE_CHECKING:
    from collections.abc import Callable

    from jinja2 import Template

    from scms.cluster import Cluster

#: Seconds between two looks; the live page is for those who want more.
_REFRESH_SECONDS: Final = 10


#: What the table says of each server: the heading, and the key of the row.
_COLUMNS: Final = {
    "Server": "server",
    "State": "state",
    "Free GPUs": "free",
    "GPU model": "model",
    "GPU use": "gpu",
    "CPU": "cpu",
    "RAM": "memory",
    "Users": "users",
    "Why": "reason",
}


def plain_page(lab: Cluster, *, chinese: bool = False, still: bool = False) -> str:
    """The servers now as an HTML document, in English or Chinese.

    Args:
        lab: The cluster.
        chinese: Speak Chinese.
        still: Leave the page as it is: who reads slowly, or has it read out, is not thrown back to
            its beginning (WCAG 2.2.1).
    """
    settings = lab.inventory.settings
    snapshot = lab.snapshot()
    up = sum(server["state"] in {"up", "degraded"} for server in snapshot.servers)
    free = sum(server["gpus_free"] for server in snapshot.servers)
    gpus = sum(server["gpus_total"] for server in snapshot.servers)
    as_of = snapshot.as_of.astimezone(settings.zone()).strftime("%Y-%m-%d %H:%M:%S %Z")
    refresh = max(_REFRESH_SECONDS, round(settings.interval))
    summary = (
        f"{up} of {len(snapshot.servers)} servers answer, {free} of {gpus} GPUs are free. "
        + (
            f"As of {as_of}; this page stays as it is."
            if still
            else f"As of {as_of}; this page is fetched anew every {refresh} s."
        )
    )
    return _template().render(
        name=settings.name,
        language="zh-CN" if chinese else "en",
        say=speaker(chinese=chinese),
        summary=summary,
        refresh=None if still else refresh,
        columns=_COLUMNS,
        rows=[_row(server) for server in snapshot.servers],
    )


def speaker(*, chinese: bool) -> Callable[[str], str]:
    """What says a text of ours in the language: the text itself, or its Chinese where known."""
    if not chinese:
        return str
    say = words().say
    return lambda text: say(text) or text


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
