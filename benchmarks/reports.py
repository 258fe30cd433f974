"""How long a report of a year over many servers takes, from rollups.

    python benchmarks/reports.py [--servers 200] [--year 2025] [FOLDER]

Makes the rollups of a year in a warehouse of its own (kept in FOLDER, if one is given, and used
again), asks for its tables one by one and for the whole report, and prints wall and CPU time. Each
report is made in a process of its own, whose peak of memory is told.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import duckdb

from scms.hot import HotStore
from scms.inventory import Inventory
from scms.reports.build import build_report
from scms.reports.period import parse_period
from scms.reports.sums import asked
from scms.tables import ALL
from scms.views import Views
from scms.warehouse import Warehouse
from scms.warehouse.rows import arrow_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from scms.columns import Column

#: GPUs of the first ten servers, of the second ten, and so on.
GPUS: Final = (0, 2, 4, 4, 8, 8, 4, 2, 8, 10)
MODELS: Final = ("NVIDIA H100", "NVIDIA A100", "NVIDIA L40S", "Tesla V100")
TYPES: Final = {"string": "VARCHAR", "timestamp": "TIMESTAMPTZ", "float": "DOUBLE"} | {
    "integer": "BIGINT",
    "boolean": "BOOLEAN",
    "floats": "DOUBLE[]",
}
DEVICES: Final = """
SELECT *, 1 AS sample_count, 900 AS observed_seconds, 8e10 AS memory_total_bytes,
    CASE WHEN draw > 0.6 THEN 900 WHEN draw > 0.55 THEN 900 * depth ELSE 0 END AS free_seconds,
    CASE WHEN draw <= 0.5 THEN 900 WHEN draw > 0.55 AND draw <= 0.6 THEN 900 * (1 - depth)
         ELSE 0 END AS busy_seconds,
    CASE WHEN draw > 0.5 AND draw <= 0.55 THEN 900 ELSE 0 END AS idle_held_seconds,
    0 AS ghost_seconds, 0 AS faulty_seconds, 0 AS unknown_seconds,
    CASE WHEN draw <= 0.5 THEN 900 * depth ELSE 0 END AS gpu_utilization_seconds,
    900 * 8e10 * depth AS memory_used_byte_seconds, 900 * (60 + 300 * depth) AS energy_joules,
    40 + 50 * depth AS temperature_celsius_max
FROM (
    SELECT format('s{:03d}', s) AS server, format('GPU-{:03d}-{}', s, i) AS device, starts_at,
        $models[s % 4 + 1] AS device_name, i AS device_index, random() AS draw, random() AS depth
    FROM range($servers) AS a (s), range(10) AS b (i), quarters
    WHERE i < $gpus[s % 10 + 1]
)
"""
SERVERS: Final = """
SELECT *, 900 - observed_seconds AS down_seconds FROM (
    SELECT format('s{:03d}', s) AS server, starts_at, true AS simulated, 1 AS sample_count,
        CASE WHEN hash(s, starts_at) % 500 > 0 THEN 900 ELSE 0 END AS observed_seconds,
        64 * 900 AS cpu_core_seconds_available, 64 * 900 * random() AS cpu_core_seconds_used,
        $gpus[s % 10 + 1] AS gpu_count, 64 AS cpu_count
    FROM range($servers) AS a (s), quarters
)
"""
USERS: Final = """
SELECT format('s{:03d}', s) AS server, format('user{:02d}', (s * 3 + k) % 60) AS "user", starts_at,
    900 * random() AS gpu_busy_seconds, 50 * random() AS gpu_idle_held_seconds,
    9e12 AS gpu_memory_byte_seconds, 900 * random() AS cpu_core_seconds, 3 AS process_count_max
FROM range($servers) AS a (s), range(3) AS b (k), quarters
WHERE random() < 0.6
"""


def main() -> None:
    """Make the year where it is missing, then measure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--servers", type=int, default=200)
    parser.add_argument("--year", type=int, default=2025)
    parser.add_argument("--report", help=argparse.SUPPRESS)
    asked_for = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="scms-year-") as spare:
        folder = asked_for.folder or Path(spare)
        inventory = _inventory(folder, asked_for.servers)
        warehouse = Warehouse.open(inventory)
        views = Views(inventory, HotStore.open(folder / "hot.sqlite"), warehouse)
        if asked_for.report:
            _report(inventory, views, asked_for.report)
            return
        if not warehouse.state("device_15m").files:
            _fill(warehouse, asked_for.servers, asked_for.year)
        _measure(inventory, views, asked_for.year)


