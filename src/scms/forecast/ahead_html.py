"""What is said of the coming hours as a table for notebooks: a shade and a number per hour.

In: an `Ahead`. Out: HTML; everything in it is escaped.
"""

from __future__ import annotations

from datetime import timedelta
from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from scms.forecast.ahead import Ahead, ServerAhead

_HOURS: Final = 24
#: Green, as see-through as the chance is low: it reads on dark and light notebooks.
_SHADE: Final = "background:rgba(16,185,129,{:.2f})"
_UNKNOWN: Final = (
    "background:repeating-linear-gradient(135deg,rgba(132,146,166,.6) 0 1px,transparent 1px 5px)"
)


def ahead_html(ahead: Ahead) -> str:
    """The chance that at least one GPU is free, per server and hour of the next day, in percent."""
    servers = [one for one in ahead.servers if one.chances]
    hours = "".join(
        f"<th>{ahead.origin + timedelta(hours=n):%H}</th>" for n in range(min(_HOURS, _most(ahead)))
    )
    rows = "".join(f"<tr><th>{escape(one.server)}</th>{_cells(one)}</tr>" for one in servers)
    left = len(ahead.servers) - len(servers)
    without = f"; {left} without GPUs are not shown" if left else ""
    caption = (
        f"How likely a GPU is free, in %, by hour (UTC) from {ahead.origin:%a %d %b, %H:%M} on; "
        f"said at {ahead.made_at:%H:%M}{without}"
    )
    return (
        f"<table class='scms-ahead'><caption>{escape(caption)}</caption>"
        f"<thead><tr><th>server</th>{hours}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _most(ahead: Ahead) -> int:
    return max((len(one.mean) for one in ahead.servers), default=0)


def _cells(one: ServerAhead) -> str:
    return "".join(
        f"<td style='{_UNKNOWN}' title='not known'></td>"
        if chance is None
        else f"<td style='{_SHADE.format(chance / 110)}'>{chance}</td>"
        for chance in one.chances_of(1)[:_HOURS]
    )
