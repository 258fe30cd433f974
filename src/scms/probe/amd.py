"""GPUs of AMD, as ``amd-smi`` tells of them in JSON, behind the same rows as those of NVIDIA.

In: the path of the program, and a function that describes a process. Out: the ``devices`` of the
wire protocol. Python 3.6, standard library alone; this file travels to servers as it is (see
scms.collect.bootstrap).
"""

import json
import subprocess
import time

from .mounts import Aside

MIB = 1048576
#: It is a program of a fifth of a second of CPU: so it is asked this often,
AMD_SECONDS = 10.0
#: this often for what never changes,
STATIC_SECONDS = 600.0
#: and given up after this long.
MOST_SECONDS = 20.0


class Amd(object):
    """Asks ``amd-smi`` aside; what it said last stands until it says more."""

    called, strict = "amd-smi", True  # strict: what it says counts only where it ends well

    def __init__(self, program, describe, hang_seconds=30.0):
        self.program, self.describe, self.hang_seconds = program, describe, hang_seconds
        self.aside = Aside(self._read)
        self.next_at = self.static_until = 0.0
        self.known = {}  # number -> identity
        self.driver = None

    def ask(self):
        now = time.monotonic()
        if now >= self.next_at:
            self.next_at = now + AMD_SECONDS
            self.aside.ask()

    def answer(self, patience):
        del patience  # it takes longer than a tick may wait
        problem = self.aside.error
        if self.aside.waiting() > self.hang_seconds:
            problem = self.called + " hangs"
        gpu = {"problem": problem, "driver": self.driver}
        if problem is not None:
            rows = [dict(known, fault=problem, processes=None) for known in self.known.values()]
            return {"gpu": gpu, "devices": rows or None}
        if self.aside.value is None:
            return {"gpu": gpu, "devices": None}
        devices, facts = self.aside.value
        return {"gpu": gpu, "devices": devices, "device_facts": facts}

    def _read(self):
        now = time.monotonic()
        if now >= self.static_until:
            self._identify()
            self.static_until = now + STATIC_SECONDS
        running = self._processes()
        devices, facts = [], {}
        for row in by_gpu(self._say(["metric", "--json"])):
            known = self.known.get(row["gpu"])
            if known is not None:
                device = dict(known, **measures(row))
                device["processes"] = running.get(row["gpu"])
                devices.append(device)
                facts[known["uuid"]] = slow_facts(row)
        return devices, facts

    def _identify(self):
        names = {row["gpu"]: row for row in by_gpu(self._say(["static", "--json"]))}
        self.known = {}
        for row in by_gpu(self._say(["list", "--json"])):
            static = names.get(row["gpu"], {})
            limit = [("limit", "ppt0", "socket_power_limit"), ("limit", "socket_power")]
            self.known[row["gpu"]] = {
                "uuid": row.get("uuid"),
                "index": row["gpu"],
                "name": of(static, ("asic", "market_name")),
                "power_limit": number(static, *limit),
                "fault": None,
            }
            self.driver = of(static, ("driver", "version")) or self.driver

    def _processes(self):
        """By number of the GPU: rows as those of NVML; None where it does not tell."""
        found = {}
        for row in by_gpu(self._say(["process", "--json"])):
            rows = found[row["gpu"]] = []
            for entry in row.get("process_list") or ():
                told = entry.get("process_info") if isinstance(entry, dict) else None
                pid = told.get("pid") if isinstance(told, dict) else None  # a text: there is none
                described = self.describe(pid) if isinstance(pid, int) else None
                if described is not None:
                    user, command, started, container = described
                    memory = number(told, ("memory_usage", "vram_mem"), ("mem_usage",))
                    rows.append([pid, user, command, memory, started, None, container])
        return found

    def _say(self, words):
        process = subprocess.Popen(
            [self.program] + words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        command = "%s %s" % (self.called, words[0])
        try:
            text = process.communicate(timeout=MOST_SECONDS)[0]
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise OSError("%s takes over %d s" % (command, MOST_SECONDS))
        if process.returncode != 0 and (self.strict or b"{" not in text):
            raise OSError("%s: exit status %d" % (command, process.returncode))
        return self._parse(text.decode("utf-8", "replace"))

    def _parse(self, text):
        return json.loads(text)


def by_gpu(said):
    """The rows of an answer, which newer versions put into an object."""
    rows = said.get("gpu_data", []) if isinstance(said, dict) else said
    return [row for row in rows if isinstance(row, dict) and isinstance(row.get("gpu"), int)]


def of(row, path):
    """What stands at a path of keys; None for N/A, and where there is none."""
    for key in path:
        row = row.get(key) if isinstance(row, dict) else None
    return None if row == "N/A" else row


def number(row, *paths):
    """The number at the first path that has one, in bytes where it is one of memory."""
    for path in paths:
        found = of(row, path)
        value = found.get("value") if isinstance(found, dict) else found
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            unit = found.get("unit") if isinstance(found, dict) else None
            factor = {"MB": MIB, "KB": 1024, "GB": 1024 * MIB, "MHz": 1000000}.get(unit, 1)
            return value * factor
    return None


def measures(row):
    """What changes, as the protocol calls it."""
    total, used = number(row, ("mem_usage", "total_vram")), number(row, ("mem_usage", "used_vram"))
    return {
        "utilization": number(row, ("usage", "gfx_activity")),
        "memory_utilization": number(row, ("usage", "umc_activity")),
        "memory_total": total,
        "memory_used": used,
        "memory_free": number(row, ("mem_usage", "free_vram")),
        "power": number(row, ("power", "socket_power"), ("power", "current_socket_power")),
        "temperature": number(row, ("temperature", "hotspot"), ("temperature", "edge")),
        "memory_temperature": number(row, ("temperature", "mem")),
        "sm_clock": number(row, ("clock", "gfx_0", "clk")),
        "memory_clock": number(row, ("clock", "mem_0", "clk")),
        "energy": number(row, ("energy", "total_energy_consumption")),
    }


def slow_facts(row):
    """What NVML tells once a minute."""
    return {
        "fan": number(row, ("fan", "usage")),
        "ecc": [
            number(row, ("ecc", "total_correctable_count")),
            number(row, ("ecc", "total_uncorrectable_count")),
            None,
            None,
        ],
        "pcie": [None, number(row, ("pcie", "width")), number(row, ("pcie", "replay_count"))],
    }
