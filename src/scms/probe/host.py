"""What Linux says of a server: CPU, memory, disks, network, logins.

In: /proc, /sys and the processes. Out: parts of the sample of the wire protocol, with raw
counters and None for what cannot be told. Python 3.6, standard library alone; this file travels
to servers as it is (see scms.collect.bootstrap).
"""

import os

from .kernel import (
    Cores,
    Hardware,
    Sensors,
    column_sums,
    disk_counters,
    interface_counters,
    named_rows,
    numa_nodes,
    pressures,
    swap_traffic,
)
from .mounts import MOST_BYTES, Aside, MountTable, NetworkMounts, filesystems
from .processes import TICKS

SMALL = ("loadavg", "meminfo", "uptime")
HIDDEN = "hidepid="  # no kernel says hidepid=0


def read_text(path, limit=65536):
    """The text of a small file, or None."""
    try:
        with open(path, "rb") as file:
            return file.read(limit).decode("utf-8", "replace")
    except OSError:
        return None


class Reader(object):
    """A file of /proc that is kept open and read from its start every time.

    ``size``: more than one read gives. The kernel gives what is one piece to it at once, and of a
    list, ``listed``, a page at a time.
    """

    def __init__(self, path, size=4096, listed=False):
        self.size, self.listed = size, listed
        try:
            self.descriptor = os.open(path, os.O_RDONLY)
        except OSError:
            self.descriptor = None

    def read(self):
        if self.descriptor is None:
            return None
        try:
            piece = text = os.pread(self.descriptor, self.size, 0)
            while self.listed and len(piece) > 2048 and len(text) < MOST_BYTES:
                piece = os.pread(self.descriptor, self.size, len(text))
                text += piece
        except OSError:
            return None
        return text.decode("utf-8", "replace")


class Host(object):
    """The facts of one server: ``hello()`` once, ``sample()`` at every tick."""

    def __init__(self, processes, scan_seconds=10.0, slow_seconds=60.0, sensor_seconds=30.0):
        self.processes = processes
        self.readers = {
            "stat": Reader("/proc/stat", 512 + 160 * (os.cpu_count() or 1)),
            "diskstats": Reader("/proc/diskstats", listed=True),
            "net/dev": Reader("/proc/net/dev", listed=True),
        }
        self.readers.update((name, Reader("/proc/" + name)) for name in SMALL)
        self.pressures = [Reader("/proc/pressure/" + name) for name in ("cpu", "memory", "io")]
        self.vmstat = Reader("/proc/vmstat", listed=True)
        self.pressure = self.swap = None
        self.scan_seconds, self.slow_seconds = scan_seconds, slow_seconds
        self.sensor_seconds = sensor_seconds
        self.next_scan = self.next_slow = self.next_sensors = 0.0
        self.disks = self.interfaces = self.cpu_count = self.users_logged_in = None
        self.disk_names, self.interface_names = Hardware("/sys/block"), Hardware("/sys/class/net")
        self.cores, self.mounts, self.network_mounts = Cores(), MountTable(), NetworkMounts()
        self.sensors = Aside(Sensors().read)

    def hello(self):
        system = os.uname()
        model = None
        for line in (read_text("/proc/cpuinfo") or "").splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
        return {
            "hostname": system.nodename,
            "kernel": system.release,
            "os": os_name(read_text("/etc/os-release")),
            "machine_id": (read_text("/etc/machine-id") or "").strip() or None,
            "boot_id": (read_text("/proc/sys/kernel/random/boot_id") or "").strip() or None,
            "cpu_model": model,
            "numa_nodes": numa_nodes(),
            "hidden_processes": hidden_processes(self.mounts.rows()),
        }

    def sample(self, now):
        """The facts at monotonic time ``now``."""
        facts = {}
        if now >= self.next_slow:
            self.next_slow = now + self.slow_seconds
            facts.update(self._slow())
        scans = now >= self.next_scan
        read = {name: reader.read() for name, reader in self.readers.items()}
        if scans:
            facts.update(self._scan(now, last_pid(read["loadavg"])))
        used = memory(read["meminfo"])
        if self.swap is None or used["swap_total"] != 0:  # else it is the most that is read
            self.swap = swap_traffic(self.vmstat.read())
        disks = disk_counters(read["diskstats"], self.disks)
        interfaces = interface_counters(read["net/dev"])
        if scans:
            facts["disks"] = named_rows(disks, self.disks)
            facts["interfaces"] = named_rows(interfaces, self.interfaces)
        disked, networked = column_sums(disks, 4), column_sums(interfaces, 3)
        facts.update(
            cpu_count=self.cpu_count,
            cpu=cpu_seconds(read["stat"]),
            cores=self.cores.percent(read["stat"]),
            load=load_averages(read["loadavg"]),
            memory=used,
            swap=self.swap,
            pressure=self.pressure,
            disk=disked[:2],
            disk_operations=disked[2:],
            network=networked[:2],
            network_errors=networked[2],
            uptime=float(read["uptime"].split()[0]) if read["uptime"] else None,
            users_logged_in=self.users_logged_in,
            process_count=self.processes.count,
            process_states=self.processes.states,
        )
        return facts

    def _slow(self):
        """What changes about once a minute, or is asked for no more often."""
        self.cpu_count, self.disks = os.cpu_count(), self.disk_names.names()
        self.interfaces = self.interface_names.names()
        self.users_logged_in = users_logged_in()
        mounts = self.mounts.rows()
        self.network_mounts.ask(mounts)
        return {"filesystems": filesystems(mounts)}

    def _scan(self, now, last):
        """What is read about every 10 s."""
        first = self.processes.scanned_at is None
        self.next_scan = now + (min(2.0, self.scan_seconds) if first else self.scan_seconds)
        facts = {"network_filesystems": self.network_mounts.rows()}
        self.pressure = pressures(*[reader.read() for reader in self.pressures])  # of 10 s
        if self.sensors.value is not None:
            temperatures, hertz = self.sensors.value
            facts.update(temperatures=temperatures, cpu_frequency=hertz)
        if now >= self.next_sensors:  # in a thread, which costs more than what it reads
            self.next_sensors = now + self.sensor_seconds
            self.sensors.ask()
        scan = self.processes.scan(now, last)
        if scan is not None:
            facts["processes"] = scan
        return facts


