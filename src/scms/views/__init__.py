"""Queries in SQL over everything that was collected: the warehouse and what is still hot.

Input: the inventory, the hot store, the warehouse and the files of warehouse/views. Output:
DataFrames and DuckDB relations. The only home of DuckDB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scms.views.views import Views

if TYPE_CHECKING:
    from scms.hot import HotStore
    from scms.inventory import Inventory
    from scms.warehouse import Warehouse

__all__ = ["Views", "open_views"]


def open_views(inventory: Inventory, hot: HotStore, warehouse: Warehouse, **options: Any) -> Views:
    """The views of a cluster: by DuckDB, or on the engine that its settings name.

    Args:
        inventory: Its servers and settings.
        hot: Its hot store.
        warehouse: Its warehouse.
        **options: Those of `Views`.

    Raises:
        QueryError: The address of the engine is none.
    """
    engine = inventory.settings.warehouse.engine
    if engine is None:
        return Views(inventory, hot, warehouse, **options)
    from scms.views.remote import EngineViews

    return EngineViews(inventory, hot, warehouse, engine, **options)
