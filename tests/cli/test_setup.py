from __future__ import annotations

import subprocess
import tomllib

from cli.running import scms
from scms.inventory import Inventory


def test_init_writes_the_servers_that_answer_and_the_others_as_comments(tmp_path):
    (tmp_path / "config").write_text("Host no-such-host.invalid\nHost *\n  User ada\n")
    done = scms("init", "--ssh-config", "config", "-o", "made.toml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "made.toml").read_text()
    inventory = Inventory.from_file(tmp_path / "made.toml")
    assert [server.local for server in inventory.servers] == [True]
    assert '# name = "no-such-host.invalid"' in text
    assert "cannot be resolved" in text


def test_init_never_overwrites_a_file(tmp_path):
    (tmp_path / "cluster.toml").write_text("name = 'mine'\n")
    done = scms("init", cwd=tmp_path)
    assert done.returncode == 1
    assert "is there already" in done.stderr
    assert tomllib.loads((tmp_path / "cluster.toml").read_text()) == {"name": "mine"}


def test_doctor_exits_with_1_when_a_server_is_not_up(tmp_path):
    (tmp_path / "cluster.toml").write_text(
        '[[servers]]\nname = "here"\nlocal = true\n'
        '[[servers]]\nname = "there"\naddress = "127.0.0.1"\nport = 1\n'
    )
    done = scms("doctor", cwd=tmp_path)
    assert done.returncode == 1
    assert "refused" in done.stdout
    assert scms("doctor", "here", cwd=tmp_path).returncode == 0


def test_probe_prints_the_program_that_runs_on_servers():
    done = scms("probe")
    compile(done.stdout, "probe", "exec")
    assert "import scms" not in done.stdout


def test_probe_prints_the_program_of_servers_without_python():
    done = scms("probe", "--shell")
    checked = subprocess.run(
        ["/bin/sh", "-n"], input=done.stdout, text=True, capture_output=True, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "nvidia-smi" in done.stdout


def test_authorize_prints_one_line_for_a_public_key(tmp_path):
    key = f"ssh-ed25519 {'A' * 68} monitor"
    (tmp_path / "monitor.pub").write_text(f"{key}\n")
    done = scms("authorize", "monitor.pub", cwd=tmp_path)
    (line,) = done.stdout.splitlines()
    assert line.startswith("restrict,command=")
    assert line.endswith(key)


def test_authorize_refuses_what_is_no_public_key(tmp_path):
    (tmp_path / "monitor").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    done = scms("authorize", "monitor", cwd=tmp_path)
    assert done.returncode == 1
    assert "no public key" in done.stderr
    assert done.stdout == ""


def test_doctor_of_one_server_prints_every_step_of_the_way(tmp_path):
    (tmp_path / "cluster.toml").write_text('[[servers]]\nname = "here"\nlocal = true\n')
    done = scms("doctor", "here", cwd=tmp_path)
    found = dict(line.split(": ", 1) for line in done.stdout.splitlines() if ": " in line)
    assert found["login"] == "none"  # this machine is reached without one
    assert found["Python"].startswith("ok — 3.")
    assert found["clock"].startswith("ok")
    assert "steps" not in scms("doctor", "--csv", cwd=tmp_path).stdout
