"""What writing to the warehouse costs: the flush of ten minutes, and a stream of commits.

In: how large a lab. Out: rows of Markdown on standard output, for `warehouse.py`.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import numpy as np
from benchmarks import fleet

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from scms.collect.record import Record
    from scms.warehouse import Warehouse


def row(what: str, value: str, beside: str = "") -> None:
    print(f"| {what} | {value} | {beside} |", flush=True)


def warehouse_in(folder: Path) -> Warehouse:
    from scms.inventory import Inventory
    from scms.warehouse import Warehouse

    servers = [{"name": "gpu0000"}]
    inventory = Inventory.from_mapping({"servers": servers}, base=folder, source="benchmark")
    return Warehouse.open(inventory)


def taken(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds on the clock and of CPU."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def median_seconds(work: Callable[[], object], times: int = 7) -> float:
    return statistics.median(taken(work)[0] for _ in range(times))


def after(day: fleet.Day) -> datetime:
    """When a day is over."""
    return datetime.fromtimestamp(int(day.times[0]) + 86400, UTC)


def data_bytes(warehouse: Warehouse, table: str) -> int:
    return sum(file.task.file.file_size_in_bytes for file in warehouse.state(table).files)


def flush(servers: int) -> None:
    """Ten minutes of so many servers with 8 GPUs at a tick of 5 s, from the hot store on disk."""
    from scms.hot import HotStore

    with tempfile.TemporaryDirectory(prefix="scms-bench-") as folder:
        warehouse = warehouse_in(Path(folder))
        warehouse.ensure_tables()
        hot = HotStore.create(Path(folder) / "hot.sqlite")
        day = fleet.made(servers, step=600)
        spent = 0.0
        for tick in range(120):
            records = _records(day, tick)
            spent += taken(lambda records=records: hot.append(records))[1]  # type: ignore[misc]
        stored = hot.path.stat().st_size
        wall, cpu = taken(lambda: warehouse.flush(hot))
        tables = ("device_sample", "server_sample")
        rows = sum(file.rows for name in tables for file in warehouse.state(name).files)
        hot.close()
    row(
        f"flush of 10 min of {servers:,} servers × 8 GPUs at 5 s, from SQLite: {rows:,} rows",
        f"{wall:.1f} s ({cpu:.1f} s CPU)",
        f"{rows / wall:,.0f} rows a second; aim 5 s for 1,000 servers",
    )
    row(
        "of one record of them, to make it durable",
        f"{spent / 120 / servers * 1000:.2f} ms CPU",
        f"{stored / 120 / servers / 1000:.1f} kB",
    )


def _records(day: fleet.Day, tick: int) -> list[Record]:
    """What a tick of all servers says, complete in the columns of its tables."""
    from scms.collect.record import Record
    from scms.tables import DEVICE_SAMPLE, SERVER_SAMPLE

    kinds = {column.name: column.type for column in DEVICE_SAMPLE.columns}
    at = (fleet.FIRST_DAY + 5 * tick) * 1000
    said = {
        name: values[:, tick % len(day.times)]
        .astype(np.int64 if kinds[name] == "integer" else np.float64)
        .tolist()
        for name, values in day.metrics.items()
    }
    device = dict.fromkeys(DEVICE_SAMPLE.column_names()) | {
        "sampled_at": at, "observed_seconds": 5.0, "state": "busy", "user": "ada",
        "device_name": "NVIDIA H100 80GB HBM3",
    }  # fmt: skip
    server = dict.fromkeys(SERVER_SAMPLE.column_names()) | {
        "sampled_at": at, "observed_seconds": 5.0, "state": "up", "collector": "main",
        "simulated": False, "interval_seconds": 5.0, "cpu_utilization_ratio": 0.4,
        "memory_used_bytes": 10**11 + tick, "memory_total_bytes": 10**12, "load_1m": 12.25,
    }  # fmt: skip
    found = []
    for first in range(0, day.gpus, fleet.GPUS):
        name = {"server": fleet.server_of(first)}
        devices = [
            device | name | {"device": fleet.device_of(gpu), "device_index": gpu - first}
            | {metric: values[gpu] for metric, values in said.items()}
            for gpu in range(first, first + fleet.GPUS)
        ]  # fmt: skip
        tables = {"server_sample": [server | name], "device_sample": devices}
        found.append(Record(name["server"], at, tables, {}))
    return found


def commits(servers: int, minutes: int, days: int, seconds: float) -> None:
    """A commit every so many minutes by a simulated clock, with upkeep every hour of it.

    It ends after ``seconds`` on the clock of the wall, and tells of the commits until then.
    """
    from scms.tables import DEVICE_SAMPLE
    from scms.warehouse.upkeep import compact, expire_all

    rows = fleet.device_rows(fleet.made(servers, step=60 * minutes))
    per_day = 1440 // minutes
    made: list[float] = []
    planned: list[float] = []
    kept: list[int] = []
    seen: set[Path] = set()
    ends = time.monotonic() + seconds
    with tempfile.TemporaryDirectory(prefix="scms-bench-") as name:
        warehouse = warehouse_in(Path(name))
        folder = Path(name) / "scms-data/warehouse/files/scms/device_sample"
        for number in range(per_day * days):
            if time.monotonic() > ends:
                break
            now = fleet.FIRST_DAY + (number + 1) * 60 * minutes
            part = _moved(rows, per_day, number)
            with mock.patch.object(time, "time", lambda now=now: float(now)):
                made.append(taken(lambda part=part: warehouse.append("device_sample", part))[1])  # type: ignore[misc]
                planned.append(taken(lambda: warehouse.state("device_sample"))[1])
                if now % 3600 == 0:
                    _age(folder, now, seen)
                    moment = datetime.fromtimestamp(now, UTC)
                    compact(warehouse, DEVICE_SAMPLE, now=moment)
                    expire_all(warehouse, now=moment, keep_facts_seconds=1e9)
            if now % 21600 == 0:
                kept.append(_bytes(folder / "metadata"))
        kept.append(_bytes(folder / "metadata"))
        data = data_bytes(warehouse, "device_sample")
    tenth = max(1, len(made) // 10)
    row(
        f"{len(made):,} commits of {servers * 8} rows, every {minutes} simulated minutes, CPU",
        f"{statistics.median(made[-tenth:]) * 1000:.0f} ms in the last tenth",
        f"{statistics.median(made[:tenth]) * 1000:.0f} ms in the first",
    )
    row(
        "of reading the state after it (planning)",
        f"{statistics.median(planned[-tenth:]) * 1000:.0f} ms in the last tenth",
        f"{statistics.median(planned[:tenth]) * 1000:.0f} ms in the first",
    )
    on_the_way = kept[:: max(1, len(kept) // 6)]
    row(
        f"metadata after {len(made) * minutes / 1440:.1f} simulated days",
        f"{kept[-1] / 1e6:.1f} MB",
        f"{', '.join(f'{size / 1e6:.1f}' for size in on_the_way)} on the way; "
        f"{data / 1e6:.1f} MB of data in the end, metadata {kept[-1] / data:.1%} of it",
    )


def _moved(table: pa.Table, per_day: int, number: int) -> pa.Table:
    """The rows of one tick, moved to their day."""
    import pyarrow.compute as pc

    table = table.take(np.arange(number % per_day, table.num_rows, per_day))
    ahead = timedelta(days=number // per_day)
    index = table.schema.get_field_index("sampled_at")
    times = pc.add(table["sampled_at"], ahead).cast(table.schema.field(index).type)
    return table.set_column(index, table.schema.field(index), times)


def _age(folder: Path, now: int, seen: set[Path]) -> None:
    """Give files that were made since the last look the time of the simulated clock."""
    for path in folder.rglob("*"):
        if path.is_file() and path not in seen:
            os.utime(path, (now, now))
            seen.add(path)


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
