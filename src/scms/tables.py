"""The tables of SCMS, declared once: name, grain, columns with type, unit and meaning.

The collector makes rows of these columns, the hot store carries them, the warehouse turns them
into Iceberg schemas, and the data dictionary is printed from them. Nothing here knows any of these.
"""

from __future__ import annotations

from typing import Final

from scms.columns import SERVER, Column, ColumnType, Table
from scms.dimensions import DEVICE_DIMENSION, SERVER_DIMENSION
from scms.rollups import DEVICE_15M, SERVER_15M, USER_15M
from scms.said import HOLD, OUTLOOK, RECOMMENDATION

__all__ = [
    "ALL",
    "DEVICE_15M",
    "DEVICE_DIMENSION",
    "DEVICE_SAMPLE",
    "DIMENSIONS",
    "EVENT",
    "FACTS",
    "HOLD",
    "OUTLOOK",
    "PROCESS_SAMPLE",
    "RECOMMENDATION",
    "ROLLUPS",
    "SAID",
    "SERVER_15M",
    "SERVER_DIMENSION",
    "SERVER_SAMPLE",
    "USER_15M",
    "Column",
    "ColumnType",
    "Table",
]

_SAMPLED_AT: Final = Column(
    "sampled_at",
    "timestamp",
    "when the collector received it, UTC, to the millisecond",
    required=True,
)
_OBSERVED: Final = Column(
    "observed_seconds",
    "float",
    "the time this row stands for: since the previous one of the same session, at most "
    "3 intervals; 0 for the first. Sums of it are observed time",
    required=True,
)

SERVER_SAMPLE: Final = Table(
    name="server_sample",
    doc="What one tick said of a server, or why it said nothing.",
    grain="one row per server and tick; while a server is down, one per failed try",
    time="sampled_at",
    partition="day",
    sort=("server", "sampled_at"),
    columns=(
        SERVER,
        _SAMPLED_AT,
        _OBSERVED,
        Column("state", "string", "up, degraded or down", required=True),
        Column("reason", "string", "why it is degraded or down, with the mend"),
        Column("collector", "string", "name of the collector that wrote the row", required=True),
        Column("simulated", "boolean", "true for servers of the simulated lab", required=True),
        Column("interval_seconds", "float", "the tick that was asked for", required=True),
        Column("boot_id", "string", "changes with every boot; counters start anew"),
        Column("clock_offset_seconds", "float", "the server's clock minus the collector's"),
        Column("uptime_seconds", "float", "time since boot"),
        Column("cpu_count", "integer", "logical CPUs online"),
        Column(
            "cpu_utilization_ratio", "float", "share of CPU time not idle and not waiting for I/O"
        ),
        Column("cpu_user_ratio", "float", "share in user mode, niced work apart"),
        Column("cpu_nice_ratio", "float", "share in user mode at low priority"),
        Column("cpu_system_ratio", "float", "share in the kernel"),
        Column("cpu_iowait_ratio", "float", "share idle while I/O was outstanding"),
        Column("cpu_irq_ratio", "float", "share serving interrupts, soft ones included"),
        Column("cpu_steal_ratio", "float", "share taken by the hypervisor for others"),
        Column("load_1m", "float", "load average over 1 minute (runnable and blocked tasks)"),
        Column("load_5m", "float", "load average over 5 minutes"),
        Column("load_15m", "float", "load average over 15 minutes"),
        Column("memory_total_bytes", "integer", "RAM"),
        Column("memory_used_bytes", "integer", "total minus available"),
        Column("memory_available_bytes", "integer", "what new work could take without swapping"),
        Column("swap_total_bytes", "integer", "swap space"),
        Column("swap_used_bytes", "integer", "swap space in use"),
        Column("filesystem_total_bytes", "integer", "space of the local file systems together"),
        Column("filesystem_used_bytes", "integer", "space used on them"),
        Column(
            "scratch_free_bytes", "integer", "free space of the local file system with most of it"
        ),
        Column("disk_read_bytes_per_second", "float", "all local disks together"),
        Column("disk_write_bytes_per_second", "float", "all local disks together"),
        Column("network_receive_bytes_per_second", "float", "all interfaces but loopback"),
        Column("network_transmit_bytes_per_second", "float", "all interfaces but loopback"),
        Column("process_count", "integer", "processes of all users"),
        Column("users_logged_in", "integer", "distinct users with a login session"),
        Column("gpu_count", "integer", "GPUs that answered; null when the driver cannot tell"),
        Column("gpu_driver_version", "string", "NVIDIA driver"),
        Column("gpu_problem", "string", "why GPUs cannot be read, e.g. no driver"),
        Column("cpu_core_utilization_ratio_max", "float", "use of the busiest single core"),
        Column("cpu_frequency_hertz", "float", "mean clock of up to 8 cores"),
        Column("cpu_pressure_ratio", "float", "share of 10 s in which some tasks awaited a CPU"),
        Column(
            "memory_pressure_ratio", "float", "share of 10 s in which some tasks awaited memory"
        ),
        Column(
            "memory_pressure_full_ratio", "float", "share of 10 s in which all tasks awaited memory"
        ),
        Column("io_pressure_ratio", "float", "share of 10 s in which some tasks awaited I/O"),
        Column("io_pressure_full_ratio", "float", "share of 10 s in which all tasks awaited I/O"),
        Column("memory_cached_bytes", "integer", "page cache, buffers and reclaimable slabs"),
        Column("swap_in_bytes_per_second", "float", "read back from swap space"),
        Column("swap_out_bytes_per_second", "float", "moved out to swap space"),
        Column("disk_reads_per_second", "float", "requests completed, all local disks together"),
        Column("disk_writes_per_second", "float", "requests completed, all local disks together"),
        Column(
            "network_errors_per_second",
            "float",
            "damaged packets, both directions, all interfaces but loopback",
        ),
        Column(
            "temperature_celsius_max", "float", "hottest sensor of CPUs, memory, disks and adapters"
        ),
        Column("numa_node_count", "integer", "NUMA nodes"),
        Column("zombie_process_count", "integer", "ended, but not waited for by their parent"),
        Column("blocked_process_count", "integer", "waiting in the kernel, mostly for I/O"),
        Column(
            "users_computing", "integer", "distinct users with over 0.1 core of CPU, or with a GPU"
        ),
        Column("hung_mount_count", "integer", "network file systems that do not answer"),
        Column("gpu_cuda_version", "string", "newest CUDA that the driver can run"),
    ),
)

