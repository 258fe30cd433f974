"""The DuckDB that answers queries: how much memory and how many threads it takes, where it spills.

In: the time zone of the cluster. Out: cursors. There are two databases, each made when it is first
needed: a frugal one, in which every query is tried, and a roomy one for what does not fit into it.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import threading
import uuid
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

#: What a query may take of memory before it goes on on the disk: sums over a year of quarters of
#: an hour of a thousand GPUs cost no more processor time there, and many pages share a machine.
FRUGAL_MEMORY: Final = "160MiB"
#: Every thread has buffers of its own, of which a few fit into that.
FRUGAL_THREADS: Final = 4


@cache
def _spill_folder(process: int) -> str:
    """A folder for what does not fit into memory, of one process, that its owner alone sees.

    It stays while the process lives, because a relation may be asked after all else is gone.
    """
    folder = tempfile.mkdtemp(prefix="scms-query-")

    def remove() -> None:
        if os.getpid() == process:  # a fork ends as the process does that it came from
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder


class Database:
    """DuckDB in memory, and on the disk for what does not fit there.

    Args:
        timezone: In which days begin.
    """

    def __init__(self, timezone: str) -> None:
        self._timezone = timezone
        self._made: dict[bool, DuckDBPyConnection] = {}
        self._lock = threading.Lock()

    def cursor(self, *, roomy: bool = False) -> DuckDBPyConnection:
        """A cursor of its own for each query: views are temporary, and seen by it alone.

        Args:
            roomy: Take as much memory and as many processors as DuckDB does by itself.
        """
        with self._lock:
            if roomy not in self._made:
                self._made[roomy] = self._make(roomy=roomy)
            return self._made[roomy].cursor()

    def _make(self, *, roomy: bool) -> DuckDBPyConnection:
        import duckdb

        settings: dict[str, object] = {
            "TimeZone": self._timezone,
            # No file of Iceberg's is ever written again, so its footer need not be read again.
            "parquet_metadata_cache": True,
            # By itself DuckDB spills into the folder where the program was started; two databases
            # must not share one.
            "temp_directory": f"{_spill_folder(os.getpid())}/{uuid.uuid4().hex}",
        }
        database = duckdb.connect(":memory:")
        if not roomy:
            there = database.execute("SELECT current_setting('threads')").fetchall()[0][0]
            settings |= {"memory_limit": FRUGAL_MEMORY, "threads": min(FRUGAL_THREADS, there)}
        for name, value in settings.items():
            database.execute(f"SET GLOBAL {name} = ?", [value])
        return database
