"""How a server's own page reads: a close-up in, texts and numbers for its parts out.

In: a `scms.live.Closeup`. Out: plain content of `ServerPanel`, `Tiles` and tables. Shaping for
display only; unknown is an en dash, never 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from scms.live import STEP_SECONDS
from scms.live.rows import ratio as share
from scms.live.rows import total
from scms.states import DeviceState
from scms.units import format_bytes, format_duration, format_ratio
from scms.widgets.feed import headline

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from scms.live import Closeup

Row = dict[str, Any]
UNKNOWN: Final = "–"
_POINTS: Final = round(900 / STEP_SECONDS)
_WORDS: Final = {state: str(state).replace("_", "-") for state in DeviceState}
#: Counts that speak of a card's health, and how a person says them.
_HEALTH: Final = {
    "ecc_uncorrected_count": "{} uncorrected memory errors",
    "ecc_corrected_count": "{} corrected memory errors",
    "retired_page_count": "{} retired pages",
    "remapped_row_count": "{} remapped rows",
    "pcie_replay_count": "{} PCIe replays",
    "nvlink_error_count": "{} NVLink errors",
}
#: What holds the clock of a card back because something is wrong; a power limit is no harm.
_HARMFUL: Final = ("hardware slowdown", "too hot", "power brake")


def head(seen: Closeup) -> Row:
    """Name, state, what is wrong, and what the machine is."""
    server = seen.server
    detail = server["detail"]
    count, model = len(seen.devices), server["gpu_model"]
    gpus = "no GPU" if count == 0 else f"{count} GPUs" if model is None else f"{count}× {model}"
    facts = [
        gpus,
        detail.get("cpu_model"),
        None if server["cpu_count"] is None else f"{server['cpu_count']} CPUs",
        _if_known(server["memory_total_bytes"], format_bytes, "{} RAM"),
        detail.get("os"),
        _if_known(detail.get("kernel"), str, "kernel {}"),
        _if_known(server["gpu_driver_version"], str, "driver {}"),
        _if_known(server["gpu_cuda_version"], str, "CUDA {}"),
        _if_known(server["uptime_seconds"], format_duration, "up {}"),
    ]
    return {
        "server": server["server"],
        "state": server["state"],
        "alerts": headline.alerts(server, seen.devices),
        "facts": [fact for fact in facts if fact],
        "command": f"ssh {server['target']}",
        "labels": [label for label in (server["group"], *server["tags"]) if label],
        "simulated": server["simulated"],
    }


def nameplate(server: str) -> Row:
    """The head of a server that has not been read yet."""
    nothing: Row = {"alerts": [], "facts": [], "labels": [], "simulated": False}
    return {"server": server, "state": "unknown", "command": f"ssh {server}", **nothing}


def tiles(seen: Closeup) -> list[Row]:
    """The numbers of a server: rows of `Tiles`."""
    server = seen.server
    free = sum(headline.is_free(device) for device in seen.devices)
    memory = share(server["memory_used_bytes"], server["memory_total_bytes"])
    load = UNKNOWN if server["load_1m"] is None else f"{server['load_1m']:.1f}"
    watts = _if_known(server["gpu_power_watts"], "{:.0f}".format, "{}") or UNKNOWN
    return [
        _tile("free", "Free GPUs", str(free) if seen.devices else UNKNOWN, f"/ {len(seen.devices)}",
              ratio=free / len(seen.devices) if seen.devices else None),
        _share_tile("gpu", "GPU utilisation", server["gpu_utilization_ratio"]),
        _share_tile("cpu", "CPU", server["cpu_utilization_ratio"]),
        _share_tile("memory", "RAM", memory, note=format_bytes(server["memory_used_bytes"])),
        _tile("load", "Load", load, "1 min", note=f"{server['cpu_count'] or UNKNOWN} CPUs"),
        _tile("power", "GPU power", watts, "W"),
        _tile("received", "Network in", *_rate(server["network_receive_bytes_per_second"])),
        _tile("sent", "Network out", *_rate(server["network_transmit_bytes_per_second"])),
    ]  # fmt: skip


def devices(seen: Closeup) -> list[Row]:
    """One entry per GPU, with its last 15 minutes."""
    past = lines(seen)
    return [_device(device, past[device["device"]]) for device in seen.devices]


def _device(device: Mapping[str, Any], line: list[float | None]) -> Row:
    memory = share(device["memory_used_bytes"], device["memory_total_bytes"])
    used, total = device["memory_used_bytes"], device["memory_total_bytes"]
    return {
        "device": device["device"],
        "title": f"GPU {UNKNOWN if device['device_index'] is None else device['device_index']}",
        "name": device["device_name"] or UNKNOWN,
        "state": device["state"],
        "word": _WORDS[DeviceState(device["state"])],
        "reason": device["state_reason"],
        "use": device["gpu_utilization_ratio"],
        "memory": memory,
        "memory_text": f"{format_bytes(used)} of {format_bytes(total)}",
        "facts": _device_facts(device),
        "health": health(device),
        "users": ", ".join(device["users"]),
        "held_by": device["held_by"],
        "can_hold": headline.is_free(device),
        "line": line,
    }


def _device_facts(device: Mapping[str, Any]) -> str:
    facts = [
        _if_known(device["temperature_celsius"], "{:.0f} °C".format),
        _if_known(device["power_watts"], "{:.0f} W".format),
        _if_known(device["power_limit_watts"], "of {:.0f} W".format),
        _if_known(device["sm_clock_hertz"], lambda hertz: f"{hertz / 1e6:.0f} MHz"),
        _if_known(device["performance_state"], "P{}".format),
    ]
    return " · ".join(fact for fact in facts if fact)


def health(device: Mapping[str, Any]) -> list[str]:
    """What speaks against a card, in words; nothing when all that is known is well."""
    reasons = [reason.strip() for reason in (device["throttle_reasons"] or "").split(",")]
    slowed = [reason for reason in reasons if reason.startswith(_HARMFUL)]
    said = [words.format(device[name]) for name, words in _HEALTH.items() if device[name]]
    if slowed:
        said.insert(0, f"clock held back: {', '.join(slowed)}")
    if device["xid"] is not None:
        said.insert(0, f"driver error XID {device['xid']}")
    return said


def processes(seen: Closeup) -> tuple[list[Row], list[Row]]:
    """Columns and rows for the table of processes: who uses what, one row per process."""
    columns = [
        _column("GPU"), _column("User", name=True), _column("Process", name=True),
        _column("GPU memory", kind="number"), _column("CPU", "cores", kind="number"),
        _column("RAM", kind="number"), _column("Running for"), _column("PID", kind="number"),
    ]  # fmt: skip
    together: dict[Any, list[Row]] = {}
    for row in seen.processes:  # a process has a row per GPU, and one of its CPU use
        key = (row["user"], len(together)) if row["pid"] is None else row["pid"]
        together.setdefault(key, []).append(row)
    return columns, [_process(rows, seen) for rows in together.values()]


def _process(rows: Sequence[Row], seen: Closeup) -> Row:
    first = rows[0]
    index = {device["device"]: device["device_index"] for device in seen.devices}
    gpus = sorted(str(index[row["device"]]) for row in rows if row["device"] in index)
    cores, memory = _first(rows, "cpu_cores_used"), _first(rows, "memory_used_bytes")
    held = total(rows, "gpu_memory_used_bytes")
    age = _age(_first(rows, "started_at"), seen.as_of)
    name = first["command"] or ("(the rest)" if first["pid"] is None else UNKNOWN)
    container = _first(rows, "container")
    return _table_row(
        (f"GPU {', '.join(gpus)}" if gpus else UNKNOWN, gpus[0] if gpus else None),
        (first["user"] or "(hidden)", first["user"]),
        (name if container is None else f"{name} in {container}", first["command"]),
        (format_bytes(held), held),
        (UNKNOWN if cores is None else f"{cores:.1f}", cores),
        (format_bytes(memory), memory),
        (format_duration(age), age),
        (UNKNOWN if first["pid"] is None else str(first["pid"]), first["pid"]),
    )


def _first(rows: Sequence[Row], column: str) -> Any:
    return next((row[column] for row in rows if row[column] is not None), None)


def storage(seen: Closeup) -> tuple[list[Row], list[Row]]:
    """Columns and rows for the table of file systems, local and of the network."""
    detail = seen.server["detail"]
    columns = [
        _column("Mounted on", name=True), _column("Type"), _column("Size", kind="number"),
        _column("Free", kind="number"), _column("Used", kind="use"),
    ]  # fmt: skip
    found = [*detail.get("filesystems", ()), *detail.get("network_filesystems", ())]
    return columns, [_filesystem(row) for row in found]


def _filesystem(row: Mapping[str, Any]) -> Row:
    used = share(row["used_bytes"], row["total_bytes"])
    silent = row.get("silent_seconds")
    kind = row["type"] if silent is None else f"{row['type']}, no answer for {silent:.0f} s"
    return _table_row(
        (row["mount"], row["mount"]),
        (kind, kind),
        (format_bytes(row["total_bytes"]), row["total_bytes"]),
        (format_bytes(row["free_bytes"]), row["free_bytes"]),
        (format_ratio(used), used),
    )


def happenings(seen: Closeup, zone: ZoneInfo) -> list[Row]:
    """What changed, newest first: a local time and a sentence each."""
    return [
        {
            "time": event["sampled_at"].astimezone(zone).strftime("%H:%M:%S"),
            "kind": event["kind"],
            "text": event["detail"] or event["kind"],
        }
        for event in seen.events
    ]


def _tile(key: str, label: str, value: str, suffix: str = "", *, ratio: float | None = None,
          note: str = "") -> Row:  # fmt: skip
    return {
        "key": key, "label": label, "value": value, "suffix": suffix, "ratio": ratio,
        "note": note, "tone": "", "title": f"{label}: {value} {suffix} {note}".strip(),
    }  # fmt: skip


def _share_tile(key: str, label: str, ratio: float | None, *, note: str = "") -> Row:
    number, _, unit = format_ratio(ratio).partition(" ")
    return _tile(key, label, number, unit, ratio=ratio, note=note)


def _rate(bytes_per_second: float | None) -> tuple[str, str]:
    number, _, unit = format_bytes(bytes_per_second).partition(" ")
    return number, f"{unit}/s" if unit else ""


def _column(heading: str, unit: str = "", *, kind: str = "text", name: bool = False) -> Row:
    return {"heading": heading, "unit": unit, "kind": kind, "name": name}


def _table_row(*cells: tuple[str, Any]) -> Row:
    return {"texts": [text for text, _ in cells], "values": [v for _, v in cells], "mark": ""}


def _age(since: datetime | None, now: datetime) -> float | None:
    return None if since is None else max(0.0, (now - since).total_seconds())


def _if_known(value: Any, write: Any, frame: str = "{}") -> str | None:
    return None if value is None else frame.format(write(value))


def lines(seen: Closeup) -> dict[str, list[float | None]]:
    """The utilisation of each device in the last 15 minutes, in equal steps, oldest first.

    A step without a sample is None: a gap.
    """
    now = int(seen.as_of.timestamp() // STEP_SECONDS)
    found: dict[str, list[float | None]] = {
        device["device"]: [None] * _POINTS for device in seen.devices
    }
    for tick in seen.past:
        back = now - int(tick["sampled_at"].timestamp() // STEP_SECONDS)
        if tick["device"] in found and 0 <= back < _POINTS:
            found[tick["device"]][_POINTS - 1 - back] = tick["gpu_utilization_ratio"]
    return found
