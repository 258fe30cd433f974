"""A program that runs a collector until it is killed, once for each line on its input.

It forks for each, so that a collector starts in milliseconds. The collector notes what was handed
out by the servers, and what the hot store has acknowledged, apart from the store itself.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb  # noqa: F401  imported once, for all collectors
import pyiceberg.catalog.sql
import pyiceberg.io.pyarrow  # noqa: F401

from scms.hot import HotStore
from scms.service import Service
from service.ticking import appender, inventory_of, ticking

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scms.collect.record import Record

FIRST_OF_RUN = 1_000_000


def collect(directory: Path, run: int) -> None:
    """Collect until killed."""
    acknowledge = appender(directory / "acknowledged.log")
    real = HotStore.append

    def append(self: HotStore, records: Sequence[Record]) -> int:
        last = real(self, records)
        for record in records:
            number = record.tables["server_sample"][0]["uptime_seconds"]
            if isinstance(number, int | float):
                acknowledge(f"{record.server} {number:.0f}\n")
        return last

    HotStore.append = append  # type: ignore[method-assign]
    connect = ticking(run * FIRST_OF_RUN, appender(directory / "handed.log"))
    service = Service(inventory_of(directory, interval=0.05), connect, flush_seconds=0.3)
    service.start()
    while True:
        signal.pause()


def main() -> None:
    directory = Path(sys.argv[1])
    for run, _line in enumerate(sys.stdin, start=1):
        child = os.fork()
        if child == 0:
            collect(directory, run)
        _say(str(child))
        os.waitpid(child, 0)
        _say("ended")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
