"""Login shells of every kind, banners, and accounts that cannot write anything."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

import pytest

from conftest import require_program
from scms.collect.transport import connect
from servers.sshd import sshd_fleet

if TYPE_CHECKING:
    from pathlib import Path

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


def test_no_home_and_no_temporary_directory_are_needed(tmp_path: Path, sshd_program: str) -> None:
    environment = {0: {"HOME": "/nonexistent", "TMPDIR": "/proc", "PWD": "/nonexistent"}}
    with sshd_fleet(tmp_path, environment=environment, program=sshd_program) as (server,):
        assert kinds_of_messages(server) == ["hello", "sample"]


def restart(server: Sshd, extra: str) -> None:
    server.stop()
    server.extra = extra
    server.start()
