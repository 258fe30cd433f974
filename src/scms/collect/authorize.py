"""The line of authorized_keys that lets a key start the probe, and do nothing else.

In: a public key. Out: the line. What sshd then runs is ours, whatever the key asks for, and it
starts only a program of the SHA-256 that stands in the line.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from scms.collect.bootstrap import authorized_command
from scms.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

_KEY: Final = re.compile(
    r"(?:ssh|ecdsa|sk-ssh|sk-ecdsa)-[A-Za-z0-9@.-]+ [A-Za-z0-9+/]{40,}={0,3}(?: [^\r\n]*)?"
)


def authorized_line(key: str) -> str:
    """The line for a public key, as it stands in a ``.pub`` file.

    Raises:
        SettingsError: It is no public key.
    """
    key = key.strip()
    if not _KEY.fullmatch(key):
        raise SettingsError(
            "that is no public key",
            expected='one line such as "ssh-ed25519 AAAA… monitor"',
            mend="make a key with: ssh-keygen -t ed25519 -f monitor, and name monitor.pub",
        )
    return f"{authorized_options()} {key}"


def authorized_options() -> str:
    """What stands before the key: no terminal, no forwarding, one command."""
    command = authorized_command().replace('"', '\\"')
    return f'restrict,command="{command}"'


def read_public_key(path: Path) -> str:
    """The public key in a file; that of a private key stands beside it as ``.pub``.

    Raises:
        SettingsError: The file cannot be read.
    """
    public = path.with_name(f"{path.name}.pub")
    if path.suffix != ".pub" and public.exists():
        path = public
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}", expected="a public key") from error
