"""Login shells of every kind, banners, and accounts that cannot write anything."""

from __future__ import annotations

import json
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from conftest import require_program
from scms.collect import bootstrap as bootstrap_module
from scms.collect.transport import connect
from servers.accounts import account, require_root
from servers.sshd import sshd_fleet

if TYPE_CHECKING:
    from servers.sshd import Sshd

pytestmark = pytest.mark.sshd

#: Clears the screen, sets the title of the window, and asks the terminal who it is.
ESCAPES = "\\033[2J\\033]0;title\\007\\033[c <b>Welcome</b>"
START_FILES = {"fish": ".config/fish/config.fish", "tcsh": ".cshrc", "csh": ".cshrc"}


def kinds_of_messages(server: Sshd, count: int = 2) -> list[str]:
    channel = connect(server.server(), 0.2)
    try:
        messages: list[dict[str, Any]] = [json.loads(channel.readline(15)) for _ in range(count)]
    finally:
        channel.close()
    return [message["type"] for message in messages]


@pytest.mark.parametrize("shell", ["fish", "tcsh", "csh"])
def test_other_login_shells_with_a_noisy_start_file(
    shell: str, tmp_path: Path, sshd_program: str
) -> None:
    path = require_program(shell, "fish" if shell == "fish" else "tcsh")
    home = tmp_path / "home"
    start = home / START_FILES[shell]
    start.parent.mkdir(parents=True)
    start.write_text(f"printf '{ESCAPES}\\n'; printf 'prompt> '; touch {tmp_path}/read\n")
    # sshd runs: LOGIN-SHELL -c COMMAND
    environment = {0: {"HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config")}}
    with sshd_fleet(tmp_path, environment=environment, program=sshd_program) as (server,):
        restart(server, f'ForceCommand exec {path} -c "$SSH_ORIGINAL_COMMAND"\n')
        assert kinds_of_messages(server) == ["hello", "sample"]
    assert (tmp_path / "read").exists()


@pytest.mark.parametrize("shell", ["fish", "tcsh", "csh", "bash", "dash"])
def test_an_account_with_another_login_shell(shell: str, sshd: Sshd) -> None:
    path = require_program(shell, {"csh": "tcsh"}.get(shell, shell))
    noise = f"printf '{ESCAPES}\\n'; printf 'prompt> '\n"
    with account(sshd, shell=path, files={START_FILES.get(shell, ".bashrc"): noise}) as server:
        channel = connect(server, 0.2)
        try:
            messages = [json.loads(channel.readline(15)) for _ in range(2)]
        finally:
            channel.close()
    assert [message["type"] for message in messages] == ["hello", "sample"]


@pytest.mark.parametrize("shell", ["fish", "tcsh"])
def test_without_python_another_login_shell_does_no_harm_either(
    shell: str, sshd: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap_module, "_PYTHONS", ("no-such-python",))
    with account(sshd, shell=require_program(shell, shell)) as server:
        channel = connect(server, 0.5)
        try:
            hello, sample = (json.loads(channel.readline(15)) for _ in range(2))
        finally:
            channel.close()
    assert (hello["shell"], sample["type"]) == (True, "sample")


def test_a_banner_before_the_login_does_no_harm(sshd: Sshd) -> None:
    banner = sshd.folder / "banner"
    banner.write_bytes(b"\x1b[2J\x07Authorised use only\xff\n" * 100)
    restart(sshd, f"Banner {banner}\n")
    assert kinds_of_messages(sshd) == ["hello", "sample"]


def test_nothing_is_written_on_a_server(tmp_path: Path, sshd_program: str) -> None:
    places = [tmp_path / name for name in ("home", "temporary")]
    for place in places:
        place.mkdir()
    environment = {0: {"HOME": str(places[0]), "TMPDIR": str(places[1])}}
    with sshd_fleet(tmp_path, environment=environment, program=sshd_program) as (server,):
        # No file may grow by a byte, as if every disk were full.
        restart(server, 'ForceCommand ulimit -f 0; exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"\n')
        assert kinds_of_messages(server, 4) == ["hello", "sample", "sample", "sample"]
    assert [list(place.rglob("*")) for place in places] == [[], []]


def test_the_limit_of_the_test_above_forbids_to_write(tmp_path: Path, sshd: Sshd) -> None:
    file = shlex.quote(str(tmp_path / "file"))
    restart(sshd, f"ForceCommand ulimit -f 0; echo x > {file} || exit 9\n")
    with pytest.raises(Exception, match=r"no probe could be started"):
        connect(sshd.server(), 1)
    assert (tmp_path / "file").read_bytes() == b""


@pytest.mark.parametrize("python", [True, False], ids=["python", "shell"])
def test_a_full_tmp_and_a_home_that_cannot_be_written(
    python: bool,
    sshd_program: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    require_root("mount")
    unshare = require_program("unshare", "util-linux")
    if not python:
        monkeypatch.setattr(bootstrap_module, "_PYTHONS", ("no-such-python",))
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:  # /tmp is hidden there
        home = Path(folder) / "home"
        home.mkdir()
        script = (
            "mount -t tmpfs -o size=4k tmpfs /tmp && head -c 4096 /dev/zero >/tmp/full && "
            f"mount -t tmpfs -o ro tmpfs {home} && ! touch {home}/x && ! echo x >/tmp/x && "
            'exec "$@"'
        )
        wrapper = (unshare, "--mount", "sh", "-c", script, "sh")
        can = subprocess.run([*wrapper, "true"], check=False, capture_output=True)
        if can.returncode != 0:
            pytest.skip(f"no file system can be mounted: {can.stderr.decode().strip()}")
        environment = {0: {"HOME": str(home)}}
        with sshd_fleet(Path(folder) / "fleet", environment=environment, program=sshd_program) as (
            server,
        ):
            server.wrapper = wrapper
            restart(server, "")
            assert kinds_of_messages(server, 3) == ["hello", "sample", "sample"]


def test_no_home_and_no_temporary_directory_are_needed(tmp_path: Path, sshd_program: str) -> None:
    environment = {0: {"HOME": "/nonexistent", "TMPDIR": "/proc", "PWD": "/nonexistent"}}
    with sshd_fleet(tmp_path, environment=environment, program=sshd_program) as (server,):
        assert kinds_of_messages(server) == ["hello", "sample"]


def restart(server: Sshd, extra: str) -> None:
    server.stop()
    server.extra = extra
    server.start()
