"""Sessions with real OpenSSH servers, and everything that goes wrong with these."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from collect.collecting import collecting, down, up
from nvml.fake import GIB, FakeDriver, uuid
from scms.collect import session
from scms.collect.supervisor import Patience
from scms.collect.transport import connect, dial, ssh
from scms.collect.transport.resolve import resolve
from scms.errors import ConnectError, HostKeyError, LoginError, ProbeError
from scms.inventory import Server
from servers.sshd import ADDRESS, free_port, make_key, sshd_fleet, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from servers.sshd import Sshd

pytestmark = pytest.mark.sshd


def read(channel: Any, count: int) -> list[dict[str, Any]]:
    try:
        return [json.loads(channel.readline(15)) for _ in range(count)]
    finally:
        channel.close()


def test_samples_flow_and_no_probe_is_left_behind(sshd: Sshd) -> None:
    channel = connect(sshd.server(), 0.2)
    messages = [json.loads(channel.readline(15)) for _ in range(3)]
    assert [m["type"] for m in messages] == ["hello", "sample", "sample"]
    assert len(sshd.probes()) == 1
    channel.close()
    wait_until(lambda: not sshd.processes(), 5, sshd.processes)


def test_a_server_has_the_gpus_of_its_own_driver(
    tmp_path: Path, sshd_program: str, fake_library: Path
) -> None:
    driver = FakeDriver(fake_library, tmp_path / "nvml.conf")
    driver.set_jobs((2, os.getpid(), 20 * GIB))
    environment = {0: driver.environment}
    with (
        sshd_fleet(tmp_path, count=2, environment=environment, program=sshd_program) as fleet,
        collecting([s.server() for s in fleet], connect, tmp_path) as notes,
    ):
        notes.wait("sshd-0", lambda row: row["gpu_count"] == 8)
        notes.wait("sshd-1", lambda row: row["gpu_count"] == 0)
    devices = next(r.tables["device_sample"] for r in notes.records if r.server == "sshd-0")
    assert [d["device"] for d in devices] == [uuid(n) for n in range(8)]
    states = ["free", "free", "busy", "free", "free", "free", "free", "free"]
    assert [d["state"] for d in devices] == states


def test_an_unknown_host_key_is_refused_with_the_command_to_run(sshd: Sshd, tmp_path: Path) -> None:
    empty = tmp_path / "none"
    with pytest.raises(HostKeyError, match="is not known") as caught:
        connect(sshd.server(known_hosts=str(empty)), 1)
    assert caught.value.mend is not None
    command = caught.value.mend.partition("run: ")[2].split()
    assert command[:3] == ["ssh", "-o", f"UserKnownHostsFile={empty}"]
    assert str(sshd.port) in command


def test_the_command_for_an_unknown_host_key_makes_it_known(sshd: Sshd, tmp_path: Path) -> None:
    server = sshd.server(known_hosts=str(tmp_path / "none"))
    with pytest.raises(HostKeyError) as caught:
        connect(server, 1)
    assert caught.value.mend is not None
    words = caught.value.mend.partition("run: ")[2].split()
    accept = ["-o", "StrictHostKeyChecking=accept-new", "-i", str(sshd.identity_file)]
    subprocess.run([words[0], *accept, *words[1:]], check=True, capture_output=True)
    assert read(connect(server, 1), 1)[0]["type"] == "hello"


def test_a_changed_host_key_is_refused_and_forgotten_by_the_command(sshd: Sshd) -> None:
    sshd.stop()
    sshd.renew_host_key()
    sshd.start()
    with pytest.raises(HostKeyError, match="has changed") as caught:
        connect(sshd.server(), 1)
    assert caught.value.expected is not None
    assert caught.value.expected.startswith("ssh-ed25519 SHA256:")
    assert caught.value.mend is not None
    forget = caught.value.mend.partition("run: ")[2].partition(" && ")[0]
    subprocess.run(["/bin/sh", "-c", forget], check=True, capture_output=True)
    with pytest.raises(HostKeyError, match="is not known"):
        connect(sshd.server(), 1)


def test_a_refused_key_names_the_command_that_installs_it(sshd: Sshd, tmp_path: Path) -> None:
    make_key(tmp_path / "other")
    with pytest.raises(LoginError, match="was refused") as caught:
        connect(sshd.server(identity_file=str(tmp_path / "other")), 1)
    assert caught.value.mend is not None
    assert f"ssh-copy-id -i {tmp_path / 'other'} " in caught.value.mend


def test_a_key_that_does_not_exist_is_named(sshd: Sshd) -> None:
    with pytest.raises(LoginError, match=r"/no/key does not exist"):
        connect(sshd.server(identity_file="/no/key"), 1)


def test_a_locked_key_sends_to_the_agent(sshd: Sshd, tmp_path: Path) -> None:
    make_key(tmp_path / "locked")
    locked = ["ssh-keygen", "-q", "-p", "-N", "secret", "-f", str(tmp_path / "locked")]
    subprocess.run(locked, check=True, capture_output=True)
    with pytest.raises(LoginError, match="locked by a passphrase") as caught:
        connect(sshd.server(identity_file=str(tmp_path / "locked")), 1)
    assert "ssh-add" in str(caught.value)


def test_a_port_without_a_server_is_refused_at_once(sshd: Sshd) -> None:
    began = time.monotonic()
    with pytest.raises(ConnectError, match="refused the connection"):
        connect(sshd.server(port=free_port()), 1)
    assert time.monotonic() - began < 5


def test_a_port_that_is_bound_but_never_answers_is_given_up(
    sshd: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dial, "ANSWER_SECONDS", 0.3)
    with socket.socket() as hole:
        hole.bind((ADDRESS, 0))
        hole.listen(1)
        with pytest.raises(ConnectError, match="accepts connections but says nothing"):
            connect(sshd.server(port=hole.getsockname()[1]), 1)


def test_what_is_no_ssh_server_is_told(sshd: Sshd) -> None:
    with socket.socket() as other:
        other.bind((ADDRESS, 0))
        other.listen(1)
        port = other.getsockname()[1]
        talk = (
            "import socket,sys;s=socket.socket(fileno=0);c,_=s.accept();c.send(b'220 mail\\n'*400)"
        )
        with (
            subprocess.Popen([sys.executable, "-c", talk], stdin=other.fileno()),
            pytest.raises(ConnectError, match="no SSH connection"),
        ):
            connect(sshd.server(port=port), 1)


def test_a_name_that_is_not_known_is_told(sshd: Sshd) -> None:
    with pytest.raises(ConnectError, match="cannot be resolved"):
        connect(sshd.server(address="no-such-host.invalid"), 1)


def test_a_noisy_login_shell_does_no_harm(tmp_path: Path, sshd_program: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    noise = 'echo "Welcome!"; head -c 20000 /dev/zero | tr "\\0" "x"; echo; printf "prompt> "\n'
    (home / ".bashrc").write_text(noise + "cat >/dev/null & read -t 0.2 line\n")
    environment = {0: {"HOME": str(home)}}
    with sshd_fleet(tmp_path, environment=environment, program=sshd_program) as (noisy,):
        assert [m["type"] for m in read(connect(noisy.server(), 0.2), 2)] == ["hello", "sample"]


def test_an_account_that_may_not_log_in_says_what_it_prints(
    tmp_path: Path, sshd_program: str
) -> None:
    with sshd_fleet(tmp_path, program=sshd_program) as (closed,):
        configuration = closed.folder / "sshd_config"
        closed.stop()
        closed.extra = "ForceCommand echo This account is closed.; exit 1\n"
        closed.start()
        assert "ForceCommand" in configuration.read_text()
        with pytest.raises(ProbeError, match="exit status 1: This account is closed") as caught:
            connect(closed.server(), 1)
    assert "ssh " in str(caught.value)


def test_a_killed_server_is_down_and_back_again(sshd: Sshd, tmp_path: Path) -> None:
    with collecting([sshd.server()], connect, tmp_path) as notes:
        notes.wait("sshd-0", up)
        sshd.stop()
        failed = notes.wait("sshd-0", down)
        notes.wait("sshd-0", lambda row: "refused the connection" in (row["reason"] or ""))
        before = len(notes.of("sshd-0"))
        sshd.start()
        notes.wait("sshd-0", lambda row: up(row) and notes.of("sshd-0").index(row) >= before)
    assert failed["observed_seconds"] == 0
    assert failed["cpu_count"] is None
    kinds = [kind for kind, _ in notes.events("sshd-0")]
    assert kinds == ["up", "down", "up"]


def test_a_frozen_server_is_noticed_by_its_silence(
    sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "SILENCE_SECONDS", 0.5)
    monkeypatch.setattr(dial, "ANSWER_SECONDS", 0.5)
    with collecting([sshd.server()], connect, tmp_path) as notes:
        notes.wait("sshd-0", up)
        sshd.signal(signal.SIGSTOP)
        row = notes.wait("sshd-0", down)
        notes.wait("sshd-0", lambda row: "says nothing" in (row["reason"] or ""))
        sshd.signal(signal.SIGCONT)
        count = len(notes.of("sshd-0"))
        notes.wait("sshd-0", lambda row: up(row) and notes.of("sshd-0").index(row) >= count)
    assert row["reason"].startswith("no line for 2 s")


def test_bad_servers_do_not_delay_a_good_one(
    sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dial, "ANSWER_SECONDS", 4.0)
    with socket.socket() as hole:
        hole.bind((ADDRESS, 0))
        hole.listen(100)
        bad = [
            sshd.server(name=f"bad-{n}", port=hole.getsockname()[1] if n % 2 else free_port())
            for n in range(20)
        ]
        servers = [*bad, sshd.server()]
        with collecting(servers, connect, tmp_path, patience=Patience(first=1.0)) as notes:
            notes.wait("bad-0", down)
            notes.wait("sshd-0", lambda _: len(notes.of("sshd-0")) >= 8)
    rows = notes.of("sshd-0")
    assert {row["state"] for row in rows} == {"up"}
    gaps = [b["sampled_at"] - a["sampled_at"] for a, b in pairwise(rows[1:])]
    assert max(gaps) < 3500  # ms: whoever waits for a silent server waits for 4 s


COLLECTOR = """
import json, sys, threading
from scms.collect.transport import connect
from scms.inventory import Server
channel = connect(Server(**json.loads(sys.argv[1])), 0.5)
while True:
    print(channel.readline(15)[:20], flush=True)
