"""Queries in SQL over everything that was collected: the warehouse and what is still hot.

Input: the inventory, the hot store, the warehouse and the files of warehouse/views. Output:
DataFrames and DuckDB relations. The only home of DuckDB.
"""

from scms.views.views import Views

__all__ = ["Views"]
