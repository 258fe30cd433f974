"""The way to a server, step by step: which are well, which is not, and what mends it. Pure.

In: what a look at a server met: an error, or what its probe said. Out: a `Step` for each of name,
port, host key, login, shell, Python, driver, NVML, persistence mode, hidepid and clock.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from scms.collect.assemble import MENDS, NO_PYTHON, SKEW_SECONDS
from scms.errors import CollectError, ConnectError, HostKeyError, LoginError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from scms.collect.message import Device, DeviceFacts, Hello, Tick

#: From here on a clock is worth a word, though nothing is wrong yet.
_SLOW_CLOCK_SECONDS: Final = 2.0
_TO_A_SHELL: Final = ("name", "port", "host key", "login", "shell")
_NAMES: Final = (
    *_TO_A_SHELL,
    *("Python", "driver", "NVML", "persistence mode", "hidepid", "clock"),
)
Verdict = Literal["ok", "hint", "bad", "not reached", "none"]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the way.

    Attributes:
        name: What was looked at.
        verdict: ``ok``; ``hint``: it works, and could be better; ``bad``; ``none``: there is no
            such thing there; ``not reached``: an earlier step is bad.
        detail: What was found.
        mend: What to do; None where nothing is to be done.
    """

    name: str
    verdict: Verdict
    detail: str | None = None
    mend: str | None = None


def failed_steps(error: CollectError) -> tuple[Step, ...]:
    """The way up to the step that failed; what lies behind it was not reached."""
    at = _NAMES.index(_step_of(error))
    return tuple(
        Step(name, "bad", error.got, error.mend)
        if number == at
        else Step(name, "ok" if number < at else "not reached")
        for number, name in enumerate(_NAMES)
    )


def _step_of(error: CollectError) -> str:
    if isinstance(error, ConnectError):
        return "name" if isinstance(error.__cause__, socket.gaierror) else "port"
    if isinstance(error, HostKeyError):
        return "host key"
    return "login" if isinstance(error, LoginError) else "shell"


def walked_steps(
    hello: Hello,
    tick: Tick,
    facts: Mapping[str, DeviceFacts],
    *,
    offset_seconds: float | None,
    over_ssh: bool = True,
) -> tuple[Step, ...]:
    """The whole way of a server whose probe runs; ``facts`` of its GPUs by UUID."""
    return (
        *(Step(name, "ok" if over_ssh else "none") for name in _TO_A_SHELL[:-1]),
        Step("shell", "ok"),
        _python(hello),
        _driver(tick),
        _nvml(tick),
        _persistence(tick.devices or (), facts),
        _hidepid(hello),
        _clock(offset_seconds),
    )


def _python(hello: Hello) -> Step:
    if hello.shell:
        what, _, mend = NO_PYTHON.partition("; ")
        return Step("Python", "bad", what, mend)
    return Step("Python", "ok", hello.python)


def _driver(tick: Tick) -> Step:
    problem = tick.gpu_problem
    if problem is not None:
        for start, mend in MENDS.items():
            if problem.startswith(start):
                return Step("driver", "bad", problem, mend)
    if tick.devices == () and tick.gpu_driver is None:
        return Step("driver", "none", "no NVIDIA GPU there")
    return Step("driver", "ok", tick.gpu_driver)


def _nvml(tick: Tick) -> Step:
    driver = _driver(tick)
    if driver.verdict == "bad":
        return Step("NVML", "not reached")
    if driver.verdict == "none":
        return Step("NVML", "none")
    faults = [f"GPU {d.index}: {d.fault}" for d in tick.devices or () if d.fault is not None]
    said = [*([] if tick.gpu_problem is None else [tick.gpu_problem]), *faults]
    if said or tick.devices is None:
        return Step(
            "NVML",
            "bad",
            "; ".join(said) or "does not answer in time",
            "see what the kernel says there: sudo dmesg | grep -iE 'nvrm|xid'; "
            "reset the GPU (sudo nvidia-smi -r -i N) or reboot",
        )
    return Step("NVML", "ok", f"{len(tick.devices)} devices")


def _persistence(devices: Sequence[Device], facts: Mapping[str, DeviceFacts]) -> Step:
    known = [(d.index, facts[d.uuid].persistence_mode) for d in devices if d.uuid in facts]
    off = [str(index) for index, mode in known if mode is False]
    if off:
        return Step(
            "persistence mode",
            "hint",
            f"off on GPU {', '.join(off)}: a job that starts on an idle GPU waits for the driver",
            "run there: sudo nvidia-smi -pm 1 (or enable nvidia-persistenced)",
        )
    on = any(mode for _, mode in known)
    return Step("persistence mode", "ok" if on else "none", "on" if on else None)


def _hidepid(hello: Hello) -> Step:
    if hello.hidden_processes is None:
        return Step("hidepid", "none", "cannot be told")
    if hello.hidden_processes:
        return Step(
            "hidepid",
            "hint",
            "/proc hides the processes of others: what they run, and who, is not seen",
            "put the account into the group of gid= in the mount of /proc, "
            "or run there: sudo mount -o remount,hidepid=0 /proc",
        )
    return Step("hidepid", "ok", "processes of others are seen")


def _clock(offset: float | None) -> Step:
    if offset is None:
        return Step("clock", "none", "it does not say the time")
    said = f"{abs(offset):.1f} s {'ahead' if offset > 0 else 'behind'}"
    if abs(offset) < _SLOW_CLOCK_SECONDS:
        return Step("clock", "ok", said)
    verdict: Verdict = "bad" if abs(offset) > SKEW_SECONDS else "hint"
    return Step("clock", verdict, said, "run there: sudo timedatectl set-ntp true")


def hints(steps: Sequence[Step]) -> Iterator[str]:
    """What could be better, with the mend, of steps that are not bad."""
    for step in steps:
        if step.verdict == "hint":
            yield f"{step.name}: {step.detail}; {step.mend}"
