"""Accounts of their own for test servers, with any login shell: where the tests run as root.

    with account(sshd, shell="/usr/bin/fish") as server:
        connect(server, 1)

The account is in /etc/passwd while the block lasts, and gone with its home afterwards.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import uuid
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from servers.sshd import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scms.inventory import Server
    from servers.sshd import Sshd


def require_root(reason: str) -> None:
    """Skip what an ordinary user may not do."""
    if os.geteuid() != 0:
        pytest.skip(f"only root can {reason}")


@contextmanager
def account(
    sshd: Sshd, *, shell: str = "/bin/sh", files: dict[str, str] | None = None
) -> Iterator[Server]:
    """A server's entry for a new account of this machine on a test server; sshd is restarted.

    Args:
        sshd: The server.
        shell: The login shell of the account, as it stands in /etc/passwd.
        files: What stands in its home, by path.
    """
    require_root("make accounts")
    name = f"scms-{uuid.uuid4().hex[:8]}"
    folder = Path(tempfile.mkdtemp(prefix="scms-home-"))
    home = folder / "home"
    made = ["useradd", "--no-create-home", "--home-dir", str(home), "--shell", shell, "-p", "*"]
    subprocess.run([*made, name], check=True, capture_output=True)
    try:
        keys = folder / "authorized_keys"
        shutil.copy(sshd.identity_file.with_suffix(".pub"), keys)
        keys.chmod(0o644)
        home.mkdir()
        for path, text in (files or {}).items():
            (home / path).parent.mkdir(parents=True, exist_ok=True)
            (home / path).write_text(text)
        subprocess.run(["chown", "-R", f"{name}:", str(folder)], check=True)
        sshd.stop()
        sshd.authorized_keys = keys
        sshd.environment = {**sshd.environment, "HOME": str(home)}
        sshd.start()
        yield sshd.server(user=name)
        wait_until(lambda: not sshd.processes(), 20, sshd.processes)
    finally:
        sshd.stop()
        subprocess.run(["userdel", "--force", name], check=True, capture_output=True)
        shutil.rmtree(folder)
