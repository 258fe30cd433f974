"""What the kernel counts beyond load and memory: cores, pressure, swap, disks, interfaces, sensors.

In: the text of files of /proc and /sys. Out: parts of the sample of the wire protocol, raw where
they are counters, None where they cannot be told. Python 3.6, standard library alone; this file
travels to servers as it is (see scms.collect.bootstrap).
"""

import os

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
MOST_ROWS = 64
#: Chips that measure what they say; boards' own chips report inputs that are not connected.
SENSORS = frozenset(
    (
        "coretemp k10temp zenpower cpu_thermal soc_thermal jc42 spd5118 nvme drivetemp "
        "mlx5 bnxt_en i350bb ixgbe"
    ).split()
)
#: The first inputs of a chip are the whole package; one per core would cost more than it says.
INPUTS_PER_CHIP = 4
CLOCKED_CORES = 8


class Cores(object):
    """How busy each core was since the last reading, in whole percent."""

    def __init__(self):
        self.before = {}

    def percent(self, text):
        now, used = {}, []
        for line in (text or "").split("\n")[1:]:
            fields = line.split()
            if not line.startswith("cpu") or len(fields) < 9:
                break
            values = list(map(int, fields[1:9]))
            total = sum(values)
            now[fields[0]] = total, total - values[3] - values[4]
            before = self.before.get(fields[0])
            if before is not None:
                elapsed = max(total - before[0], 1)
                used.append(min(max(100 * (now[fields[0]][1] - before[1]) // elapsed, 0), 100))
        self.before = now
        return used if used and len(used) == len(now) else None


def pressures(cpu, memory, io):
    """Shares of the last 10 s: some wait for a CPU; some, all for memory; some, all for I/O."""
    values = [pressure(cpu)[:1], pressure(memory), pressure(io)]
    found = [value for part in values for value in part]
    return found if any(value is not None for value in found) else None


def pressure(text):
    found = []
    for line in (text or "").split("\n")[:2]:
        share = line.partition(" avg10=")[2].partition(" ")[0]
        found.append(round(float(share) / 100, 6) if share else None)
    return (found + [None, None])[:2]


def swap_traffic(text):
    """Bytes swapped in and out since boot."""
    found = []
    for key in ("\npswpin ", "\npswpout "):
        value = (text or "").partition(key)[2].partition("\n")[0]
        found.append(int(value) * PAGE_BYTES if value else None)
    return found


class Hardware(object):
    """Which entries of a folder of /sys are hardware; each name is looked at once.

    Of disks, partitions, RAID, LVM and loops would count twice; of interfaces, bridges and those
    of containers carry the same again.
    """

    def __init__(self, folder):
        self.folder = folder
        self.known = {}

    def names(self):
        try:
            there = os.listdir(self.folder)
        except OSError:
            return None
        known = {name: self.known.get(name) for name in there}
        for name, hardware in known.items():
            if hardware is None:
                known[name] = os.path.exists(os.path.join(self.folder, name, "device"))
        self.known = known
        return frozenset(name for name in there if known[name])


def disk_counters(text, disks):
    """Per disk: its name, bytes read and written, reads, writes, ms waited, ms busy."""
    if not text or disks is None:
        return None
    rows = []
    for line in text.splitlines():
        start = line.split(None, 3)
        if len(start) < 4 or start[2] not in disks:
            continue
        fields = start[3].split(None, 10)
        if len(fields) > 9:
            reads, _, read, reading, writes, _, written, writing, _, busy = map(int, fields[:10])
            rows.append(
                [start[2], read * 512, written * 512, reads, writes, reading + writing, busy]
            )
    return rows


def interface_counters(text):
    """Per interface but loopback: its name, bytes received and sent, errors, drops."""
    if not text:
        return None
    rows = []
    for line in text.splitlines()[2:]:
        name, _, rest = line.partition(":")
        fields = rest.split()
        if name.strip() != "lo" and len(fields) > 11:
            received, _, bad_in, lost_in = map(int, fields[:4])
            sent, _, bad_out, lost_out = map(int, fields[8:12])
            rows.append([name.strip(), received, sent, bad_in + bad_out, lost_in + lost_out])
    return rows


def column_sums(rows, columns):
    """The sums of the first columns after the name; None for each where there are no rows."""
    if rows is None:
        return [None] * columns
    found = list(zip(*rows))[1 : columns + 1]
    return [sum(values) for values in found] if found else [0] * columns


def named_rows(rows, names):
    """The rows of what is hardware, where that can be told."""
    return None if rows is None else [r for r in rows if names is None or r[0] in names][:MOST_ROWS]


class Sensors(object):
    """Temperatures and the clock of the cores: drivers may take long, so not for the tick."""

    def __init__(self, root="/sys"):
        self.chips = sensor_files(os.path.join(root, "class/hwmon"))
        self.clocks = clock_files(os.path.join(root, "devices/system/cpu"))

    def read(self):
        """[[chip, its highest temperature in °C], …], and the mean clock of some cores in Hz."""
        temperatures = {}
        for chip, files in self.chips:
            values = [number_in(file) for file in files]
            known = [value / 1000 for value in values if value is not None and value > -60000]
            if known:
                temperatures[chip] = max(known + [temperatures.get(chip, known[0])])
        clocks = [value for value in map(number_in, self.clocks) if value]
        hertz = round(1000 * sum(clocks) / len(clocks)) if clocks else cpuinfo_hertz()
        return sorted(temperatures.items()), hertz


def sensor_files(folder):
    found = []
    for entry in names_in(folder):
        path = os.path.join(folder, entry)
        chip = (first_line(os.path.join(path, "name")) or "").strip()
        inputs = [name for name in names_in(path) if name.startswith("temp")]
        files = sorted(name for name in inputs if name.endswith("_input"))
        if chip in SENSORS and files:
            found.append((chip, [os.path.join(path, name) for name in files[:INPUTS_PER_CHIP]]))
    return found[:MOST_ROWS]


def clock_files(folder):
    """The clocks of a few cores, evenly apart."""
    files = [
        os.path.join(folder, name, "cpufreq/scaling_cur_freq")
        for name in names_in(folder)
        if name.startswith("cpu") and name[3:].isdigit()
    ]
    files = [file for file in files if os.path.exists(file)]
    return files[:: max(1, -(-len(files) // CLOCKED_CORES))]


def cpuinfo_hertz():
    """Virtual machines have no cpufreq, but may say a clock all the same."""
    try:
        with open("/proc/cpuinfo", "rb") as file:
            text = file.read(8192).decode("utf-8", "replace")
    except OSError:
        return None
    lines = [line for line in text.split("\n")[:-1] if line.startswith("cpu MHz")]
    clocks = [float(line.partition(":")[2]) for line in lines]
    return round(1e6 * sum(clocks) / len(clocks)) if clocks else None


def numa_nodes():
    names = names_in("/sys/devices/system/node")
    return sum(name.startswith("node") and name[4:].isdigit() for name in names) or None


def names_in(folder):
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def first_line(path):
    try:
        with open(path, "rb") as file:
            return file.read(256).decode("utf-8", "replace").partition("\n")[0]
    except OSError:
        return None


def number_in(path):
    try:
        return int(first_line(path) or "")
    except ValueError:
        return None
