"""The Iceberg warehouse: schema, catalog, flush, rollup, upkeep and read."""

from scms.warehouse.store import Warehouse

__all__ = ["Warehouse"]
