"""The tables of use per quarter of an hour, declared; see `scms.tables`."""

from __future__ import annotations

from typing import Final

from scms.columns import SERVER, Column, Table

_STARTS_AT: Final = Column(
    "starts_at", "timestamp", "start of the quarter of an hour, UTC", required=True
)

_BINS: Final = (
    "seconds in each twentieth of 0 to 1 (the last closed) while it was known; null where it never "
    "was, and in rows from before there was this column"
)

SERVER_15M: Final = Table(
    name="server_15m",
    doc="Use of a server per quarter of an hour; every column can be added up or compared.",
    grain="one row per server and quarter of an hour with at least one row in server_sample",
    time="starts_at",
    partition="month",
    sort=("server", "starts_at"),
    columns=(
        SERVER,
        _STARTS_AT,
        Column("simulated", "boolean", "true for servers of the simulated lab", required=True),
        Column("sample_count", "integer", "ticks that returned a sample", required=True),
        Column("observed_seconds", "float", "time observed up or degraded", required=True),
        Column("down_seconds", "float", "time observed down", required=True),
        Column("cpu_core_seconds_available", "float", "CPUs times time observed with CPU facts"),
        Column("cpu_core_seconds_used", "float", "of which used"),
        Column("cpu_utilization_ratio_min", "float", "lowest of a tick"),
        Column("cpu_utilization_ratio_max", "float", "highest of a tick"),
        Column("memory_used_byte_seconds", "float", "integral of used RAM"),
        Column("memory_used_bytes_max", "float", "highest of a tick"),
        Column("memory_total_bytes", "float", "RAM, highest of a tick"),
        Column("load_1m_max", "float", "highest of a tick"),
        Column("network_receive_bytes", "float", "received in the time observed"),
        Column("network_transmit_bytes", "float", "sent in the time observed"),
        Column("gpu_count", "integer", "GPUs, highest of a tick"),
        Column("cpu_count", "integer", "CPUs, highest of a tick"),
        Column("cpu_utilization_histogram", "floats", f"of cpu_utilization_ratio: {_BINS}"),
        Column("memory_ratio_histogram", "floats", f"of used RAM in RAM: {_BINS}"),
        Column("memory_pressure_ratio_max", "float", "highest of a tick"),
        Column("io_pressure_ratio_max", "float", "highest of a tick"),
        Column("temperature_celsius_max", "float", "hottest sensor, highest of a tick"),
        Column("hung_mount_count_max", "integer", "most network file systems that do not answer"),
    ),
)

DEVICE_15M: Final = Table(
    name="device_15m",
    doc="Use of a GPU per quarter of an hour; every column can be added up or compared.",
    grain="one row per device and quarter of an hour with at least one row in device_sample",
    time="starts_at",
    partition="month",
    sort=("server", "device", "starts_at"),
    columns=(
        SERVER,
        Column("device", "string", "UUID of the GPU", required=True),
        _STARTS_AT,
        Column("device_name", "string", "GPU model"),
        Column("device_index", "integer", "index last seen"),
        Column("memory_total_bytes", "float", "device memory"),
        Column("sample_count", "integer", "ticks", required=True),
        Column("observed_seconds", "float", "time observed, any state", required=True),
        Column("free_seconds", "float", "time in state free", required=True),
        Column("busy_seconds", "float", "time in state busy", required=True),
        Column("idle_held_seconds", "float", "time in state idle_held", required=True),
        Column("ghost_seconds", "float", "time in state ghost", required=True),
        Column("faulty_seconds", "float", "time in state faulty", required=True),
        Column("unknown_seconds", "float", "time in state unknown", required=True),
        Column("gpu_utilization_seconds", "float", "integral of utilisation: utilised GPU time"),
        Column("gpu_utilization_ratio_min", "float", "lowest of a tick"),
        Column("gpu_utilization_ratio_max", "float", "highest of a tick"),
        Column("memory_used_byte_seconds", "float", "integral of used device memory"),
        Column("memory_used_bytes_max", "float", "highest of a tick"),
        Column("energy_joules", "float", "power times time"),
        Column("temperature_celsius_max", "float", "highest of a tick"),
        Column(
            "gpu_utilization_histogram",
            "floats",
            f"of gpu_utilization_ratio while neither faulty nor unknown: {_BINS}",
        ),
        Column("memory_ratio_histogram", "floats", f"of used in total device memory: {_BINS}"),
        Column(
            "throttled_seconds",
            "float",
            "time in which something else than idleness or its user held the clock back",
        ),
        Column("ecc_uncorrected_count_max", "integer", "highest of a tick"),
        Column("xid_last", "integer", "the last error (XID) that the driver had reported"),
        Column("power_limit_watts", "float", "enforced limit, last known"),
    ),
)

USER_15M: Final = Table(
    name="user_15m",
    doc="Use by a user per server and quarter of an hour.",
    grain="one row per server, user and quarter of an hour with at least one row in process_sample",
    time="starts_at",
    partition="month",
    sort=("server", "user", "starts_at"),
    columns=(
        SERVER,
        Column("user", "string", "login name; null where owners are hidden"),
        _STARTS_AT,
        Column("gpu_busy_seconds", "float", "share of devices in state busy", required=True),
        Column(
            "gpu_idle_held_seconds", "float", "share of devices in state idle_held", required=True
        ),
        Column("gpu_memory_byte_seconds", "float", "integral of device memory", required=True),
        Column("cpu_core_seconds", "float", "CPU time of the user's processes", required=True),
        Column("process_count_max", "integer", "most processes of a tick"),
    ),
)
