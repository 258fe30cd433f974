"""Processes as they were last read, and which there are.

In: /proc. Out: for `scms.probe.processes`, whether a process has run since, and what it has used.
Python 3.6, standard library alone; this file travels to servers as it is (see
scms.collect.bootstrap).
"""

import os
import resource

PAGE = os.sysconf("SC_PAGE_SIZE")
#: Files that are kept open, 5 kB of the kernel's memory each, and their share of those allowed.
MOST_KEPT = 2000
KEPT_SHARE = 0.5
#: A process that ran in so many scans is expected to have run in the next one too.
STEADY = 2
#: What ran for less than this, 0.001 cores in a scan, is read once it has added up, or sleeps.
SHORT_NANOSECONDS = 10000000
#: Of the kernel's threads that slept, one in so many is looked at: there are a dozen per core.
KERNEL_TURNS = 3
KERNEL_FLAG = 0x00200000
#: /proc is listed at every so many looks; between these, new processes are found by their numbers,
LISTED_EVERY = 6
#: unless more were given since than there are known ones.
MOST_GUESSED = 1.0


class Life(object):
    """A process, as it was when it was last read.

    One file is kept open: ``stat`` of one that has threads or runs all the time, else
    ``schedstat``, which says no more than for how long it has run, at a third of the cost.
    """

    __slots__ = (
        "awake", "command", "file", "kernel", "looked_at", "owner", "resident", "runs", "said",
        "spent", "start", "state", "stirred", "ticks", "whole",
    )  # fmt: skip

    def __init__(self, start, owner, now):
        self.start, self.owner, self.looked_at = start, owner, now
        self.file = self.said = self.command = self.state = None
        self.ticks = self.resident = self.runs = self.spent = 0
        self.awake = self.stirred = False  # ran at the last look; and was not read for it
        self.whole = self.kernel = False  # whole: ``said`` is what there is to be read

    def rests(self, pid, turn):
        """Whether it is a thread of the kernel that slept, and not its turn."""
        return self.kernel and self.runs == 0 and (pid - turn) % KERNEL_TURNS != 0

    def sleeps(self):
        """Whether there is nothing to be read: it has not run since, or shortly as ever."""
        if self.file is None:
            return False
        before = self.said
        try:
            self.said = os.pread(self.file, 1024 if self.whole else 64, 0)
        except OSError:  # it has ended
            self.said = None
        if self.said is None or self.whole:
            self.ran(self.said != before)
            return self.said is not None and self.said == before
        if before is None:
            self.spent = nanoseconds(self.said)
            return False
        return self._slept() if self.said == before else self._stirs()

    def _slept(self):
        stirred, self.stirred, self.awake, self.runs = self.stirred, False, False, 0
        return not stirred

    def _stirs(self):
        """Whether it goes on running for short."""
        spent = nanoseconds(self.said)
        short, again, self.awake = spent - self.spent < SHORT_NANOSECONDS, self.awake, True
        if short and again:
            self.stirred, self.runs = True, 0
            return True
        self.spent = spent
        self.ran(not short)
        return False

    def ran(self, so):
        """Count in how many scans on end it ran, and not for short."""
        self.runs = min(self.runs + 1, STEADY) if so else 0

    def keep(self, pid, threads):
        """Have the file that suits it open, where one is open at all."""
        wants = threads > 1 or self.runs >= STEADY
        if self.file is not None and self.whole != wants:
            self.close()
        if self.file is None:
            self.whole = wants
            try:
                file = "stat" if wants else "schedstat"
                self.file = os.open("/proc/%s/%s" % (pid, file), os.O_RDONLY)
            except OSError:
                pass
            self.said = None

    def close(self):
        if self.file is not None:
            os.close(self.file)
            self.file = None


def nanoseconds(schedstat):
    """What it has run."""
    return int(schedstat.split(None, 1)[0])


class Newcomers(object):
    """Finds processes that are new. To list /proc costs as much as to see who of them has run.

    The kernel gives numbers one after the other, to threads as well, and says which was the last.
    Where that finds fewer than a listing does, /proc is listed until it finds them all again.
    """

    def __init__(self):
        self.last = None
        self.looks = 0  # so many more without listing

    def find(self, known, last):
        """Numbers that are not ``known`` and may be processes; ``last``: what was given last."""
        before, self.last = self.last, last
        told = before is not None and last is not None and before <= last  # at most they begin anew
        given = range(before + 1, last + 1) if told else range(0)
        self.looks -= 1
        if told and self.looks > 0 and len(given) <= MOST_GUESSED * len(known):
            return [pid for pid in given if pid not in known and exists(pid)]
        there = [int(name) for name in os.listdir("/proc") if name.isdigit()]
        found = [pid for pid in there if pid not in known]
        if all(pid in given for pid in found):
            self.looks = LISTED_EVERY
        return found


def exists(pid):
    """Whether there is a process or thread of this number: a tenth of opening its folder."""
    try:
        os.getpgid(pid)
    except ProcessLookupError:
        return False
    except OSError:  # not to be told
        pass
    return True


def allow_files():
    """Allow this process the files that it keeps open, as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = int(MOST_KEPT / KEPT_SHARE)
    if hard >= 0:
        wanted = min(wanted, hard)
    if 0 <= soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


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
    """(command, ticks, start tick, resident bytes, state, threads, kernel's); None for a thread.

    ``ticks``: of CPU time.
    """
    head, _, tail = text.rpartition(b")")
    rest = tail.split(None, 36)
    try:
        if rest[35] == b"-1":  # no signal goes to its parent, as of threads alone
            return None
        command = head.partition(b"(")[2].decode("utf-8", "replace")
        ticks, resident = int(rest[11]) + int(rest[12]), int(rest[21]) * PAGE
        kernel = bool(int(rest[6]) & KERNEL_FLAG)
        return command, ticks, int(rest[19]), resident, rest[0], int(rest[17]), kernel
    except (IndexError, ValueError):
        return None
