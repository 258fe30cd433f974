"""The Voila application of SCMS: one notebook, our template, everything from disk.

In: ``python -m scms.serve`` with a bound socket and the place of its files. Out: a server that runs
until SIGTERM or until whoever started it is gone. Viewers run no code: Voila's kernels accept
widget messages only, and the parts of Voila that list or hand out files are left out.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from jupyter_server.utils import url_path_join
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.web import StaticFileHandler
from traitlets import Integer, Unicode
from traitlets.config import Config
from voila.app import Voila

from scms.assets import asset_path
from scms.serve.forked import fork_kernels
from scms.serve.handlers import Alive, GoodBye, Page, Plain, Spoken

#: Nothing from elsewhere. 'unsafe-eval' is for lab extensions, blob: for the code of widgets.
_POLICY: Final = (
    "default-src 'self'",
    "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "font-src 'self' data:",
    "connect-src 'self'",
    "worker-src 'self' blob:",
    "object-src 'none'",
    "base-uri 'self'",
    "form-action 'self'",
    "frame-ancestors 'self'",
)
CONTENT_SECURITY_POLICY: Final = "; ".join(_POLICY)
#: What a page may say to its kernel: messages of widgets, and what finds them.
ALLOWED_MESSAGES: Final = (
    "comm_open",
    "comm_close",
    "comm_msg",
    "comm_info_request",
    "kernel_info_request",
)
#: A kernel whose page is gone is ended after this; the page itself says good-bye sooner.
_CULL_SECONDS: Final = 60
_LOOPBACK: Final = {"127.0.0.1", "::1", "localhost"}


class Kernels(AsyncMappingKernelManager):  # type: ignore[misc]  # jupyter_server is not followed
    """Ends a kernel once it has been without a page for a while.

    The idle time alone will not do: a kernel from the pool has been idle for long when it is handed
    out, and would be ended before the browser has opened its connection.
    """

    def __init__(self, **values: Any) -> None:
        super().__init__(**values | {"allowed_message_types": [*ALLOWED_MESSAGES]})
        self._alone_since: dict[str, float] = {}

    async def cull_kernel_if_idle(self, kernel_id: str) -> None:
        """Called for every kernel that is not in the pool, each `cull_interval`."""
        if self._kernel_connections.get(kernel_id, 0):
            self._alone_since.pop(kernel_id, None)
            return
        since = self._alone_since.setdefault(kernel_id, time.monotonic())
        if time.monotonic() - since >= _CULL_SECONDS:
            await super().cull_kernel_if_idle(kernel_id)
        if kernel_id not in self:
            self._alone_since.pop(kernel_id, None)


class Application(Voila):  # type: ignore[misc]  # voila has no type stubs
    """Voila on one notebook, listening on a socket that was bound before."""

    descriptor = Integer(help="file descriptor of the bound socket").tag(config=True)
    public_name = Unicode(help="the name under which a proxy serves the page").tag(config=True)
    max_viewers = Integer(help="pages that may be open at once").tag(config=True)

    def init_settings(self) -> dict[str, Any]:
        """Voila's settings, with compression, our headers, and no foreign host names."""
        settings: dict[str, Any] = super().init_settings()
        headers = {
            "Content-Security-Policy": CONTENT_SECURITY_POLICY,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
        }
        # Without a token only names of this machine are answered, so that no web page elsewhere
        # can point a name of its own at it.
        open_to_all = bool(self.token) or self.ip not in _LOOPBACK
        return settings | {
            "compress_response": True,
            "headers": headers,
            "allow_remote_access": open_to_all,
            "local_hostnames": ["localhost", *filter(None, [self.public_name])],
        }

    def init_handlers(self) -> list[Any]:
        """Voila's handlers but those for files, and ours before them."""
        base = self.server_url
        files = url_path_join(base, r"/voila/files/(.*)")
        page = url_path_join(base, r"/(.*)")
        kept: list[Any] = []
        for handler in super().init_handlers():
            if handler[0] == page:  # the notebook is the one page there is
                kept.append((f"{base}$", Page, handler[2] | {"max_viewers": self.max_viewers}))
            elif handler[0] != files:
                kept.append(handler)
        return [*_own_handlers(base), *kept]

    def listen(self) -> None:
        """Serve on the socket until told to stop."""
        server = HTTPServer(self.app)
        bound = socket.socket(fileno=self.descriptor)
        bound.setblocking(False)  # noqa: FBT003  the standard library's own signature
        server.add_socket(bound)
        self.ioloop = IOLoop.current()
        threading.Thread(target=self._stop_with_parent, daemon=True).start()
        try:
            self.ioloop.start()
        except KeyboardInterrupt:
            self.log.info("stopping")
        finally:
            server.stop()
            self.stop()

    def _stop_with_parent(self) -> None:
        # Ends when the parent closes it or is gone. Not sys.stdin.read, whose lock would be held
        # while the interpreter shuts down.
        os.read(sys.stdin.fileno(), 1)
        self.ioloop.add_callback(self.ioloop.stop)


