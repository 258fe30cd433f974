"""The live state: the newest records of the hot store become rows for people.

In: the hot store, the inventory, the active holds and the time. Out: a `Snapshot` of plain rows.
No data frame is made here, because a dashboard kernel reads this once a tick.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from scms.live.rows import Row, mean, rows_of, total
from scms.states import DeviceState, ServerState, server_state
from scms.tables import DEVICE_SAMPLE, PROCESS_SAMPLE, SERVER_SAMPLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from scms.collect.record import Record
    from scms.hot import HotStore
    from scms.inventory import Inventory, Server

#: Columns of server_sample that are facts about the tick, not measurements of the server.
_BOOKKEEPING: Final = frozenset(
    {"server", "sampled_at", "observed_seconds", "state", "reason", "collector", "simulated"}
)
_METRICS: Final = tuple(n for n in SERVER_SAMPLE.column_names() if n not in _BOOKKEEPING)
#: What stays true of a device while nobody can read it.
_LASTING: Final = frozenset(
    {"server", "device", "device_index", "device_name", "memory_total_bytes"}
)
_NOT_LASTING: Final = {n: None for n in DEVICE_SAMPLE.column_names() if n not in _LASTING}
#: The columns of a device's row.
DEVICE_COLUMNS: Final = (
    *DEVICE_SAMPLE.column_names(),
    "age_seconds",
    "users",
    "held_by",
    "group",
    "simulated",
)
_FRESH: Final = frozenset({ServerState.UP, ServerState.DEGRADED})


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything known now.

    Attributes:
        as_of: When it was taken, UTC.
        servers: One row per server of the inventory: ``server, state, reason, group, tags,
            simulated, target, sampled_at, age_seconds``, the metrics of ``server_sample``, and over
            its devices ``gpus_total, gpus_free, gpus_busy, gpus_idle_held, gpus_ghost,
            gpus_faulty, gpus_unknown, gpus_on_hold, gpu_model, gpu_utilization_ratio,
            gpu_memory_used_bytes, gpu_memory_total_bytes, gpu_power_watts, users, detail``.
        devices: One row per device: the columns of ``device_sample`` and ``age_seconds, users,
            held_by, group, simulated``.
        processes: The rows of ``process_sample`` of the newest ticks (users of GPUs).
    """

    as_of: datetime
    servers: list[Row]
    devices: list[Row]
    processes: list[Row]


def snapshot(
    hot: HotStore,
    inventory: Inventory,
    *,
    now: datetime,
    holds: Iterable[Mapping[str, Any]] = (),
    only: str | None = None,
) -> Snapshot:
    """Read the newest state of every server of the inventory, or of only one.

    A server whose record is stale, down or missing has null metrics, and its devices are
    ``unknown``: they are listed with what lasts (UUID, model, memory), never as idle.
    """
    newest, seen = hot.newest("", DEVICE_SAMPLE.name, server=only)
    latest = {stored.record.server: stored.record for stored in newest}
    with_devices = {stored.record.server: stored.record for stored in seen}
    held_by = {(hold["server"], hold["device"]): hold["user"] for hold in holds}
    servers: list[Row] = []
    devices: list[Row] = []
    users: list[Row] = []
    for server in inventory.servers if only is None else [inventory[only]]:
        record = latest.get(server.name)
        row = _server_row(server, record, inventory.settings.interval, now)
        fresh = record if row["state"] in _FRESH else None
        own_users = [] if fresh is None else rows_of(fresh, PROCESS_SAMPLE)
        own = _device_rows(with_devices.get(server.name), fresh, now)
        for device in own:
            device.update(_holders(device, own_users, held_by))
            device.update(group=server.group, simulated=server.simulated)
        servers.append(row | _device_totals(own))
        devices.extend(own)
        users.extend(own_users)
    return Snapshot(as_of=now, servers=servers, devices=devices, processes=users)


def _server_row(server: Server, record: Record | None, interval: float, now: datetime) -> Row:
    samples = [] if record is None else rows_of(record, SERVER_SAMPLE)
    sample = samples[-1] if samples else None
    sampled_at = None if sample is None else sample["sampled_at"]
    age = None if sampled_at is None else max(0.0, (now - sampled_at).total_seconds())
    state = server_state(
        None if sample is None else sample["state"],
        age_seconds=age,
        interval_seconds=interval if sample is None else sample["interval_seconds"],
    )
    known = sample if state in _FRESH else None
    return {
        "server": server.name,
        "state": str(state),
        "reason": _reason(state, sample, age),
        "group": server.group,
        "tags": list(server.tags),
        "simulated": server.simulated,
        "target": server.target,
        "sampled_at": sampled_at,
        "age_seconds": age,
        **{name: None if known is None else known[name] for name in _METRICS},
        "detail": {} if record is None else dict(record.detail),
    }


def _reason(state: ServerState, sample: Mapping[str, Any] | None, age: float | None) -> str | None:
    if state is ServerState.UNKNOWN:
        return "never seen by the collector" if sample is None else "nobody has looked for a while"
    if state is ServerState.STALE and age is not None:
        return f"silent for {age:.0f} s"
    return None if sample is None else sample["reason"]


def _device_rows(seen: Record | None, fresh: Record | None, now: datetime) -> list[Row]:
    """The devices last seen on a server; unknown unless they are of its newest, fresh record."""
    rows = [] if seen is None else rows_of(seen, DEVICE_SAMPLE)
    for row in rows:
        row["age_seconds"] = max(0.0, (now - row["sampled_at"]).total_seconds())
        if fresh is None or seen is None or seen.received_at_ms != fresh.received_at_ms:
            row.update(_NOT_LASTING, state=str(DeviceState.UNKNOWN), state_reason="no fresh data")
    return rows


def _holders(device: Row, processes: Sequence[Row], held_by: Mapping[tuple[str, str], str]) -> Row:
    users = {p["user"] for p in processes if p["device"] == device["device"]} - {None}
    return {
        "users": sorted(users),
        "held_by": held_by.get((device["server"], device["device"])),
    }


def _device_totals(devices: Sequence[Row]) -> Row:
    states = Counter(device["state"] for device in devices)
    models = list(dict.fromkeys(d["device_name"] for d in devices if d["device_name"] is not None))
    return {
        "gpus_total": len(devices),
        **{f"gpus_{state}": states[state] for state in DeviceState},
        "gpus_on_hold": sum(device["held_by"] is not None for device in devices),
        "gpu_model": " + ".join(models) if models else None,
        "gpu_utilization_ratio": mean(devices, "gpu_utilization_ratio"),
        "gpu_memory_used_bytes": total(devices, "memory_used_bytes"),
        "gpu_memory_total_bytes": total(devices, "memory_total_bytes"),
        "gpu_power_watts": total(devices, "power_watts"),
        "users": sorted({user for device in devices for user in device["users"]}),
    }
