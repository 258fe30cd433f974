"""A cluster as a notebook shows it: what it watches, and what is known of it now.

In: an inventory and, if it can be read, a snapshot. Out: a few lines of HTML, all of them escaped.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from scms.states import DeviceState, ServerState
from scms.units import format_duration
from scms.widgets.feed.headline import is_free

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scms.inventory import Inventory
    from scms.live import Snapshot

_FRESH = {ServerState.UP, ServerState.DEGRADED}


def cluster_html(inventory: Inventory, now: Snapshot | str) -> str:
    """A cluster in a table of two columns.

    Args:
        inventory: What is watched.
        now: What is known; a text says why nothing can be read.
    """
    settings = inventory.settings
    groups = sorted({server.group for server in inventory.servers if server.group is not None})
    rows = [("Servers", _counted(len(inventory.servers), groups))]
    rows += [("Now", now)] if isinstance(now, str) else _known(now)
    rows += [("Time zone", settings.timezone), ("Data", str(inventory.directory))]
    lines = "".join(
        f'<tr><th style="text-align:left;font-weight:600">{escape(name)}</th>'
        f'<td style="text-align:left">{escape(text)}</td></tr>'
        for name, text in rows
    )
    return f"<table><caption>{escape(settings.name)}</caption><tbody>{lines}</tbody></table>"


def _counted(count: int, groups: Sequence[str]) -> str:
    servers = f"{count} server" if count == 1 else f"{count} servers"
    return f"{servers} in {', '.join(groups)}" if groups else servers


def _known(now: Snapshot) -> list[tuple[str, str]]:
    fresh = [server for server in now.servers if server["state"] in _FRESH]
    ages = [server["age_seconds"] for server in now.servers if server["age_seconds"] is not None]
    if not ages:
        return [("Now", "nothing collected yet; start with: scms up")]
    seen = (
        f"{len(fresh)} of {len(now.servers)} observed, newest data {format_duration(min(ages))} old"
    )
    if not now.devices:
        return [("Now", seen)]
    free = sum(map(is_free, now.devices))
    unknown = sum(d["state"] == DeviceState.UNKNOWN for d in now.devices)
    told = f"{free} of {len(now.devices)} free" + (f", {unknown} unknown" if unknown else "")
    return [("Now", seen), ("GPUs", told)]
