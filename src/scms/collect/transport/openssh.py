"""What OpenSSH would use for an address, as it says itself (``ssh -G``).

To ask costs as much as half a handshake. Where no line of its configuration is about single hosts,
the answer is the same for all of them but for the name, and it is asked once a minute.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import Final

from scms.errors import ConnectError

Answer = dict[str, list[str]]

_ANSWER_SECONDS: Final = 10.0
#: So many are asked at once: a thousand at the same time would each take too long.
_AT_ONCE: Final = threading.BoundedSemaphore(8)
_FRESH_SECONDS: Final = 60.0
#: No server has this name: where it comes back elsewhere, the answer depends on the name.
_NOBODY: Final = "nobody-of-scms.invalid"
#: Names that OpenSSH takes as they are.
_PLAIN_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]*")
_READ: Final = re.compile(r"^debug1: Reading configuration data (.+?)\r?$", re.MULTILINE)
_ABOUT_HOSTS: Final = re.compile(r"^\s*\"?(host|match)\b\"?[\s=]*(.*?)\s*$", re.IGNORECASE)


def ask_openssh(address: str, *, port: int | None, user: str | None) -> Answer:
    """The settings that OpenSSH would use; empty where it is not installed.

    Raises:
        ConnectError: OpenSSH refuses its configuration file.
    """
    program = shutil.which("ssh")
    if program is None:
        return {}
    if _PLAIN_NAME.fullmatch(address) and (port is None or 0 < port < 65536):
        common = _COMMON.answer(program)
        if common is not None:
            own = [*([("port", str(port))] if port else []), *([("user", user)] if user else [])]
            return {**common, "hostname": [address], **{key: [value] for key, value in own}}
    options = [*(["-p", str(port)] if port else []), *(["-l", user] if user else [])]
    done = _run(program, [*options, "--", address])
    if done.returncode != 0:
        raise ConnectError(
            f"ssh does not accept {address}: {done.stderr.strip()[:300]}",
            mend=f"mend ~/.ssh/config; try: ssh -G {shlex.quote(address)}",
        )
    return _parsed(done.stdout)


class _Common:
    """The answer for any address, if there is one. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._program = ""
        self._answer: Answer | None = None
        self._asked_at = 0.0

    def answer(self, program: str) -> Answer | None:
        with self._lock:
            now = time.monotonic()
            if self._program != program or now - self._asked_at > _FRESH_SECONDS:
                self._answer = _for_any_host(program)
                self._program, self._asked_at = program, now
            return self._answer


_COMMON: Final = _Common()


def _for_any_host(program: str) -> Answer | None:
    """What OpenSSH answers for every address; None where that depends on the address."""
    done = _run(program, ["-v", "--", _NOBODY])
    if done.returncode != 0 or not done.stderr.startswith("OpenSSH_"):
        return None
    answer = _parsed(done.stdout)
    named = {key for key, values in answer.items() if any(_NOBODY in value for value in values)}
    if answer.get("hostname") != [_NOBODY] or named - {"host", "hostname"}:
        return None
    if answer.get("canonicalizehostname") not in (None, ["false"], ["no"]):
        return None
    if not all(_says_nothing_of_hosts(Path(name)) for name in _READ.findall(done.stderr)):
        return None
    return answer


def _says_nothing_of_hosts(path: Path) -> bool:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    about = [found[2] for line in lines if (found := _ABOUT_HOSTS.match(line))]
    return all(hosts == "*" for hosts in about)


def _run(program: str, options: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        with _AT_ONCE:
            return subprocess.run(
                [program, "-G", *options],
                capture_output=True,
                stdin=subprocess.DEVNULL,
                text=True,
                errors="replace",
                timeout=_ANSWER_SECONDS,
                check=False,
            )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConnectError(f"ssh -G {options[-1]} does not work: {error}") from error


def _parsed(text: str) -> Answer:
    answer: Answer = {}
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        answer.setdefault(key, []).append(value)
    return answer
