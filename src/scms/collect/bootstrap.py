"""What is sent to a server so that it becomes a source of samples.

Out: the shell command that every login shell reads alike, and the payload that follows on its
standard input: the program (the probe's own files with the part of pynvml that they call), always
the same, and a line of options. Nothing is written on the server. Where there is no Python, a
program of ``/bin/sh`` and awk follows in its place, which says less in the same protocol.

A server may instead run a command of its own, whatever it is asked for (``scms authorize``), which
starts only the program whose SHA-256 it knows.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Final

from scms.collect.program import (
    FAILED,
    LEASE_SECONDS,
    digest,
    program,
    shell_digest,
    shell_source,
)
from scms.errors import ProbeError

#: The collector says something this often while it lives.
HEARTBEAT_SECONDS: Final = 8.0
#: What the far side says, after the nonce, to be sent the probe, or the program of the shell.
READY: Final = b"READY"
NO_PYTHON: Final = b"NOPYTHON"
#: What the command of ``scms authorize`` says before the SHA-256 of what it allows.
AUTHORIZED: Final = b"SCMS-AUTHORIZED "

_PYTHONS: Final = (
    "python3",
    "/usr/libexec/platform-python",
    "/usr/bin/python3",
    "/usr/local/bin/python3",
    "/opt/conda/bin/python3",
    "python3.13 python3.12 python3.11 python3.10 python3.9 python3.8 python3.7 python3.6",
)
_SAFE_PATH: Final = re.compile(r"[A-Za-z0-9_./+-]+")
#: Says in which Python it runs, once that can run the program. From here on it ends by itself,
#: should nothing more come. ``later`` has what the program loads later.
_BEGIN: Final = (
    f"import _signal,os,sys,zlib;_signal.alarm({LEASE_SECONDS});"
    "sys.version_info<(3,6) and sys.exit(1);"
    "os.dup2(1,2);print(sys.argv.pop(1),sys.argv.pop(1));later=zlib.decompressobj();"
)
_QUOTED: Final = '"{}"'
_SHELL_TEXT: Final = '"$s"'
_RUN_SHELL: Final = f"/bin/sh -c {_SHELL_TEXT} scms {_SHELL_TEXT}"


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
    options = f"{nonce} {interval_seconds!r} {phase_seconds!r} {hang_seconds!r}\n"
    payload = program() + options.encode()
    shell_payload = shell_source().encode() + f"{nonce} {interval_seconds:g}\n".encode()
    return Bootstrap(nonce, _command(nonce, pythons), payload, shell_payload)


def _read_shell() -> str:
    """Shell that reads the program into ``$s``, and no byte more: the options come after it."""
    patience = _QUOTED.format(f"timeout {LEASE_SECONDS}")
    within = f"if timeout 1 true </dev/null >/dev/null 2>&1; then t={patience}; fi"
    return f"t=; {within}; s=$($t dd bs=1 count={len(shell_source().encode())} 2>/dev/null); "


def _command(nonce: str, pythons: tuple[str, ...]) -> str:
    """One line without characters that csh, fish or tcsh would read in a way of their own."""
    start = f"{_BEGIN}exec(later.decompress(sys.stdin.buffer.read({len(program())})))"
    return _shell(
        _in_python(start, f"{nonce} {READY.decode()}", pythons)
        + f"echo {nonce} {NO_PYTHON.decode()}; {_read_shell()}exec {_RUN_SHELL}"
    )


def authorized_command() -> str:
    """The command that starts this very program and nothing else, whatever it is sent.

    It says which one it allows, so that a collector with another knows why it is not let in.
    """
    said = AUTHORIZED.decode()
    refused = "another program was sent: refused"
    start = (
        f"{_BEGIN}import hashlib;d=sys.stdin.buffer.read({len(program())});"
        "hashlib.sha256(d).hexdigest()==sys.argv[1] or "
        f"print(sys.argv[2]) or sys.exit({FAILED});"
        "exec(later.decompress(d))"
    )
    words = f"{said}{digest()} {digest()} {_QUOTED.format(refused)}"
    return _shell(
        _in_python(start, words)
        + f"echo {said}{shell_digest()}; {_read_shell()}"
        + f"set -- $(printf %s {_SHELL_TEXT} | sha256sum); "
        + f"if [ $1 = {shell_digest()} ]; then exec {_RUN_SHELL}; fi; "
        + f"echo {_QUOTED.format(refused)}; exit 1"
    )


def _in_python(code: str, words: str, pythons: tuple[str, ...] = ()) -> str:
    """Shell that runs code in the first Python that can, and goes on where there is none.

    A Python that is there but cannot run it ends before it says so, with a status that is none of
    the probe's own: those are 0, `FAILED`, and that of a signal but the one of ``abort``.
    """
    candidates = " ".join([*(p for p in pythons if _SAFE_PATH.fullmatch(p)), *_PYTHONS])
    run = f"$p -ISBuc {_QUOTED.format(code)} {words} 2>/dev/null; r=$?"
    ended = f"test $r = 0 || test $r = {FAILED} || test $r -gt 134"
    return f"for p in {candidates}; do {run}; if {ended}; then exit $r; fi; done; "


def _shell(script: str) -> str:
    return f"exec /bin/sh -c '{script}'"
