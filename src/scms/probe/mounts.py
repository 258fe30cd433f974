"""File systems: local ones read at once, those of other machines each in a thread of its own.

In: /proc/self/mounts. Out: space and inodes, and which mounts do not answer. Python 3.6, standard
library alone; this file travels to servers as it is (see scms.collect.bootstrap).
"""

import _thread
import errno
import os
import select
import time

LOCAL_TYPES = frozenset(
    "ext2 ext3 ext4 xfs btrfs zfs f2fs jfs reiserfs bcachefs nilfs2 ntfs3 exfat".split()
)
NETWORK_TYPES = frozenset(
    (
        "nfs nfs4 cifs smb3 ceph lustre gpfs beegfs glusterfs fuse.glusterfs afs orangefs pvfs2 "
        "fuse.sshfs fuse.ceph fuse.juicefs fuse.weka wekafs ocfs2 gfs2 9p"
    ).split()
)
ESCAPES = (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\"))
MOUNTS = "/proc/self/mounts"
MOST_MOUNTS, MOST_BYTES = 64, 1 << 20
#: Refusals that say nothing of the mount, only of who asks.
PRIVATE = frozenset((errno.EACCES, errno.EPERM))


class Aside(object):
    """A reading that may hang: in a thread of its own, and never stacked upon itself."""

    def __init__(self, read):
        self.read = read
        self.value = None  # the last that was read
        self.error = None  # what went wrong the last time
        self.since = None  # when the reading under way began

    def ask(self):
        if self.since is None:
            self.since = time.monotonic()
            try:
                _thread.start_new_thread(self._run, ())
            except RuntimeError:  # as many threads as this user may have
                self.since = None

    def _run(self):
        try:
            self.value, self.error = self.read(), None
        except OSError as error:
            self.error = None if error.errno in PRIVATE else error.strerror or str(error)
            self.value = None
        except Exception as error:  # the thread must not end in noise: this is what it tells
            self.value, self.error = None, str(error)
        self.since = None

    def waiting(self):
        """For how long the reading under way has been; 0 when there is none."""
        since = self.since
        return 0.0 if since is None else time.monotonic() - since


class NetworkMounts(object):
    """File systems of other machines: asked now and then, shown with how long they are silent."""

    def __init__(self):
        self.asides = {}

    def ask(self, mounts):
        """Look at the mounts there are now."""
        wanted = [(row[1], row[2]) for row in mounts if row[2] in NETWORK_TYPES][:MOST_MOUNTS]
        kept = {key: self.asides.get(key) or space_aside(key[0]) for key in wanted}
        self.asides = kept
        for aside in kept.values():
            aside.ask()

    def rows(self):
        """Space and inodes of each as they were last read, and whether it answers now."""
        found = []
        for (mount, kind), aside in sorted(self.asides.items()):
            sizes = aside.value or [None] * 5
            found.append([mount, kind] + sizes + [round(aside.waiting(), 1), aside.error])
        return found


def space_aside(mount):
    return Aside(lambda: space(mount))


def space(mount):
    """Total, used and free bytes, total and free inodes (None where there is no limit)."""
    size = os.statvfs(mount)
    unit = size.f_frsize
    used = (size.f_blocks - size.f_bfree) * unit
    inodes = [size.f_files, size.f_favail] if size.f_files else [None, None]
    return [size.f_blocks * unit, used, size.f_bavail * unit] + inodes


class MountTable(object):
    """What is mounted, read again when the kernel says that it has changed."""

    def __init__(self):
        self.known = []
        self.watch = select.poll()
        try:
            self.file = os.open(MOUNTS, os.O_RDONLY)
        except OSError:
            self.file = None
        else:
            self.watch.register(self.file, select.POLLPRI)
            self._read()

    def rows(self):
        """[source, mount, type, options] of each."""
        if self.watch.poll(0):
            self._read()
        return self.known

    def _read(self):
        text = b""
        try:
            more = os.pread(self.file, MOST_BYTES, 0)
            while more and len(text) < MOST_BYTES:
                text += more
                more = os.pread(self.file, MOST_BYTES, len(text))
        except OSError:
            return
        self.known = mounts_in(text.decode("utf-8", "replace"))


def mounts_in(text):
    found = []
    for line in text.splitlines():
        fields = line.split(" ")
        if len(fields) > 3:
            for code, character in ESCAPES:
                fields[1] = fields[1].replace(code, character)
            found.append(fields[:4])
    return found


def filesystems(mounts):
    """[mount, type, total, used, free, inodes, inodes free] of local ones, one per device."""
    found, sources = [], set()
    for source, mount, kind in (row[:3] for row in mounts):
        root_of_container = kind == "overlay" and mount == "/"
        if source in sources or (kind not in LOCAL_TYPES and not root_of_container):
            continue
        try:
            sizes = space(mount)
        except OSError:
            continue
        if sizes[0]:
            sources.add(source)
            found.append([mount, kind] + sizes)
    return found[:200]
