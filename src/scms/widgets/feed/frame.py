"""One tick of the live page as one packed message: texts that changed, numbers as binary columns.

In: a `scms.live.Snapshot`, and rows of history where a page asks for everything. Out: a `Frame`.
Shaping for display only; unknown is NaN in a column and an en dash in a text, never 0.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from scms.states import DeviceState
from scms.widgets.feed import headline
from scms.widgets.feed.past import Past, load_series, sparks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from scms.live import Snapshot

Row = dict[str, Any]
_NAN: Final = float("nan")
#: Codes of the states of a device, as the page knows them.
STATES: Final = tuple(str(state) for state in DeviceState)
#: The numbers of a server that are sent every tick, and the columns they are read from.
SERVER_COLUMNS: Final = (
    "gpu_utilization_ratio",
    "gpu_memory_ratio",
    "cpu_utilization_ratio",
    "memory_ratio",
    "gpu_power_watts",
    "age_seconds",
    "load_1m",
)
#: The same of a device.
DEVICE_COLUMNS: Final = (
    "server",
    "device_index",
    "state",
    "gpu_utilization_ratio",
    "memory_used_bytes",
    "memory_total_bytes",
    "temperature_celsius",
    "power_watts",
)
#: How the heat map marks what nobody computes on, and what nobody can.
HATCHES: Final = {"faulty": "x", "unknown": ".", "idle_held": "/", "ghost": "/"}
_TEXTS: Final = ("state", "reason", "group", "tags", "simulated", "target", "gpu_model", "users")


@dataclass(frozen=True, slots=True)
class Frame:
    """A message for the page: JSON content, and the buffers that its column specs point to."""

    content: dict[str, Any]
    buffers: list[bytes]


@dataclass(slots=True)
class Buffers:
    """Collects binary columns; a column is sent as ``{"buffer": n, "type": "float32"}``."""

    parts: list[bytes] = field(default_factory=list)

    def floats(self, values: Iterable[float | None], *, double: bool = False) -> dict[str, Any]:
        """Add a column of numbers; unknown ones become NaN."""
        packed = array("d" if double else "f", [_NAN if v is None else v for v in values])
        self.parts.append(packed.tobytes())
        return {"buffer": len(self.parts) - 1, "type": "float64" if double else "float32"}


class Packer:
    """Makes the frames of one page: it remembers which texts the page has."""

    def __init__(self, *, zone: str, interval_seconds: float, offset_ms: float = 0.0) -> None:
        self._zone = zone
        self._interval = interval_seconds
        self._offset_ms = offset_ms
        self._sent: dict[str, Row] = {}
        self._sequence = 0

    def pack(self, snapshot: Snapshot, *, full: bool = False) -> Frame:
        """A frame: everything, or the texts that changed and all the numbers."""
        buffers = Buffers()
        texts = server_texts(snapshot)
        changed = {n: t for n, t in texts.items() if full or self._sent.get(n) != t}
        self._sent = texts
        self._sequence += 1
        rows = [with_ratios(row) for row in snapshot.servers]
        now = Past.of(snapshot, self._offset_ms)
        content = {
            "kind": "frame",
            "full": full,
            "sequence": self._sequence,
            "as_of": snapshot.as_of.timestamp() * 1000,
            "newest": newest(snapshot),
            "late_after": late_after(self._interval),
            "observed": headline.observed(snapshot),
            "servers_total": len(rows),
            "zone": self._zone,
            "names": [row["server"] for row in rows] if full else None,
            "texts": changed,
            "tiles": headline.tiles(snapshot),
            "servers": {n: buffers.floats(row[n] for row in rows) for n in SERVER_COLUMNS},
            "devices": device_columns(snapshot, buffers),
            "charts": {
                "load": {
                    "stream": True,
                    "rollover": 1800,
                    "window": now.window(),
                    "columns": load_columns(now, buffers),
                },
                "heat": {
                    "stream": False,
                    "current": True,
                    "columns": heat_columns(snapshot, buffers),
                },
            },
        }
        return Frame(content, buffers.parts)

    def pack_past(self, snapshot: Snapshot, history: Sequence[Mapping[str, Any]]) -> Frame:
        """The last 15 minutes, which follow a full frame as soon as they are read."""
        buffers = Buffers()
        now = Past.of(snapshot, self._offset_ms)
        past = load_series(snapshot, history, now, interval_seconds=self._interval)
        columns = load_columns(past, buffers)
        content = {
            "kind": "past",
            "as_of": snapshot.as_of.timestamp() * 1000,
            "sparks": sparks(
                snapshot.servers,
                history,
                snapshot.as_of,
                buffers,
                interval_seconds=self._interval,
            ),
            "charts": {"load": {"stream": False, "window": past.window(), "columns": columns}},
        }
        return Frame(content, buffers.parts)


def late_after(interval_seconds: float) -> float:
    """Seconds after which the newest sample of all servers says that the collector is silent."""
    return interval_seconds + 3.0


def newest(snapshot: Snapshot) -> float | None:
    """Age in seconds of the newest record of any server; None where there is none."""
    ages = [row["age_seconds"] for row in snapshot.servers if row["age_seconds"] is not None]
    return min(ages) if ages else None


def with_ratios(row: Mapping[str, Any]) -> Row:
    """A server's row with its two memory ratios beside the bytes."""
    return {
        **row,
        "memory_ratio": _ratio(row["memory_used_bytes"], row["memory_total_bytes"]),
        "gpu_memory_ratio": _ratio(row["gpu_memory_used_bytes"], row["gpu_memory_total_bytes"]),
    }


