"""Host keys: what is recorded for a server, and what to do when it shows another.

Unknown keys are refused, or recorded where the inventory says ``host_keys = "accept-new"``; changed
ones are refused always.

A reader of known_hosts that takes the file as OpenSSH does: hashed names, patterns, ``@revoked``
and ``@cert-authority`` marks; a line that cannot be read is passed over, never an error.
"""

from __future__ import annotations

import base64
import binascii
import fnmatch
import hashlib
import hmac
import logging
import os
import shlex
import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from scms.errors import HostKeyError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scms.collect.transport.resolve import Target

_LOG: Final = logging.getLogger(__name__)
_RECORDING: Final = threading.Lock()


@dataclass(frozen=True, slots=True)
class Recorded:
    """One line of known_hosts that is about a server."""

    file: str
    name: str
    type: str
    key: bytes
    mark: str


def recorded_keys(files: Iterable[str], names: Iterable[str]) -> list[Recorded]:
    """The lines about any of ``names``, in the order of the files."""
    names = tuple(names)
    return [found for file in files for found in _about(file, _version(file), names)]


def _version(file: str) -> tuple[int, int, int] | None:
    """What changes when the file does; None where there is none, which records nothing."""
    try:
        status = os.stat(file)  # noqa: PTH116  as fast as it gets
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


@lru_cache(maxsize=2048)
def _about(
    file: str, version: tuple[int, int, int] | None, names: tuple[str, ...]
) -> tuple[Recorded, ...]:
    """The lines about any of ``names`` in one file: a login asks twice, and each try again."""
    if version is None:
        return ()
    lines, exact, others = _contents(file, version)
    positions = {place for name in names for place in exact.get(name.lower(), ())}
    found = []
    for place in sorted(positions.union(others)):
        line = lines[place]
        matching = [name for name in names if _matches(line, name)]
        found += [Recorded(file, name, line.type, line.key, line.mark) for name in matching[:1]]
    return tuple(found)


def key_types(target: Target) -> list[str]:
    """The kinds of key that are recorded for a server: it should be asked for one of these."""
    lines = recorded_keys(target.known_hosts, target.host_key_names())
    return list(dict.fromkeys(line.type for line in lines if not line.mark))


def verify(target: Target, key_type: str, key: bytes) -> None:
    """Accept the host key that a server shows if it is recorded, or is to be.

    Raises:
        HostKeyError: It is unknown, another one, or revoked; with the command to run.
    """
    names = target.host_key_names()
    lines = recorded_keys(target.known_hosts, names)
    shown = f"{key_type} {fingerprint(key)}"
    if any(line.mark == "@revoked" and line.key == key for line in lines):
        raise HostKeyError(
            f"the host key of {target.address} is revoked ({shown})",
            mend="ask its administrators; do not connect",
        )
    plain = [line for line in lines if not line.mark]
    if any(line.key == key for line in plain):
        return
    changed = [line for line in plain if line.name == names[0]]
    if changed:
        name = shlex.quote(names[0])
        forget = f"ssh-keygen -f {shlex.quote(changed[0].file)} -R {name}"
        raise HostKeyError(
            f"the host key of {target.address} has changed ({shown})",
            expected=" or ".join(f"{line.type} {fingerprint(line.key)}" for line in changed),
            mend="ask its administrators whether it was renewed; "
            f"if so, run: {forget} && {target.ssh_command('true')}",
        )
    authority = any(line.mark == "@cert-authority" for line in lines)
    if target.accept_new and not authority:
        _record(target, key_type, key)
        return
    raise HostKeyError(
        f"the host key of {target.address} is not known ({shown})",
        expected=f"a line for it in {target.known_hosts[0]}"
        + (" (certificates of an authority are not read)" if authority else ""),
        mend=f"compare it with what its administrators say, then run: {target.ssh_command('true')}",
    )


