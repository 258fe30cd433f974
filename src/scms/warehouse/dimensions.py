"""The dimensions, kept by the collector: what servers and GPUs are like, a row for each change.

Input: the newest records of the hot store and the inventory. Output: the two tables of
`scms.tables.DIMENSIONS`, written whole where something changed, in one commit: the row that held
until now gets its end and the new one begins at that moment. They are small: a row per change.

Each collector keeps the rows that bear its name and leaves the others alone, so that two of them
with two inventories do not undo each other's work.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from scms.tables import DEVICE_DIMENSION, SERVER_DIMENSION
from scms.warehouse.catalog import wrapped
from scms.warehouse.read import state_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from scms.hot import HotStore, StoredRecord
    from scms.inventory import Inventory
    from scms.tables import Table
    from scms.warehouse.store import Warehouse

Row = dict[str, Any]
Key = tuple[str, ...]

#: Under this key the hot store lists the servers it has described, to see which leave.
DESCRIBED: Final = "described_servers"
_TRIES: Final = 10
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: What the inventory says of a server: null is an answer there, while of a sample it is unknown.
_OF_INVENTORY: Final = frozenset({"group", "tags", "simulated"})
_OF_DETAIL: Final = ("hostname", "machine_id", "kernel", "cpu_model")
_OF_SAMPLE: Final = (
    *("cpu_count", "memory_total_bytes"),
    *("gpu_count", "gpu_driver_version", "gpu_cuda_version"),
)
_OF_DEVICE: Final = (
    *("device_name", "device_index", "memory_total_bytes"),
    *("parent_device", "power_limit_watts"),
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What something was like when it was seen last, or that it was gone then (no values)."""

    key: Key
    at: datetime
    values: Row | None


def keep_dimensions(
    warehouse: Warehouse, hot: HotStore, inventory: Inventory, *, now: datetime
) -> dict[str, int]:
    """Bring both tables up to date with the newest records; nothing is written without a change.

    Args:
        warehouse: Where the tables are.
        hot: The hot store of this collector.
        inventory: Its servers, and the name of the collector.
        now: When servers that have left the inventory since the last time have left it.

    Returns:
        How many rows are new or have ended, by table.
    """
    records = [s for s in hot.latest() if s.record.server in _names(inventory)]
    known = {s.record.server for s in records}
    described = set(json.loads(hot.meta(DESCRIBED) or "[]"))
    left = described - _names(inventory)
    at = _EPOCH + (now - _EPOCH) // timedelta(milliseconds=1) * timedelta(milliseconds=1)
    servers = [*_servers(records, inventory), *(Seen((name,), at, None) for name in sorted(left))]
    devices = _devices(hot.latest_with("device_sample"), _names(inventory))
    collector = inventory.settings.collector
    done = {
        "server_dimension": _keep(
            warehouse,
            SERVER_DIMENSION,
            lambda rows: brought_up_to_date(rows, ("server",), servers, collector),
        ),
        "device_dimension": _keep(
            warehouse,
            DEVICE_DIMENSION,
            lambda rows: brought_up_to_date(
                rows,
                ("server", "device"),
                [*devices, *_gone(rows, devices, dict.fromkeys(left, at), collector)],
                collector,
            ),
        ),
    }
    if known | described != described or left:
        hot.set_meta(DESCRIBED, json.dumps(sorted((known | described) - left)))
    return done


def brought_up_to_date(
    rows: Sequence[Row], keys: Key, seen: Iterable[Seen], collector: str
) -> tuple[list[Row], int]:
    """The rows of a dimension after something was seen; pure.

    What is unknown (None) in a sample does not change what was known. What was seen before the
    row that holds began does not either.

    Args:
        rows: All rows of the table.
        keys: The columns that say what a row is about, beside ``collector``.
        seen: What was seen.
        collector: By whom; rows of others stay as they are.

    Returns:
        All rows then, and how many of them are new or have ended.
    """
    result = list(rows)
    holding = {
        tuple(row[key] for key in keys): place
        for place, row in enumerate(rows)
        if row["valid_to"] is None and row["collector"] == collector
    }
    changes = 0
    for one in seen:
        place = holding.get(one.key)
        before = None if place is None else result[place]
        after = None if one.values is None else _merged(before, one.values)
        if after is None and before is None:
            continue
        if before is not None and after is not None and _same(before, after):
            continue
        if before is not None and place is not None:
            if one.at <= before["valid_from"]:
                continue
            result[place] = before | {"valid_to": one.at}
            changes += 1
        if after is not None:
            named = dict(zip(keys, one.key, strict=True))
            times = {"valid_from": one.at, "valid_to": None}
            result.append({**named, **times, **after, "collector": collector})
            changes += 1
    return result, changes


