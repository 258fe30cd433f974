"""The Iceberg warehouse: schema, catalog, flush, rollup, upkeep and read."""
