"""What is sent to a server so that it becomes a source of samples.

Out: the shell command that every login shell reads alike, and the payload that follows on its
standard input: the program (the probe's own files with the part of pynvml that they call), always
the same, and a line of options. Nothing is written on the server. Where there is no Python, a
program of ``/bin/sh`` and awk follows in its place, which says less in the same protocol.

A server may instead run a command of its own, whatever it is asked for (``scms authorize``), which
starts only the program whose SHA-256 it knows.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import re
import secrets
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from scms.errors import ProbeError

#: The collector says something this often while it lives …
HEARTBEAT_SECONDS: Final = 8.0
#: … and the probe ends after this long without hearing of it.
LEASE_SECONDS: Final = 30
#: What the far side says, after the nonce, to be sent the probe, or the program of the shell.
READY: Final = b"READY"
NO_PYTHON: Final = b"NOPYTHON"
#: What the command of ``scms authorize`` says before the SHA-256 of what it allows.
AUTHORIZED: Final = b"SCMS-AUTHORIZED "

_PARTS: Final = ("processes", "kernel", "mounts", "host", "nvml", "device", "gpu", "amd", "agent")
_PYTHONS: Final = (
    "python3",
    "/usr/libexec/platform-python",
    "/usr/bin/python3",
    "/usr/local/bin/python3",
    "/opt/conda/bin/python3",
    "python3.13 python3.12 python3.11 python3.10 python3.9 python3.8 python3.7 python3.6",
)
#: In one program the parts see each other's names.
_OWN_IMPORT: Final = re.compile(r"^from \.\w+ import (\([^)]*\)|.*)\n", re.MULTILINE)
_SAFE_PATH: Final = re.compile(r"[A-Za-z0-9_./+-]+")
#: From the first byte on it ends by itself, should nothing more come.
_LEASE: Final = f"import signal,sys,zlib;signal.alarm({LEASE_SECONDS});"
_QUOTED: Final = '"{}"'
_SHELL_TEXT: Final = '"$s"'
_RUN_SHELL: Final = f"/bin/sh -c {_SHELL_TEXT} scms {_SHELL_TEXT}"
#: Whoever has the key of a monitor may choose the options, so these can do no harm.
_START: Final = f"""\
import sys

