"""Measures this version of SCMS and prints the figures as Markdown, for docs/benchmarks.md.

    python benchmarks/run.py [--days 60]

Each figure stands beside a floor or a peer measured in the same run, since machines are noisy: the
ratio is the result, the absolute time a hint.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scms.inventory import Inventory


@dataclass(frozen=True)
class Figure:
    """One row: what was measured, its value, and the floor or peer beside it."""

    what: str
    value: str
    beside: str


def median_seconds(work: Callable[[], object], *, times: int = 7) -> float:
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def start() -> Iterator[Figure]:
    def run(code: str) -> Callable[[], object]:
        return lambda: subprocess.run([sys.executable, "-c", code], check=True)

    bare, whole = median_seconds(run("pass")), median_seconds(run("import scms"))
    pandas = median_seconds(run("import pandas"), times=3)
    yield Figure(
        "`import scms`",
        f"{(whole - bare) * 1000:.0f} ms",
        f"`import pandas` {(pandas - bare) * 1000:.0f} ms",
    )


def probe() -> Iterator[Figure]:
    from scms.collect.transport import connect
    from scms.inventory import Server

    interval, ticks = 0.1, 100
    channel = connect(Server(name="here", local=True), interval)
    try:
        channel.readline(10)
        before = _children_cpu_seconds()
        for _ in range(ticks):
            channel.readline(10)
        spent = (_children_cpu_seconds() - before) / ticks
    finally:
        channel.close()
    fresh = _cpu_of_fresh_commands(20)
    yield Figure(
        "probe, CPU per sample on the server, no GPU",
        f"{spent * 1000:.2f} ms",
        f"a fresh `sh -c` with python3 per sample {fresh * 1000:.0f} ms",
    )


def _children_cpu_seconds() -> float:
    """CPU time of the running processes that descend from this one."""
    import os

    ticks = os.sysconf("SC_CLK_TCK")
    stats = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            after = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        stats[int(path.parent.name)] = (int(after[1]), (int(after[11]) + int(after[12])) / ticks)
    total, waiting = 0.0, [os.getpid()]
    while waiting:
        parent = waiting.pop()
        for pid, (above, seconds) in stats.items():
            if above == parent:
                total += seconds
                waiting.append(pid)
    return total


def _cpu_of_fresh_commands(count: int) -> float:
    import resource

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(count):
        subprocess.run(["/bin/sh", "-c", "python3 -c 'import json, os'"], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / count


def store(inventory: Inventory, directory: Path) -> Iterator[Figure]:
    import sqlite3

    from scms.demo.lab import Lab
    from scms.demo.past import Stretch, records, watches_of
    from scms.hot import HotStore

    lab, now = Lab(), datetime.now(UTC).timestamp()
    names = [server.name for server in inventory.servers if server.simulated]
    made = [
        next(records(lab, watch, Stretch(now - 1800, now)))
        for watch in watches_of(names, collector="bench", commands=True)
    ]
    hot = HotStore.create(directory / "bench.sqlite")
    append = median_seconds(lambda: hot.append(made), times=50)
    hot.close()
    floor = sqlite3.connect(directory / "floor.sqlite")
    floor.execute("PRAGMA journal_mode=WAL")
    floor.execute("PRAGMA synchronous=FULL")
    floor.execute("CREATE TABLE t (b BLOB)")

    def one_row() -> None:
        with floor:
            floor.execute("INSERT INTO t VALUES (?)", (b"x" * 4000,))

    bare = median_seconds(one_row, times=50)
    floor.close()
    yield Figure(
        f"hot store, a durable tick of {len(made)} servers",
        f"{append * 1000:.1f} ms",
        f"one row of 4 kB in SQLite, as durable: {bare * 1000:.1f} ms",
    )


def warehouse(inventory: Inventory, days: int) -> Iterator[Figure]:
    import duckdb

    from scms.cluster import Cluster
    from scms.demo import backfill
    from scms.hot import HotStore
    from scms.views import Views
    from scms.warehouse import Warehouse

    place = Warehouse.open(inventory)
    place.ensure_tables()
    now = datetime.now(UTC)
    began = time.perf_counter()
    filled = backfill(inventory, place, now=now, days=days)
    seconds = time.perf_counter() - began
    rows = sum(filled.rows.values())
    yield Figure(
        f"simulated past, {days} days of 20 servers through parser and Iceberg",
        f"{seconds:.0f} s",
        f"{rows:,} rows, {rows / seconds:,.0f} a second",
    )
    views = Views(inventory, HotStore.open(inventory.directory / "hot.sqlite"), place)
    began = time.perf_counter()
    place.rollup(views.arrow, now=now)
    yield Figure("rollup of all closed days", f"{time.perf_counter() - began:.1f} s", "")
    query = "SELECT server, avg(gpu_utilization_ratio) AS mean FROM {} GROUP BY server"
    files = [*place.files("device_sample")]
    bare = duckdb.connect()
    floor = median_seconds(
        lambda: bare.execute(query.format("read_parquet($1)"), [files]).fetchall()
    )
    ours = median_seconds(lambda: views.frame(query.format("device_sample")))
    yield Figure(
        f"a mean per server over {filled.rows['device_sample']:,} device samples, by the views",
        f"{ours * 1000:.0f} ms",
        f"DuckDB on the bare Parquet files {floor * 1000:.0f} ms: {ours / floor:.2f} times",
    )
    lab = Cluster(inventory)
    usage = median_seconds(lambda: lab.usage("30d"), times=5)
    yield Figure("`lab.usage('30d')`, from rollups and the open day", f"{usage * 1000:.0f} ms", "")
    report = median_seconds(lambda: lab.report("30d"), times=3)
    yield Figure("`lab.report('30d')`, all its tables", f"{report:.1f} s", "")
    forecast = median_seconds(lambda: lab.forecast("24h"), times=3)
    yield Figure(
        "`lab.forecast('24h')`, 20 servers, champions chosen by backtest", f"{forecast:.1f} s", ""
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--days", type=int, default=60)
    days = options.parse_args().days
    from scms.demo import demo_inventory
    from scms.inventory import Inventory

    print("| what | measured | beside it |\n|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="scms-bench-") as folder:
        inventory = Inventory.from_file(demo_inventory(folder))
        for figures in (
            start(),
            probe(),
            store(inventory, Path(folder)),
            warehouse(inventory, days),
        ):
            for figure in figures:
                print(f"| {figure.what} | {figure.value} | {figure.beside} |", flush=True)


if __name__ == "__main__":
    main()
