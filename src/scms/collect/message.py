"""What a probe says, checked: one `Hello`, then a `Tick` per sample.

Made by `scms.collect.parse`, read by `scms.collect.rows`. Units are in the names; None is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hello:
    """What a probe says first. Clocks are the server's; ``shell``: it has no Python.

    ``hidden_processes``: whether /proc hides those of others from it (``hidepid``).
    """

    hostname: str | None
    kernel: str | None
    python: str | None
    machine_id: str | None
    boot_id: str | None
    cpu_model: str | None
    interval_seconds: float | None
    time: float | None
    simulated: bool
    os: str | None = None
    numa_node_count: int | None = None
    shell: bool = False
    hidden_processes: bool | None = None


@dataclass(frozen=True, slots=True)
class Filesystem:
    """One local file system; its inodes are None where there is no limit to them."""

    mount: str
    type: str | None
    total_bytes: int | None
    used_bytes: int | None
    free_bytes: int | None
    inodes_total: int | None = None
    inodes_free: int | None = None


@dataclass(frozen=True, slots=True)
class NetworkFilesystem:
    """A mount of another machine: as last read, and for how long it has not answered since."""

    filesystem: Filesystem
    silent_seconds: float | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Disk:
    """The counters of one disk since boot."""

    name: str
    read_bytes: int | None
    written_bytes: int | None
    reads: int | None
    writes: int | None
    waited_milliseconds: int | None
    busy_milliseconds: int | None


@dataclass(frozen=True, slots=True)
class Interface:
    """The counters of one network interface since boot, both directions for errors and drops."""

    name: str
    received_bytes: int | None
    sent_bytes: int | None
    errors: int | None
    drops: int | None


@dataclass(frozen=True, slots=True)
class Pressure:
    """Shares of the last 10 s in which some tasks, or all, waited for a resource."""

    cpu_ratio: float | None = None
    memory_ratio: float | None = None
    memory_full_ratio: float | None = None
    io_ratio: float | None = None
    io_full_ratio: float | None = None


@dataclass(frozen=True, slots=True)
class Kernel:
    """What a tick says of the kernel beyond load and memory.

    Counters are cumulative. ``disks``, ``interfaces``, ``temperatures`` (°C by chip) and
    ``network_filesystems`` are None where this tick did not read them.
    """

    core_utilization_ratios: tuple[float, ...] | None
    cpu_frequency_hertz: float | None
    pressure: Pressure
    memory_cached_bytes: int | None
    swap: tuple[int | None, ...]
    disk_operations: tuple[int | None, ...]
    network_errors: int | None
    disks: tuple[Disk, ...] | None
    interfaces: tuple[Interface, ...] | None
    temperatures: dict[str, float] | None
    zombie_count: int | None
    blocked_count: int | None
    network_filesystems: tuple[NetworkFilesystem, ...] | None


@dataclass(frozen=True, slots=True)
class CpuProcess:
    """CPU and memory use of a process, or (``pid`` None) of the rest of a user's."""

    pid: int | None
    user: str | None
    command: str | None
    cpu_cores_used: float | None
    memory_used_bytes: int | None
    started_at: float | None


@dataclass(frozen=True, slots=True)
class GpuProcess:
    """A process on a GPU."""

    pid: int
    user: str | None
    command: str | None
    memory_used_bytes: int | None
    started_at: float | None
    sm_utilization_ratio: float | None = None
    container: str | None = None


@dataclass(frozen=True, slots=True)
class Device:
    """One GPU, or one part of a GPU in MIG mode, at one tick.

    ``processes`` is None where the driver cannot tell, ``parent`` the UUID of the GPU that a part
    is of, ``throttle_reasons`` words, none of them for a clock that nothing holds back.
    """

    uuid: str
    index: int | None
    name: str | None
    utilization_ratio: float | None
    memory_bandwidth_ratio: float | None
    memory_used_bytes: int | None
    memory_total_bytes: int | None
    power_watts: float | None
    power_limit_watts: float | None
    temperature_celsius: float | None
    sm_clock_hertz: float | None
    fault: str | None
    processes: tuple[GpuProcess, ...] | None
    parent: str | None = None
    mig: bool | None = None
    xid: int | None = None
    memory_free_bytes: int | None = None
    memory_reserved_bytes: int | None = None
    memory_clock_hertz: float | None = None
    performance_state: int | None = None
    throttle_reasons: tuple[str, ...] | None = None
    encoder_utilization_ratio: float | None = None
    decoder_utilization_ratio: float | None = None
    energy_joules: float | None = None
    memory_temperature_celsius: float | None = None


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What hardly changes of a GPU; errors are counted since the driver was loaded, or for life."""

    pci_bus: str | None
    sm_clock_max_hertz: float | None
    memory_clock_max_hertz: float | None
    fan_speed_ratio: float | None
    ecc_corrected_count: int | None
    ecc_uncorrected_count: int | None
    ecc_corrected_lifetime_count: int | None
    ecc_uncorrected_lifetime_count: int | None
    retired_page_count: int | None
    remapped_row_count: int | None
    pcie_generation: int | None
    pcie_width: int | None
    pcie_replay_count: int | None
    pcie_receive_bytes_per_second: float | None
    pcie_transmit_bytes_per_second: float | None
    nvlink_active_count: int | None
    nvlink_error_count: int | None
    persistence_mode: bool | None
    compute_mode: str | None
    mig_mode: bool | None


@dataclass(frozen=True, slots=True)
class Tick:
    """One sample. Counters are cumulative; ``cpu`` has CPU seconds, eight of them, or is None.

    ``filesystems``, ``scan`` and ``devices`` are None where this tick did not read them;
    ``device_facts``, by UUID, has the GPUs of which they were read anew.
    """

    sequence: int | None
    time: float | None
    monotonic: float
    cpu_count: int | None
    cpu: tuple[float, ...] | None
    load: tuple[float | None, ...]
    memory_total_bytes: int | None
    memory_available_bytes: int | None
    swap_total_bytes: int | None
    swap_free_bytes: int | None
    disk: tuple[int | None, ...]
    network: tuple[int | None, ...]
    filesystems: tuple[Filesystem, ...] | None
    uptime_seconds: float | None
    users_logged_in: int | None
    process_count: int | None
    scan_seconds: float | None
    scan: tuple[CpuProcess, ...] | None
    gpu_problem: str | None
    gpu_driver: str | None
    gpu_cuda: str | None
    gpu_age_seconds: float | None
    devices: tuple[Device, ...] | None
    device_facts: dict[str, DeviceFacts]
    kernel: Kernel
