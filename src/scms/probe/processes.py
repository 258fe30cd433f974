"""Who runs what on a server, and what they are called.

In: /proc and the user database. Out: the ``processes`` of the wire protocol. Python 3.6, standard
library alone; this file travels to servers as it is (see scms.collect.bootstrap).
"""

import _thread
import os
import time

from .lives import Life, Newcomers, exists, most_kept, runs_are_told, stat_in

TICKS = os.sysconf("SC_CLK_TCK")
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


class Processes(object):
    """Who runs what: one read of /proc/<pid>/stat per process that ran since the last scan."""

    def __init__(self, users):
        self.users = users
        self.owners = {}
        self.containers = {}
        self.lives = {}
        self.newcomers = Newcomers()
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
        """What `stat_in` says of a process, or None."""
        try:
            descriptor = os.open("/proc/%s/stat" % pid, os.O_RDONLY)
            try:
                text = os.read(descriptor, 1024)
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
        """[user, command, started_at, container], each None if hidden; None when it is gone.

        Of a process that the last scan saw, what that said is told as long as it is there.
        """
        life = self.lives.get(pid)
        if life is not None and life.command is not None and exists(pid):
            command, start, user = life.command, life.start, self.users.name(life.owner)
        else:
            stat = self.stat(pid)
            if stat is None:
                return None if self.sees_all else [None] * 4
            command, start = stat[0], stat[2]
            user = self.owner(pid, start)
        return [user, command, self.started_at(start), self.container(pid, start)]

    def scan(self, now, last_pid=None):
        """The rows since the last scan, or None for the first one.

        ``last_pid``: the number that the kernel gave last.
        """
        self.users.patience = PATIENCE_SECONDS
        elapsed = None if self.scanned_at is None else now - self.scanned_at
        self.turn = (self.turn + 1) % TURNS
        lives, used, ended = self.lives, [], []
        for pid in self.newcomers.find(lives, last_pid):
            lives[pid] = None
        for pid, life in lives.items():
            share = 1.0
            if life is not None:
                if life.rests(pid, self.turn):
                    continue
                if life.looked_at != self.scanned_at:
                    share = elapsed / (now - life.looked_at)
                life.looked_at = now
                if life.sleeps() and pid % TURNS != self.turn:
                    continue
            lives[pid], spent = self._read(pid, life, now)
            if spent is None:
                ended.append(pid)
            elif spent > 0:
                used.append((spent * share, pid, lives[pid]))
        for pid in ended:
            del lives[pid]
        states = [life.state for life in lives.values()]
        self.states = [states.count(b"Z"), states.count(b"D")]
        self.scanned_at, self.count = now, len(lives)
        # Lists, because the thread of the GPUs may add to these meanwhile.
        self.owners = {pid: o for pid, o in list(self.owners.items()) if pid in lives}
        self.containers = {pid: c for pid, c in list(self.containers.items()) if pid in lives}
        if not elapsed:
            return None
        return {"scan_seconds": elapsed, "rows": self._rows(used, lives, elapsed)}

    def _read(self, pid, life, now):
        """A process, and the ticks of CPU time that it used since the last look; None: ended."""
        if life is None or life.file is None:
            stat = self.stat(pid)
        elif life.said is None:
            stat = None
        else:
            stat = stat_in(life.said) if life.whole else self.stat(pid)
        if life is not None and (stat is None or life.start != stat[2]):
            self._forget(life)
            life = None
        if stat is not None and life is None:
            life = self._new(pid, stat[2], now)
        if life is None:
            return None, None
        command, ticks, _, resident, state, threads, kernel = stat
        spent, life.ticks = ticks - life.ticks, ticks
        if life.file is None:
            life.ran(spent > 0)
        life.command, life.resident, life.state, life.kernel = command, resident, state, kernel
        if life.file is not None or self.kept < self.most_kept:
            self.kept -= life.file is not None
            life.keep(pid, threads)
            self.kept += life.file is not None
        return life, spent

    def _new(self, pid, start, now):
        try:
            return Life(start, os.stat("/proc/%s" % pid).st_uid, now)
        except OSError:
            return None

    def _forget(self, life):
        self.kept -= life.file is not None
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
                rows.append([pid, user, life.command, cores, life.resident, began])
                held_by[life.owner] -= life.resident
            else:
                spent_by[life.owner] = spent_by.get(life.owner, 0) + spent
        for owner in sorted(held_by, key=lambda owner: -spent_by.get(owner, 0))[:100]:
            cores = round(spent_by.get(owner, 0) / TICKS / elapsed, 4)
            if cores >= LEAST_CORES or held_by[owner] >= LEAST_BYTES:
                rows.append([None, self.users.name(owner), "", cores, held_by[owner], None])
        return rows


def container_in(text):
    """The innermost container that a list of control groups names, or None."""
    import re  # it takes long to import, and only programs on GPUs are asked for theirs

    found = re.findall(CONTAINER, text) or re.findall(LXC, text)
    return found[-1] if found else None
