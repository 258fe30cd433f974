"""Every error of a library beneath comes out as one of ours, with a mend."""

from __future__ import annotations

import errno
import inspect
import socket
from dataclasses import replace
from typing import Any, get_args

import paramiko
import pytest
from paramiko import ssh_exception

from scms.collect.transport.dial import expanded
from scms.collect.transport.faults import Stage, translate
from scms.collect.transport.openssh import ask_openssh
from scms.collect.transport.resolve import Target, bastion, resolve
from scms.errors import CollectError, ConnectError, HostKeyError, LoginError, ProbeError
from scms.inventory import Server

TARGET = Target(
    address="alpha",
    host="alpha.lab",
    port=2222,
    user="ann",
    identity_files=("/keys/one",),
    agent=False,
    known_hosts=("/known",),
    known_hosts_option=False,
    host_key_alias=None,
    via=None,
    proxy_command=None,
)
KEY = paramiko.ECDSAKey.generate()
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "BadAuthenticationType": ("bad", ["password"]),
    "PartialAuthentication": (["password"],),
    "UnableToAuthenticate": ("no",),
    "ChannelException": (2, "open failed"),
    "BadHostKeyException": ("alpha", KEY, KEY),
    "ProxyCommandFailure": ("nc alpha", 1),
    "NoValidConnectionsError": ({("10.0.0.1", 22): OSError("refused")},),
}
OF_PARAMIKO = [
    kind(*ARGUMENTS.get(name, ("said so",)))
    for name, kind in inspect.getmembers(ssh_exception, inspect.isclass)
    if issubclass(kind, Exception) and kind.__module__ == ssh_exception.__name__
]


@pytest.mark.parametrize("stage", get_args(Stage))
@pytest.mark.parametrize("error", OF_PARAMIKO, ids=lambda error: type(error).__name__)
def test_every_error_of_paramiko_is_ours_with_a_mend(error: Exception, stage: Stage) -> None:
    ours = translate(error, TARGET, stage)
    assert isinstance(ours, CollectError)
    assert ours.mend


@pytest.mark.parametrize(
    ("error", "stage", "kind", "message"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, ""), "connect", ConnectError, "refused the"),
        (TimeoutError(), "connect", ConnectError, "did not answer"),
        (OSError(errno.EHOSTUNREACH, ""), "connect", ConnectError, "no route"),
        (OSError(errno.EMFILE, "Too many open files"), "connect", ConnectError, "Too many open"),
        (socket.gaierror(-2, "Name not known"), "connect", ConnectError, "cannot be resolved"),
        (EOFError(), "handshake", ConnectError, "no SSH connection"),
        (paramiko.SSHException("Error reading SSH protocol banner"), "handshake", ConnectError,
         "MaxStartups"),
        (paramiko.SSHException("No existing session"), "login", LoginError, "was refused"),
        (paramiko.AuthenticationException("no"), "login", LoginError, "tried /keys/one"),
        (paramiko.ChannelException(1, "prohibited"), "connect", ConnectError, "AllowTcpForwarding"),
        (paramiko.ChannelException(2, "failed"), "start", ProbeError, "MaxSessions"),
        (paramiko.SSHException("Channel closed."), "start", ProbeError, "did not start"),
        (paramiko.BadHostKeyException("alpha", KEY, KEY), "handshake", HostKeyError, "has changed"),
    ],
)  # fmt: skip
def test_what_happened_is_said_in_words(
    error: Exception, stage: Stage, kind: type[CollectError], message: str
) -> None:
    ours = translate(error, TARGET, stage)
    assert type(ours) is kind
    assert message in str(ours)


def test_our_own_errors_pass() -> None:
    error = HostKeyError("changed")
    assert translate(error, TARGET, "handshake") is error


def test_what_a_server_says_is_cleaned() -> None:
    error = paramiko.SSHException("\x1b[2J" + "x" * 5000)
    assert len(str(translate(error, TARGET, "handshake"))) < 500
    assert str(translate(error, TARGET, "handshake")).isprintable()


def test_the_command_that_copies_the_key_goes_the_same_way() -> None:
    ours = translate(paramiko.AuthenticationException("no"), replace(TARGET, via="gate"), "login")
    assert ours.mend == "run: ssh-copy-id -i /keys/one -p 2222 -o ProxyJump=gate ann@alpha"


class TestResolve:
    """These ask the ssh of this machine."""

    def test_the_inventory_has_the_last_word(self) -> None:
        server = Server(
            name="a", address="127.0.0.1", port=77, user="eve", identity_file="/k", known_hosts="/h"
        )
        target = resolve(server)
        assert (target.host, target.port, target.user) == ("127.0.0.1", 77, "eve")
        assert (target.identity_files, target.agent) == (("/k",), False)
        assert (target.known_hosts, target.known_hosts_option) == (("/h",), True)

    def test_without_a_key_the_agent_is_asked(self) -> None:
        target = resolve(Server(name="a", address="127.0.0.1"))
        assert target.agent
        assert target.known_hosts[0].endswith("/known_hosts")

    def test_without_openssh_the_inventory_and_the_defaults_serve(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", "/nonexistent")
        target = resolve(Server(name="a", address="alpha", user="ann"))
        assert (target.host, target.port, target.user) == ("alpha", 22, "ann")

    def test_a_broken_configuration_is_told(self) -> None:
        with pytest.raises(ConnectError, match="ssh does not accept") as caught:
            ask_openssh("alpha", port=99999999, user=None)
        assert "ssh -G alpha" in str(caught.value)

    @pytest.mark.parametrize(
        ("via", "expected"),
        [
            ("gate", ("gate", None, None, None)),
            ("ann@gate:2222", ("gate", 2222, "ann", None)),
            ("one,two:22", ("two", 22, None, "one")),
            ("ssh://ann@gate", ("gate", None, "ann", None)),
        ],
    )
    def test_a_bastion_is_a_server_too(self, via: str, expected: tuple[Any, ...]) -> None:
        gate = bastion(Server(name="a", identity_file="/k"), via)
        assert (gate.address, gate.port, gate.user, gate.via) == expected
        assert gate.identity_file == "/k"

    def test_a_proxy_command_is_filled_in(self) -> None:
        target = replace(TARGET, proxy_command="ssh -W %h:%p -l %r gate %% %n")
        assert expanded(target) == "ssh -W alpha.lab:2222 -l ann gate % alpha"
