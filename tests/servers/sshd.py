"""Real OpenSSH servers on loopback, for tests: no root needed, nothing of the user's touched.

    with sshd_fleet(tmp_path, count=3, environment={0: driver.environment}) as servers:
        inventory = {"servers": [server.entry() for server in servers]}

Every server has a port, a host key and an environment of its own; they share one throw-away user
key. They run as the user of the tests and are gone, with all that ran in them, at the end.
"""

from __future__ import annotations

import getpass
import os
import signal
import socket
import subprocess
import time
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scms.inventory import Server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ADDRESS = "127.0.0.1"
#: What the environment of everything that runs in a server has, to tell it from all else.
MARK = "SCMS_TEST_SERVER"
_READY_SECONDS = 15.0


@dataclass
class Sshd:
    """One OpenSSH server. ``entry()`` is its entry of cluster.toml."""

    name: str
    folder: Path
    program: str
    identity_file: Path
    environment: Mapping[str, str]
    port: int = 0
    extra: str = ""  # lines of sshd_config that go before ours, from the next start on
    authorized_keys: Path | None = None  # else the key of the fleet may do anything
    address: str = ADDRESS
    wrapper: tuple[str, ...] = ()  # what starts it, such as: ip netns exec NAME
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def known_hosts(self) -> Path:
        """A file with its host key, and no other."""
        return self.folder / "known_hosts"

    @property
    def host_key(self) -> Path:
        return self.folder / "host_key"

    def entry(self, **changes: Any) -> dict[str, Any]:
        """What stands in cluster.toml to reach it."""
        return {
            "name": self.name,
            "address": self.address,
            "port": self.port,
            "user": getpass.getuser(),
            "identity_file": str(self.identity_file),
            "known_hosts": str(self.known_hosts),
            **changes,
        }

    def server(self, **changes: Any) -> Server:
        """The same, as a server of the inventory."""
        return Server(**self.entry(**changes))

    def start(self) -> None:
        """Start it, at the same port as before if it has had one; returns when it answers."""
        self.port = self.port or free_port()
        self._write_configuration()
        command = [*self.wrapper, self.program, "-D", "-e", "-f", str(self.folder / "sshd_config")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        wait_until(self._answers, _READY_SECONDS, self.log)

    def stop(self) -> None:
        """Kill it with everything that runs in it."""
        if self._process is None:
            return
        for pid in [*self.processes(), *descendants(self._process.pid), self._process.pid]:
            _signal(pid, signal.SIGKILL)
            _signal(pid, signal.SIGCONT)
        self._process.wait(10)
        self._process = None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the server and to its connections, but not to what runs in them."""
        assert self._process is not None
        for pid in [self._process.pid, *descendants(self._process.pid)]:
            if command_line(pid).startswith("sshd") or pid == self._process.pid:
                _signal(pid, number)

    def renew_host_key(self) -> None:
        """Give it another host key, which known_hosts does not have."""
        self.host_key.unlink()
        self.host_key.with_suffix(".pub").unlink()
        make_key(self.host_key)

    def probes(self) -> list[int]:
        """The probes that run in it."""
        lines = {pid: command_line(pid) for pid in self.processes()}
        # The shell that started it waits for it, and has the same words in a word of its own.
        return [p for p, line in lines.items() if "-ISBuc import" in line and "/bin/sh" not in line]

    def processes(self) -> list[int]:
        """Everything that runs in it, also what has lost its parent."""
        return processes_with_environment(MARK, self.mark)

    def log(self) -> str:
        """What it has logged."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"sshd ended: {self.log()}")
        try:
            with socket.create_connection((self.address, self.port), timeout=1) as sock:
                return sock.recv(4) == b"SSH-"
        except OSError:
            return False

    def _write_configuration(self) -> None:
        # A home of its own: start files of the user may take long, or do anything.
        settings = {MARK: self.mark, "HOME": str(self.folder), **self.environment}
        public = self.identity_file.with_suffix(".pub")
        keys = public if self.authorized_keys is None else self.authorized_keys
        (self.folder / "sshd_config").write_text(
            f"""{self.extra}
ListenAddress {self.address}
Port {self.port}
HostKey {self.host_key}
AuthorizedKeysFile {keys}
PidFile none
UsePAM no
StrictModes no
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
{"" if "MaxStartups" in self.extra else "MaxStartups 200"}
SetEnv {" ".join(f'"{key}={value}"' for key, value in settings.items())}
""",
            encoding="utf-8",
        )


@contextmanager
def sshd_fleet(
    folder: Path,
    *,
    count: int = 1,
    environment: Mapping[int, Mapping[str, str]] | None = None,
    program: str = "/usr/sbin/sshd",
    wrapper: tuple[str, ...] = (),
) -> Iterator[list[Sshd]]:
    """Start servers ``sshd-0`` … and stop them at the end.

    Args:
        folder: Where their keys, configurations and logs go.
        count: How many.
        environment: What the programs of the server of that number find in their environment.
        program: The absolute path of sshd.
        wrapper: What starts each of them.
    """
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # started by root, it insists on it
    identity = folder / "identity"
    if not identity.exists():
        make_key(identity)
    servers: list[Sshd] = []
    try:
        for number in range(count):
            name = f"sshd-{number}"
            (folder / name).mkdir(parents=True)
            own = {} if environment is None else environment.get(number, {})
            server = Sshd(name, folder / name, program, identity, own, wrapper=wrapper)
            make_key(server.host_key)
            server.start()
            public = server.host_key.with_suffix(".pub").read_text(encoding="utf-8").split()
            server.known_hosts.write_text(
                f"[{ADDRESS}]:{server.port} {public[0]} {public[1]}\n", encoding="utf-8"
            )
            servers.append(server)
        yield servers
    finally:
        for server in servers:
            server.stop()


def make_key(path: Path) -> None:
    """Make a throw-away ed25519 key without a passphrase."""
    path.parent.mkdir(parents=True, exist_ok=True)
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def free_port() -> int:
    """A port of loopback on which nobody listens."""
    with socket.socket() as sock:
        sock.bind((ADDRESS, 0))
        port: int = sock.getsockname()[1]
        return port


def wait_until(condition: Any, seconds: float = 10.0, explain: Any = lambda: "") -> None:
    """Wait for a condition; fail with an explanation when it does not come true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {explain()}")
        time.sleep(0.02)


def processes_with_environment(key: str, value: str) -> list[int]:
    """The processes whose environment has ``key=value``."""
    entry = f"{key}={value}".encode()
    found: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if entry in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def descendants(pid: int) -> list[int]:
    """The children of a process, their children, and so on."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            text = (folder / "stat").read_text(encoding="utf-8", errors="replace")
            parents.setdefault(int(text.rpartition(")")[2].split()[1]), []).append(int(folder.name))
    found, waiting = [], [pid]
    while waiting:
        children = parents.get(waiting.pop(), [])
        found += children
        waiting += children
    return found


def command_line(pid: int) -> str:
    """The arguments of a process, with blanks between."""
    try:
        data = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ""
    return data.replace(b"\0", b" ").decode("utf-8", "replace").strip()


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
