"""What Linux says of a server: CPU, memory, disks, network, logins.

In: /proc, /sys and the processes. Out: parts of the sample of the wire protocol, with raw
counters and None for what cannot be told. Python 3.6, standard library alone; this file travels
to servers as it is (see scms.collect.bootstrap).
"""

import os

TICKS = os.sysconf("SC_CLK_TCK")
LOCAL_TYPES = frozenset(
    "ext2 ext3 ext4 xfs btrfs zfs f2fs jfs reiserfs bcachefs nilfs2 ntfs3 exfat".split()
)


def read_text(path, limit=65536):
    """The text of a small file, or None."""
    try:
        with open(path, "rb") as file:
            return file.read(limit).decode("utf-8", "replace")
    except OSError:
        return None


class Reader(object):
    """A file of /proc that is kept open and read from its start every time."""

    def __init__(self, path, limit=65536):
        self.limit = limit
        try:
            self.descriptor = os.open(path, os.O_RDONLY)
        except OSError:
            self.descriptor = None

    def read(self):
        if self.descriptor is None:
            return None
        try:
            return os.pread(self.descriptor, self.limit, 0).decode("utf-8", "replace")
        except OSError:
            return None


class Host(object):
    """The facts of one server: ``hello()`` once, ``sample()`` at every tick."""

    def __init__(self, processes, scan_seconds=10.0, slow_seconds=60.0):
        self.processes = processes
        self.readers = {
            name: Reader("/proc/" + name, limit)
            for name, limit in (
                ("stat", 512),
                ("loadavg", 128),
                ("meminfo", 4096),
                ("diskstats", 1 << 20),
                ("net/dev", 1 << 20),
                ("uptime", 128),
            )
        }
        self.scan_seconds, self.slow_seconds = scan_seconds, slow_seconds
        self.next_scan = self.next_slow = 0.0
        self.disks = self.cpu_count = self.users_logged_in = None

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
            "machine_id": (read_text("/etc/machine-id") or "").strip() or None,
            "boot_id": (read_text("/proc/sys/kernel/random/boot_id") or "").strip() or None,
            "cpu_model": model,
        }

    def sample(self, now):
        """The facts at monotonic time ``now``."""
        facts = {}
        if now >= self.next_slow:
            self.next_slow = now + self.slow_seconds
            self.cpu_count, self.disks = os.cpu_count(), physical_disks()
            facts["filesystems"] = filesystems()
        if now >= self.next_scan:
            first = self.processes.scanned_at is None
            self.next_scan = now + (min(2.0, self.scan_seconds) if first else self.scan_seconds)
            self.users_logged_in = users_logged_in()
            scan = self.processes.scan(now)
            if scan is not None:
                facts["processes"] = scan
        read = {name: reader.read() for name, reader in self.readers.items()}
        facts.update(
            cpu_count=self.cpu_count,
            cpu=cpu_seconds(read["stat"]),
            load=load_averages(read["loadavg"]),
            memory=memory(read["meminfo"]),
            disk=disk_bytes(read["diskstats"], self.disks),
            network=network_bytes(read["net/dev"]),
            uptime=float(read["uptime"].split()[0]) if read["uptime"] else None,
            users_logged_in=self.users_logged_in,
            process_count=self.processes.count,
        )
        return facts


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


def memory(text):
    values = {}
    for line in (text or "").splitlines():
        key, _, rest = line.partition(":")
        if key in ("MemTotal", "MemFree", "MemAvailable", "SwapTotal", "SwapFree"):
            values[key] = int(rest.split()[0]) * 1024
    return {
        "total": values.get("MemTotal"),
        "available": values.get("MemAvailable"),
        "swap_total": values.get("SwapTotal"),
        "swap_free": values.get("SwapFree"),
    }


def physical_disks():
    """Whole disks that are hardware: partitions, RAID, LVM and loops would count twice."""
    try:
        return frozenset(
            name
            for name in os.listdir("/sys/block")
            if os.path.exists("/sys/block/%s/device" % name)
        )
    except OSError:
        return None


def disk_bytes(text, disks):
    if not text or disks is None:
        return None
    read = written = 0
    for line in text.splitlines():
        fields = line.split()
        if len(fields) > 9 and fields[2] in disks:
            read += int(fields[5]) * 512
            written += int(fields[9]) * 512
    return [read, written]


def network_bytes(text):
    if not text:
        return None
    received = sent = 0
    for line in text.splitlines()[2:]:
        name, _, rest = line.partition(":")
        fields = rest.split()
        if name.strip() != "lo" and len(fields) > 8:
            received += int(fields[0])
            sent += int(fields[8])
    return [received, sent]


def filesystems():
    """[mount, type, total, used, free] of local file systems, one per device."""
    found, sources = [], set()
    for line in (read_text("/proc/self/mounts", 1 << 20) or "").splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        source, mount, kind = fields[:3]
        root_of_container = kind == "overlay" and mount == "/"
        if source in sources or (kind not in LOCAL_TYPES and not root_of_container):
            continue
        for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
            mount = mount.replace(code, character)
        try:
            size = os.statvfs(mount)
        except OSError:
            continue
        if size.f_blocks:
            sources.add(source)
            unit = size.f_frsize
            used = (size.f_blocks - size.f_bfree) * unit
            found.append([mount, kind, size.f_blocks * unit, used, size.f_bavail * unit])
    return found[:200]


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
