"""SSH by Fabric: connect within deadlines, verify the host key, log in, start a command.

Fabric and paramiko do the protocol; ours are the TCP connection (with a time-out and keep-alive),
the host-key rule (theirs accepts any key), the slots for handshakes and the read loop, because
Fabric's ``run`` keeps all output and cannot stream.
"""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import fabric
import paramiko

from scms.collect.transport import hostkeys
from scms.collect.transport.dial import ANSWER_SECONDS, ReadAhead, cut, dial
from scms.collect.transport.faults import translate, translated
from scms.collect.transport.gateways import Gateways
from scms.collect.transport.handing import Tap
from scms.collect.transport.resolve import Target, bastion, resolve
from scms.errors import ConnectError, LoginError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scms.inventory import Server

#: Everything between the TCP connection and the running command.
LOGIN_SECONDS: Final = 30.0
#: A handshake costs 90 ms of CPU; a thousand at once time out.
_HANDSHAKES: Final = threading.BoundedSemaphore(32)
#: A bastion's transport wakes up this often when nothing comes; its socket is shut down to end it.
_IDLE_SECONDS: Final = 60.0
#: So much of a server that floods is held at most; a sample has a few kB.
_WINDOW_BYTES: Final = 256 * 1024
_SIGNATURES: Final = {"ssh-rsa": ["rsa-sha2-512", "rsa-sha2-256"]}

# What goes wrong is raised; paramiko would print it as well where no logging is set up.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


class QuietTransport(paramiko.Transport):  # type: ignore[misc]  # paramiko is not typed
    """Wakes once a second in the handshake to see whether it should end, not ten times."""

    _active_check_timeout = 1.0


