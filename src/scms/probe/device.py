"""One GPU: what NVML says of it at every tick, every 10 s, and about once a minute.

In: NVML and the key of a device, ``(index,)`` for a GPU and ``(index, n)`` for a part of one in MIG
mode. Out: entries of ``devices`` and ``device_facts`` of the wire protocol. Python 3.6, standard
library alone; this file travels to servers as it is (see scms.collect.bootstrap).
"""

from .nvml import sane

COMPUTE = ("nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetComputeRunningProcesses_v2")
GRAPHICS = ("nvmlDeviceGetGraphicsRunningProcesses_v3", "nvmlDeviceGetGraphicsRunningProcesses_v2")
SM_CLOCK, MEMORY_CLOCK = 1, 2
MEMORY_TEMPERATURE = 82
RETIRED_PAGES = (29, 30)  # for single and for double bit errors
NVLINK_ERRORS = (38, 45, 52, 59)  # flow control, data, replay, recovery: totals over all links
MOST_NVLINKS = 36
MOST_PROCESSES = 200


class Device(object):
    """Reads devices; remembers up to when the use of processes was read."""

    def __init__(self, nvml, describe):
        self.nvml, self.describe = nvml, describe
        self.used_until = {}
        self.graphics = {}  # key -> the programs that draw on it, as last listed

    def now(self, key, device):
        """Fill in what is read at every tick."""
        nvml = self.nvml
        use = nvml.value(key, "nvmlDeviceGetUtilizationRates")
        device["utilization"] = None if use is None else sane(use.gpu)
        device["memory_utilization"] = None if use is None else sane(use.memory)
        self.memory(key, device)
        device["power"] = scaled(nvml.value(key, "nvmlDeviceGetPowerUsage"), 0.001)
        device["sm_clock"] = scaled(nvml.value(key, "nvmlDeviceGetClockInfo", SM_CLOCK), 1000000)
        device["temperature"] = sane(nvml.value(key, "nvmlDeviceGetTemperature", 0))
        device["processes"] = self.processes(key)

    def often(self, key):
        """What is read every 10 s: each call costs the driver's time."""
        nvml = self.nvml
        self.graphics[key] = self.listed(key, GRAPHICS)
        clock = nvml.value(key, "nvmlDeviceGetClockInfo", MEMORY_CLOCK)
        return {
            "memory_clock": scaled(clock, 1000000),
            "performance_state": sane(nvml.value(key, "nvmlDeviceGetPerformanceState")),
            "throttle": sane(nvml.value(key, "nvmlDeviceGetCurrentClocksThrottleReasons")),
            "encoder": first(nvml.value(key, "nvmlDeviceGetEncoderUtilization")),
            "decoder": first(nvml.value(key, "nvmlDeviceGetDecoderUtilization")),
            "energy": scaled(nvml.value(key, "nvmlDeviceGetTotalEnergyConsumption"), 0.001),
            "memory_temperature": self.fields(key, (MEMORY_TEMPERATURE,))[0],
        }

    def memory(self, key, device):
        """Version 2 counts what the driver reserves apart; older drivers know version 1."""
        version = self.nvml.module.nvmlMemory_v2
        info = self.nvml.value(key, "nvmlDeviceGetMemoryInfo", version=version)
        device["memory_reserved"] = None if info is None else sane(info.reserved)
        if info is None:
            info = self.nvml.value(key, "nvmlDeviceGetMemoryInfo")
        device["memory_used"] = None if info is None else sane(info.used)
        device["memory_free"] = None if info is None else sane(info.free)
        device["memory_total"] = None if info is None else sane(info.total)

    def processes(self, key):
        """[pid, user, command, memory, started_at, SM %, container]; None where NVML is blind."""
        if key not in self.graphics:  # nothing draws on a part
            self.graphics[key] = self.listed(key, GRAPHICS) if len(key) == 1 else None
        computing, drawing = self.listed(key, COMPUTE), self.graphics[key]
        if computing is None and drawing is None:
            return None
        held = dict(drawing or {})
        for pid, memory in (computing or {}).items():
            if memory is not None or pid not in held:
                held[pid] = max(memory or 0, held.get(pid) or 0) or memory
        used = self.process_use(key) if held else {}
        rows = []
        for pid, memory in sorted(held.items())[:MOST_PROCESSES]:
            described = self.describe(pid)
            if described is not None:
                user, command, started, container = described
                rows.append([pid, user, command, memory, started, used.get(pid), container])
        return rows

    def listed(self, key, calls):
        """Memory by pid, of one kind of programs; None where NVML does not tell."""
        for call in calls:
            found = self.nvml.value(key, call)
            if found is not None:
                return {process.pid: sane(process.usedGpuMemory) for process in found}
        return None

    def process_use(self, key):
        """The mean share of the SMs per process since the last reading, in percent."""
        since = self.used_until.get(key, 0)
        samples = self.nvml.value(key, "nvmlDeviceGetProcessUtilization", timeStamp=since)
        shares = {}
        for sample in samples or ():
            if sample.timeStamp > since and sample.smUtil <= 100:
                shares.setdefault(sample.pid, []).append(sample.smUtil)
                self.used_until[key] = max(self.used_until.get(key, 0), sample.timeStamp)
        return {pid: round(sum(values) / len(values), 1) for pid, values in shares.items()}

    def slow(self, key, patiently):
        """What hardly changes, and what is broken though the device answers, in words.

        ``patiently``: also what takes long, 40 ms for the traffic of a GPU over PCIe.
        """
        value = self.nvml.value
        pci = value(key, "nvmlDeviceGetPciInfo")
        ecc = [
            sane(value(key, "nvmlDeviceGetTotalEccErrors", kind, counter))
            for counter in (0, 1)  # since the driver was loaded, of its lifetime
            for kind in (0, 1)  # corrected, uncorrected
        ]
        rows = value(key, "nvmlDeviceGetRemappedRows")
        mig = value(key, "nvmlDeviceGetMigMode")
        persistence = value(key, "nvmlDeviceGetPersistenceMode")
        fields = self.fields(key, RETIRED_PAGES + NVLINK_ERRORS)
        facts = {
            "pcie_throughput": [
                scaled(value(key, "nvmlDeviceGetPcieThroughput", counter), 1000)
                for counter in ((1, 0) if patiently else ())  # received, sent
            ],
            "pci_bus": None if pci is None else text_of(pci.busId),
            "sm_clock_max": scaled(value(key, "nvmlDeviceGetMaxClockInfo", SM_CLOCK), 1000000),
            "memory_clock_max": scaled(
                value(key, "nvmlDeviceGetMaxClockInfo", MEMORY_CLOCK), 1000000
            ),
            "power_limit": scaled(value(key, "nvmlDeviceGetEnforcedPowerLimit"), 0.001),
            "fan": sane(value(key, "nvmlDeviceGetFanSpeed")),
            "ecc": ecc,
            "retired_pages": known_sum(fields[:2]),
            "remapped_rows": None if rows is None else sane(rows[0] + rows[1]),
            "pcie": [
                sane(value(key, "nvmlDeviceGetCurrPcieLinkGeneration")),
                sane(value(key, "nvmlDeviceGetCurrPcieLinkWidth")),
                sane(value(key, "nvmlDeviceGetPcieReplayCounter")),
            ],
            "nvlink": [self.nvlinks(key), known_sum(fields[2:])],
            "persistence": None if persistence is None else bool(persistence),
            "compute_mode": sane(value(key, "nvmlDeviceGetComputeMode")),
            "mig": None if mig is None else bool(mig[0]),
        }
        return facts, unhealthy(ecc[1], rows)

    def nvlinks(self, key):
        """How many links are up; None where there are none to be had."""
        up = None
        for link in range(MOST_NVLINKS):
            state = self.nvml.value(key, "nvmlDeviceGetNvLinkState", link)
            if state is None:
                break
            up = (up or 0) + (1 if state else 0)
        return up

    def fields(self, key, numbers):
        """Values of NVML's fields, None for those that cannot be told."""
        wanted = [n for n in numbers if not self.nvml.is_unsupported((key, n))]
        found = {}
        entries = wanted and self.nvml.value(key, "nvmlDeviceGetFieldValues", fieldIds=wanted)
        for entry in entries or ():
            kind = VALUE_KINDS.get(entry.valueType)
            if entry.nvmlReturn == 0 and kind is not None:
                found[entry.fieldId] = sane(getattr(entry.value, kind))
            elif entry.nvmlReturn != 0:
                self.nvml.note_unsupported((key, entry.fieldId))
        return [found.get(number) for number in numbers]


VALUE_KINDS = {0: "dVal", 1: "uiVal", 2: "ulVal", 3: "ullVal", 4: "sllVal", 5: "siVal", 6: "usVal"}


def unhealthy(uncorrected, rows):
    """Why a GPU must not be used; rows: remapped for either kind of error, pending, failed."""
    if rows is not None and rows[3]:
        return "row remapping failed: replace the GPU"
    if rows is not None and rows[2]:
        return "row remapping pending: reset the GPU"
    if uncorrected:
        return "ECC: uncorrectable memory errors since the driver was loaded"
    return None


def scaled(value, factor):
    value = sane(value)
    if value is None:
        return None
    return value * factor if factor > 1 else value / round(1 / factor)


def first(values):
    return None if values is None else sane(values[0])


def known_sum(values):
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def text_of(value):
    return value.decode("ascii", "replace") if isinstance(value, bytes) else value
