"""Who runs what on a server, and what they are called.

In: /proc and the user database. Out: the ``processes`` of the wire protocol. Python 3.6, standard
library alone; this file travels to servers as it is (see scms.collect.bootstrap).
"""

import _thread
import os
import resource
import time

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
TOP_PROCESSES = 10
#: The rest of a user's processes make a row only from here on.
LEAST_CORES = 0.001
LEAST_BYTES = 1024**3
#: Docker, containerd, CRI-O and Podman name a control group after the container; LXC by its name.
CONTAINER = r"[/:-]([0-9a-f]{12})[0-9a-f]{52}(?:\.scope)?(?=[/\n]|$)"
LXC = r"/lxc(?:\.payload)?[./]([^/\n]+)"
#: So long a scan waits for names of users altogether.
PATIENCE_SECONDS = 0.5
#: What a process has used is read in full at least every so many scans, in turns.
TURNS = 12
#: Files that are kept open altogether, and of those that a process may have.
MOST_KEPT = 800
KEPT_SHARE = 0.5


class Users(object):
    """Names of users. A directory service that hangs costs a name, never the tick."""

    def __init__(self):
        self.names = {}
        self.asked = []
        self.answers = {}  # uid -> a lock that is held until there is an answer
        self.guard = _thread.allocate_lock()
        self.running = False
        self.patience = 0.0

    def name(self, uid):
        if uid not in self.names:
            self._ask(uid)
            if self.patience > 0:
                start = time.monotonic()
                if self.answers[uid].acquire(timeout=self.patience):
                    self.answers[uid].release()  # for whoever else waits for it
                self.patience -= time.monotonic() - start
        return self.names.get(uid)

    def _ask(self, uid):
        with self.guard:
            if uid not in self.answers:
                self.answers[uid] = _thread.allocate_lock()
                self.answers[uid].acquire()
                self.asked.append(uid)
            if not self.running and self.asked:
                try:
                    _thread.start_new_thread(self._look_up, ())
                    self.running = True
                except RuntimeError:  # as many threads as this user may have
                    pass

    def _look_up(self):
        while True:
            with self.guard:
                if not self.asked:
                    self.running = False
                    return
                uid = self.asked.pop(0)
            try:
                import pwd

                name = pwd.getpwuid(uid).pw_name
            except (ImportError, KeyError, OSError):
                name = str(uid)
            self.names[uid] = name
            self.answers[uid].release()


class Life(object):
    """A process, as it was when it was last read; ``run`` says whether it has run since."""

    __slots__ = ("command", "owner", "resident", "run", "said", "start", "state", "ticks", "whole")

    def __init__(self, start, owner):
        self.start, self.owner = start, owner
        self.run = self.said = self.command = self.state = None
        self.ticks = self.resident = 0
        self.whole = False  # whether ``run`` says all that is wanted

    def sleeps(self):
        """Whether it has not run since the last time; costs a tenth of reading what it used."""
        if self.run is None:
            return False
        before = self.said
        try:
            self.said = os.pread(self.run, 4096, 0)
        except OSError:  # it has ended
            self.said = None
        return self.said is not None and self.said == before

    def keep(self, pid, threads):
        """Have its ``run`` at hand. The short one is the first thread's, and of no other."""
        self.whole = threads > 1
        try:
            file = "stat" if self.whole else "schedstat"
            self.run = os.open("/proc/%s/%s" % (pid, file), os.O_RDONLY)
            self.said = None
        except OSError:
            self.run = None

    def close(self):
        if self.run is not None:
            os.close(self.run)
            self.run = None


