"""The collector as a service: from the servers to the hot store, and on to the warehouse.

Input: an inventory and a way to connect. Output: a hot store and a warehouse that grow. Two threads
stand behind the supervisor: one writes records to disk as they come, one moves them on now and
then. A warehouse that cannot be reached never stops the first.
"""

from scms.service.connecting import connect
from scms.service.lock import LOCK_NAME, CollectorLock
from scms.service.mover import WAREHOUSE_PROBLEM
from scms.service.service import Service

__all__ = ["LOCK_NAME", "WAREHOUSE_PROBLEM", "CollectorLock", "Service", "connect"]
