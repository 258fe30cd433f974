"""What the warehouse holds, for people: one row per table.

In: a warehouse. Out: plain rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from scms.tables import ALL

if TYPE_CHECKING:
    from scms.warehouse.store import Warehouse

COLUMNS: Final = ("table", "rows", "files", "size_bytes", "first", "last")


def table_info(warehouse: Warehouse) -> list[dict[str, Any]]:
    """``table, rows, files, size_bytes`` (of the data files), ``first`` and ``last`` (UTC)."""
    return [_row(name, warehouse) for name in ALL]


def _row(name: str, warehouse: Warehouse) -> dict[str, Any]:
    files = warehouse.state(name).files
    return {
        "table": name,
        "rows": sum(file.rows for file in files),
        "files": len(files),
        "size_bytes": sum(file.task.file.file_size_in_bytes for file in files),
        "first": min((file.first for file in files), default=None),
        "last": max((file.last for file in files), default=None),
    }