def _inventory(folder: Path, servers: int) -> Inventory:
    groups = ("vision", "nlp", "bio", "shared", "robotics")
    listed = [
        {"name": f"s{n:03}", "simulated": True, "group": groups[n % 5]} for n in range(servers)
    ]
    settings: dict[str, Any] = {"name": "year", "timezone": "Europe/Berlin", "data": "."}
    return Inventory.from_mapping(
        {**settings, "servers": listed}, base=folder, source="the benchmark"
    )


def _fill(warehouse: Warehouse, servers: int, year: int) -> None:
    """Half a month at a time, so that it fits into memory."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    edges = [datetime(year, m, d, tzinfo=UTC) for m in range(1, 13) for d in (1, 16)]
    edges.append(datetime(year + 1, 1, 1, tzinfo=UTC))
    values = {"servers": servers, "gpus": list(GPUS), "models": list(MODELS)}
    for start, end in pairwise(edges):
        connection.execute(
            "CREATE OR REPLACE TEMP TABLE quarters AS SELECT unnest(range("
            f"TIMESTAMPTZ '{start}', TIMESTAMPTZ '{end}', INTERVAL 15 MINUTE)) AS starts_at"
        )
        for name, sql in (("device_15m", DEVICES), ("server_15m", SERVERS), ("user_15m", USERS)):
            used = {key: value for key, value in values.items() if f"${key}" in sql}
            connection.execute(f"CREATE OR REPLACE TEMP TABLE made AS {sql}", used)
            made = {row[0] for row in connection.execute("DESCRIBE made").fetchall()}
            columns = ", ".join(_typed(c, c.name in made) for c in ALL[name].columns)
            order = ", ".join(f'"{column}"' for column in ALL[name].sort)
            rows = connection.sql(f"SELECT {columns} FROM made ORDER BY {order}").to_arrow_table()
            warehouse.append(name, arrow_rows(ALL[name], rows), {})
        print(f"made up to {end:%Y-%m-%d}")


def _typed(column: Column, made: bool) -> str:  # noqa: FBT001  of one line of SQL
    value = f'"{column.name}"' if made else "NULL"
    return f'CAST({value} AS {TYPES[column.type]}) AS "{column.name}"'


def _measure(inventory: Inventory, views: Views, year: int) -> None:
    now = datetime(year + 1, 1, 3, tzinfo=UTC)
    period = parse_period(str(year), inventory.settings.zone(), now)
    _timed("open the warehouse, count", lambda: views.frame("SELECT count(*) FROM device_15m"))
    for relation in ("usage_by_device", "usage_by_server_and_day", "report_fleet_15m"):
        _timed(relation, lambda name=relation: asked(views.frame, name, period, now=now))  # type: ignore[misc]
    for text in (str(year), f"{year}-Q4", f"{year}-12"):
        subprocess.run(
            [sys.executable, __file__, str(inventory.directory), "--report", text], check=True
        )


def _report(inventory: Inventory, views: Views, text: str) -> None:
    """Make one report, and see what this process took for it at its most."""
    now = datetime(int(text[:4]) + 1, 1, 3, tzinfo=UTC)
    period = parse_period(text, inventory.settings.zone(), now)
    views.frame("SELECT count(*) FROM device_15m")
    idle = _peak()
    made = _timed(f"report {text}", lambda: build_report(views.frame, period, name="year", now=now))
    print(f"{'':28} peak {_peak():.0f} MiB, {idle:.0f} of it with one count of rows")
    page = _timed(f"its page, {text}", made.to_html)
    print(f"{'':28} {len(page) / 1e6:.1f} MB, peak {_peak():.0f} MiB")


def _peak() -> float:
    """The most memory of this process, in MiB."""
    status = Path("/proc/self/status").read_text("ascii")
    # Not ru_maxrss, which begins with that of the process that started this one.
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _timed(name: str, work: Callable[[], Any]) -> Any:
    wall, cpu = time.perf_counter(), time.process_time()
    answer = work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{name:28} wall {wall:6.2f} s, CPU {cpu:6.2f} s")
    return answer


if __name__ == "__main__":
    main()