class _Policy(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]  # paramiko is not typed
    """Every host key comes here, because no known_hosts is loaded into the client."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.verified = False

    def missing_host_key(self, client: object, hostname: str, key: Any) -> None:
        """Accept the recorded key only."""
        del client, hostname
        hostkeys.verify(self.target, key.get_name(), key.asbytes())
        self.verified = True


def reach(server: Server) -> Login:
    """Log in on a server, directly or through the bastions before it.

    Raises:
        CollectError: One of its kinds, with the mend.
    """
    return _reach(server, resolve(server))


def start(login: Login, command: str) -> SshStream:
    """Start a command over a connection.

    Raises:
        CollectError: One of its kinds, with the mend; the connection is still open.
    """
    with translated(login.target, "start"), _deadline(login.target, login.sock):
        channel = login.connection.transport.open_session(window_size=_WINDOW_BYTES)
        channel.in_buffer = Tap()
        channel.set_combine_stderr(True)
        channel.exec_command(command)
    return SshStream(login, channel)


@dataclass(frozen=True, slots=True)
class Login:
    """A logged-in connection, with what has to be given back after it."""

    target: Target
    connection: fabric.Connection
    sock: ReadAhead
    release: Callable[[], None]

    def close(self) -> None:
        """End it; whoever waits for it wakes at once."""
        cut(self.sock)
        self.connection.close()
        self.release()


def _reach(server: Server, target: Target) -> Login:
    for name in target.identity_files:
        if not Path(name).is_file():
            raise LoginError(
                f"the key {name} does not exist",
                mend="correct identity_file in the inventory, or make a key with: ssh-keygen",
            )
    if target.via is None:
        sock = ReadAhead(dial(target))
        return Login(target, log_in(target, sock), sock, release=lambda: None)
    lease = _GATEWAYS.lease(bastion(server, target.via))
    try:
        with translated(target, "connect"):
            sock = ReadAhead(
                lease.login.connection.transport.open_channel(
                    "direct-tcpip", (target.host, target.port), ("", 0), timeout=ANSWER_SECONDS
                )
            )
        return Login(target, log_in(target, sock), sock, release=lease.release)
    except BaseException:
        lease.release()
        raise


def _reach_bastion(server: Server) -> Login:
    login = reach(server)
    login.sock.settimeout(_IDLE_SECONDS)
    return login


_GATEWAYS: Final = Gateways(_reach_bastion)


def log_in(target: Target, sock: Any) -> fabric.Connection:
    """Shake hands, verify the host key and log in over a connected socket.

    Raises:
        CollectError: One of its kinds, with the mend.
    """
    policy = _Policy(target)
    connection = fabric.Connection(
        target.host,
        user=target.user,
        port=target.port,
        config=fabric.Config(lazy=True, overrides={"load_ssh_configs": False}),
        connect_timeout=ANSWER_SECONDS,
        connect_kwargs={
            "sock": sock if isinstance(sock, ReadAhead) else ReadAhead(sock),
            "transport_factory": _transport_factory(hostkeys.key_types(target)),
            "banner_timeout": ANSWER_SECONDS,
            "auth_timeout": ANSWER_SECONDS,
            "channel_timeout": ANSWER_SECONDS,
            "key_filename": list(target.identity_files),
            "allow_agent": target.agent,
            "look_for_keys": False,
        },
    )
    connection.client.set_missing_host_key_policy(policy)
    try:
        with _HANDSHAKES, _deadline(target, sock):
            connection.open()
    except Exception as error:
        connection.client.close()
        sock.close()
        raise translate(error, target, "login" if policy.verified else "handshake") from error
    return connection


def _transport_factory(recorded: list[str]) -> Callable[..., QuietTransport]:
    """Makes transports that ask for a kind of host key that is on record."""

    def make(sock: Any, **options: Any) -> QuietTransport:
        transport = QuietTransport(sock, **options)
        known = transport.get_security_options()
        wanted = [s for kind in recorded for s in _SIGNATURES.get(kind, [kind])]
        first = [kind for kind in wanted if kind in known.key_types]
        # One pass deciphers and verifies.
        known.ciphers = sorted(known.ciphers, key=lambda name: "gcm" not in name)
        known.key_types = [*first, *(kind for kind in known.key_types if kind not in first)]
        return transport

    return make


@contextmanager
def _deadline(target: Target, sock: Any) -> Iterator[None]:
    """Cut the connection where a step of paramiko that knows no time-out takes too long."""
    passed = threading.Event()

    def end() -> None:
        passed.set()
        cut(sock)

    timer = threading.Timer(LOGIN_SECONDS, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except Exception as error:
        if passed.is_set():
            raise ConnectError(
                f"the login on {target.host}:{target.port} took over {LOGIN_SECONDS:.0f} s",
                mend=f"see what takes so long: {target.ssh_command('true')}",
            ) from error
        raise
    finally:
        timer.cancel()


class SshStream:
    """A command on a server. One thread reads and sends; any thread may close."""

    def __init__(self, login: Login, channel: paramiko.Channel) -> None:
        self._login, self._channel, self._target = login, channel, login.target
        self._closing = threading.Lock()
        self._closed = False

    def follow(
        self,
        on_data: Callable[[], None],
        on_idle: Callable[[], None],
        on_end: Callable[[], None],
    ) -> None:
        """From now on tell when something has come, has not come, and when all has ended."""
        tap: Tap = self._channel.in_buffer
        tap.on_data, tap.on_end, self._login.sock.on_idle = on_data, on_end, on_idle
        if self._channel.closed or self._channel.eof_received:
            on_end()

    def ready(self) -> bool:
        """Whether something can be sent without waiting for the other side."""
        clear: bool = self._channel.get_transport().clear_to_send.is_set()
        return clear and self._channel.send_ready()

    def idle_after(self, seconds: float) -> None:
        """How long is waited for something to come, from the next time on."""
        self._login.sock.settimeout(seconds)

    def receive_now(self) -> bytes:
        """What has come already; nothing while keys are renewed, which must not be waited for."""
        if not self._channel.get_transport().clear_to_send.is_set():
            return b""
        return self.receive(0.0) or b""

    def cut(self) -> None:
        """End the connection without waiting; `close` is still needed."""
        cut(self._login.sock)

    def receive(self, timeout: float) -> bytes | None:
        """What has come; empty at the end of it, None when nothing came in ``timeout`` seconds."""
        self._channel.settimeout(timeout)
        try:
            data: bytes = self._channel.recv(65536)
        except TimeoutError:
            return None
        return data

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self._channel.settimeout(ANSWER_SECONDS)
        with translated(self._target, "start"):
            self._channel.sendall(data)

    def ending(self) -> str:
        """How it ended, for people."""
        self._channel.status_event.wait(1.0)
        if self._channel.exit_status_ready() and self._channel.exit_status >= 0:
            return f"exit status {self._channel.exit_status}"
        error = self._channel.get_transport().get_exception()
        return "the connection was cut" if error is None else f"the connection was cut: {error}"

    def close(self) -> None:
        """End the connection; the probe goes when its input ends."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
        self._login.close()
