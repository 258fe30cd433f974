"""The GPUs of a server, read in a thread of its own.

In: NVML and a function that describes a process. Out: the ``gpu`` and ``devices`` of the wire
protocol. A call that hangs leaves the rest of the probe alone, and is named. Python 3.6, standard
library alone; this file travels to servers as it is (see scms.collect.bootstrap).
"""

import threading
import time

from .nvml import NO_DRIVER, Fault, Restart, sane

#: XIDs that tell of broken hardware or a driver that gave up; the others are mostly of programs.
FATAL_XIDS = frozenset((48, 62, 64, 74, 79, 95, 119, 120, 140))
RETRY_SECONDS = 60.0
#: After this long with a broken GPU, NVML is started anew: only so is a reset noticed.
RENEW_SECONDS = 600.0
#: Older readings than this are not shown as if they were of now.
STALE_SECONDS = 30.0
PROCESS_CALLS = (
    ("nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetComputeRunningProcesses_v2"),
    ("nvmlDeviceGetGraphicsRunningProcesses_v3", "nvmlDeviceGetGraphicsRunningProcesses_v2"),
)
IDENTITY = ("uuid", "index", "name", "memory_total")
METRICS = (
    "utilization memory_utilization memory_used power power_limit temperature sm_clock processes"
).split()


