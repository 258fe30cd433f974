"""What it costs to roll up a day of samples, per rollup: time, CPU time and peak memory.

    python benchmarks/rollup.py [--servers 200] [--gpus 8] [--interval 60]

Each rollup is made in a process of its own of the same facts: a row per server and tick, one per
GPU and tick, a process on two GPUs of three, and eight rows of CPU use per server and tick. Beside
it stand what DuckDB takes to read the same columns once, what the process had in memory before, and
a second run, which has to find that nothing is left to do.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from scms.hot import FILE_NAME, HotStore
from scms.inventory import Inventory
from scms.tables import DEVICE_SAMPLE, PROCESS_SAMPLE, SERVER_SAMPLE
from scms.views import Views
from scms.warehouse import Warehouse
from scms.warehouse.read import FACTS_OF
from scms.warehouse.rollup import rollup

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scms.tables import Table

DAY = datetime(2026, 3, 2, tzinfo=UTC)
NEXT = DAY + timedelta(days=1)
CPU_ROWS = 8
STATES = ("free", "busy", "busy", "busy", "idle_held")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--servers", type=int, default=200)
    parser.add_argument("--gpus", type=int, default=8)
    parser.add_argument("--interval", type=float, default=60, help="seconds between ticks")
    parser.add_argument(
        "--measure", nargs=2, metavar=("DIRECTORY", "ROLLUP"), help=argparse.SUPPRESS
    )
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measured(Path(arguments.measure[0]), arguments.measure[1])))
        return
    with tempfile.TemporaryDirectory() as directory:
        fill(Path(directory), arguments.servers, arguments.gpus, arguments.interval)
        print(
            "| rollup | of rows | makes rows | bytes a row | seconds | CPU seconds | CPU to read "
            "| before | peak | again |"
        )
        print("|---|---|---|---|---|---|---|---|---|---|")
        for name in FACTS_OF:
            command = [sys.executable, __file__, "--measure", directory, name]
            found = subprocess.run(command, check=True, capture_output=True, text=True)
            print(row(name, json.loads(found.stdout)))


def row(name: str, found: dict[str, float]) -> str:
    cells = (
        name,
        f"{found['of']:,.0f}",
        f"{found['makes']:,.0f}",
        f"{found['bytes'] / found['makes']:.0f}",
        f"{found['seconds']:.1f}",
        f"{found['cpu']:.1f}",
        f"{found['read']:.2f}",
        f"{found['idle'] / 2**20:,.0f} MiB",
        f"{found['peak'] / 2**20:,.0f} MiB",
        f"{found['again'] * 1000:.0f} ms",
    )
    return f"| {' | '.join(cells)} |"


def opened(directory: Path) -> tuple[Warehouse, Views]:
    inventory = Inventory.from_mapping(
        {"timezone": "UTC", "servers": [{"name": "s0000"}]}, base=directory, source="benchmark"
    )
    warehouse = Warehouse.open(inventory)
    return warehouse, Views(inventory, HotStore.open(inventory.directory / FILE_NAME), warehouse)


def measured(directory: Path, name: str) -> dict[str, float]:
    """Make one rollup and see what it took; memory is that of this process at its most."""
    warehouse, views = opened(directory)
    import pyiceberg.io.pyarrow  # noqa: F401  as in a collector that has run for a while

    warehouse.table(name)
    views.arrow(f"SELECT count(*) FROM {name}")
    idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    before = time.perf_counter(), time.process_time()
    rollup(warehouse, views.arrow, now=NEXT, names=(name,))
    after = time.perf_counter(), time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    rollup(warehouse, views.arrow, now=NEXT, names=(name,))
    again = time.perf_counter()
    facts = FACTS_OF[name]
    reading = time.process_time()
    views.arrow(f"SELECT {', '.join(f'count({c})' for c in columns(name))} FROM {facts}")
    return {
        "of": sum(file.rows for file in warehouse.state(facts).files),
        "makes": sum(file.rows for file in warehouse.state(name).files),
        "bytes": sum(file.task.file.file_size_in_bytes for file in warehouse.state(name).files),
        "idle": idle,
        "seconds": after[0] - before[0],
        "cpu": after[1] - before[1],
        "peak": peak,
        "again": again - after[0],
        "read": time.process_time() - reading,
    }


def columns(name: str) -> list[str]:
    """The columns of the facts that a rollup is made of."""
    text = (Path(__file__).parents[1] / "warehouse" / "views" / f"{name}_open.sql").read_text()
    table = {t.name: t for t in (SERVER_SAMPLE, DEVICE_SAMPLE, PROCESS_SAMPLE)}[FACTS_OF[name]]
    return [f'"{c}"' for c in table.column_names() if c in text]


def fill(directory: Path, servers: int, gpus: int, interval: float) -> None:
    """Write a day of facts, an hour at a time as the flushes of an hour would be compacted."""
    warehouse, _ = opened(directory)
    rng = np.random.default_rng(1)
    for hour in range(24):
        start = DAY + timedelta(hours=hour)
        for table, rows in made(rng, start, servers, gpus, interval):
            warehouse.append(table.name, rows)


def made(
    rng: np.random.Generator, start: datetime, servers: int, gpus: int, interval: float
) -> Iterator[tuple[Table, pa.Table]]:
    ticks = int(3600 / interval)
    count = servers * ticks
    server = np.repeat([f"s{n:04}" for n in range(servers)], ticks)
    times = int(start.timestamp() * 1e6) + (np.arange(ticks) * interval * 1e6).astype(int)
    at = np.tile(times, servers)
    total = 2**39
    used = rng.integers(2**33, total, count)
    yield (
        SERVER_SAMPLE,
        table_of(
            SERVER_SAMPLE,
            count,
            server=server,
            sampled_at=at,
            observed_seconds=np.full(count, interval),
            state=np.full(count, "up"),
            collector=np.full(count, "main"),
            simulated=np.full(count, fill_value=False),
            interval_seconds=np.full(count, interval),
            cpu_count=np.full(count, 128),
            cpu_utilization_ratio=rng.random(count).round(3),
            memory_total_bytes=np.full(count, total),
            memory_used_bytes=used,
            load_1m=(rng.random(count) * 64).round(2),
            gpu_count=np.full(count, gpus),
            memory_pressure_ratio=rng.random(count).round(3),
        ),
    )
    many = count * gpus
    on = np.repeat(server, gpus)
    index = np.tile(np.arange(gpus), count)
    device = np.char.add(np.char.add("GPU-", on), np.char.add("-", index.astype(str)))
    state = np.array(STATES)[rng.integers(0, len(STATES), many)]
    yield (
        DEVICE_SAMPLE,
        table_of(
            DEVICE_SAMPLE,
            many,
            server=on,
            device=device,
            sampled_at=np.repeat(at, gpus),
            observed_seconds=np.full(many, interval),
            device_index=index,
            device_name=np.full(many, "NVIDIA A100-SXM4-80GB"),
            state=state,
            gpu_utilization_ratio=rng.random(many).round(2),
            memory_total_bytes=np.full(many, 80 * 2**30),
            memory_used_bytes=rng.integers(0, 80 * 2**30, many),
            power_watts=(50 + 350 * rng.random(many)).round(1),
            power_limit_watts=np.full(many, 400.0),
            temperature_celsius=rng.integers(30, 85, many).astype(float),
            throttle_reasons=np.array(["", "idle", "power limit"])[rng.integers(0, 3, many)],
        ),
    )
    held = rng.random(many) < 2 / 3
    users = np.array([f"user{n:02}" for n in range(40)])
    # Four users share a server at a time.
    first = np.repeat((np.arange(servers) * 7 + start.hour) % 36, ticks)
    yield (
        PROCESS_SAMPLE,
        pa.concat_tables(
            [
                table_of(
                    PROCESS_SAMPLE,
                    int(held.sum()),
                    server=on[held],
                    sampled_at=np.repeat(at, gpus)[held],
                    observed_seconds=np.full(int(held.sum()), interval),
                    user=users[(np.repeat(first, gpus) + rng.integers(0, 4, many))[held]],
                    pid=rng.integers(1000, 90000, int(held.sum())),
                    command=np.full(int(held.sum()), "python"),
                    device=device[held],
                    device_state=state[held],
                    device_share_ratio=np.ones(int(held.sum())),
                    gpu_memory_used_bytes=rng.integers(0, 80 * 2**30, int(held.sum())),
                ),
                table_of(
                    PROCESS_SAMPLE,
                    count * CPU_ROWS,
                    server=np.repeat(server, CPU_ROWS),
                    sampled_at=np.repeat(at, CPU_ROWS),
                    observed_seconds=np.full(count * CPU_ROWS, interval),
                    user=users[np.repeat(first, CPU_ROWS) + rng.integers(0, 4, count * CPU_ROWS)],
                    pid=rng.integers(1000, 90000, count * CPU_ROWS),
                    command=np.full(count * CPU_ROWS, "python"),
                    cpu_cores_used=(8 * rng.random(count * CPU_ROWS)).round(2),
                ),
            ]
        ),
    )


def table_of(table: Table, count: int, **values: Any) -> pa.Table:
    """The columns of a table: those that are not given are null."""
    from scms.warehouse.rows import arrow_schema

    schema = arrow_schema(table)
    columns = [
        pa.array(values[field.name]).cast(field.type)
        if field.name in values
        else pa.nulls(count, field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)


if __name__ == "__main__":
    main()
