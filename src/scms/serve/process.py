"""Starting and stopping the dashboard, in a process of its own.

In: an inventory, a host and a port. Out: a `Dashboard` with its address. The inventory, with all
that was laid over the file, is written down for the kernels; everything is removed at the stop.
"""

from __future__ import annotations

import errno
import ipaddress
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import webbrowser
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.error import URLError
from urllib.parse import urlencode, urlsplit, urlunsplit
from urllib.request import ProxyHandler, build_opener

from scms.assets import asset_path
from scms.errors import ServeError

if TYPE_CHECKING:
    from types import TracebackType

    from scms.inventory import Inventory


@dataclass(frozen=True)
class Dashboard:
    """A dashboard that runs.

    Attributes:
        url: What to open, with the token where there is one; the proxy's address, if it has one.
        host, port, base: What it listens on, and the path below which it answers.
        token: What a browser must show; None on loopback.
        process: The server.
        runtime: Its folder: log, and the inventory as the kernels read it.
    """

    url: str
    host: str
    port: int
    base: str
    token: str | None
    process: subprocess.Popen[bytes]
    runtime: Path

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Whether the server's process is there."""
        return self.process.poll() is None

    @property
    def url_here(self) -> str:
        """The address as this machine reaches it."""
        here = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  translated, not bound
        return address(here.get(self.host, self.host), self.port, self.token, base=self.base)

    @property
    def log(self) -> str:
        """What the server has written."""
        path = self.runtime / "log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def stop(self, timeout: float = 10.0) -> None:
        """End the server and its kernels, and remove its folder."""
        if self.running:
            self.process.terminate()
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()  # its kernels see that their parent is gone and end too
                self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()
        shutil.rmtree(self.runtime, ignore_errors=True)