options = json.loads(sys.stdin.buffer.readline().decode())
processes = Processes(Users())
gpus = Gpus(Nvml(PYNVML), processes.describe, float(options["hang_seconds"]))
options = {{
    "nonce": str(options["nonce"]),
    "interval_seconds": max(0.1, float(options["interval_seconds"])),
    "phase_seconds": float(options["phase_seconds"]),
    "lease_seconds": {LEASE_SECONDS},
}}
run(options, Host(processes), with_amd(gpus, processes.describe))
"""


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """How to start one probe.

    Attributes:
        nonce: Stands before every line of this session, so that noise is told apart.
        command: For ``/bin/sh`` by way of any login shell: sh, csh and fish read it alike.
        payload: What goes to its standard input once it has said that it is ready.
        shell_payload: The same for a server that has said that it has no Python.
    """

    nonce: str
    command: str
    payload: bytes
    shell_payload: bytes

    def answer(self, said: bytes) -> bytes | None:
        """What to send for a line of the far side; None when it is not about that.

        Raises:
            ProbeError: The server allows another program than this one.
        """
        if said in {READY, NO_PYTHON}:
            return self.payload if said == READY else self.shell_payload
        if not said.startswith(AUTHORIZED):
            return None
        allowed = said[len(AUTHORIZED) :].strip().decode("ascii", "replace")
        known = {digest(): self.payload, shell_digest(): self.shell_payload}
        if allowed not in known:
            raise ProbeError(
                "the server allows another version of the probe",
                expected=f"the one of SHA-256 {digest()[:16]}…",
                mend="run scms authorize again and put its line into authorized_keys there",
            )
        return known[allowed]


def bootstrap(
    *,
    interval_seconds: float,
    phase_seconds: float = 0.0,
    hang_seconds: float = 10.0,
    pythons: tuple[str, ...] = (),
) -> Bootstrap:
    """Everything that one session needs; ``pythons`` are tried before the usual ones."""
    nonce = secrets.token_hex(8)
    options = {
        "nonce": nonce,
        "interval_seconds": interval_seconds,
        "phase_seconds": phase_seconds,
        "hang_seconds": hang_seconds,
    }
    payload = program() + json.dumps(options).encode() + b"\n"
    shell_payload = shell_source().encode() + f"{nonce} {interval_seconds:g}\n".encode()
    return Bootstrap(nonce, _command(nonce, pythons), payload, shell_payload)


@cache
def program() -> bytes:
    """The probe as it is sent: the same for every server and session of this version."""
    return zlib.compress(probe_source().encode(), 9)


@cache
def digest() -> str:
    """The SHA-256 of `program`, in hexadecimal digits."""
    return hashlib.sha256(program()).hexdigest()


@cache
def probe_source() -> str:
    """The Python program that runs on a server, as it is sent: for those who want to read it.

    Its options are data: a line of JSON that follows it on standard input.
    """
    return "\n\n".join([*_probe_files(), f"PYNVML = {reduced_pynvml()!r}", _START])


@cache
def _probe_files() -> tuple[str, ...]:
    return tuple(_OWN_IMPORT.sub("", _probe_text(f"{name}.py")) for name in _PARTS)


def _probe_text(name: str) -> str:
    folder = Path(__file__).resolve().parents[1] / "probe"
    return (folder / name).read_text(encoding="utf-8")


@cache
def shell_source() -> str:
    """The program for servers without Python, as it is sent: sh, and awk as one of its words."""
    awk, more = (_probe_text(name) for name in ("shell.awk", "shell_more.awk"))
    return f"LEASE={LEASE_SECONDS}\nPROBE='{awk}\n{more}'\n{_probe_text('shell.sh')}"


def _read_shell() -> str:
    """Shell that reads the program into ``$s``, and no byte more: the options come after it."""
    patience = _QUOTED.format(f"timeout {LEASE_SECONDS}")
    within = f"if timeout 1 true </dev/null >/dev/null 2>&1; then t={patience}; fi"
    return f"t=; {within}; s=$($t dd bs=1 count={len(shell_source().encode())} 2>/dev/null); "


@cache
def shell_digest() -> str:
    """The SHA-256 of `shell_source` as the shell holds it: without the last line end."""
    return hashlib.sha256(shell_source().rstrip("\n").encode()).hexdigest()


def _command(nonce: str, pythons: tuple[str, ...]) -> str:
    """One line without characters that csh, fish or tcsh would read in a way of their own."""
    start = f"{_LEASE}exec(zlib.decompress(sys.stdin.buffer.read({len(program())})))"
    action = f"echo {nonce} {READY.decode()}; exec $p -ISBuc {_QUOTED.format(start)}"
    return _shell(
        _with_python(action, pythons)
        + f"echo {nonce} {NO_PYTHON.decode()}; {_read_shell()}exec {_RUN_SHELL}"
    )


def authorized_command() -> str:
    """The command that starts this very program and nothing else, whatever it is sent.

    It says which one it allows, so that a collector with another knows why it is not let in.
    """
    said = AUTHORIZED.decode()
    start = (
        f"{_LEASE}import hashlib;d=sys.stdin.buffer.read({len(program())});"
        "hashlib.sha256(d).hexdigest()==sys.argv[1] or sys.exit(sys.argv[2]);"
        "exec(zlib.decompress(d))"
    )
    words = f"{digest()} {_QUOTED.format('another program was sent: refused')}"
    return _shell(
        _with_python(f"echo {said}{digest()}; exec $p -ISBuc {_QUOTED.format(start)} {words}")
        + f"echo {said}{shell_digest()}; {_read_shell()}"
        + f"set -- $(printf %s {_SHELL_TEXT} | sha256sum); "
        + f"if [ $1 = {shell_digest()} ]; then exec {_RUN_SHELL}; fi; "
        + f"echo {_QUOTED.format('another program was sent: refused')}; exit 1"
    )


def _with_python(action: str, pythons: tuple[str, ...] = ()) -> str:
    """Shell that does something with the first usable Python, as ``$p``."""
    candidates = " ".join([*(p for p in pythons if _SAFE_PATH.fullmatch(p)), *_PYTHONS])
    check = "import sys,zlib;sys.exit(sys.version_info<(3,6))"
    test = f"$p -ISc {_QUOTED.format(check)} </dev/null >/dev/null 2>&1"
    return f"for p in {candidates}; do if {test}; then {action}; fi; done; "


def _shell(script: str) -> str:
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
