"""What OpenSSH would do for an address: its own answer (``ssh -G``), as a `Target`.

paramiko reads only a part of ``~/.ssh/config`` (no Include, no UserKnownHostsFile), so OpenSSH is
asked. In: a server of the inventory, which has the last word. Out: where and how to connect.
"""

from __future__ import annotations

import getpass
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scms.collect.transport.openssh import ask_openssh

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scms.inventory import Server


@dataclass(frozen=True, slots=True)
class Target:
    """One SSH server to connect to.

    Attributes:
        address: What was asked for: an alias or a host name.
        known_hosts_option: Whether the file of known hosts was named in the inventory.
        via: The bastion to go through, as an address; a list with commas for several.
        accept_new: Whether a host key that is not known is recorded.
        hash_names: Whether names are hashed where one is recorded.
    """

    address: str
    host: str
    port: int
    user: str
    identity_files: tuple[str, ...]
    agent: bool
    known_hosts: tuple[str, ...]
    known_hosts_option: bool
    host_key_alias: str | None
    via: str | None
    proxy_command: str | None
    accept_new: bool = False
    hash_names: bool = False

    def host_key_names(self) -> tuple[str, ...]:
        """The names its key is recorded under, as OpenSSH looks for them."""
        if self.host_key_alias is not None:
            return (self.host_key_alias,)
        host = self.host.lower()
        return (host,) if self.port == 22 else (f"[{host}]:{self.port}", host)

    def ssh_command(self, *words: str) -> str:
        """The ``ssh`` command that does the same by hand."""
        command = ["ssh"]
        if self.known_hosts_option:
            command += ["-o", f"UserKnownHostsFile={self.known_hosts[0]}"]
        if self.port != 22:
            command += ["-p", str(self.port)]
        if self.via is not None:
            command += ["-J", self.via]
        return shlex.join([*command, f"{self.user}@{self.address}", *words])


def resolve(server: Server) -> Target:
    """Where and how to connect to a server of the inventory."""
    address = server.address or server.name
    answer = ask_openssh(address, port=server.port, user=server.user)
    via = server.via if server.via is not None else _one(answer, "proxyjump")
    known_hosts = (server.known_hosts,) if server.known_hosts else _known_hosts(answer)
    identities = (server.identity_file,) if server.identity_file else answer.get("identityfile", ())
    files = tuple(str(Path(name).expanduser()) for name in identities)
    if not server.identity_file:
        files = tuple(name for name in files if Path(name).exists())
    return Target(
        address=address,
        host=_one(answer, "hostname") or address,
        port=server.port or int(_one(answer, "port") or 22),
        user=server.user or _one(answer, "user") or getpass.getuser(),
        identity_files=files,
        agent=not server.identity_file and _one(answer, "identitiesonly") != "yes",
        known_hosts=tuple(str(Path(name).expanduser()) for name in known_hosts),
        known_hosts_option=bool(server.known_hosts),
        host_key_alias=_one(answer, "hostkeyalias"),
        via=via,
        proxy_command=None if via is not None else _one(answer, "proxycommand"),
        accept_new=server.host_keys == "accept-new",
        hash_names=_one(answer, "hashknownhosts") == "yes",
    )


def bastion(server: Server, via: str) -> Server:
    """The server to go through for ``server``: ``[user@]host[:port]``, or a chain of them."""
    *earlier, last = via.removeprefix("ssh://").split(",")
    user, _, place = last.strip().rpartition("@")
    host, colon, port = place.rpartition(":")
    numbered = bool(colon) and port.isdigit()
    return server.model_copy(
        update={
            "name": f"bastion-of-{server.name}",
            "address": host if numbered else place,
            "port": int(port) if numbered else None,
            "user": user or None,
            "via": ",".join(earlier) or None,
        }
    )


def _one(answer: Mapping[str, Sequence[str]], key: str) -> str | None:
    values = answer.get(key)
    return None if not values or values[0] in {"", "none"} else values[0]


def _known_hosts(answer: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    files = [
        name
        for key in ("userknownhostsfile", "globalknownhostsfile")
        for name in (_one(answer, key) or "").split()
    ]
    return tuple(files or ["~/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts"])
