"""The warehouse beside its peers and floors: size, ingest, flush, queries, a stream of commits.

    python benchmarks/warehouse.py [--only size,flush,queries,commits] [--days 7]

Prints Markdown for docs/benchmarks.md. CPU time is of this process and its threads. Needs
victoria-metrics, prometheus and promtool for the comparisons.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks import fleet
from benchmarks.timeseries import block_bytes, prometheus, victoria_metrics
from benchmarks.writing import (
    after,
    commits,
    data_bytes,
    flush,
    median_seconds,
    row,
    taken,
    warehouse_in,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from scms.views import Views
    from scms.warehouse import Warehouse

QUERY = "SELECT server, avg(gpu_utilization_ratio) AS mean FROM {} GROUP BY server"
ROLLED = (
    "SELECT server, sum(gpu_utilization_seconds) / sum(observed_seconds) AS mean "
    "FROM device_15m GROUP BY server"
)


def size(servers: int) -> None:
    """Bytes per value of a day: ours as committed and compacted, and the peers'."""
    from scms.tables import DEVICE_SAMPLE
    from scms.warehouse.upkeep import compact

    day = fleet.made(servers)
    rows = fleet.device_rows(day)
    with tempfile.TemporaryDirectory(prefix="scms-bench-") as folder:
        warehouse = warehouse_in(Path(folder))
        ticks = np.arange(day.rows).reshape(day.gpus, -1)
        for first in range(0, ticks.shape[1], 15):
            part = rows.take(ticks[:, first : first + 15].ravel())
            warehouse.append("device_sample", part)
        committed = data_bytes(warehouse, "device_sample")
        wall, cpu = taken(lambda: compact(warehouse, DEVICE_SAMPLE, now=after(day)))
        compacted = data_bytes(warehouse, "device_sample")
        default = _pyiceberg_default(warehouse, rows)
    ours = compacted / day.values
    row(
        f"{day.values:,} values of {len(day.metrics)} metrics, compacted, bytes per value",
        f"{ours:.3f}",
        f"as committed every 15 min {committed / day.values:.3f}; "
        f"pyiceberg's default {default / day.values:.3f}; "
        f"compaction {wall:.1f} s ({cpu:.1f} s CPU)",
    )
    names = list(day.metrics)
    with victoria_metrics([day], names) as server:
        everything = server.gauge("vm_data_size_bytes")
        index = server.gauge("vm_data_size_bytes", "indexdb")
    peer = everything / day.values
    row(
        "VictoriaMetrics",
        f"{peer:.3f}",
        f"without its index {(everything - index) / day.values:.3f}; ours {ours / peer:.2f} times",
    )
    with prometheus([day], names) as server:
        chunks, whole = block_bytes(server)
    row("Prometheus", f"{whole / day.values:.3f}", f"without its index {chunks / day.values:.3f}")
    _by_column(day)


def _pyiceberg_default(warehouse: Warehouse, rows: pa.Table) -> int:
    """Bytes of the same rows, written by pyiceberg as it does by itself."""
    iceberg = warehouse.table("device_sample")
    before = {task.file.file_path for task in iceberg.scan().plan_files()}
    iceberg.append(rows)
    tasks = iceberg.scan().plan_files()
    return sum(t.file.file_size_in_bytes for t in tasks if t.file.file_path not in before)