def hidden_processes(mounts):
    """Whether /proc hides the processes of others from this account (hidepid)."""
    mounted = [fields for fields in mounts if fields[1] == "/proc"]
    if not mounted:
        return None
    return HIDDEN in mounted[-1][3] and read_text("/proc/1/stat") is None


def os_name(text):
    """What the distribution calls itself."""
    for line in (text or "").splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip().strip("\"'") or None
    return None


def cpu_seconds(text):
    """User, nice, system, idle, iowait, irq, softirq, steal: guests are taken out of user."""
    if not text:
        return None
    values = [int(value) for value in text.split("\n", 1)[0].split()[1:]]
    values += [0] * (10 - len(values))
    values[0] -= values[8]
    values[1] -= values[9]
    return [value / TICKS for value in values[:8]]


def load_averages(text):
    return [float(value) for value in text.split()[:3]] if text else None


def last_pid(text):
    """The number that the kernel gave last, to a process or a thread."""
    fields = (text or "").split()
    return int(fields[4]) if len(fields) > 4 else None


def memory(text):
    text = "\n" + (text or "")
    cache = [kilobytes(text, key) for key in ("Buffers", "Cached", "SReclaimable")]
    return {
        "total": kilobytes(text, "MemTotal"),
        "available": kilobytes(text, "MemAvailable"),
        "cached": None if None in cache else sum(cache),
        "swap_total": kilobytes(text, "SwapTotal"),
        "swap_free": kilobytes(text, "SwapFree"),
    }


def kilobytes(text, key):
    """What a line of /proc/meminfo says, in bytes."""
    key = "\n%s:" % key
    at = text.find(key)
    if at < 0:
        return None
    return int(text[at + len(key) : text.find("kB", at)]) * 1024


def users_logged_in():
    """Distinct users with a terminal or a desktop; None where the system keeps no such list."""
    for path in ("/run/utmp", "/var/run/utmp"):
        try:
            with open(path, "rb") as file:
                data = file.read(1 << 20)
        except OSError:
            continue
        return utmp_users(data, os.uname().machine)
    return logind_users()


def utmp_users(data, machine):
    # Of glibc: 384 bytes where 32-bit programs share the file, else 400.
    size = 384 if machine in ("x86_64", "i686", "ppc64le", "s390x") else 400
    if len(data) % size:
        return None
    records = [data[start : start + size] for start in range(0, len(data), size)]
    return len({r[44:76].split(b"\0")[0] for r in records if r[:2] == b"\x07\x00"})


def logind_users(directory="/run/systemd/sessions"):
    names = set()
    try:
        sessions = [name for name in os.listdir(directory) if not name.endswith(".ref")]
    except OSError:
        return None
    for session in sessions:
        lines = (read_text(os.path.join(directory, session)) or "").splitlines()
        facts = dict(line.split("=", 1) for line in lines if "=" in line)
        if facts.get("CLASS") == "user" and (facts.get("TTY") or facts.get("SEAT")):
            names.add(facts.get("UID"))
    return len(names)