class Processes(object):
    """Who runs what: one read of /proc/<pid>/stat per process that ran since the last scan."""

    def __init__(self, users):
        self.users = users
        self.owners = {}
        self.containers = {}
        self.lives = {}
        self.turn = self.kept = 0
        self.most_kept = most_kept() if runs_are_told() else 0
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
        """(command, CPU ticks, start tick, resident bytes, state, threads), or None."""
        try:
            descriptor = os.open("/proc/%s/stat" % pid, os.O_RDONLY)
            try:
                text = os.read(descriptor, 4096)
            finally:
                os.close(descriptor)
        except OSError:
            return None
        return stat_in(text)

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
        elapsed = None if self.scanned_at is None else now - self.scanned_at
        self.turn = (self.turn + 1) % TURNS
        found, used, states = {}, [], {b"Z": 0, b"D": 0}
        for pid in os.listdir("/proc"):
            if not pid.isdigit():
                continue
            life, spent = self._look(pid)
            if life is None:
                continue
            found[pid] = life
            if life.state in states:
                states[life.state] += 1
            if spent > 0:
                used.append((spent, pid, life))
        for pid in self.lives.keys() - found.keys():
            self._forget(self.lives[pid])
        self.lives, self.scanned_at, self.count = found, now, len(found)
        self.states = [states[b"Z"], states[b"D"]]
        self.owners = {pid: o for pid, o in self.owners.items() if str(pid) in found}
        self.containers = {pid: c for pid, c in self.containers.items() if str(pid) in found}
        if not elapsed:
            return None
        return {"scan_seconds": elapsed, "rows": self._rows(used, found, elapsed)}

    def _look(self, pid):
        """A process, and the ticks of CPU time that it used since the last scan."""
        life = self.lives.get(pid)
        if life is not None and life.sleeps() and (life.whole or int(pid) % TURNS != self.turn):
            return life, 0
        told = life is not None and life.whole and life.said
        stat = stat_in(life.said) if told else self.stat(pid)
        if stat is None:
            return None, 0
        command, ticks, start, resident, state, threads = stat
        if life is None or life.start != start:
            if life is not None:
                self._forget(life)
            try:
                life = Life(start, os.stat("/proc/%s" % pid).st_uid)
            except OSError:
                return None, 0
        spent, life.ticks = ticks - life.ticks, ticks
        life.command, life.resident, life.state = command, resident, state
        if life.whole != (threads > 1):
            self._forget(life)
        if life.run is None and self.kept < self.most_kept:
            life.keep(pid, threads)
            self.kept += life.run is not None
        return life, spent

    def _forget(self, life):
        self.kept -= life.run is not None
        life.close()

    def _rows(self, used, lives, elapsed):
        used.sort(key=lambda one: (-one[0], one[1]))
        rows, spent_by, held_by = [], {}, {}
        for life in lives.values():
            held_by[life.owner] = held_by.get(life.owner, 0) + life.resident
        for rank, (spent, pid, life) in enumerate(used):
            cores = round(spent / TICKS / elapsed, 4)
            if rank < TOP_PROCESSES and cores >= LEAST_CORES:
                user, began = self.users.name(life.owner), self.started_at(life.start)
                rows.append([int(pid), user, life.command, cores, life.resident, began])
                held_by[life.owner] -= life.resident
            else:
                spent_by[life.owner] = spent_by.get(life.owner, 0) + spent
        for owner in sorted(held_by, key=lambda owner: -spent_by.get(owner, 0))[:100]:
            cores = round(spent_by.get(owner, 0) / TICKS / elapsed, 4)
            if cores >= LEAST_CORES or held_by[owner] >= LEAST_BYTES:
                rows.append([None, self.users.name(owner), "", cores, held_by[owner], None])
        return rows


def most_kept():
    """How many files may be kept open: others need some as well."""
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return MOST_KEPT if allowed < 0 else min(MOST_KEPT, int(allowed * KEPT_SHARE))


def runs_are_told():
    """Whether this kernel counts what a process has run."""
    try:
        with open("/proc/self/schedstat", "rb") as file:
            return file.read(128).split()[0] != b"0"
    except (OSError, IndexError):
        return False


def stat_in(text):
    """(command, CPU ticks, start tick, resident bytes, state, threads), or None."""
    head, _, tail = text.rpartition(b")")
    rest = tail.split()
    try:
        command = head.partition(b"(")[2].decode("utf-8", "replace")
        ticks = int(rest[11]) + int(rest[12])
        return command, ticks, int(rest[19]), int(rest[21]) * PAGE, rest[0], int(rest[17])
    except (IndexError, ValueError):
        return None


def container_in(text):
    """The innermost container that a list of control groups names, or None."""
    import re  # it takes long to import, and only programs on GPUs are asked for theirs

    found = re.findall(CONTAINER, text) or re.findall(LXC, text)
    return found[-1] if found else None