def _record(target: Target, key_type: str, key: bytes) -> None:
    """Add a key to the first of the files that apply, as ssh would."""
    file, shown = Path(target.known_hosts[0]), f"{key_type} {fingerprint(key)}"
    name = _hashed(target.host_key_names()[0]) if target.hash_names else target.host_key_names()[0]
    line = f"{name} {key_type} {base64.b64encode(key).decode()}\n".encode()
    try:
        with _RECORDING:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            ended = not file.exists() or file.read_bytes()[-1:] in {b"", b"\n"}
            file.touch(mode=0o600)
            with file.open("ab") as stream:
                stream.write(line if ended else b"\n" + line)
    except OSError as error:
        raise HostKeyError(
            f"the host key of {target.address} ({shown}) cannot be recorded: {error}",
            expected=f"a file that can be written: {file}",
            mend=f"record it by hand: {target.ssh_command('true')}",
        ) from error
    if not any(found.key == key for found in recorded_keys([str(file)], target.host_key_names())):
        raise HostKeyError(
            f"the host key of {target.address} ({shown}) was not kept by {file}",
            expected="a file that keeps what is written to it",
            mend="name another file with known_hosts in the inventory",
        )
    _LOG.warning("recorded a new host key of %s in %s: %s", target.address, file, shown)


def _hashed(name: str) -> str:
    salt = os.urandom(20)
    digest = hmac.digest(salt, name.encode(), "sha1")
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


def fingerprint(key: bytes) -> str:
    """As OpenSSH prints it: ``SHA256:…``."""
    digest = base64.b64encode(hashlib.sha256(key).digest()).decode()
    return f"SHA256:{digest.rstrip('=')}"


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of known_hosts: of whom it is, by patterns or by a salt and a hash."""

    mark: str
    patterns: tuple[str, ...]
    hashed: tuple[bytes, bytes] | None
    type: str
    key: bytes


_Contents = tuple[list[_Line], dict[str, list[int]], list[int]]


@lru_cache(maxsize=8)
def _contents(file: str, version: tuple[int, int, int]) -> _Contents:
    """The lines of a file, the places of those about single names, and the places of the others."""
    del version  # a part of what the answer is kept by
    try:
        text = Path(file).read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    lines = [line for row in text.splitlines() if (line := _read_line(row)) is not None]
    exact: dict[str, list[int]] = {}
    others: list[int] = []
    for place, line in enumerate(lines):
        if line.hashed is not None or any(set(name) & set("*?!") for name in line.patterns):
            others.append(place)
        else:
            for name in line.patterns:
                exact.setdefault(name, []).append(place)
    return lines, exact, others


def _read_line(row: str) -> _Line | None:
    fields = row.split()
    mark = fields.pop(0) if fields and fields[0].startswith("@") else ""
    if len(fields) < 3 or fields[0].startswith("#"):
        return None
    try:
        key = base64.b64decode(fields[2], validate=True)
        hashed = _salt_and_hash(fields[0]) if fields[0].startswith("|1|") else None
    except (binascii.Error, ValueError):
        return None
    patterns = () if hashed is not None else tuple(fields[0].lower().split(","))
    return _Line(mark, patterns, hashed, fields[1], key)


def _salt_and_hash(field: str) -> tuple[bytes, bytes]:
    _, _, salt, digest = field.split("|")
    return base64.b64decode(salt), base64.b64decode(digest)


def _matches(line: _Line, name: str) -> bool:
    if line.hashed is not None:
        salt, expected = line.hashed
        return hmac.compare_digest(hmac.digest(salt, name.encode(), "sha1"), expected)
    matched = False
    for pattern in line.patterns:
        # fnmatch knows [a-z]; in known_hosts brackets stand for themselves.
        plain = pattern.removeprefix("!").replace("[", "[[]")
        if fnmatch.fnmatchcase(name.lower(), plain):
            if pattern.startswith("!"):
                return False
            matched = True
    return matched
