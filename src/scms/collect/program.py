"""The programs that run on servers, as they are sent: in Python, and in shell where there is none.

Out: the probe's own files, with the part of pynvml that they call, in sections that are compressed
one by one. The first is what every server runs; it loads the others where it needs them, because
to compile them takes a server as long as to start Python does.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from scms.collect.reduce import reduced_pynvml

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The probe ends after this long without hearing of the collector.
LEASE_SECONDS: Final = 30
#: The exit status of a probe that failed; others are those of a Python that cannot run it.
FAILED: Final = 3

#: What every server runs …
_FIRST: Final = ("lives", "processes", "kernel", "mounts", "host", "readers", "agent")
#: … and what it loads where there is something for it to read.
_LATER: Final = {"nvidia": ("nvml", "device", "gpu"), "amd": ("amd", "rocm")}
_PYNVML: Final = "pynvml"
#: In one program the parts see each other's names.
_OWN_IMPORT: Final = re.compile(r"^from \.\w+ import (\([^)]*\)|.*)\n", re.MULTILINE)
#: Stands before the first section: who started Python tells by the status whether another may.
_HEAD: Final = f"""\
import os
import sys


def failed(*what):
    sys.__excepthook__(*what)
    os._exit({FAILED})


sys.excepthook = failed
"""
#: And behind it. Whoever has the key of a monitor may choose the options, so these can do no harm.
#: What is compressed and not loaded yet is in ``later``: see `scms.collect.bootstrap`.
_START: Final = f"""\
import sys
import zlib


def source_of(section):
    start, end = SECTIONS[section]
    return zlib.decompress(later.unused_data[start:end]).decode()


def load(section):
    exec(compile(source_of(section), section, "exec"), globals())


def nvidia():
    if not nvidia_is_there():
        return None
    load("nvidia")
    return Gpus(Nvml(source_of("pynvml")), processes.describe, hang_seconds)


def amd():
    for name in ("amd-smi", "rocm-smi"):
        program = amd_program(name)
        if program is not None:
            load("amd")
            return (Amd if name == "amd-smi" else Rocm)(program, processes.describe)
    return None


nonce, interval, phase, hang = sys.stdin.buffer.readline().decode("ascii").split()
hang_seconds = float(hang)
options = {{
    "nonce": nonce,
    "interval_seconds": max(0.1, float(interval)),
    "phase_seconds": float(phase),
    "lease_seconds": {LEASE_SECONDS},
}}
allow_files()
processes = Processes(Users())
run(options, Host(processes), Readers(nvidia, amd))
"""


@cache
def sections() -> Mapping[str, str]:
    """The source of each section, the first of which loads the others."""
    texts = {name: "\n\n".join(map(_own_text, parts)) for name, parts in _LATER.items()}
    texts[_PYNVML] = reduced_pynvml(texts["nvidia"])
    first = "\n\n".join([_HEAD, *map(_own_text, _FIRST), _START])
    return {"first": first} | {n: f"\n\n# Section {n}.\n{t}" for n, t in texts.items()}


def packed(texts: Mapping[str, str]) -> bytes:
    """Sections as they are sent; the first is told where the others are."""
    first, *others = texts
    streams = {name: zlib.compress(texts[name].encode(), 9) for name in others}
    places: dict[str, tuple[int, int]] = {}
    end = 0
    for name, stream in streams.items():
        places[name] = end, end + len(stream)
        end += len(stream)
    told = f"SECTIONS = {places!r}\n{texts[first]}"
    return b"".join([zlib.compress(told.encode(), 9), *streams.values()])


@cache
def program() -> bytes:
    """The probe as it is sent: the same for every server and session of this version."""
    return packed(sections())


@cache
def digest() -> str:
    """The SHA-256 of `program`, in hexadecimal digits."""
    return hashlib.sha256(program()).hexdigest()


@cache
def probe_source() -> str:
    """The Python program that runs on a server, unpacked: for those who want to read it.

    Its options are data: a line of words that follows it on standard input.
    """
    found, rest = [], program()
    while rest:
        stream = zlib.decompressobj()
        found.append(stream.decompress(rest).decode())
        rest = stream.unused_data
    return "".join(found)


def _own_text(name: str) -> str:
    return _OWN_IMPORT.sub("", _probe_text(f"{name}.py"))


def _probe_text(name: str) -> str:
    folder = Path(__file__).resolve().parents[1] / "probe"
    return (folder / name).read_text(encoding="utf-8")


@cache
def shell_source() -> str:
    """The program for servers without Python, as it is sent: sh, and awk as one of its words."""
    awk, more = (_probe_text(name) for name in ("shell.awk", "shell_more.awk"))
    return f"LEASE={LEASE_SECONDS}\nPROBE='{awk}\n{more}'\n{_probe_text('shell.sh')}"


@cache
def shell_digest() -> str:
    """The SHA-256 of `shell_source` as the shell holds it: without the last line end."""
    return hashlib.sha256(shell_source().rstrip("\n").encode()).hexdigest()
