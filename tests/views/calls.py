"""How each view of warehouse/views is asked: those with parameters get values that suit them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from scms.warehouse.sqlfiles import ViewFile


def call(view: ViewFile, start: datetime, end: datetime) -> tuple[str, dict[str, object]]:
    """A SELECT of all of a view, and the values of its parameters."""
    times: dict[str, object] = {"period_start": start, "period_end": end}
    values = {name: times.get(name, 0.5) for name in view.parameters}
    given = f"({', '.join(f'${name}' for name in values)})" if values else ""
    return f"SELECT * FROM {view.name}{given}", values
