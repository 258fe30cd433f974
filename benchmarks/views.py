"""What a month of samples costs to ask: bare Parquet, the views, and a Spark Connect server.

    python benchmarks/views.py [--servers 100] [--days 28] [--engine sc://127.0.0.1:15002]

Samples of 8 GPUs a server are made, one a minute, about two thirds of them busy, and written by the
warehouse itself. Each way of asking runs in a process of its own, whose peak of memory is told.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from scms.hot import HotStore
from scms.inventory import Inventory
from scms.tables import DEVICE_SAMPLE
from scms.views import Views
from scms.warehouse import Warehouse
from scms.warehouse.rows import arrow_schema

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST: Final = datetime(2026, 9, 1, tzinfo=UTC)
GPUS: Final = 8
MINUTES: Final = 1440
WAYS: Final = ("bare", "views", "one day", "engine")
TIMES: Final = 7


def lab(directory: Path, servers: int) -> Inventory:
    """An inventory with so many servers."""
    listed = [{"name": f"gpu{number:04}"} for number in range(servers)]
    return Inventory.from_mapping({"servers": listed}, base=directory, source="benchmark")


def fill(place: Warehouse, servers: int, days: int) -> int:
    """Write the samples, a day at a time; how many there are."""
    dice = np.random.default_rng(1)
    place.ensure_tables()
    return sum(
        place.append(DEVICE_SAMPLE.name, day(dice, servers, FIRST + timedelta(days=number)))
        for number in range(days)
    )


def day(dice: np.random.Generator, servers: int, start: datetime) -> pa.Table:
    """A day of samples, sorted by server, GPU and time; what is not made is null."""
    devices = servers * GPUS
    count = devices * MINUTES
    busy = np.repeat(dice.random(devices * 24) < 2 / 3, 60)
    use = np.where(busy, dice.normal(80, 15, count).clip(0, 100).round() / 100, 0.0)
    number = np.repeat(np.arange(devices), MINUTES)
    begins = np.datetime64(start.replace(tzinfo=None), "us")
    made: dict[str, Any] = {
        "server": [f"gpu{n:04}" for n in number // GPUS],
        "device": [f"GPU-{n:06}" for n in number],
        "device_index": number % GPUS,
        "sampled_at": begins + np.tile(np.arange(MINUTES), devices) * np.timedelta64(60, "s"),
        "observed_seconds": np.full(count, 60.0),
        "state": np.where(busy, "busy", "free"),
        "gpu_utilization_ratio": use,
        "memory_total_bytes": np.full(count, 80 * 2**30),
        "memory_used_bytes": np.where(busy, 60 * 2**30, 0),
        "power_watts": (60 + use * 300).round(),
        "temperature_celsius": (30 + use * 40).round(),
        "process_count": busy.astype("int64"),
    }
    schema = arrow_schema(DEVICE_SAMPLE)
    columns = [
        pa.array(made[f.name]).cast(f.type, safe=False)
        if f.name in made
        else pa.nulls(count, f.type)
        for f in schema
    ]
    return pa.table(columns, schema=schema)


def asked(way: str, place: Warehouse, inventory: Inventory, url: str) -> Callable[[], int]:
    """A mean per server over everything, asked in one way; how many rows the answer has."""
    import duckdb

    query = "SELECT server, avg(gpu_utilization_ratio) AS mean FROM {} {} GROUP BY server"
    whole = query.format("device_sample", "")
    hot = HotStore.open(inventory.directory / "hot.sqlite")
    if way == "bare":
        files = [url.removeprefix("file://") for url in place.files("device_sample")]
        bare = duckdb.connect()
        floor = query.format("read_parquet($1)", "")
        return lambda: len(bare.execute(floor, [files]).df())
    views = Views(inventory, hot, place)
    if way == "one day":
        last = max(file.last for file in place.state("device_sample").files)
        part = query.format("device_sample", "WHERE sampled_at >= $since")
        return lambda: len(views.frame(part, {"since": last - timedelta(days=1)}))
    if way == "engine":
        from scms.views.remote import EngineViews

        views = EngineViews(inventory, hot, place, url)
    return lambda: len(views.frame(whole))


def measure(way: str, directory: Path, servers: int, url: str) -> dict[str, float]:
    """Medians of seconds and of CPU seconds of this process, and its peak of memory."""
    inventory = lab(directory, servers)
    ask = asked(way, Warehouse.open(inventory), inventory, url)
    ask()
    seconds, cpu = [], []
    for _ in range(TIMES):
        began, spent = time.perf_counter(), time.process_time()
        ask()
        seconds.append(time.perf_counter() - began)
        cpu.append(time.process_time() - spent)
    status = Path("/proc/self/status").read_text("ascii")
    # Not ru_maxrss, which begins with that of the process that started this one.
    peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    return {"seconds": float(np.median(seconds)), "cpu": float(np.median(cpu)), "peak": peak}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--servers", type=int, default=100)
    options.add_argument("--days", type=int, default=28)
    options.add_argument("--engine", default="", help="sc://host:port, to ask it as well")
    options.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    options.add_argument("--directory", type=Path, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.way:
        sys.stdout.write(
            json.dumps(measure(chosen.way, chosen.directory, chosen.servers, chosen.engine))
        )
        return
    with tempfile.TemporaryDirectory() as folder:
        place = Warehouse.open(lab(Path(folder), chosen.servers))
        rows = fill(place, chosen.servers, chosen.days)
        sys.stdout.write(
            f"| {rows:,} rows | seconds | CPU seconds | peak MB |\n|---|---|---|---|\n"
        )
        for way in WAYS if chosen.engine else WAYS[:-1]:
            command = [sys.executable, __file__, "--way", way, "--directory", folder]
            command += ["--servers", str(chosen.servers), "--engine", chosen.engine]
            done = subprocess.run(command, capture_output=True, check=True, text=True)
            said = json.loads(done.stdout)
            line = f"| {way} | {said['seconds']:.2f} | {said['cpu']:.2f} | {said['peak']:.0f} |\n"
            sys.stdout.write(line)


if __name__ == "__main__":
    main()
