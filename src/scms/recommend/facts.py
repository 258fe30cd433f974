"""What is known of a server at the moment of a request, and what may speak against it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
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
