"""What paramiko, Fabric and the operating system raise becomes a `CollectError` with its mend.

In: an exception, the target, and how far the connection had come. Out: the error to raise.
"""

from __future__ import annotations

import errno
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Literal

import paramiko

from scms.collect.parse import text
from scms.errors import CollectError, ConnectError, HostKeyError, LoginError, ProbeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scms.collect.transport.resolve import Target

#: Reaching it, agreeing on a cipher and a host key, logging in, starting the probe.
Stage = Literal["connect", "handshake", "login", "start"]


@contextmanager
def translated(target: Target, stage: Stage) -> Iterator[None]:
    """What goes wrong within is raised as a `CollectError`."""
    try:
        yield
    except (OSError, EOFError, paramiko.SSHException) as error:
        raise translate(error, target, stage) from error


_SYSTEM: Final = {
    errno.ECONNREFUSED: "refused the connection: no sshd listens there",
    errno.EHOSTUNREACH: "cannot be reached: no route to it",
    errno.ENETUNREACH: "cannot be reached: no network",
    errno.ETIMEDOUT: "did not answer",
    errno.ECONNRESET: "cut the connection",
    errno.EPIPE: "cut the connection",
}


def translate(  # noqa: PLR0911  a table of cases, one return each
    error: BaseException, target: Target, stage: Stage
) -> CollectError:
    """The error of SCMS for an error of a library beneath."""
    if isinstance(error, CollectError):
        return error
    place = f"{target.host}:{target.port}"
    if isinstance(error, paramiko.BadHostKeyException):
        return HostKeyError(
            f"the host key of {place} has changed",
            mend=f"ask its administrators, then run: {target.ssh_command('true')}",
        )
    if isinstance(error, paramiko.AuthenticationException):
        return _refused(error, target)
    if isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
        return ConnectError(
            f"{place} shares no algorithm with this side ({_words(error)})",
            mend="update its OpenSSH: SHA-1 signatures are no longer supported",
        )
    if isinstance(error, paramiko.ChannelException):
        return _no_channel(error, target, stage)
    if isinstance(error, socket.gaierror):
        return ConnectError(
            f"the name {target.host} cannot be resolved ({_words(error)})",
            mend="check its address in the inventory, and DNS",
        )
    if isinstance(error, OSError):
        return _system(error, target, place)
    if stage == "login" and isinstance(error, paramiko.SSHException):
        return _refused(error, target)
    if stage == "start":
        return ProbeError(
            f"{place} did not start the probe ({_words(error)})",
            mend=f"try: {target.ssh_command('python3', '-V')}",
        )
    return ConnectError(
        f"no SSH connection to {place} ({_words(error)})",
        mend=f"try: {target.ssh_command('true')}; "
        "an sshd that is busy drops connections (MaxStartups)",
    )


def _system(error: OSError, target: Target, place: str) -> ConnectError:
    said = _SYSTEM.get(error.errno or 0)
    if isinstance(error, TimeoutError):
        said = _SYSTEM[errno.ETIMEDOUT]
    if isinstance(error, paramiko.ssh_exception.NoValidConnectionsError):
        said = _SYSTEM[errno.ECONNREFUSED]
    return ConnectError(
        f"{place} {said or f'cannot be reached ({_words(error)})'}",
        mend=f"see that it is up and its address is right; try: {target.ssh_command('true')}",
    )


def _refused(error: Exception, target: Target) -> LoginError:
    tried = [*target.identity_files, *(["the keys of the SSH agent"] if target.agent else [])]
    account = f"{target.user}@{target.address}"
    if isinstance(error, paramiko.PasswordRequiredException):
        return LoginError(
            f"the key {' or '.join(target.identity_files)} is locked by a passphrase",
            expected="a key without one, or an SSH agent that holds it",
            mend="run: ssh-add, and leave identity_file out of the inventory",
        )
    wanted = ""
    if isinstance(error, paramiko.BadAuthenticationType):
        wanted = f" (it accepts {', '.join(str(kind) for kind in error.allowed_types)})"
    return LoginError(
        f"{account} was refused{wanted}; tried {', '.join(tried) or 'no key: there is none'}",
        expected="a key in its authorized_keys, without a second factor",
        mend=f"run: {_copy_key(target)}",
    )


def _copy_key(target: Target) -> str:
    """``ssh-copy-id`` takes the options of ``ssh`` but -J."""
    words = target.ssh_command().removeprefix("ssh ")
    key = f"-i {target.identity_files[0]} " if len(target.identity_files) == 1 else ""
    return f"ssh-copy-id {key}{words.replace('-J ', '-o ProxyJump=')}"


def _no_channel(
    error: paramiko.ChannelException, target: Target, stage: Stage
) -> ConnectError | ProbeError:
    if stage == "connect":
        return ConnectError(
            f"the bastion {target.via} does not reach {target.host}:{target.port} "
            f"({_words(error)})",
            mend="see that AllowTcpForwarding is on there, and that it knows the name",
        )
    return ProbeError(
        f"{target.address} allows no session ({_words(error)})",
        mend="see MaxSessions in its sshd_config",
    )


def _words(error: BaseException) -> str:
    return text(str(error), 200) or type(error).__name__
