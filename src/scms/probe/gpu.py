"""The GPUs of a server, read in a thread of its own.

In: NVML and a function that describes a process. Out: the ``gpu`` and ``devices`` of the wire
protocol. A call that hangs leaves the rest of the probe alone, and is named. Python 3.6, standard
library alone; this file travels to servers as it is (see scms.collect.bootstrap).
"""

import threading
import time

from .device import Device
from .nvml import NO_DRIVER, Fault, Restart

#: XIDs that tell of broken hardware or a driver that gave up; the others are mostly of programs.
FATAL_XIDS = frozenset((48, 62, 64, 74, 79, 95, 119, 120, 140))
RETRY_SECONDS = 60.0
#: After this long with a broken GPU, NVML is started anew: only so is a reset noticed.
RENEW_SECONDS = 600.0
#: Older readings than this are not shown as if they were of now.
STALE_SECONDS = 30.0
#: What hardly changes is read this often, of one GPU after the other.
SLOW_SECONDS = 60.0
#: And this often what need not be known at every tick.
OFTEN_SECONDS = 10.0
IDENTITY = ("uuid", "index", "name", "memory_total", "parent")
METRICS = (
    "utilization memory_utilization memory_used power power_limit temperature sm_clock processes"
).split()


class Gpus(object):
    """``ask()`` at a tick, then ``answer(patience)``; nothing here blocks for longer."""

    def __init__(self, nvml, describe, hang_seconds=10.0):
        self.nvml, self.hang_seconds = nvml, hang_seconds
        self.reader = Device(nvml, describe)
        self.running = self.absent = False
        self.start_problem = None
        self.next_start = 0.0
        self.identities = {}  # key -> what is known of the device
        self.often = {}  # key -> when to read again, and what was read
        self.slow = {}  # key -> when to read again, facts, what is broken
        self.facts = {}  # UUID -> facts that were not told yet
        self.xids = {}  # UUID -> the last one, and the last fatal one
        self.events = None
        self.known = ({"problem": None, "driver": None}, None, None)
        self.wanted, self.read_done = threading.Event(), threading.Event()
        thread = threading.Thread(target=self._serve)
        thread.daemon = True
        thread.start()

    def ask(self):
        """Want a fresh reading; one that is under way is not stacked upon."""
        if self.absent and time.monotonic() < self.next_start:
            return  # there is no GPU: the thread need not be woken to say so again
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
        gpu["cuda"] = self.nvml.cuda
        facts = {uuid: self.facts.pop(uuid) for uuid in list(self.facts)}
        answer = {"gpu": gpu, "devices": devices}
        return dict(answer, device_facts=facts) if facts else answer

    def _limit(self, name):
        """From when on a call hangs: without persistence mode, starting takes long."""
        return self.hang_seconds * (3 if name == "nvmlInit" else 1)

    def _all_blank(self, fault):
        return [blank(known, fault) for known in self._shown()] or None

    def _shown(self, index=None):
        """The devices that are known: of a GPU in MIG mode its parts, where it has any."""
        keys = sorted(key for key in self.identities if index is None or key[0] == index)
        divided = set(key[0] for key in keys if len(key) > 1)
        return [self.identities[k] for k in keys if len(k) > 1 or k[0] not in divided]

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
        self.often, self.slow, self.events = {}, {}, None
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
                devices.extend(self._gpu(index, now))
            except (Fault, self.nvml.module.NVMLError) as error:
                broken = True
                text = str(error) if isinstance(error, Fault) else self.nvml.words(error)
                if (index,) in self.identities:
                    devices.extend(blank(known, text) for known in self._shown(index))
                else:
                    problems.append("GPU %d cannot be read: %s" % (index, text))
        if broken and now - self.nvml.started_at > RENEW_SECONDS:
            self.nvml.call("nvmlShutdown")
            raise Restart()
        self._watch_xids()
        for device in devices:
            xid, fatal = self.xids.get(device.get("parent") or device["uuid"], (None, None))
            device["xid"] = xid
            if device["fault"] is None and fatal is not None:
                device["fault"] = "XID %d: see dmesg there" % fatal
        return devices, problems

    def _gpu(self, index, now):
        """A GPU, or in MIG mode its parts, which are the devices that programs can use."""
        nvml, key = self.nvml, (index,)
        if key not in nvml.handles:
            handle = nvml.call("nvmlDeviceGetHandleByIndex", index)
            uuid = nvml.call("nvmlDeviceGetUUID", handle)
            nvml.handles[key] = handle
            name = nvml.value(key, "nvmlDeviceGetName")
            self.identities[key] = {"uuid": uuid, "index": index, "name": name}
        whole = dict(self.identities[key])
        self.reader.now(key, whole)
        self._remember_total(key, whole)
        refused = nvml.refused[:1]
        anew, fault = self._slow(key, whole["uuid"], now)
        whole.update(self._often(key, now))
        blind = whole["utilization"] is None and whole["memory_used"] is None and refused
        whole["fault"] = refused[0] if blind else fault
        facts = self.slow[key][1]
        whole.update(power_limit=facts["power_limit"], mig=facts["mig"])
        if anew:
            self._find_parts(index, whole)
        if not facts["mig"]:
            return [whole]
        parts = [k for k in sorted(nvml.handles) if k[0] == index and len(k) > 1]
        return [self._part(part, whole) for part in parts] or [whole]

    def _remember_total(self, key, device):
        if device["memory_total"] is not None:
            self.identities[key]["memory_total"] = device["memory_total"]

    def _often(self, key, now):
        """Clocks, energy and the like, as they were last read."""
        known = self.often.get(key)
        if known is None or known[0] <= now:
            apart = 0 if known is not None else key[0] % 2 * OFTEN_SECONDS / 2
            known = self.often[key] = (now + OFTEN_SECONDS - apart, self.reader.often(key))
        return known[1]

    def _slow(self, key, uuid, now):
        """Whether the slow facts were read anew, and what is broken though the GPU answers."""
        known = self.slow.get(key)
        anew = known is None or known[0] <= now
        if anew:
            facts, fault = self.reader.slow(key, patiently=known is not None)
            apart = 0 if known is not None else key[0] % 8 * 5
            known = self.slow[key] = (now + SLOW_SECONDS - apart, facts, fault)
            self.facts[uuid] = facts
        return anew, known[2]

    def _find_parts(self, index, whole):
        """List the MIG devices of a GPU: they come and go while the driver runs."""
        nvml, key = self.nvml, (index,)
        for part in [k for k in nvml.handles if k[0] == index and len(k) > 1]:
            del nvml.handles[part], self.identities[part]
        count = nvml.value(key, "nvmlDeviceGetMaxMigDeviceCount") if whole["mig"] else 0
        for number in range(count or 0):
            handle = nvml.value(key, "nvmlDeviceGetMigDeviceHandleByIndex", number)
            if handle is None:
                continue  # the places need not be taken in order
            part = (index, number)
            nvml.handles[part] = handle
            uuid = nvml.value(part, "nvmlDeviceGetUUID")
            if uuid is None:
                del nvml.handles[part]
                continue
            known = {"uuid": uuid, "index": index, "parent": whole["uuid"]}
            self.identities[part] = dict(known, name=nvml.value(part, "nvmlDeviceGetName"))

    def _part(self, part, whole):
        """A MIG device: memory and processes are its own, the die is that of the GPU."""
        device = dict(self.identities[part], mig=True, fault=whole["fault"])
        device.update(dict.fromkeys(METRICS))
        device.update((key, whole[key]) for key in ("temperature", "sm_clock"))
        self.reader.memory(part, device)
        self._remember_total(part, device)
        device["processes"] = self.reader.processes(part)
        if device["memory_used"] is None:
            self.slow[part[:1]] = (0.0,) + self.slow[part[:1]][1:]  # it may be gone: list anew
        return device

    def _watch_xids(self):
        """Note the errors that the driver reported since the last tick."""
        if self.events is None:
            self.events = False  # where events are not supported, not asked again
            try:
                events = self.nvml.call("nvmlEventSetCreate")
                for key, handle in self.nvml.handles.items():
                    if len(key) == 1:
                        self.nvml.call("nvmlDeviceRegisterEvents", handle, 8, events)  # 8: XIDs
            except self.nvml.module.NVMLError:
                return
            self.events = events
        for _ in range(100 if self.events else 0):
            try:
                event = self.nvml.call("nvmlEventSetWait_v2", self.events, 0)
                uuid = self.nvml.call("nvmlDeviceGetUUID", event.device)
                fatal = self.xids.get(uuid, (None, None))[1]
                number = event.eventData
                self.xids[uuid] = (number, number if number in FATAL_XIDS else fatal)
            except self.nvml.module.NVMLError:
                return  # a timeout: there are no more


def blank(device, fault):
    """A device of which only the identity is known now."""
    known = {key: device.get(key) for key in IDENTITY}
    known.update(dict.fromkeys(METRICS), fault=fault)
    return known
