"""Who and what the simulated lab consists of: its servers and its users.

In: nothing but the number of servers. Out: frozen descriptions. A lab of more than 20 servers has
further halls of 20, each with servers and users of its own, so that the first 20 never change.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

HALL_SIZE: Final = 20
GIB: Final = 1024**3


@dataclass(frozen=True, slots=True)
class GpuModel:
    """What one model of GPU can do; those of data centres have ECC and no fan of their own."""

    name: str
    memory_bytes: int
    idle_watts: float
    limit_watts: float
    clock_hertz: float
    memory_clock_hertz: float
    pcie_generation: int = 4
    nvlinks: int = 0
    stacked_memory: bool = False
    fan: bool = False


A100: Final = GpuModel(
    "NVIDIA A100-SXM4-80GB", 80 * GIB, 52, 400, 1.41e9, 1.593e9, 4, 12, stacked_memory=True
)
H100: Final = GpuModel(
    "NVIDIA H100 80GB HBM3", 80 * GIB, 70, 700, 1.98e9, 2.619e9, 5, 18, stacked_memory=True
)
L40S: Final = GpuModel("NVIDIA L40S", 48 * GIB, 34, 350, 2.52e9, 9.001e9)
RTX_4090: Final = GpuModel("NVIDIA GeForce RTX 4090", 24 * GIB, 22, 450, 2.74e9, 10.501e9, fan=True)
RTX_3090: Final = GpuModel("NVIDIA GeForce RTX 3090", 24 * GIB, 26, 350, 1.86e9, 9.751e9, fan=True)
V100: Final = GpuModel(
    "Tesla V100-SXM2-32GB", 32 * GIB, 40, 300, 1.53e9, 0.877e9, 3, 6, stacked_memory=True
)

_ROME: Final = "AMD EPYC 7742 64-Core Processor"
_GENOA: Final = "AMD EPYC 9454 48-Core Processor"
_ICE: Final = "Intel(R) Xeon(R) Gold 6326 CPU @ 2.90GHz"
_CASCADE: Final = "Intel(R) Xeon(R) Gold 6230 CPU @ 2.10GHz"


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """One simulated server.

    ``popularity`` is how readily people think of it; None means that nobody ever does.
    """

    name: str
    group: str
    model: GpuModel | None
    gpus: int
    cpus: int
    memory_bytes: int
    cpu_model: str
    popularity: float | None
    tags: tuple[str, ...] = ()
    driver: str = "560.35.05"


@dataclass(frozen=True, slots=True)
class UserSpec:
    """One simulated user: when and how much they work, and on what.

    ``jobs_per_day`` on a working day; ``shift_hours`` moves the working day (positive is later);
    ``weekend`` is the share that is left then; ``mix`` weighs the kinds of work.
    """

    name: str
    group: str
    jobs_per_day: float
    shift_hours: float
    weekend: float
    mix: dict[str, float]


def _server(
    name: str, group: str, model: GpuModel | None, gpus: int, *, popularity: float | None
) -> ServerSpec:
    cpus, memory, cpu_model = {
        "gpu-a": (256, 1024, _ROME),
        "gpu-h": (192, 2048, _GENOA),
        "gpu-l": (96, 512, _GENOA),
        "gpu-r": (64, 256, _ICE),
        "gpu-v": (80, 384, _CASCADE),
        "gpu-t": (48, 128, _ICE),
        "cpu-0": (128, 512, _ROME),
    }[name[:5]]
    tags = {"gpu-a": ("nvlink",), "gpu-h": ("nvlink", "fast"), "gpu-v": ("old",)}.get(name[:5], ())
    driver = "535.216.03" if model is V100 else "560.35.05"
    return ServerSpec(
        name, group, model, gpus, cpus, memory * GIB, cpu_model, popularity, tags, driver
    )


_SERVERS: Final = (
    _server("gpu-a01", "shared", A100, 8, popularity=5.0),
    _server("gpu-a02", "shared", A100, 8, popularity=4.6),
    _server("gpu-a03", "vision", A100, 4, popularity=1.2),
    _server("gpu-a04", "nlp", A100, 4, popularity=1.0),
    _server("gpu-h01", "nlp", H100, 8, popularity=2.0),
    _server("gpu-h02", "shared", H100, 4, popularity=1.6),
    _server("gpu-l01", "vision", L40S, 4, popularity=0.8),
    _server("gpu-l02", "bio", L40S, 4, popularity=0.6),
    _server("gpu-l03", "shared", L40S, 4, popularity=0.3),
    _server("gpu-r01", "vision", RTX_4090, 4, popularity=1.4),
    _server("gpu-r02", "nlp", RTX_4090, 4, popularity=0.9),
    _server("gpu-r03", "bio", RTX_4090, 2, popularity=0.4),
    _server("gpu-r04", "shared", RTX_4090, 2, popularity=0.2),
    _server("gpu-v01", "shared", V100, 4, popularity=-0.4),
    _server("gpu-v02", "shared", V100, 4, popularity=None),
    _server("gpu-t01", "bio", RTX_3090, 4, popularity=0.0),
    _server("gpu-t02", "vision", RTX_3090, 1, popularity=-0.2),
    _server("cpu-01", "shared", None, 0, popularity=1.5),
    _server("cpu-02", "shared", None, 0, popularity=0.8),
    _server("cpu-03", "bio", None, 0, popularity=0.6),
)

_RESEARCH: Final = {
    "debug": 6,
    "training": 3,
    "overnight": 0.55,
    "long": 0.3,
    "sweep": 0.35,
    "cpu": 1.2,
}
_INTERACTIVE: Final = {"debug": 8, "training": 2, "overnight": 0.35, "long": 0.1}
_BATCH: Final = {"debug": 3, "training": 3, "overnight": 0.5, "long": 0.5, "sweep": 0.5}
_PIPELINE: Final = {"debug": 3, "training": 1.5, "cpu": 7, "overnight": 0.35, "long": 0.2}

_USERS: Final = (
    UserSpec("amara", "vision", 11.0, 0.0, 0.20, _RESEARCH),
    UserSpec("bjorn", "vision", 10.0, 0.5, 0.30, _INTERACTIVE),
    UserSpec("chiara", "vision", 8.0, 1.0, 0.40, _BATCH),
    UserSpec("dmitri", "vision", 7.0, 3.0, 0.55, _RESEARCH),
    UserSpec("elif", "nlp", 11.0, 0.0, 0.25, _RESEARCH),
    UserSpec("farid", "nlp", 8.0, 1.5, 0.40, _BATCH),
    UserSpec("giulia", "nlp", 11.0, -0.5, 0.10, _INTERACTIVE),
    UserSpec("hiro", "nlp", 5.0, 7.0, 0.70, _BATCH),
    UserSpec("ines", "bio", 12.0, -1.0, 0.10, _PIPELINE),
    UserSpec("jonas", "bio", 11.0, 0.0, 0.20, _PIPELINE),
    UserSpec("keiko", "bio", 8.0, 1.0, 0.30, _RESEARCH),
    UserSpec("lukas", "bio", 7.0, 2.0, 0.45, _INTERACTIVE),
)


def hall_count(servers: int) -> int:
    """How many halls a lab of so many servers has."""
    return -(-servers // HALL_SIZE)


def hall_servers(hall: int) -> tuple[ServerSpec, ...]:
    """The 20 servers of a hall; those of the first are called gpu-a01 and so on."""
    if hall == 0:
        return _SERVERS
    return tuple(replace(spec, name=f"hall{hall + 1}-{spec.name}") for spec in _SERVERS)


def hall_users(hall: int) -> tuple[UserSpec, ...]:
    """The 12 users of a hall."""
    if hall == 0:
        return _USERS
    return tuple(replace(user, name=f"{user.name}{hall + 1}") for user in _USERS)


def device_uuid(server: str, index: int, key: int) -> str:
    """The UUID of a GPU, as NVML writes it."""
    import uuid

    return f"GPU-{uuid.uuid5(uuid.NAMESPACE_DNS, f'{server}/{index}/{key}')}"