def _by_column(day: fleet.Day) -> None:
    """Where our bytes are: the columns that take most."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from scms.warehouse import datafiles

    found = pq.read_metadata(pa.BufferReader(datafiles.encoded(fleet.device_rows(day), tight=True)))
    sizes: dict[str, int] = {}
    for group in range(found.num_row_groups):
        for number in range(found.num_columns):
            column = found.row_group(group).column(number)
            name = column.path_in_schema
            sizes[name] = sizes.get(name, 0) + column.total_compressed_size
    most = sorted(sizes.items(), key=lambda item: -item[1])[:6]
    row(
        "of which the largest columns, bytes per row",
        ", ".join(f"{name} {taken_ / day.rows:.2f}" for name, taken_ in most),
    )


def queries(servers: int, days: int) -> None:
    """Bulk ingest of some days, and the mean of each server over all of them."""
    import duckdb

    with tempfile.TemporaryDirectory(prefix="scms-bench-") as name:
        folder = Path(name)
        warehouse = warehouse_in(folder)
        rows = _ingest(warehouse, servers, days)
        views = _views(folder, servers)
        bare, files = duckdb.connect(), [*warehouse.files("device_sample")]
        on_files = QUERY.format("read_parquet($1)")
        floor = median_seconds(lambda: bare.execute(on_files, [files]).fetchall())
        ours = median_seconds(lambda: views.frame(QUERY.format("device_sample")))
        row(
            f"mean per server over {rows:,} facts, by the views",
            f"{ours * 1000:.0f} ms",
            f"DuckDB on the bare files {floor * 1000:.0f} ms: {ours / floor:.2f} times (aim 1.2); "
            f"a process that does only this takes {_peak_mib(folder, servers)} MiB (aim 300 MB)",
        )
        over = datetime.fromtimestamp(fleet.FIRST_DAY + (days + 1) * 86400, UTC)
        wall, used = taken(lambda: warehouse.rollup(views.arrow, now=over))
        rolled = median_seconds(lambda: views.frame(ROLLED))
        row(
            "the same from the rollup of quarters (aim 20 ms)",
            f"{rolled * 1000:.0f} ms",
            f"rolling up took {wall:.1f} s ({used:.1f} s CPU)",
        )
    metric = "gpu_utilization_ratio"
    promql = f"avg by (server) (avg_over_time({metric}[{days}d]))"
    end = fleet.FIRST_DAY + days * 86400
    for peer_name, peer in (("VictoriaMetrics", victoria_metrics), ("Prometheus", prometheus)):
        made = (fleet.made(servers, day=number) for number in range(days))
        with peer(made, [metric]) as server:
            assert server.query(promql, end) == servers
            asked = median_seconds(lambda server=server: server.query(promql, end), 3)  # type: ignore[misc]
        row(
            f"the same by {peer_name}",
            f"{asked * 1000:.0f} ms",
            f"{asked / rolled:.1f} times ours from rollups, {asked / ours:.2f} from facts",
        )


def _ingest(warehouse: Warehouse, servers: int, days: int) -> int:
    """Append days of samples, a commit each; the number of rows."""
    spent, cpu, rows, columns = 0.0, 0.0, 0, 0
    for number in range(days):
        day = fleet.device_rows(fleet.made(servers, day=number))
        wall, used = taken(lambda day=day: warehouse.append("device_sample", day))  # type: ignore[misc]
        spent, cpu, rows, columns = spent + wall, cpu + used, rows + len(day), day.num_columns
    row(
        f"bulk ingest of {rows:,} rows of {columns} columns, a commit a day",
        f"{rows / spent:,.0f} rows a second",
        f"{rows / cpu:,.0f} per second of CPU; aim 1 M",
    )
    return rows


def _views(folder: Path, servers: int) -> Views:
    from scms.hot import HotStore
    from scms.inventory import Inventory
    from scms.views import Views

    named = [{"name": fleet.server_of(gpu)} for gpu in range(0, servers * fleet.GPUS, fleet.GPUS)]
    inventory = Inventory.from_mapping({"servers": named}, base=folder, source="benchmark")
    return Views(inventory, HotStore.open(folder / "hot.sqlite"), warehouse_in(folder))


def ask(folder: Path, servers: int) -> None:
    """Ask once, and print the most memory that this took in MiB."""
    _views(folder, servers).frame(QUERY.format("device_sample"))
    status = Path("/proc/self/status").read_text()  # getrusage counts what the parent had, too
    (peak,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    print(int(peak.split()[1]) // 1024)


def _peak_mib(folder: Path, servers: int) -> int:
    command = [sys.executable, __file__, "--ask", str(folder), "--servers", str(servers)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--only", default="size,flush,queries,commits")
    options.add_argument("--days", type=int, default=7, help="of the queries; 28 for a month")
    options.add_argument("--size-servers", type=int, default=40)
    options.add_argument("--flush-servers", type=int, default=1000)
    options.add_argument("--commit-minutes", type=int, default=15)
    options.add_argument("--commit-days", type=int, default=14)
    options.add_argument("--seconds", type=float, default=1e9, help="of the commits, at most")
    options.add_argument("--servers", type=int, default=100)
    options.add_argument("--ask", type=Path, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.ask is not None:
        ask(chosen.ask, chosen.servers)
        return
    asked = chosen.only.split(",")
    print("| what | measured | beside it |\n|---|---|---|")
    if "size" in asked:
        size(chosen.size_servers)
    if "flush" in asked:
        flush(chosen.flush_servers)
    if "queries" in asked:
        queries(chosen.servers, chosen.days)
    if "commits" in asked:
        commits(chosen.servers, chosen.commit_minutes, chosen.commit_days, chosen.seconds)


if __name__ == "__main__":
    main()
