"""The hot store: the last hours of records in one local SQLite file.

Records of the collector come in and are durable when `HotStore.append` returns; the live page, the
views and the flush to the warehouse read them. Rows leave when the warehouse has them. What we say
(forecasts, recommendations, holds) goes the same way, by `HotStore.say`.
"""

from scms.hot.chosen import rows_since
from scms.hot.codec import PROCESS_SCAN, StoredRecord
from scms.hot.file import FILE_NAME
from scms.hot.said import Said
from scms.hot.store import HotStore

__all__ = ["FILE_NAME", "PROCESS_SCAN", "HotStore", "Said", "StoredRecord", "rows_since"]