class Gpus(object):
    """``ask()`` at a tick, then ``answer(patience)``; nothing here blocks for longer."""

    def __init__(self, nvml, describe, hang_seconds=10.0):
        self.nvml, self.describe, self.hang_seconds = nvml, describe, hang_seconds
        self.running = self.absent = False
        self.start_problem = None
        self.next_start = 0.0
        self.identities = {}  # index -> what is known of the device
        self.health = {}
        self.xids = {}
        self.events = None
        self.known = ({"problem": None, "driver": None}, None, None)
        self.wanted, self.read_done = threading.Event(), threading.Event()
        thread = threading.Thread(target=self._serve)
        thread.daemon = True
        thread.start()

    def ask(self):
        """Want a fresh reading; one that is under way is not stacked upon."""
        if not self.wanted.is_set():
            self.read_done.clear()
            self.wanted.set()

    def answer(self, patience):
        """The newest reading, awaited for ``patience`` seconds unless a call is slow already."""
        calling = self.nvml.calling
        if calling is None or time.monotonic() - calling[1] < patience:
            self.read_done.wait(patience)
        calling, now = self.nvml.calling, time.monotonic()
        gpu, devices, read_at = self.known
        gpu = dict(gpu, age_seconds=None if read_at is None else round(now - read_at, 3))
        if calling is not None and now - calling[1] > self._limit(calling[0]):
            gpu["problem"] = fault = "NVML call %s hangs" % calling[0]
            devices = self._all_blank(fault)
        elif read_at is not None and now - read_at > STALE_SECONDS and self.wanted.is_set():
            gpu["problem"] = "NVML answers too slowly"
            devices = self._all_blank(None)
        return {"gpu": gpu, "devices": devices}

    def _limit(self, name):
        """From when on a call hangs: without persistence mode, starting takes long."""
        return self.hang_seconds * (3 if name == "nvmlInit" else 1)

    def _all_blank(self, fault):
        return [blank(known, fault) for _, known in sorted(self.identities.items())] or None

    def _serve(self):
        while True:
            self.wanted.wait()
            try:
                gpu, devices = self._read()
            except Exception as error:  # the thread must live: the error is what it reports
                text = "GPUs cannot be read: %s" % (error,)
                self.running, self.start_problem = False, (0, text)
                gpu, devices = {"problem": text, "driver": self.nvml.driver}, None
            self.known = (gpu, devices, time.monotonic())
            self.wanted.clear()
            self.read_done.set()

    def _read(self):
        for _ in range(2):
            now = time.monotonic()
            if not self.running and now >= self.next_start:
                self._start(now)
            if not self.running:
                return self._not_running()
            try:
                devices, problems = self._devices(now)
            except Restart:
                self.running, self.next_start = False, 0.0
                continue
            return {"problem": "; ".join(problems) or None, "driver": self.nvml.driver}, devices
        return {"problem": "NVML does not stay initialised", "driver": self.nvml.driver}, None

    def _start(self, now):
        self.next_start = now + RETRY_SECONDS
        self.health, self.events = {}, None
        self.start_problem = self.nvml.start()
        self.running = self.start_problem is None
        self.absent = not self.running and not self.nvml.hardware()

    def _not_running(self):
        code, text = self.start_problem
        if code in NO_DRIVER and not self.identities and self.absent:
            return {"problem": None, "driver": None}, []
        return {"problem": text, "driver": self.nvml.driver}, self._all_blank(text)

    def _devices(self, now):
        devices, problems, broken = [], [], False
        for index in range(self.nvml.call("nvmlDeviceGetCount")):
            self.nvml.refused = []
            try:
                devices.append(self._device(index, now))
            except (Fault, self.nvml.module.NVMLError) as error:
                broken = True
                text = str(error) if isinstance(error, Fault) else self.nvml.words(error)
                if index in self.identities:
                    devices.append(blank(self.identities[index], text))
                else:
                    problems.append("GPU %d cannot be read: %s" % (index, text))
        if broken and now - self.nvml.started_at > RENEW_SECONDS:
            self.nvml.call("nvmlShutdown")
            raise Restart()
        self._watch_xids()
        for device in devices:
            if device["fault"] is None and device["uuid"] in self.xids:
                device["fault"] = "XID %d: see dmesg there" % self.xids[device["uuid"]]
        return devices, problems

    def _device(self, index, now):
        nvml = self.nvml
        if index not in nvml.handles:
            handle = nvml.call("nvmlDeviceGetHandleByIndex", index)
            uuid = nvml.call("nvmlDeviceGetUUID", handle)
            nvml.handles[index] = handle
            name = nvml.value(index, "nvmlDeviceGetName")
            self.identities[index] = {"uuid": uuid, "index": index, "name": name}
        device = dict(self.identities[index])
        use = nvml.value(index, "nvmlDeviceGetUtilizationRates")
        device["utilization"] = None if use is None else sane(use.gpu)
        device["memory_utilization"] = None if use is None else sane(use.memory)
        self._memory(index, device)
        power = sane(nvml.value(index, "nvmlDeviceGetPowerUsage"))
        limit = sane(nvml.value(index, "nvmlDeviceGetEnforcedPowerLimit"))
        clock = sane(nvml.value(index, "nvmlDeviceGetClockInfo", 1))  # 1: NVML_CLOCK_SM
        device["power"] = None if power is None else power / 1000
        device["power_limit"] = None if limit is None else limit / 1000
        device["sm_clock"] = None if clock is None else clock * 1000000
        device["temperature"] = sane(nvml.value(index, "nvmlDeviceGetTemperature", 0))
        device["processes"] = self._processes(index)
        if device["utilization"] is None and device["memory_used"] is None and nvml.refused:
            device["fault"] = nvml.refused[0]
        else:
            device["fault"] = self._unhealthy(index, now)
        return device

    def _memory(self, index, device):
        """Version 2 counts what the driver reserves apart; older drivers know version 1."""
        version = self.nvml.module.nvmlMemory_v2
        info = self.nvml.value(index, "nvmlDeviceGetMemoryInfo", version=version)
        if info is None:
            info = self.nvml.value(index, "nvmlDeviceGetMemoryInfo")
        device["memory_used"] = None if info is None else sane(info.used)
        device["memory_total"] = None if info is None else sane(info.total)
        if device["memory_total"] is not None:
            self.identities[index]["memory_total"] = device["memory_total"]

    def _processes(self, index):
        """[pid, user, command, memory, started_at] of each; None where NVML cannot tell."""
        held = None
        for newer, older in PROCESS_CALLS:
            listed = self.nvml.value(index, newer)
            if listed is None:
                listed = self.nvml.value(index, older)
            if listed is None:
                continue
            held = {} if held is None else held
            for process in listed:
                memory = sane(process.usedGpuMemory)
                if memory is not None or process.pid not in held:
                    held[process.pid] = max(memory or 0, held.get(process.pid) or 0) or memory
        if held is None:
            return None
        rows = []
        for pid, memory in sorted(held.items())[:200]:
            described = self.describe(pid)
            if described is not None:
                user, command, started = described
                rows.append([pid, user, command, memory, started])
        return rows

    def _unhealthy(self, index, now):
        """What is broken though the device answers; asked for once a minute."""
        known = self.health.get(index)
        if known is None or known[0] <= now:
            errors = sane(self.nvml.value(index, "nvmlDeviceGetTotalEccErrors", 1, 0))
            rows = self.nvml.value(index, "nvmlDeviceGetRemappedRows")
            fault = None
            if rows is not None and rows[3]:
                fault = "row remapping failed: replace the GPU"
            elif rows is not None and rows[2]:
                fault = "row remapping pending: reset the GPU"
            elif errors:
                fault = "ECC: uncorrectable memory errors since the driver was loaded"
            known = self.health[index] = (now + RETRY_SECONDS, fault)
        return known[1]

    def _watch_xids(self):
        """Note the errors that the driver reported since the last tick."""
        if self.events is None:
            self.events = False  # where events are not supported, not asked again
            try:
                events = self.nvml.call("nvmlEventSetCreate")
                for handle in self.nvml.handles.values():
                    self.nvml.call("nvmlDeviceRegisterEvents", handle, 8, events)  # 8: XIDs
            except self.nvml.module.NVMLError:
                return
            self.events = events
        for _ in range(100 if self.events else 0):
            try:
                event = self.nvml.call("nvmlEventSetWait_v2", self.events, 0)
                if event.eventData in FATAL_XIDS:
                    uuid = self.nvml.call("nvmlDeviceGetUUID", event.device)
                    self.xids[uuid] = event.eventData
            except self.nvml.module.NVMLError:
                return  # a timeout: there are no more


def blank(device, fault):
    """A device of which only the identity is known now."""
    known = {key: device.get(key) for key in IDENTITY}
    known.update(dict.fromkeys(METRICS), fault=fault)
    return known