def serve(
    inventory: Inventory,
    *,
    host: str | None = None,
    port: int | None = None,
    token: str | None = None,
    open_browser: bool = False,
    pool: int = 1,
    notebook: Path | None = None,
) -> Dashboard:
    """Start the dashboard of a cluster and return at once (see `wait_until_ready`).

    Args:
        inventory: The cluster.
        host: Address to listen on; that of the settings by default.
        port: Port to listen on; 0 takes a free one.
        token: What browsers must show. Beyond loopback one is made where none is given.
        open_browser: Open the page in this machine's browser when it is ready.
        pool: Kernels kept warm for the next viewers; 0 for none.
        notebook: Another notebook to serve in place of the dashboard.

    Raises:
        ServeError: The port is taken or may not be used, or the address is not this machine's.
    """
    host = inventory.settings.dashboard.host if host is None else host
    port = inventory.settings.dashboard.port if port is None else port
    token = secrets.token_urlsafe(24) if token is None and not is_loopback(host) else token
    bound = bind(host, port)
    port = bound.getsockname()[1]
    runtime = Path(tempfile.mkdtemp(prefix="scms-dashboard-"))
    notebook = asset_path("dashboards") / "scms.ipynb" if notebook is None else notebook
    public = urlsplit(inventory.settings.dashboard.url or "")
    base = f"/{public.path.strip('/')}/".replace("//", "/")
    try:
        (runtime / "cluster.toml").write_text(as_toml(inventory), encoding="utf-8")
        command = [sys.executable, "-m", "scms.serve", "--host", host, "--port", str(port)]
        command += ["--descriptor", str(bound.fileno()), "--runtime", str(runtime)]
        command += ["--notebook", str(notebook), "--pool", str(pool), "--base", base]
        command += ["--viewers", str(inventory.settings.dashboard.max_viewers)]
        command += ["--public-name", public.hostname or ""]
        with (runtime / "log").open("wb") as log:
            process = subprocess.Popen(
                command,
                env=_environment(runtime, token),
                pass_fds=[bound.fileno()],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
    except OSError as error:
        shutil.rmtree(runtime, ignore_errors=True)
        raise ServeError(f"the dashboard cannot be started: {error}") from error
    finally:
        bound.close()
    url = inventory.settings.dashboard.url or address(host, port, token, base=base)
    dashboard = Dashboard(url, host, port, base, token, process, runtime)
    if open_browser:
        wait_until_ready(dashboard)
        webbrowser.open(url)
    return dashboard


def wait_until_ready(target: str | Dashboard, timeout: float = 30.0) -> None:
    """Wait until a dashboard answers.

    Args:
        target: Its address, or the `Dashboard`: then an early end is noticed, and why.
        timeout: Seconds.

    Raises:
        ServeError: It does not answer in time, or has ended.
    """
    dashboard = target if isinstance(target, Dashboard) else None
    url = target.url_here if isinstance(target, Dashboard) else target
    parts = urlsplit(url)
    alive = urlunsplit((parts.scheme, parts.netloc, f"{parts.path.rstrip('/')}/healthz", "", ""))
    opener = build_opener(ProxyHandler({}))  # this machine is never behind a proxy to itself
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if dashboard is not None and not dashboard.running:
            last = "; ".join(dashboard.log.strip().splitlines()[-3:])
            raise ServeError(f"the dashboard ended at its start: {last}")
        try:
            with opener.open(alive, timeout=2) as answer:
                if answer.status == 200:
                    return
        except (URLError, ConnectionError, TimeoutError):
            time.sleep(0.05)
    said = "" if dashboard is None else f"; its log ends: {dashboard.log.strip()[-300:]}"
    raise ServeError(f"{alive} did not answer within {timeout:.0f} s{said}")


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def bind(host: str, port: int) -> socket.socket:
    """Take a port, so that a taken one is known before anything is started.

    Raises:
        ServeError: It cannot be had; the message says what to do.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, where = found[0]
        return socket.create_server(where[:2], family=family, backlog=128)
    except socket.gaierror as error:
        raise ServeError(
            f"{host!r} is no address of this machine: {error.strerror}",
            expected="127.0.0.1, 0.0.0.0 or an address of an interface",
        ) from error
    except OSError as error:
        raise ServeError(
            f"port {port} of {host} cannot be used: {error.strerror}", mend=_mend(error, port)
        ) from error


def _mend(error: OSError, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"stop what listens there, or choose another: --port {port + 1} (0 takes a free one)"
    if error.errno == errno.EACCES:
        return "ports below 1024 are for root: choose a higher one with --port"
    return "choose an address of this machine with --host"


def address(host: str, port: int, token: str | None, *, base: str = "/") -> str:
    """What to open in a browser."""
    name = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(host, host)  # noqa: S104  said, not bound
    name = f"[{name}]" if ":" in name else name
    query = f"?{urlencode({'token': token})}" if token else ""
    return f"http://{name}:{port}{base}{query}"


def as_toml(inventory: Inventory) -> str:
    """The inventory as a cluster.toml, with everything that was laid over its file."""
    settings = inventory.settings.model_dump(mode="json", exclude_none=True)
    settings["data"] = str(inventory.directory)
    sections = {key: value for key, value in settings.items() if isinstance(value, dict)}
    lines = [_line(key, value) for key, value in settings.items() if key not in sections]
    for name, section in sections.items():
        lines += [f"[{name}]", *(_line(key, value) for key, value in section.items())]
    for server in inventory.servers:
        values = server.model_dump(mode="json", exclude_none=True)
        lines += ["[[servers]]", *(_line(key, value) for key, value in values.items())]
    return "\n".join(lines) + "\n"


def _line(key: str, value: Any) -> str:
    return f"{json.dumps(key)} = {_toml(value)}"


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{{', '.join(_line(key, below) for key, below in value.items())}}}"
    return json.dumps(value)  # strings, numbers, booleans, lists of them: JSON is TOML there


def _environment(runtime: Path, token: str | None) -> dict[str, str]:
    paths = [str(asset_path("dashboards")), os.environ.get("JUPYTER_PATH", "")]
    return os.environ | {
        "SCMS_CONFIG": str(runtime / "cluster.toml"),
        "SCMS_DASHBOARD_TOKEN": "" if token is None else token,
        "JUPYTER_PATH": os.pathsep.join(path for path in paths if path),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
