"""NVML as the probe uses it: loaded late, each call named while it runs, refusals remembered.

In: the source of pynvml. Out: values, None for what cannot be told, and `Fault` for a GPU that is
broken. Python 3.6, standard library alone; this file travels to servers as it is (see
scms.collect.bootstrap).
"""

import sys
import time
import types

from .readers import NVML, PCI, nvidia_hardware

#: What NVML returns, and what it means for people. Other codes speak for themselves.
PROBLEMS = {
    4: "no permission to use the NVIDIA devices",
    9: "driver not loaded",
    12: "no driver",
    15: "GPU lost: reset or reboot",
    16: "GPU needs a reset",
    18: "driver/library mismatch: reboot",
}
NO_DRIVER = frozenset((9, 12))
NOT_SUPPORTED = frozenset((3, 13, 25))  # not supported, no such function, other struct version
FATAL = frozenset((15, 16))
UNINITIALIZED = 1
NOT_SUPPORTED_SECONDS = 600.0  # MIG can be switched on and off


class Fault(Exception):
    """This GPU is broken: the message says how."""


class Restart(Exception):
    """NVML has to be initialised again."""


class Nvml(object):
    """The driver's library. One thread uses it; ``calling`` is read by others."""

    def __init__(self, pynvml_source, pci=PCI):
        self.source, self.pci = pynvml_source, pci
        self.module = None  # pynvml, once the library is there
        self.calling = None  # (name, since) of the call in progress
        self.driver = self.cuda = None
        self.started_at = 0.0
        self.handles = {}
        self.unsupported = {}
        self.refused = []  # what the current device would not tell, in words

    def start(self):
        """Load and initialise the library: None, or the code and words of what is wrong."""
        problem = self._load()
        if problem is not None:
            return problem
        self.handles, self.unsupported = {}, {}
        try:
            self.call("nvmlInit")
        except self.module.NVMLError as error:
            return error.value, self.words(error)
        self.started_at = time.monotonic()
        try:
            self.driver = self.cuda = None
            self.driver = self.call("nvmlSystemGetDriverVersion")
            self.cuda = version_words(self.call("nvmlSystemGetCudaDriverVersion"))
        except self.module.NVMLError:
            pass  # a driver that cannot name itself may work all the same
        return None

    def _load(self):
        self.calling = ("dlopen", time.monotonic())
        try:
            import ctypes

            ctypes.CDLL(NVML)
        except ImportError:
            return 0, "the Python of this server has no ctypes"
        except OSError:
            return 12, PROBLEMS[12]
        finally:
            self.calling = None
        if self.module is None:
            self.module = sys.modules["pynvml"] = types.ModuleType("pynvml")
            exec(compile(self.source, "pynvml.py", "exec"), self.module.__dict__)
        return None

    def hardware(self):
        """Whether there is an NVIDIA GPU at all; only then is a missing driver a problem."""
        return nvidia_hardware(self.pci)

    def words(self, error):
        return PROBLEMS.get(error.value) or "NVML says: %s" % error

    def call(self, name, *args, **kwargs):
        self.calling = (name, time.monotonic())
        try:
            return getattr(self.module, name)(*args, **kwargs)
        finally:
            self.calling = None

    def value(self, index, name, *args, **kwargs):
        """What a call says of a device; None when it cannot be told.

        There are a hundred of these a tick, so that it is `call` once more without a second call.
        """
        if self.unsupported and self.is_unsupported((index, name, args, tuple(kwargs))):
            return None
        self.calling = (name, time.monotonic())
        try:
            return getattr(self.module, name)(self.handles[index], *args, **kwargs)
        except self.module.NVMLError as error:
            if error.value in FATAL:
                raise Fault(self.words(error))
            if error.value == UNINITIALIZED:
                raise Restart()
            if error.value in NOT_SUPPORTED:
                self.note_unsupported((index, name, args, tuple(kwargs)))
            else:
                self.refused.append(self.words(error))
        finally:
            self.calling = None
        return None

    def is_unsupported(self, key):
        """Whether something was refused as not supported within the last minutes."""
        until = self.unsupported.get(key)
        return until is not None and until > time.monotonic()

    def note_unsupported(self, key):
        """Not to be asked again for a while."""
        self.unsupported[key] = time.monotonic() + NOT_SUPPORTED_SECONDS


def version_words(number):
    """12040 is CUDA 12.4."""
    return "%d.%d" % (number // 1000, number % 1000 // 10)


def sane(value):
    """None for what NVML cannot tell, and for its sentinels."""
    if value is None or value < 0 or value == 0xFFFFFFFF or value >= 1 << 60:
        return None
    return value
