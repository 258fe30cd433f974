"""What is read more rarely than at every tick, as a session last knew it.

In: ticks, as they come. Out: columns of ``server_sample`` and entries of a record's ``detail``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scms.collect.measures import rate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scms.collect.message import (
        Device,
        DeviceFacts,
        Disk,
        Filesystem,
        Interface,
        NetworkFilesystem,
        Tick,
    )
    from scms.collect.record import Row

#: From this much CPU on, or with a GPU, a user counts as computing.
COMPUTING_CORES: Final = 0.1
#: The slow facts of a GPU that have no column.
DETAIL_FACTS: Final = (
    *("pci_bus", "sm_clock_max_hertz", "memory_clock_max_hertz"),
    *("pcie_receive_bytes_per_second", "pcie_transmit_bytes_per_second"),
    *("persistence_mode", "compute_mode", "mig_mode"),
)
#: A mount that has not answered for so long hangs.
HUNG_SECONDS: Final = 10.0


class Standing:
    """``take`` every tick of a session; then ``columns`` and ``detail`` are of that tick."""

    def __init__(self) -> None:
        self.filesystems: tuple[Filesystem, ...] | None = None
        self.network_filesystems: tuple[NetworkFilesystem, ...] | None = None
        self.device_facts: dict[str, DeviceFacts] = {}
        self._devices: tuple[Device, ...] = ()
        self._frequency: float | None = None
        self._temperatures: dict[str, float] = {}
        self._cpu_users: set[str] | None = None
        self._computing: int | None = None
        self._cores: tuple[float, ...] | None = None
        self._disks: tuple[float, tuple[Disk, ...]] | None = None
        self._interfaces: tuple[float, tuple[Interface, ...]] | None = None
        self._disk_rates: list[Row] = []
        self._interface_rates: list[Row] = []

    def take(self, tick: Tick) -> None:
        """Note what this tick read anew."""
        kernel = tick.kernel
        if tick.filesystems is not None:
            self.filesystems = tick.filesystems
        if kernel.network_filesystems is not None:
            self.network_filesystems = kernel.network_filesystems
        if kernel.temperatures is not None:
            self._temperatures = kernel.temperatures
        if kernel.cpu_frequency_hertz is not None:
            self._frequency = kernel.cpu_frequency_hertz
        if kernel.disks is not None:
            if self._disks is not None:
                before, counters = self._disks
                self._disk_rates = disk_rates(counters, kernel.disks, tick.monotonic - before)
            self._disks = (tick.monotonic, kernel.disks)
        if kernel.interfaces is not None:
            if self._interfaces is not None:
                since, known = self._interfaces
                elapsed = tick.monotonic - since
                self._interface_rates = interface_rates(known, kernel.interfaces, elapsed)
            self._interfaces = (tick.monotonic, kernel.interfaces)
        self.device_facts.update(tick.device_facts)
        self._devices = tick.devices or ()
        self._cores = kernel.core_utilization_ratios
        self._count_users(tick)

    def _count_users(self, tick: Tick) -> None:
        if tick.scan is not None:
            cores: dict[str, float] = {}
            for process in tick.scan:
                if process.user is not None:
                    used = process.cpu_cores_used
                    cores[process.user] = cores.get(process.user, 0.0) + (used or 0.0)
            self._cpu_users = {user for user, used in cores.items() if used > COMPUTING_CORES}
        if self._cpu_users is None:
            self._computing = None
            return
        on_gpus = {p.user for d in tick.devices or () for p in d.processes or ()}
        self._computing = len((self._cpu_users | on_gpus) - {None})

    def hung(self) -> Iterator[tuple[str, str]]:
        """The mounts that do not answer, and why that is thought."""
        for found in self.network_filesystems or ():
            silent, kind = found.silent_seconds, found.filesystem.type or "network"
            if silent is not None and silent >= HUNG_SECONDS:
                yield found.filesystem.mount, f"{kind} does not answer for {silent:.0f} s"
            elif found.error is not None:
                yield found.filesystem.mount, f"{kind}: {found.error}"

    def columns(self) -> dict[str, float | None]:
        """Columns of ``server_sample``."""
        temperatures, mounts = self._temperatures, self.network_filesystems
        return {
            "cpu_frequency_hertz": self._frequency,
            "temperature_celsius_max": max(temperatures.values()) if temperatures else None,
            "users_computing": self._computing,
            "hung_mount_count": None if mounts is None else sum(1 for _ in self.hung()),
        }

    def detail(self) -> Row:
        """Entries of ``detail``, for the live page."""
        network = [
            _fields(n.filesystem) | {"silent_seconds": n.silent_seconds, "error": n.error}
            for n in self.network_filesystems or ()
        ]
        return {
            "filesystems": [_fields(f) for f in self.filesystems or ()],
            "network_filesystems": network,
            "core_utilization_ratios": None if self._cores is None else list(self._cores),
            "temperatures_celsius": self._temperatures,
            "disks": self._disk_rates,
            "interfaces": self._interface_rates,
            "devices": {d.uuid: self._device_detail(d) for d in self._devices},
        }

    def _device_detail(self, device: Device) -> Row:
        facts = self.device_facts.get(device.parent or device.uuid)
        return {
            "memory_free_bytes": device.memory_free_bytes,
            "memory_reserved_bytes": device.memory_reserved_bytes,
            **{name: None if facts is None else getattr(facts, name) for name in DETAIL_FACTS},
        }


def _fields(filesystem: Filesystem) -> Row:
    return {name: getattr(filesystem, name) for name in filesystem.__slots__}


def disk_rates(before: Sequence[Disk], now: Sequence[Disk], elapsed: float) -> list[Row]:
    """Per disk: throughput, requests per second, mean wait of a request, share of time busy."""
    known = {disk.name: disk for disk in before}
    return [_disk_rates(known[disk.name], disk, elapsed) for disk in now if disk.name in known]


def _disk_rates(before: Disk, now: Disk, elapsed: float) -> Row:
    reads = rate(before.reads, now.reads, elapsed)
    writes = rate(before.writes, now.writes, elapsed)
    waited = rate(before.waited_milliseconds, now.waited_milliseconds, elapsed)
    busy = rate(before.busy_milliseconds, now.busy_milliseconds, elapsed)
    requests = None if reads is None or writes is None else reads + writes
    return {
        "name": now.name,
        "read_bytes_per_second": rate(before.read_bytes, now.read_bytes, elapsed),
        "write_bytes_per_second": rate(before.written_bytes, now.written_bytes, elapsed),
        "reads_per_second": reads,
        "writes_per_second": writes,
        "wait_seconds": waited / requests / 1000 if waited is not None and requests else None,
        "busy_ratio": None if busy is None else min(busy / 1000, 1.0),
    }


def interface_rates(
    before: Sequence[Interface], now: Sequence[Interface], elapsed: float
) -> list[Row]:
    """Per interface: throughput, errors and drops per second."""
    known = {interface.name: interface for interface in before}
    return [
        {
            "name": one.name,
            "receive_bytes_per_second": rate(old.received_bytes, one.received_bytes, elapsed),
            "transmit_bytes_per_second": rate(old.sent_bytes, one.sent_bytes, elapsed),
            "errors_per_second": rate(old.errors, one.errors, elapsed),
            "drops_per_second": rate(old.drops, one.drops, elapsed),
        }
        for one in now
        for old in [known.get(one.name)]
        if old is not None
    ]
