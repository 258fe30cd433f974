"""A key that may start the probe, and nothing else: with real OpenSSH servers."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from scms.collect import bootstrap as bootstrap_module
from scms.collect.authorize import authorized_line, authorized_options, read_public_key
from scms.collect.bootstrap import bootstrap
from scms.collect.program import digest, program, shell_digest
from scms.collect.transport import connect
from scms.errors import ProbeError, SettingsError
from servers.sshd import ADDRESS, free_port, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from servers.sshd import Sshd


def public_key(server: Sshd) -> str:
    return read_public_key(server.identity_file)


@pytest.fixture
def monitored(sshd: Sshd) -> Sshd:
    """A server on which the key of the tests may only start the probe."""
    return authorizing(sshd, authorized_line(public_key(sshd)))


def authorizing(server: Sshd, line: str) -> Sshd:
    keys = server.folder / "authorized_keys"
    keys.write_text(f"{line}\n", encoding="utf-8")
    server.stop()
    server.authorized_keys = keys
    server.start()
    return server


def ssh(server: Sshd, *words: str, program: str = "ssh", stdin: bytes = b"") -> Any:
    options = [
        "-i", str(server.identity_file), "-o", f"UserKnownHostsFile={server.known_hosts}",
        "-o", "BatchMode=yes", "-o", f"Port={server.port}",
    ]  # fmt: skip
    return subprocess.run(
        [program, *options, *words], input=stdin, capture_output=True, timeout=30, check=False
    )


def account(server: Sshd) -> str:
    return f"{server.entry()['user']}@{ADDRESS}"


@pytest.mark.sshd
class TestOnAServer:
    def test_the_probe_streams_samples(self, monitored: Sshd) -> None:
        channel = connect(monitored.server(), 0.2)
        try:
            messages = [json.loads(channel.readline(15)) for _ in range(3)]
        finally:
            channel.close()
        assert [m["type"] for m in messages] == ["hello", "sample", "sample"]
        assert messages[2]["cpu_count"] > 0
        wait_until(lambda: not monitored.processes(), 5, monitored.processes)

    def test_a_command_is_not_run(self, monitored: Sshd) -> None:
        done = ssh(monitored, account(monitored), "id")
        assert done.returncode != 0
        assert b"uid=" not in done.stdout + done.stderr
        assert done.stdout.startswith(b"SCMS-AUTHORIZED ")

    def test_no_terminal_is_given(self, monitored: Sshd) -> None:
        done = ssh(monitored, "-tt", account(monitored))
        assert done.returncode != 0
        assert b"PTY allocation request failed" in done.stderr

    def test_sftp_is_refused(self, monitored: Sshd) -> None:
        program = shutil.which("sftp")
        if program is None:
            pytest.skip("sftp is not installed (Debian package openssh-client)")
        monitored.stop()
        monitored.extra = "Subsystem sftp internal-sftp\n"
        monitored.start()
        done = ssh(monitored, "-b", "-", account(monitored), program=program, stdin=b"ls /etc\n")
        assert done.returncode != 0
        assert b"passwd" not in done.stdout

    def test_no_port_is_forwarded(self, monitored: Sshd) -> None:
        with socket.socket() as inside:
            inside.bind((ADDRESS, 0))
            inside.listen(1)
            port = inside.getsockname()[1]
            done = ssh(monitored, "-W", f"{ADDRESS}:{port}", account(monitored))
            inside.setblocking(False)
            with pytest.raises(BlockingIOError):
                inside.accept()
        assert b"administratively prohibited" in done.stderr

    def test_no_port_is_listened_at(self, monitored: Sshd) -> None:
        forward = ["-R", f"{free_port()}:{ADDRESS}:1", "-o", "ExitOnForwardFailure=yes"]
        done = ssh(monitored, *forward, account(monitored))
        assert b"remote port forwarding failed" in done.stderr

    def test_another_program_is_refused(
        self, monitored: Sshd, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        written = tmp_path / "written"
        evil = zlib.compress(f"open({str(written)!r}, 'w')".encode())
        evil = evil.ljust(len(program()), b"\0")
        monkeypatch.setattr(bootstrap_module, "program", lambda: evil)
        with pytest.raises(ProbeError, match="another program was sent: refused"):
            connect_and_read(monitored)
        assert not written.exists()

    def test_a_program_of_the_same_length_is_refused(
        self, monitored: Sshd, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = program()
        changed = real[:-1] + bytes([real[-1] ^ 1])
        monkeypatch.setattr(bootstrap_module, "program", lambda: changed)
        with pytest.raises(ProbeError, match="another program was sent: refused"):
            connect_and_read(monitored)

    def test_another_version_of_the_probe_is_told(
        self, monitored: Sshd, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(bootstrap_module, "digest", lambda: "0" * 64)
        with pytest.raises(ProbeError, match="allows another version of the probe") as caught:
            connect(monitored.server(), 1)
        assert "run scms authorize again" in str(caught.value)


def connect_and_read(server: Sshd) -> None:
    channel = connect(server.server(), 1)
    try:
        channel.readline(15)
    finally:
        channel.close()


class TestOptions:
    """The options are data, and whoever has the key may choose them."""

    def speak(self, options: bytes) -> bytes:
        """The first line of a probe that is started with these options."""
        boot = bootstrap(interval_seconds=1, pythons=(sys.executable,))
        with subprocess.Popen(
            ["/bin/sh", "-c", boot.command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stdout.readline().endswith(b" READY\n")
            process.stdin.write(program() + options)
            process.stdin.flush()
            if not options:
                process.stdin.close()
            return process.stdout.readline()

    def test_code_in_them_is_not_run(self) -> None:
        said = self.speak(b'__import__("os").system("echo") 1 0 1\n')
        assert said.startswith(b'__import__("os").system("echo") {"type":"hello"')

    def test_ticks_cannot_be_asked_for_without_end(self) -> None:
        said = self.speak(b"n 1e-9 0 1\n")
        hello = json.loads(said.removeprefix(b"n "))
        assert hello["interval_seconds"] == 0.1

    @pytest.mark.parametrize("options", [b"", b"nonsense\n", b"n 1 0 __import__\n"])
    def test_without_them_nothing_runs(self, options: bytes) -> None:
        assert b"hello" not in self.speak(options)


def test_a_line_is_one_line_that_ends_with_the_key() -> None:
    key = "ssh-ed25519 " + "A" * 68 + " monitor of the lab"
    line = authorized_line(f"{key}\n")
    assert line.startswith("restrict,command=\"exec /bin/sh -c '")
    assert line.endswith(f'" {key}')
    assert "\n" not in line
    assert digest() in line
    assert shell_digest() in line
    assert len(line) < 4000


@pytest.mark.parametrize(
    "text",
    ["", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n", "ssh-ed25519 AAAA",
     "ssh-ed25519 " + "A" * 68 + "\nssh-ed25519 " + "A" * 68, 'x" ssh-ed25519 ' + "A" * 68],
)  # fmt: skip
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="no public key"):
        authorized_line(text)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        read_public_key(tmp_path / "none.pub")


def test_the_public_key_stands_beside_the_private_one(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret")
    (tmp_path / "key.pub").write_text("public")
    assert read_public_key(tmp_path / "key") == "public"


def test_without_a_key_what_stands_before_it_is_printed() -> None:
    assert authorized_line("ssh-ed25519 " + "A" * 68).startswith(authorized_options() + " ")


def test_the_program_is_the_same_for_all_sessions() -> None:
    one, other = bootstrap(interval_seconds=1), bootstrap(interval_seconds=9, phase_seconds=3)
    assert one.payload.startswith(program())
    assert other.payload.startswith(program())
    assert one.nonce != other.nonce
