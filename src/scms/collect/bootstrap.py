"""What is sent to a server so that it becomes a source of samples.

Out: the shell command that every login shell reads alike, and the payload that follows on its
standard input: the probe's own files with the part of pynvml that they call. Nothing is written
on the server.
"""

from __future__ import annotations

import ast
import importlib.util
import re
import secrets
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from scms.errors import ProbeError

#: The collector says something this often while it lives …
HEARTBEAT_SECONDS: Final = 5.0
#: … and the probe ends after this long without hearing of it.
LEASE_SECONDS: Final = 20
#: What the far side says, after the nonce, before and instead of the first line.
READY: Final = b"READY"
NO_PYTHON: Final = b"NOPYTHON"

_PARTS: Final = ("processes", "host", "nvml", "gpu", "agent")
_PYTHONS: Final = (
    "python3",
    "/usr/libexec/platform-python",
    "/usr/bin/python3",
    "/usr/local/bin/python3",
    "/opt/conda/bin/python3",
    "python3.13 python3.12 python3.11 python3.10 python3.9 python3.8 python3.7 python3.6",
)
#: In one program the parts see each other's names.
_OWN_IMPORT: Final = re.compile(r"^from \.\w+ import .*\n", re.MULTILINE)
_SAFE_PATH: Final = re.compile(r"[A-Za-z0-9_./+-]+")


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """How to start one probe.

    Attributes:
        nonce: Stands before every line of this session, so that noise is told apart.
        command: For ``/bin/sh`` by way of any login shell: sh, csh and fish read it alike.
        payload: What goes to its standard input once it has said that it is ready.
    """

    nonce: str
    command: str
    payload: bytes


def bootstrap(
    *,
    interval_seconds: float,
    phase_seconds: float = 0.0,
    hang_seconds: float = 10.0,
    pythons: tuple[str, ...] = (),
) -> Bootstrap:
    """Everything that one session needs; ``pythons`` are tried before the usual ones."""
    nonce = secrets.token_hex(8)
    source = probe_source(
        nonce=nonce,
        interval_seconds=interval_seconds,
        phase_seconds=phase_seconds,
        hang_seconds=hang_seconds,
    )
    payload = zlib.compress(source.encode(), 9)
    return Bootstrap(nonce, _command(nonce, len(payload), pythons), payload)


def probe_source(
    *,
    nonce: str = "nonce",
    interval_seconds: float = 5.0,
    phase_seconds: float = 0.0,
    hang_seconds: float = 10.0,
) -> str:
    """The Python program that runs on a server, as it is sent: for those who want to read it."""
    options = {
        "nonce": nonce,
        "interval_seconds": interval_seconds,
        "phase_seconds": phase_seconds,
        "lease_seconds": LEASE_SECONDS,
    }
    start = (
        "processes = Processes(Users())\n"
        f"gpus = Gpus(Nvml(PYNVML), processes.describe, {hang_seconds!r})\n"
        f"run({options!r}, Host(processes), gpus)\n"
    )
    return "\n\n".join([*_probe_files(), f"PYNVML = {reduced_pynvml()!r}", start])


@cache
def _probe_files() -> tuple[str, ...]:
    folder = Path(__file__).resolve().parents[1] / "probe"
    texts = [(folder / f"{name}.py").read_text(encoding="utf-8") for name in _PARTS]
    return tuple(_OWN_IMPORT.sub("", text) for text in texts)


def _command(nonce: str, size: int, pythons: tuple[str, ...]) -> str:
    """One line without characters that csh, fish or tcsh would read in a way of their own."""
    candidates = " ".join([*(p for p in pythons if _SAFE_PATH.fullmatch(p)), *_PYTHONS])
    check = "import sys,zlib;sys.exit(sys.version_info<(3,6))"
    start = f"import sys,zlib;exec(zlib.decompress(sys.stdin.buffer.read({size})))"
    script = (
        f"echo {nonce} {READY.decode()}; "
        f"for p in {candidates}; do "
        f'if $p -ISc "{check}" </dev/null >/dev/null 2>&1; then exec $p -ISBuc "{start}"; fi; '
        f"done; echo {nonce} {NO_PYTHON.decode()}; exit 127"
    )
    return f"exec /bin/sh -c '{script}'"


@cache
def reduced_pynvml() -> str:
    """The part of pynvml that the probe calls, under its licence header: a tenth of the whole.

    Raises:
        ProbeError: pynvml is not installed, or is no longer built the way this expects.
    """
    found = importlib.util.find_spec("pynvml")
    if found is None or found.origin is None:
        raise ProbeError("pynvml is not installed", mend="run: pip install nvidia-ml-py")
    source = Path(found.origin).read_text(encoding="utf-8")
    return reduce_module(source, _names_in(ast.parse("\n".join(_probe_files()))))


def reduce_module(source: str, wanted: set[str]) -> str:
    """The statements of a module that ``wanted`` names need, in order, after its head comment.

    Imports and bare calls are kept, and so are the ``NVML_ERROR_`` codes, of which pynvml makes
    its exceptions when it is loaded.
    """
    body = ast.parse(source).body
    defined = [_defined_in(statement) for statement in body]
    used = [_names_in(statement) for statement in body]
    keep = {
        position
        for position, statement in enumerate(body)
        if not defined[position] or isinstance(statement, (ast.Import, ast.ImportFrom))
    }
    needed = set(wanted) | {n for names in defined for n in names if n.startswith("NVML_ERROR_")}
    needed |= {name for position in keep for name in used[position]}
    while True:
        more = {p for p, names in enumerate(defined) if p not in keep and names & needed}
        if not more:
            break
        keep |= more
        needed |= {name for position in more for name in used[position]}
    lines = source.splitlines()
    head = lines[: _first_line(body[0]) - 1]
    kept = ["\n".join(lines[_first_line(body[p]) - 1 : body[p].end_lineno]) for p in sorted(keep)]
    return "\n".join([*head, *kept, ""])


def _first_line(statement: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(d.lineno for d in decorators)])


def _defined_in(statement: ast.stmt) -> set[str]:
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return {statement.name}
    if isinstance(statement, (ast.Assign, ast.AnnAssign)):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        return {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}
    return set()


def _names_in(tree: ast.AST) -> set[str]:
    """Every name, attribute and text in a piece of code: calls are made by name, too."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.Attribute):
            names.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names.add(node.value)
    return names