def server_texts(snapshot: Snapshot) -> dict[str, Row]:
    """What changes rarely: words of a server and of its devices, by server."""
    broken = headline.faulty(snapshot.devices)
    devices: dict[str, list[Row]] = {row["server"]: [] for row in snapshot.servers}
    for device in snapshot.devices:
        devices[device["server"]].append(_device_text(device))
    return {
        row["server"]: {
            **{name: row[name] for name in _TEXTS},
            "alerts": headline.alerts(row, broken),
            "cpu_count": row["cpu_count"],
            "memory_total_bytes": row["memory_total_bytes"],
            "devices": devices[row["server"]],
        }
        for row in snapshot.servers
    }


def load_columns(past: Past, buffers: Buffers) -> Row:
    """The columns of the chart of all servers."""
    return {
        "time": buffers.floats(past.time, double=True),
        "gpu": buffers.floats(past.gpu),
        "gpu_memory": buffers.floats(past.gpu_memory),
        "cpu": buffers.floats(past.cpu),
        # The area below the line would bridge a gap: there it has no height.
        "area": buffers.floats(0.0 if value is None else value for value in past.gpu),
    }


def device_columns(snapshot: Snapshot, buffers: Buffers) -> Row:
    """The numbers of every device, in the order of the snapshot."""
    position = {row["server"]: n for n, row in enumerate(snapshot.servers)}
    code = {state: n for n, state in enumerate(STATES)}
    columns: dict[str, list[float | None]] = {
        name: [device[name] for device in snapshot.devices] for name in DEVICE_COLUMNS
    }
    columns["server"] = [position[device["server"]] for device in snapshot.devices]
    columns["state"] = [code[device["state"]] for device in snapshot.devices]
    return {name: buffers.floats(values) for name, values in columns.items()}


def heat_columns(snapshot: Snapshot, buffers: Buffers) -> Row:
    """The heat map: one rectangle per device; what is not known or faulty is hatched."""
    position = {row["server"]: n for n, row in enumerate(snapshot.servers)}
    devices = snapshot.devices
    return {
        "server": buffers.floats(position[d["server"]] for d in devices),
        "gpu": buffers.floats(_slot(d, n) for n, d in enumerate(devices)),
        "use": buffers.floats(_percent(d["gpu_utilization_ratio"]) for d in devices),
        "name": [d["server"] for d in devices],
        "state": [d["state"].replace("_", "-") for d in devices],
        "hatch": [HATCHES.get(d["state"], " ") for d in devices],
    }


def _slot(device: Mapping[str, Any], otherwise: int) -> int:
    index = device["device_index"]
    return otherwise if index is None else int(index)


def _device_text(device: Mapping[str, Any]) -> Row:
    busy = device["state"] == DeviceState.BUSY  # its reason is a number, and that is sent anyway
    return {
        "device": device["device"],
        "name": device["device_name"],
        "reason": None if busy else device["state_reason"],
        "users": device["users"],
        "held_by": device["held_by"],
    }


def _percent(ratio: float | None) -> float | None:
    return None if ratio is None else ratio * 100


def _ratio(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None