def _merged(before: Row | None, values: Row) -> Row:
    if before is None:
        return values
    return {
        name: before[name] if value is None and name not in _OF_INVENTORY else value
        for name, value in values.items()
    }


def _same(before: Row, after: Row) -> bool:
    return all(before[name] == value for name, value in after.items())


def _names(inventory: Inventory) -> set[str]:
    return {server.name for server in inventory.servers}


def _servers(records: Iterable[StoredRecord], inventory: Inventory) -> list[Seen]:
    """What each server is like, by its newest record and the inventory."""
    seen = []
    for stored in records:
        record = stored.record
        server = inventory[record.server]
        sample = next(iter(record.tables.get("server_sample", ())), {})
        values = {
            "group": server.group,
            "tags": list(server.tags),
            **{name: record.detail.get(name) for name in _OF_DETAIL},
            **{name: sample.get(name) for name in _OF_SAMPLE},
            "simulated": server.simulated,
        }
        seen.append(Seen((record.server,), _moment(record.received_at_ms), values))
    return seen


def _devices(records: Iterable[StoredRecord], names: set[str]) -> list[Seen]:
    """What each GPU is like, by the newest record of its server that has any."""
    return [
        Seen(
            (stored.record.server, str(row["device"])),
            _moment(stored.record.received_at_ms),
            {name: row.get(name) for name in _OF_DEVICE},
        )
        for stored in records
        if stored.record.server in names
        for row in stored.record.tables["device_sample"]
    ]


def _gone(
    rows: Iterable[Row], devices: Iterable[Seen], left: dict[str, datetime], collector: str
) -> list[Seen]:
    """GPUs that are no more where they were: their server shows others, or has left."""
    there = {device.key for device in devices}
    since = left | {device.key[0]: device.at for device in devices}
    return [
        Seen((row["server"], row["device"]), since[row["server"]], None)
        for row in rows
        if row["valid_to"] is None
        and row["collector"] == collector
        and row["server"] in since
        and (row["server"], row["device"]) not in there
    ]


def _moment(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)


def _keep(
    warehouse: Warehouse, table: Table, change: Callable[[list[Row]], tuple[list[Row], int]]
) -> int:
    """Read a table, change its rows, and write it whole; again where another was faster."""
    from pyiceberg.exceptions import CommitFailedException, ValidationException

    tries = 0
    while True:
        tries += 1
        with wrapped("brought up to date", warehouse.place):
            try:
                return _kept(warehouse, table, change)
            except (CommitFailedException, ValidationException):
                if tries == _TRIES:
                    raise


def _kept(
    warehouse: Warehouse, table: Table, change: Callable[[list[Row]], tuple[list[Row], int]]
) -> int:
    import pyarrow as pa

    from scms.warehouse import datafiles
    from scms.warehouse.rows import arrow_rows, arrow_schema, sorted_rows

    # One handle for reading and writing: a commit of another in between is a conflict then.
    iceberg = warehouse.table(table.name)
    state = state_of(table, iceberg)
    before = arrow_rows(table, state.arrow(state.files)).to_pylist() if state.files else []
    after, changes = change(before)
    if changes:
        arrow = sorted_rows(table, pa.Table.from_pylist(after, schema=arrow_schema(table)))
        files = [*datafiles.write(iceberg, table, arrow)]
        with warnings.catch_warnings():
            # A deletion even where nothing is there yet: of two that write a table for the first
            # time the second is refused, while two appends would both be taken.
            warnings.filterwarnings("ignore", message="Delete operation did not match")
            with iceberg.transaction() as transaction:
                transaction.delete("server is not null")
                datafiles.append(transaction, files)
    return changes
