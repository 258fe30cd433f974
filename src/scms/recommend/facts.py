"""What is known of a server at the moment of a request, and what may speak against it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """One reason against a server.

    Attributes:
        text: In plain words, with numbers.
        condition: The same for all servers that fail it, for counting.
        permanent: Waiting does not mend it.
    """

    text: str
    condition: str
    permanent: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one server at the moment of the request.

    Attributes:
        server: Its live row.
        devices: The live rows of its devices.
        holds: Active holds by device.
        now: The present; times are told in its zone.
        max_age_seconds: Data older than this is no data.
    """

    server: Row
    devices: Sequence[Row]
    holds: Mapping[str, Row]
    now: datetime
    max_age_seconds: float


def facts_of(
    servers: Sequence[Row],
    devices: Sequence[Row],
    *,
    holds: Iterable[Row] = (),
    now: datetime,
    max_age_seconds: float,
) -> dict[str, Facts]:
    """What is known of each server, by name: live rows and active holds put together."""
    own: defaultdict[str, list[Row]] = defaultdict(list)
    for device in devices:
        own[device["server"]].append(device)
    held: defaultdict[str, dict[str, Row]] = defaultdict(dict)
    for hold in holds:
        if hold["expires_at"] > now:
            held[hold["server"]][hold["device"]] = hold
    return {
        row["server"]: Facts(row, own[row["server"]], held[row["server"]], now, max_age_seconds)
        for row in servers
    }