DEVICE_SAMPLE: Final = Table(
    name="device_sample",
    doc="What one tick said of a GPU.",
    grain="one row per device and tick",
    time="sampled_at",
    partition="day",
    sort=("server", "device", "sampled_at"),
    columns=(
        SERVER,
        Column("device", "string", "UUID of the GPU, which survives reboots", required=True),
        _SAMPLED_AT,
        _OBSERVED,
        Column("device_index", "integer", "index at the time; not a key"),
        Column("device_name", "string", "GPU model"),
        Column("state", "string", "free, busy, idle_held, ghost, faulty or unknown", required=True),
        Column("state_reason", "string", "why it is in this state"),
        Column("gpu_utilization_ratio", "float", "share of the tick in which some kernel ran"),
        Column(
            "memory_bandwidth_utilization_ratio",
            "float",
            "share of the tick in which memory was moved",
        ),
        Column("memory_total_bytes", "integer", "device memory"),
        Column("memory_used_bytes", "integer", "held by processes, driver-reserved apart"),
        Column("power_watts", "float", "drawn by the board"),
        Column("power_limit_watts", "float", "enforced limit"),
        Column("temperature_celsius", "float", "of the GPU die"),
        Column("sm_clock_hertz", "float", "streaming-multiprocessor clock"),
        Column("process_count", "integer", "processes on the device; null when it cannot be told"),
        Column(
            "user", "string", "user who holds most of its memory; null when nobody visible does"
        ),
        Column("parent_device", "string", "UUID of the GPU of which it is a part (MIG)"),
        Column("memory_temperature_celsius", "float", "of the device memory"),
        Column("memory_clock_hertz", "float", "memory clock"),
        Column("encoder_utilization_ratio", "float", "share of time in which video was encoded"),
        Column("decoder_utilization_ratio", "float", "share of time in which video was decoded"),
        Column(
            "energy_counter_joules", "float", "drawn since the driver was loaded; starts anew then"
        ),
        Column(
            "fan_speed_ratio", "float", "speed of the fan; over 1 when driven beyond its rating"
        ),
        Column("performance_state", "integer", "P-state, 0 the fastest to 15"),
        Column(
            "throttle_reasons",
            "string",
            "what holds the clock back, comma-separated: idle, power limit, too hot (hardware), …; "
            "empty when nothing does",
        ),
        Column(
            "ecc_corrected_count", "integer", "memory errors corrected since the driver was loaded"
        ),
        Column(
            "ecc_uncorrected_count", "integer", "memory errors that were not, since it was loaded"
        ),
        Column("ecc_corrected_lifetime_count", "integer", "memory errors corrected, ever"),
        Column("ecc_uncorrected_lifetime_count", "integer", "memory errors that were not, ever"),
        Column("retired_page_count", "integer", "pages of memory taken out of use"),
        Column("remapped_row_count", "integer", "rows of memory replaced by spare ones"),
        Column("pcie_generation", "integer", "generation of the PCIe link now; lower when idle"),
        Column("pcie_width", "integer", "lanes of the PCIe link now"),
        Column("pcie_replay_count", "integer", "PCIe packets sent again since the last reset"),
        Column("nvlink_active_count", "integer", "NVLinks that are up"),
        Column("nvlink_error_count", "integer", "NVLink errors of all links since the last reset"),
        Column("xid", "integer", "the last error (XID) that the driver reported while watched"),
    ),
)

