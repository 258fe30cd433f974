"""Who runs what on a server, and what they are called.

In: /proc and the user database. Out: the ``processes`` of the wire protocol. Python 3.6, standard
library alone; this file travels to servers as it is (see scms.collect.bootstrap).
"""

import os
import queue
import re
import threading
import time

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
TOP_PROCESSES = 10
#: The rest of a user's processes make a row only from here on.
LEAST_CORES = 0.001
LEAST_BYTES = 1024**3
#: Docker, containerd, CRI-O and Podman name a control group after the container; LXC by its name.
CONTAINER = re.compile(r"[/:-]([0-9a-f]{12})[0-9a-f]{52}(?:\.scope)?(?=[/\n]|$)")
LXC = re.compile(r"/lxc(?:\.payload)?[./]([^/\n]+)")
#: So long a scan waits for names of users altogether.
PATIENCE_SECONDS = 0.5


class Users(object):
    """Names of users. A directory service that hangs costs a name, never the tick."""

    def __init__(self):
        self.names = {}
        self.asked = queue.Queue()
        self.answered = threading.Condition()
        self.patience = 0.0
        thread = threading.Thread(target=self._look_up)
        thread.daemon = True
        thread.start()

    def name(self, uid):
        with self.answered:
            if uid not in self.names:
                self.names[uid] = None
                self.asked.put(uid)
            if self.names[uid] is None and self.patience > 0:
                start = time.monotonic()
                self.answered.wait_for(lambda: self.names[uid] is not None, self.patience)
                self.patience -= time.monotonic() - start
            return self.names[uid]

    def _look_up(self):
        while True:
            uid = self.asked.get()
            try:
                import pwd

                name = pwd.getpwuid(uid).pw_name
            except (ImportError, KeyError, OSError):
                name = str(uid)
            with self.answered:
                self.names[uid] = name
                self.answered.notify_all()


class Processes(object):
    """Who runs what: one read of /proc/<pid>/stat per process and scan."""

    def __init__(self, users):
        self.users = users
        self.owners = {}
        self.containers = {}
        self.seen = {}
        self.scanned_at = None
        self.count = self.states = None  # states: zombies, blocked in the kernel
        self.boot_time = None
        # In a container, and where others' processes are hidden, one may well be there unseen.
        self.sees_all = (self.stat(2) or ("",))[0] == "kthreadd"
        with open("/proc/stat", "rb") as file:
            for line in file:
                if line.startswith(b"btime "):
                    self.boot_time = int(line.split()[1])

    def stat(self, pid):
        """(command, CPU ticks, start tick, resident bytes, state) of a process, or None."""
        try:
            descriptor = os.open("/proc/%s/stat" % pid, os.O_RDONLY)
            try:
                text = os.read(descriptor, 4096)
            finally:
                os.close(descriptor)
            head, _, tail = text.rpartition(b")")
            rest = tail.split()
            command = head.partition(b"(")[2].decode("utf-8", "replace")
            ticks = int(rest[11]) + int(rest[12])
            return command, ticks, int(rest[19]), int(rest[21]) * PAGE, rest[0]
        except (OSError, IndexError, ValueError):
            return None

    def owner(self, pid, start):
        """The user of a process; its owner is asked for once. None where it is hidden."""
        known = self.owners.get(pid)
        if known is None or known[0] != start:
            try:
                known = self.owners[pid] = (start, os.stat("/proc/%s" % pid).st_uid)
            except OSError:
                return None
        return self.users.name(known[1])

    def container(self, pid, start):
        """The container of a process, 12 digits of its id or its name; asked for once."""
        known = self.containers.get(pid)
        if known is None or known[0] != start:
            try:
                with open("/proc/%s/cgroup" % pid, "rb") as file:
                    text = file.read(8192).decode("utf-8", "replace")
            except OSError:
                return None
            known = self.containers[pid] = (start, container_in(text))
        return known[1]

    def started_at(self, start):
        return None if self.boot_time is None else self.boot_time + start / TICKS

    def describe(self, pid):
        """[user, command, started_at, container], each None if hidden; None when it is gone."""
        stat = self.stat(pid)
        if stat is None:
            return None if self.sees_all else [None] * 4
        start = stat[2]
        return [self.owner(pid, start), stat[0], self.started_at(start), self.container(pid, start)]

    def scan(self, now):
        """The rows since the last scan, or None for the first one."""
        self.users.patience = PATIENCE_SECONDS
        found, used, states = {}, [], {b"Z": 0, b"D": 0}
        elapsed = None if self.scanned_at is None else now - self.scanned_at
        for pid in os.listdir("/proc"):
            if not pid.isdigit():
                continue
            stat = self.stat(pid)
            if stat is None:
                continue
            command, ticks, start, resident, state = stat
            found[pid] = (start, ticks)
            if state in states:
                states[state] += 1
            if not elapsed:
                continue
            before = self.seen.get(pid)
            spent = ticks - before[1] if before is not None and before[0] == start else ticks
            used.append((max(spent, 0) / TICKS / elapsed, resident, pid, command, start))
        self.seen, self.scanned_at, self.count = found, now, len(found)
        self.states = [states[b"Z"], states[b"D"]]
        self.owners = {pid: o for pid, o in self.owners.items() if str(pid) in found}
        self.containers = {pid: c for pid, c in self.containers.items() if str(pid) in found}
        return {"scan_seconds": elapsed, "rows": self._rows(used)} if elapsed else None

    def _rows(self, used):
        used.sort(reverse=True)
        rows, rest = [], {}
        for rank, (cores, resident, pid, command, start) in enumerate(used):
            user = self.owner(pid, start)
            if rank < TOP_PROCESSES and cores >= LEAST_CORES:
                began = self.started_at(start)
                rows.append([int(pid), user, command, round(cores, 4), resident, began])
            else:
                total = rest.setdefault(user, [0.0, 0])
                total[0] += cores
                total[1] += resident
        for user, (cores, resident) in sorted(rest.items(), key=lambda item: -item[1][0])[:100]:
            if cores >= LEAST_CORES or resident >= LEAST_BYTES:
                rows.append([None, user, "", round(cores, 4), resident, None])
        return rows


def container_in(text):
    """The innermost container that a list of control groups names, or None."""
    found = CONTAINER.findall(text) or LXC.findall(text)
    return found[-1] if found else None
