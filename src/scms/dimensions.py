"""What servers and GPUs were like and when, declared: dimensions of type 2; see `scms.tables`."""

from __future__ import annotations

from typing import Final

from scms.columns import SERVER, Column, Table

_VALID_FROM: Final = Column(
    "valid_from", "timestamp", "since when this holds: first seen so, UTC", required=True
)
_VALID_TO: Final = Column("valid_to", "timestamp", "until when; null in the row that holds now")
_COLLECTOR: Final = Column(
    "collector", "string", "name of the collector that saw it so; each keeps its own", required=True
)

SERVER_DIMENSION: Final = Table(
    name="server_dimension",
    doc="What a server was like, and when: a new row for each change (slowly changing, type 2).",
    grain="one row per server and stretch of time in which none of its columns changed",
    time="valid_from",
    partition=None,
    sort=("server", "valid_from"),
    columns=(
        SERVER,
        _VALID_FROM,
        _VALID_TO,
        Column("group", "string", "who owns it; null where the inventory does not say"),
        Column("tags", "texts", "its tags in the inventory"),
        Column("hostname", "string", "its own name"),
        Column("machine_id", "string", "of its installation (/etc/machine-id)"),
        Column("kernel", "string", "release of the kernel"),
        Column("cpu_model", "string", "of its CPUs"),
        Column("cpu_count", "integer", "logical CPUs online"),
        Column("memory_total_bytes", "integer", "RAM"),
        Column("gpu_count", "integer", "GPUs"),
        Column("gpu_driver_version", "string", "NVIDIA driver"),
        Column("gpu_cuda_version", "string", "newest CUDA that the driver can run"),
        Column("simulated", "boolean", "true for servers of the simulated lab", required=True),
        _COLLECTOR,
    ),
)

DEVICE_DIMENSION: Final = Table(
    name="device_dimension",
    doc="What a GPU was like, where, and when: a new row for each change (type 2).",
    grain="one row per server, device and stretch of time in which none of its columns changed",
    time="valid_from",
    partition=None,
    sort=("server", "device", "valid_from"),
    columns=(
        SERVER,
        Column("device", "string", "UUID of the GPU", required=True),
        _VALID_FROM,
        _VALID_TO,
        Column("device_name", "string", "GPU model"),
        Column("device_index", "integer", "index; not a key"),
        Column("memory_total_bytes", "integer", "device memory"),
        Column("parent_device", "string", "UUID of the GPU of which it is a part (MIG)"),
        Column("power_limit_watts", "float", "enforced limit"),
        _COLLECTOR,
    ),
)
