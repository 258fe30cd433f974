"""What the collector hands on: the rows that one tick, or one failed try, made of a server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Record:
    """One tick of one server, as rows of the fact tables.

    Attributes:
        server: Its name in the inventory.
        received_at_ms: When the collector received it, milliseconds since the epoch.
        tables: Rows by the name of their table, complete in its columns; timestamps in
            milliseconds since the epoch.
        detail: What only the live page shows: host name, kernel, file systems and the like.
    """

    server: str
    received_at_ms: int
    tables: dict[str, list[dict[str, object]]]
    detail: dict[str, object]
