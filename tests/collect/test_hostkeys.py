"""known_hosts is read as OpenSSH reads it, and never raises."""

from __future__ import annotations

import base64
import logging
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scms.collect.transport.hostkeys import (
    _matches,
    _read_line,
    fingerprint,
    key_types,
    recorded_keys,
    verify,
)
from scms.collect.transport.resolve import Target
from scms.errors import HostKeyError
from servers.sshd import make_key

KEY, OTHER = b"key-one", b"key-two"


def encoded(key: bytes) -> str:
    return base64.b64encode(key).decode()


def target(file: Path, *, port: int = 22, via: str | None = None) -> Target:
    return Target(
        address="alpha",
        host="alpha.lab",
        port=port,
        user="ann",
        identity_files=(),
        agent=True,
        known_hosts=(str(file),),
        known_hosts_option=True,
        host_key_alias=None,
        via=via,
        proxy_command=None,
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "known hosts"


@pytest.mark.parametrize(
    "names",
    ["alpha.lab", "10.0.0.1,alpha.lab", "*.lab", "a?pha.lab", "ALPHA.lab", "!beta.lab,*"],
)
def test_the_recorded_key_is_accepted(file: Path, names: str) -> None:
    file.write_text(f"{names} ssh-ed25519 {encoded(KEY)} comment\n")
    verify(target(file), "ssh-ed25519", KEY)


@pytest.mark.parametrize("names", ["beta.lab", "!alpha.lab,*", "alpha", "[alpha.lab]:2222", "lab"])
def test_a_key_of_another_name_is_not_known(file: Path, names: str) -> None:
    file.write_text(f"{names} ssh-ed25519 {encoded(KEY)}\n")
    with pytest.raises(HostKeyError, match="is not known"):
        verify(target(file), "ssh-ed25519", KEY)


def test_another_port_has_another_name_and_falls_back_on_the_plain_one(file: Path) -> None:
    file.write_text(f"[alpha.lab]:2222 ssh-ed25519 {encoded(KEY)}\nalpha.lab x {encoded(OTHER)}\n")
    verify(target(file, port=2222), "ssh-ed25519", KEY)
    verify(target(file, port=2222), "ssh-ed25519", OTHER)


def test_hashed_names_of_openssh_are_found(file: Path) -> None:
    make_key(file.with_name("key"))
    public = file.with_name("key.pub").read_text().split()
    file.write_text(f"alpha.lab {public[0]} {public[1]}\n")
    subprocess.run(["ssh-keygen", "-H", "-f", str(file)], check=True, capture_output=True)
    assert file.read_text().startswith("|1|")
    verify(target(file), "ssh-ed25519", base64.b64decode(public[1]))


def test_the_fingerprint_is_that_of_openssh(file: Path) -> None:
    make_key(file)
    said = subprocess.run(["ssh-keygen", "-l", "-f", str(file)], check=True, capture_output=True)
    key = base64.b64decode(file.with_name(f"{file.name}.pub").read_text().split()[1])
    assert fingerprint(key) in said.stdout.decode()


def test_a_changed_key_names_the_recorded_one_and_how_to_forget_it(file: Path) -> None:
    file.write_text(f"alpha.lab ssh-ed25519 {encoded(OTHER)}\n")
    with pytest.raises(HostKeyError, match="has changed") as caught:
        verify(target(file), "ssh-ed25519", KEY)
    assert caught.value.expected == f"ssh-ed25519 {fingerprint(OTHER)}"
    assert f"ssh-keygen -f '{file}' -R alpha.lab" in (caught.value.mend or "")


def test_a_revoked_key_is_refused_though_it_is_recorded(file: Path) -> None:
    line = f"alpha.lab ssh-ed25519 {encoded(KEY)}\n"
    file.write_text(line + f"@revoked * ssh-ed25519 {encoded(KEY)}\n")
    with pytest.raises(HostKeyError, match="is revoked"):
        verify(target(file), "ssh-ed25519", KEY)


def test_an_authority_is_no_key_of_a_server(file: Path) -> None:
    file.write_text(f"@cert-authority *.lab ssh-ed25519 {encoded(KEY)}\n")
    with pytest.raises(HostKeyError, match="certificates of an authority are not read"):
        verify(target(file), "ssh-ed25519", KEY)


def test_lines_that_cannot_be_read_are_passed_over(file: Path) -> None:
    file.write_bytes(
        b"# comment\n\nalpha.lab\nalpha.lab ssh-rsa !!!\n@odd\n|1|x alpha ssh-rsa AAAA\n\xff\xfe\n"
        + f"alpha.lab ssh-ed25519 {encoded(KEY)}\n".encode()
    )
    verify(target(file), "ssh-ed25519", KEY)


def test_no_file_records_nothing(file: Path) -> None:
    assert recorded_keys([str(file)], ["alpha.lab"]) == []
    with pytest.raises(HostKeyError, match="is not known") as caught:
        verify(target(file, port=2222, via="gate"), "ssh-ed25519", KEY)
    command = f"ssh -o 'UserKnownHostsFile={file}' -p 2222 -J gate ann@alpha true"
    assert (caught.value.mend or "").endswith(f"run: {command}")


def test_the_server_is_asked_for_a_kind_of_key_that_is_recorded(file: Path) -> None:
    file.write_text(
        f"alpha.lab ssh-rsa {encoded(KEY)}\n@revoked alpha.lab ssh-dss {encoded(KEY)}\n"
        f"alpha.lab ecdsa-sha2-nistp256 {encoded(KEY)}\nbeta ssh-ed25519 {encoded(KEY)}\n"
    )
    assert key_types(target(file)) == ["ssh-rsa", "ecdsa-sha2-nistp256"]


def about(patterns: str, name: str) -> bool:
    """Whether a line with these patterns is about a name."""
    line = _read_line(f"{patterns} ssh-ed25519 {encoded(KEY)}")
    return line is not None and _matches(line, name)


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_pattern_raises(patterns: str, name: str) -> None:
    assert about(patterns, name) in {True, False}


def test_brackets_stand_for_themselves() -> None:
    assert about("[alpha]:22", "[alpha]:22")
    assert not about("[alpha]", "a")


def test_a_file_that_has_changed_is_read_anew(file: Path) -> None:
    file.write_text(f"alpha.lab ssh-ed25519 {encoded(KEY)}\n")
    verify(target(file), "ssh-ed25519", KEY)
    file.write_text(f"@revoked * ssh-ed25519 {encoded(KEY)}\n" + file.read_text())
    with pytest.raises(HostKeyError, match="is revoked"):
        verify(target(file), "ssh-ed25519", KEY)
    file.unlink()
    with pytest.raises(HostKeyError, match="is not known"):
        verify(target(file), "ssh-ed25519", KEY)


class TestAcceptNew:
    """Where the inventory says so, an unknown key is recorded; a changed one never."""

    def accepting(self, file: Path, *, port: int = 22, hash_names: bool = False) -> Target:
        return replace(target(file, port=port), accept_new=True, hash_names=hash_names)

    def test_an_unknown_key_is_recorded_and_said(
        self, file: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.WARNING, logger="scms"):
            verify(self.accepting(file), "ssh-ed25519", KEY)
        assert file.read_text() == f"alpha.lab ssh-ed25519 {encoded(KEY)}\n"
        assert file.stat().st_mode & 0o777 == 0o600
        assert f"recorded a new host key of alpha in {file}" in caplog.text
        assert fingerprint(KEY) in caplog.text

    def test_from_then_on_it_is_the_only_one(self, file: Path) -> None:
        verify(self.accepting(file), "ssh-ed25519", KEY)
        before = file.read_bytes()
        verify(self.accepting(file), "ssh-ed25519", KEY)
        for kind in ("ssh-ed25519", "ssh-rsa"):
            with pytest.raises(HostKeyError, match="has changed"):
                verify(self.accepting(file), kind, OTHER)
        assert file.read_bytes() == before

    def test_a_revoked_key_is_refused(self, file: Path) -> None:
        file.write_text(f"@revoked * ssh-ed25519 {encoded(KEY)}\n")
        with pytest.raises(HostKeyError, match="is revoked"):
            verify(self.accepting(file), "ssh-ed25519", KEY)

    def test_where_an_authority_vouches_no_other_key_is_recorded(self, file: Path) -> None:
        file.write_text(f"@cert-authority *.lab ssh-ed25519 {encoded(OTHER)}\n")
        with pytest.raises(HostKeyError, match="is not known"):
            verify(self.accepting(file), "ssh-ed25519", KEY)

    def test_it_follows_a_last_line_without_an_end(self, file: Path) -> None:
        file.write_text(f"beta ssh-ed25519 {encoded(OTHER)}")
        verify(self.accepting(file, port=2222), "ssh-ed25519", KEY)
        assert file.read_text().splitlines() == [
            f"beta ssh-ed25519 {encoded(OTHER)}",
            f"[alpha.lab]:2222 ssh-ed25519 {encoded(KEY)}",
        ]

    def test_names_are_hashed_where_ssh_hashes_them(self, file: Path) -> None:
        make_key(file.with_name("key"))
        kind, key, _ = file.with_name("key.pub").read_text().split()
        verify(self.accepting(file, hash_names=True), kind, base64.b64decode(key))
        assert "alpha" not in file.read_text()
        command = ["ssh-keygen", "-f", str(file), "-F", "alpha.lab"]
        assert key in subprocess.run(command, check=True, capture_output=True).stdout.decode()

    @pytest.mark.parametrize("path", ["/dev/null", "/proc/nowhere/known_hosts"])
    def test_a_key_that_cannot_be_kept_is_refused(self, path: str) -> None:
        accepting = replace(target(Path(path)), accept_new=True)
        with pytest.raises(HostKeyError, match=r"cannot be recorded|was not kept"):
            verify(accepting, "ssh-ed25519", KEY)