"""


def test_a_killed_collector_leaves_no_probe(sshd: Sshd) -> None:
    command = [sys.executable, "-c", COLLECTOR, json.dumps(sshd.entry())]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as collector:
        assert collector.stdout is not None
        for _ in range(3):
            collector.stdout.readline()
        assert len(sshd.probes()) == 1
        collector.kill()
    wait_until(lambda: not sshd.processes(), 5, sshd.processes)


def test_a_bastion_is_shared_by_the_servers_behind_it(tmp_path: Path, sshd_program: str) -> None:
    with sshd_fleet(tmp_path, count=3, program=sshd_program) as (bastion, *behind):
        known = tmp_path / "known_hosts"
        known.write_text("".join(s.known_hosts.read_text() for s in (bastion, *behind)))
        via = f"{bastion.entry()['user']}@{ADDRESS}:{bastion.port}"
        servers = [server.server(via=via, known_hosts=str(known)) for server in behind]
        with collecting(servers, connect, tmp_path) as notes:
            for server in servers:
                notes.wait(server.name, up)
            accepted = bastion.log().count("Accepted publickey")
            assert bastion.probes() == []
        wait_until(lambda: not bastion.processes(), 5, bastion.processes)
    assert accepted == 1


def test_a_proxy_command_leads_to_the_server(tmp_path: Path, sshd_program: str) -> None:
    with sshd_fleet(tmp_path, count=2, program=sshd_program) as (gate, behind):
        through = (
            f"ssh -i {gate.identity_file} -o UserKnownHostsFile={gate.known_hosts} "
            f"-p {gate.port} -W %h:%p {ADDRESS}"
        )
        target = replace(resolve(behind.server()), proxy_command=through)
        connection = ssh.log_in(target, dial.dial(target))
        try:
            assert connection.is_connected
        finally:
            connection.close()
        assert gate.log().count("Accepted publickey") == 1
        wait_until(lambda: not gate.processes(), 5, gate.processes)


def test_a_proxy_command_that_fails_is_told(sshd: Sshd) -> None:
    target = replace(resolve(sshd.server()), proxy_command="false %h")
    with pytest.raises(ConnectError, match="no SSH connection"):
        ssh.log_in(target, dial.dial(target))


def test_a_simulated_server_is_not_reached_over_ssh() -> None:
    with pytest.raises(ConnectError, match="is simulated"):
        connect(Server(name="a", simulated=True), 1)


def test_a_new_host_key_is_recorded_where_that_is_asked_for(sshd: Sshd, tmp_path: Path) -> None:
    server = sshd.server(known_hosts=str(tmp_path / "mine"), host_keys="accept-new")
    assert read(connect(server, 1), 1)[0]["type"] == "hello"
    strict = sshd.server(known_hosts=str(tmp_path / "mine"))
    assert read(connect(strict, 1), 1)[0]["type"] == "hello"
    sshd.stop()
    sshd.renew_host_key()
    sshd.start()
    with pytest.raises(HostKeyError, match="has changed"):
        connect(server, 1)