PROCESS_SAMPLE: Final = Table(
    name="process_sample",
    doc="Who uses what: the processes of a tick.",
    grain="one row per process and device it uses (each tick); per process among the top CPU "
    "users, and per user for the rest of theirs with pid null (each process scan)",
    time="sampled_at",
    partition="day",
    sort=("server", "user", "sampled_at"),
    columns=(
        SERVER,
        _SAMPLED_AT,
        _OBSERVED,
        Column("user", "string", "login name of the owner; null when hidden from the probe"),
        Column("pid", "integer", "process id; null for the rest of a user's processes"),
        Column("command", "string", "name of the program, without its arguments"),
        Column("device", "string", "UUID of the GPU; null in rows of CPU use"),
        Column("device_state", "string", "state of that device at the tick"),
        Column(
            "device_share_ratio",
            "float",
            "the part of the device's time that this row answers for: users share a device "
            "equally, and so do the processes of one user. Sums to 1 over a device",
        ),
        Column("gpu_memory_used_bytes", "integer", "device memory of the process"),
        Column("cpu_cores_used", "float", "CPU time per elapsed time; null in rows of GPU use"),
        Column("memory_used_bytes", "integer", "resident memory; null in rows of GPU use"),
        Column("started_at", "timestamp", "when the process began"),
        Column(
            "sm_utilization_ratio",
            "float",
            "share of the GPU's multiprocessors since the tick before; null in rows of CPU use",
        ),
        Column("container", "string", "id (12 digits) or name of the container it runs in, if any"),
    ),
)

EVENT: Final = Table(
    name="event",
    doc="What changed, for people and for outage reports.",
    grain="one row per change of a server's or device's state, reboot or problem",
    time="sampled_at",
    partition="day",
    sort=("server", "sampled_at"),
    columns=(
        SERVER,
        _SAMPLED_AT,
        Column(
            "kind",
            "string",
            "up, degraded, down, reboot, clock, device or collector",
            required=True,
        ),
        Column("device", "string", "UUID of the GPU it is about, if any"),
        Column("detail", "string", "what happened, in one sentence"),
        Column("collector", "string", "name of the collector that saw it", required=True),
    ),
)

FACTS: Final = (SERVER_SAMPLE, DEVICE_SAMPLE, PROCESS_SAMPLE, EVENT)
ROLLUPS: Final = (SERVER_15M, DEVICE_15M, USER_15M)
SAID: Final = (OUTLOOK, RECOMMENDATION, HOLD)
DIMENSIONS: Final = (SERVER_DIMENSION, DEVICE_DIMENSION)
ALL: Final = {table.name: table for table in (*FACTS, *ROLLUPS, *SAID, *DIMENSIONS)}
