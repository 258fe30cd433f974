"""The page behind a real nginx, below a path, by the words of the documentation."""

from __future__ import annotations

import re
import socket
import subprocess
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING
from urllib.error import URLError

import pytest

from browser.browsing import visit, wait_until
from browser.test_faults import ask, small_lab

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.slow]
#: Browsers look for it on this machine; the dashboard knows it only from its settings.
NAME = "lab.localhost"


def free_port() -> int:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def nginx(program: str, folder: Path, location: str, port: int) -> Iterator[None]:
    """An nginx with one location, listening on loopback until the block ends."""
    folder.mkdir()
    paths = "".join(
        f"{kind}_temp_path {folder / kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder / 'pid'}; error_log stderr;\n"
        f"events {{}}\nhttp {{ access_log off;\n{paths}"
        f"server {{ listen 127.0.0.1:{port};\n{location}\n}} }}\n"
    )
    command = [program, "-p", str(folder), "-c", "nginx.conf"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        try:
            yield
        finally:
            process.terminate()


def answers(url: str) -> bool:
    try:
        return ask(url)[0] == 200
    except URLError:  # nobody listens there yet
        return False


def test_the_page_lives_behind_nginx_below_a_path(
    browser: Browser, tmp_path: Path, repository: Path, nginx_program: str
):
    page = (repository / "docs/how-to/dashboard.md").read_text(encoding="utf-8")
    (location,) = re.findall(r"```nginx\n(.*?)```", page, re.DOTALL)
    port = free_port()
    url = f"http://{NAME}:{port}/scms/"
    with small_lab(tmp_path / "lab", dashboard={"url": url}) as (_, dashboard):
        assert dashboard.url == url
        told = location.replace(":8866", f":{dashboard.port}")
        with nginx(nginx_program, tmp_path / "nginx", told, port):
            here = f"http://127.0.0.1:{port}/scms/"
            wait_until(lambda: answers(f"{here}healthz"), seconds=20)
            assert ask(here, host="evil.example")[0] == 403
            with visit(browser, url) as seen:
                seen.wait_drawn()
                before = seen.text(".scms-age")
                seen.wait("old => document.querySelector('.scms-age').textContent !== old", before)
                assert seen.foreign == []
