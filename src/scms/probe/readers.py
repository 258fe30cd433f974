"""Which kinds of GPUs a server has, and the readers of those as one.

In: functions that make a reader where there is something for it to read. Out: ``gpu``, ``devices``
and ``device_facts`` of the wire protocol. What reads GPUs is large, so it is loaded no earlier than
such a GPU is there. Python 3.6, standard library alone; this file travels to servers as it is (see
scms.collect.bootstrap).

A reader has two methods: ``ask()`` at a tick, which must not block, and ``answer(patience)`` with
the parts above.
"""

import os
import time

#: A driver can be installed, and a GPU be plugged in, while the probe runs.
LOOK_SECONDS = 60.0
NVML = "libnvidia-ml.so.1"
#: Where the linker of the system looks beside its cache.
LIBRARIES = "/lib64:/usr/lib64:/lib:/usr/lib:/usr/local/lib"
LINKER_CACHE = "/etc/ld.so.cache"
PCI, PCI_LIST = "/sys/bus/pci/devices", "/proc/bus/pci/devices"
KFD = "/dev/kfd"  # of AMD's driver that runs programs on GPUs
PROGRAMS = "/opt/rocm/bin:/usr/local/bin:/usr/bin:/bin"


class Readers(object):
    """Makes readers as soon as they have something to read, and is all of them as one."""

    def __init__(self, *makers):
        self.makers = list(makers)
        self.readers = []
        self.next_look = 0.0

    def ask(self):
        now = time.monotonic()
        if self.makers and now >= self.next_look:
            self.next_look = now + LOOK_SECONDS
            for make in list(self.makers):
                reader = make()
                if reader is not None:
                    self.readers.append(reader)
                    self.makers.remove(make)
        for reader in self.readers:
            reader.ask()

    def answer(self, patience):
        answers = [reader.answer(patience) for reader in self.readers]
        if len(answers) == 1:
            return answers[0]
        gpu = {"problem": None, "driver": None, "cuda": None, "age_seconds": None}
        problems, lists, facts = [], [], {}
        for answer in answers:
            said = answer["gpu"]
            problems += [said["problem"]] if said["problem"] else []
            gpu.update((key, said[key]) for key in said if gpu.get(key) is None)
            lists += [answer["devices"]] if answer["devices"] is not None else []
            facts.update(answer.get("device_facts", {}))
        gpu["problem"] = "; ".join(problems) or None
        merged = {"gpu": gpu, "devices": sum(lists, []) if lists or not answers else None}
        return dict(merged, device_facts=facts) if facts else merged


def nvidia_is_there():
    """Whether the driver's library is there to be asked, or a GPU without it."""
    if library_is_there(NVML):
        return True
    listed = content(PCI_LIST)  # one file for all slots, of most servers all that is read
    return (not listed or "\t10de" in listed) and nvidia_hardware()


def library_is_there(name):
    """Whether the linker would find a library: to ask it takes ctypes, which is large."""
    folders = os.environ.get("LD_LIBRARY_PATH", "").replace(";", ":") + ":" + LIBRARIES
    if any(os.path.exists(os.path.join(f, name)) for f in folders.split(":") if f):
        return True
    try:
        with open(LINKER_CACHE, "rb") as file:
            return name.encode() in file.read()
    except OSError:
        return False


def nvidia_hardware(pci=PCI):
    """Whether there is an NVIDIA GPU; only then is a missing driver a problem."""
    try:
        slots = [os.path.join(pci, slot) for slot in os.listdir(pci)]
    except OSError:
        return False
    return any(
        content(slot, "vendor") == "0x10de" and content(slot, "class").startswith("0x03")
        for slot in slots
    )


def amd_program(name, kfd=KFD):
    """The path of a program that tells of AMD's GPUs, where their driver is there too."""
    if not os.path.exists(kfd):
        return None
    for folder in (os.environ.get("PATH", "") + ":" + PROGRAMS).split(":"):
        path = os.path.join(folder, name)
        if folder and os.access(path, os.X_OK):
            return path
    return None


def content(*path):
    """The text of a small file, without blanks at its ends; empty where there is none."""
    try:
        with open(os.path.join(*path)) as file:
            return file.read().strip()
    except OSError:
        return ""
