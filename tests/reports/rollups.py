"""A made-up cluster as rollup rows, and the real SQL files over them in an in-memory DuckDB."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pandas as pd

from scms.assets import asset_path
from scms.said import HOLD, RECOMMENDATION
from scms.tables import ALL, PROCESS_SAMPLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scms.reports.metrics import Query

_SQL_TYPES = {
    "string": "VARCHAR",
    "timestamp": "TIMESTAMPTZ",
    "float": "DOUBLE",
    "integer": "BIGINT",
    "boolean": "BOOLEAN",
    "floats": "DOUBLE[]",
}
#: What the views of reports are made of.
_NEEDED = {"calendar_15m", "utilization_percentiles", "recommendation_scored", "free_15m"}
_INVENTORY = ("server", "group", "tags", "simulated", "address", "position")
START = datetime(2026, 10, 5, tzinfo=UTC)

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Rollups:
    """Rows of the three base views, of the inventory, and of what was said, by table."""

    servers: Rows
    devices: Rows
    users: Rows
    inventory: Rows
    said: dict[str, Rows] = field(default_factory=dict)


@dataclass(frozen=True)
class Machine:
    """A server of the made-up cluster."""

    name: str
    group: str | None
    gpus: int
    model: str | None = None
    simulated: bool = False
    silent_after: timedelta | None = None
    users: tuple[str, ...] = ("ann", "bob")
    tags: tuple[str, ...] = ()


MACHINES = (
    Machine("atlas", "vision", 4, "NVIDIA H100", tags=("nvlink", "new")),
    Machine("borg", "vision", 2, "NVIDIA A100", users=("cleo",), tags=("nvlink",)),
    Machine("crow", "speech", 2, "NVIDIA A100", silent_after=timedelta(hours=9)),
    Machine("dove", "speech", 0),
    Machine("echo", None, 1, "NVIDIA L40S", simulated=True, users=("sim",)),
    Machine("flint", "speech", 8, "NVIDIA H100", silent_after=timedelta(0)),
)


def made_up(*, days: int = 2, start: datetime = START, seed: int = 7) -> Rollups:
    """Two days of six servers: one without GPU, one simulated, one that dies, one never seen."""
    random = np.random.default_rng(seed)
    rollups = Rollups([], [], [], [])
    for position, machine in enumerate(MACHINES):
        rollups.inventory.append(
            {
                "server": machine.name,
                "group": machine.group,
                "tags": list(machine.tags),
                "simulated": machine.simulated,
                "address": machine.name,
                "position": position,
            }
        )
        for quarter in range(days * 96):
            starts_at = start + timedelta(minutes=15 * quarter)
            if machine.silent_after is None or starts_at < start + machine.silent_after:
                _add_quarter(rollups, machine, starts_at, random)
            elif machine.silent_after > timedelta(0):
                rollups.servers.append(_server_row(machine, starts_at, observed=0.0, down=900.0))
    return rollups


def _server_row(
    machine: Machine, starts_at: datetime, *, observed: float, down: float, cpu: float | None = None
) -> dict[str, Any]:
    return {
        "server": machine.name,
        "starts_at": starts_at,
        "simulated": machine.simulated,
        "sample_count": round(observed / 5),
        "observed_seconds": observed,
        "down_seconds": down,
        "cpu_core_seconds_available": None if cpu is None else observed * 32,
        "cpu_core_seconds_used": None if cpu is None else observed * 32 * cpu,
        "gpu_count": machine.gpus if observed else None,
        "cpu_count": 32,
    }


def _add_quarter(
    rollups: Rollups, machine: Machine, starts_at: datetime, random: np.random.Generator
) -> None:
    busy_part = 0.5 + 0.4 * np.sin((starts_at.hour - 9) / 24 * 2 * np.pi)
    rollups.servers.append(
        _server_row(machine, starts_at, observed=900.0, down=0.0, cpu=float(busy_part) / 2)
    )
    held: dict[str, list[float]] = {user: [0.0, 0.0] for user in machine.users}
    for index in range(machine.gpus):
        row = _device_row(machine, index, starts_at, float(busy_part), random)
        rollups.devices.append(row)
        owner = held[machine.users[index % len(machine.users)]]
        # A tenth of the busy time has no visible process.
        owner[0] += row["busy_seconds"] * 0.9
        owner[1] += row["idle_held_seconds"]
    for user, (busy, idle) in held.items():
        rollups.users.append(
            {
                "server": machine.name,
                "user": user,
                "starts_at": starts_at,
                "gpu_busy_seconds": busy,
                "gpu_idle_held_seconds": idle,
                "gpu_memory_byte_seconds": (busy + idle) * 2**34,
                "cpu_core_seconds": 900.0,
                "process_count_max": 1,
            }
        )


def _device_row(
    machine: Machine,
    index: int,
    starts_at: datetime,
    busy_part: float,
    random: np.random.Generator,
) -> dict[str, Any]:
    parts = random.dirichlet([8 * busy_part, 1.2, 0.3, 8 * (1 - busy_part), 0.1, 0.1]) * 900
    busy, idle, ghost, free, faulty, unknown = (float(part) for part in parts)
    metered = index != 1  # The second device of each server tells neither utilisation nor power.
    return {
        "server": machine.name,
        "device": f"GPU-{machine.name}-{index}",
        "starts_at": starts_at,
        "device_name": machine.model,
        "device_index": index,
        "memory_total_bytes": 80.0 * 2**30,
        "sample_count": 180,
        "observed_seconds": busy + idle + ghost + free + faulty + unknown,
        "free_seconds": free,
        "busy_seconds": busy,
        "idle_held_seconds": idle,
        "ghost_seconds": ghost,
        "faulty_seconds": faulty,
        "unknown_seconds": unknown,
        "gpu_utilization_seconds": busy * 0.8 if metered else None,
        "memory_used_byte_seconds": (busy + idle) * 60.0 * 2**30,
        "energy_joules": 900 * (80 + 500 * busy_part) if metered else None,
    }


def frame_of(rows: Rows) -> pd.DataFrame:
    """Rows as a frame, for computing by other means what the SQL says."""
    return pd.DataFrame(rows)


def query_over(rollups: Rollups, zone: str = "UTC") -> Query:
    """A query function over the rows and the SQL files of this part."""
    connection = duckdb.connect()
    connection.execute(f"SET TimeZone = '{zone}'")
    connection.execute(
        'CREATE TABLE inventory (server VARCHAR, "group" VARCHAR, tags VARCHAR[], '
        "simulated BOOLEAN, address VARCHAR, position BIGINT)"
    )
    _insert(connection, "inventory", _INVENTORY, rollups.inventory)
    for view, table, rows in (
        ("server_usage_15m", "server_15m", rollups.servers),
        ("device_usage_15m", "device_15m", rollups.devices),
        ("user_usage_15m", "user_15m", rollups.users),
    ):
        columns = ALL[table].columns
        typed = ", ".join(f'"{column.name}" {_SQL_TYPES[column.type]}' for column in columns)
        connection.execute(f"CREATE TABLE {view} ({typed})")
        _insert(connection, view, ALL[table].column_names(), rows)
    for told in (PROCESS_SAMPLE, RECOMMENDATION, HOLD):
        typed = ", ".join(f'"{c.name}" {_SQL_TYPES[c.type]}' for c in told.columns)
        connection.execute(f"CREATE TABLE {told.name} ({typed})")
        _insert(connection, told.name, told.column_names(), rollups.said.get(told.name, []))
    _create_views(connection)

    def query(
        sql: str,
        params: Mapping[str, Any] | None = None,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> pd.DataFrame:
        result: pd.DataFrame = connection.sql(sql, params=params).to_arrow_table().to_pandas()
        return result

    return query


def _insert(
    connection: duckdb.DuckDBPyConnection, table: str, columns: tuple[str, ...], rows: Rows
) -> None:
    if not rows:
        return
    frame = pd.DataFrame(rows).reindex(columns=list(columns))
    connection.register("incoming", frame)
    connection.execute(f"INSERT INTO {table} SELECT * FROM incoming")
    connection.unregister("incoming")


def _create_views(connection: duckdb.DuckDBPyConnection) -> None:
    """Views and table macros, each after those it names."""
    waiting = {
        path.stem: path.read_text(encoding="utf-8")
        for path in sorted((asset_path("warehouse") / "views").glob("*.sql"))
        if path.stem.startswith(("usage_by_", "report_")) or path.stem in _NEEDED
    }
    while waiting:
        ready = [
            name
            for name, sql in waiting.items()
            if not any(re.search(rf"\b{other}\b", sql) for other in waiting.keys() - {name})
        ]
        assert ready, f"these name each other: {sorted(waiting)}"
        for name in ready:
            sql = waiting.pop(name)
            parameters = re.search(r"^-- parameters: (.+)$", sql, re.MULTILINE)
            kind = f"MACRO {name}({parameters[1]}) AS TABLE" if parameters else f"VIEW {name} AS"
            connection.execute(f"CREATE {kind}\n{sql}")