def _own_handlers(base: str) -> list[Any]:
    from scms.widgets.base.language import language_module
    from scms.widgets.base.words import CATALOGUE
    from scms.widgets.feed.figure import bokehjs_path

    bokeh = {"path": str(bokehjs_path().parent)}
    icon = {"path": str(asset_path("dashboards"))}
    script = {"text": language_module(), "kind": "text/javascript"}
    words = {"text": CATALOGUE.read_text(encoding="utf-8"), "kind": "application/json"}
    return [
        (url_path_join(base, r"/healthz"), Alive),
        (url_path_join(base, r"/plain"), Plain),
        (url_path_join(base, r"/scms/good-bye/([0-9a-f-]{36})"), GoodBye),
        (url_path_join(base, r"/scms/(bokeh\.min\.js)"), StaticFileHandler, bokeh),
        (url_path_join(base, r"/scms/language\.js"), Spoken, script),
        (url_path_join(base, r"/scms/words\.json"), Spoken, words),
        (url_path_join(base, r"/scms/(favicon\.svg)"), StaticFileHandler, icon),
    ]


def configuration(given: argparse.Namespace) -> Config:
    """Everything that Voila is told, of the arguments of `main`."""
    import bokeh

    from scms.widgets.base.language import language_version

    pool = given.pool
    config = Config()
    config.Application.descriptor = given.descriptor
    config.Application.public_name = given.public_name
    config.Application.max_viewers = given.viewers
    config.Voila.base_url = given.base
    config.Voila.ip = given.host
    config.Voila.port = given.port
    config.Voila.open_browser = False
    config.Voila.connection_dir_root = str(given.runtime)
    config.Voila.config_file_paths = []
    config.Voila.log_level = "WARN"
    config.Voila.token = os.environ.get("SCMS_DASHBOARD_TOKEN", "")
    config.VoilaConfiguration.template = "scms"
    config.VoilaConfiguration.theme = "light"
    config.VoilaConfiguration.allow_template_override = "NO"
    config.VoilaConfiguration.allow_theme_override = "NO"
    config.VoilaConfiguration.strip_sources = True
    config.VoilaConfiguration.multi_kernel_manager_class = Kernels
    config.VoilaConfiguration.show_tracebacks = False
    config.VoilaConfiguration.preheat_kernel = pool > 0
    config.VoilaConfiguration.default_pool_size = pool
    config.VoilaConfiguration.extension_allowlist = [
        "@jupyter-widgets/jupyterlab-manager",
        "@voila-dashboards/widgets-manager8",
        "anywidget",
    ]
    config.VoilaConfiguration.resources = {
        "bokeh_version": bokeh.__version__,
        "language_version": language_version(),
    }
    config.MappingKernelManager.cull_idle_timeout = _CULL_SECONDS
    config.MappingKernelManager.cull_interval = 20
    return config


def main(arguments: list[str] | None = None) -> None:
    """Run the server; called by `scms.serve.serve` in a process of its own."""
    parser = argparse.ArgumentParser(prog="python -m scms.serve")
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--descriptor", type=int, required=True)
    parser.add_argument("--runtime", type=Path, required=True)
    parser.add_argument("--notebook", type=Path, required=True)
    parser.add_argument("--pool", type=int, default=1)
    parser.add_argument("--base", default="/")
    parser.add_argument("--public-name", default="")
    parser.add_argument("--viewers", type=int, required=True)
    given = parser.parse_args(arguments)
    nursery = fork_kernels()
    try:
        Application.launch_instance([str(given.notebook)], config=configuration(given))
    finally:
        if nursery is not None:
            nursery.close()
