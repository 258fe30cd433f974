"""What the dashboard answers beside Voila: a page with a limit, a plain page, signs of life.

In: requests. Out: answers. Nothing here runs what a viewer sends.
"""

from __future__ import annotations

import asyncio
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any, Final

from jupyter_server.base.handlers import JupyterHandler
from tornado.web import RequestHandler, authenticated
from voila.tornado.handler import TornadoVoilaHandler

from scms.errors import ScmsError
from scms.serve.plain import plain_page, speaker
from scms.widgets.base.words import prefers_chinese

if TYPE_CHECKING:
    from scms.cluster import Cluster

_BUSY: Final = (
    "{viewers} pages are open, and no more are allowed (max_viewers in cluster.toml). Try again "
    "in a moment, or look at the plain page, which is for everybody."
)


class Alive(RequestHandler):  # type: ignore[misc]  # tornado is not followed
    """Says that the server is there, to the page and to whoever waits for it."""

    def get(self) -> None:
        """Answer ``ok``."""
        self.set_header("Cache-Control", "no-store")
        self.finish("ok")


class Spoken(RequestHandler):  # type: ignore[misc]  # tornado is not followed
    """What the page speaks: its catalogue, and the script that puts it in."""

    def initialize(self, text: str, kind: str) -> None:
        """Take what is answered."""
        self._text, self._kind = text, kind

    def get(self) -> None:
        """Answer with it; its address changes with what is in it."""
        self.set_header("Content-Type", f"{self._kind}; charset=utf-8")
        self.set_header("Cache-Control", "max-age=31536000, immutable")
        self.finish(self._text)


class GoodBye(JupyterHandler):  # type: ignore[misc]  # jupyter_server is not followed
    """Ends the kernel of a page that is being closed. Only that page knows the kernel's id."""

    def check_xsrf_cookie(self) -> None:
        """A beacon carries no header; the id that nobody can guess stands for it."""

    @authenticated  # type: ignore[untyped-decorator]  # tornado is not followed
    async def post(self, kernel_id: str) -> None:
        """End the kernel, if it is still there."""
        if kernel_id in self.kernel_manager:
            await self.kernel_manager.shutdown_kernel(kernel_id)
        self.set_status(204)
        self.finish()


class Page(TornadoVoilaHandler):  # type: ignore[misc]  # voila has no type stubs
    """The page itself, for so many viewers: each has a kernel of its own."""

    def initialize(self, **values: Any) -> None:
        """Take the limit, and what Voila's handler takes."""
        self._max_viewers = values.pop("max_viewers")
        super().initialize(**values)

    @authenticated  # type: ignore[untyped-decorator]  # tornado is not followed
    async def get(self, path: str | None = None) -> None:
        """Answer with the page, or with a sentence when it is full."""
        viewers = self._viewers()
        if viewers >= self._max_viewers:
            self.set_status(503)
            self.set_header("Retry-After", "30")
            say = speaker(chinese=_asks_chinese(self))
            self.finish(
                f"<!doctype html><title>SCMS</title><h1>{say('The dashboard is full')}</h1>"
                f"<p>{say(_BUSY.format(viewers=viewers))}</p>"
                f'<p><a href="{escape(self.base_url)}plain">{say("The plain page")}</a></p>'
            )
            return
        await super().get(path)

    def _viewers(self) -> int:
        """Kernels that were handed out: all but those that wait in the pool."""
        pools = getattr(
            self.kernel_manager, "_pools", {}
        )  # it has some only where kernels are warmed
        waiting = sum(len(pool) for pool in pools.values())
        return max(0, len(self.kernel_manager.list_kernel_ids()) - waiting)


class Plain(JupyterHandler):  # type: ignore[misc]  # jupyter_server is not followed
    """The live state as a page without scripts, for browsers and proxies without websockets."""

    @authenticated  # type: ignore[untyped-decorator]  # tornado is not followed
    async def get(self) -> None:
        """Answer with the state now."""
        self.set_header("Cache-Control", "no-store")
        self.set_header("Vary", "Accept-Language")
        chinese = _asks_chinese(self)
        still = self.get_query_argument("still", None) is not None
        try:
            self.finish(
                await asyncio.to_thread(
                    lambda: plain_page(_cluster(), chinese=chinese, still=still)
                )
            )
        except ScmsError as error:
            self.set_status(503)
            said = escape(speaker(chinese=chinese)(str(error)))
            self.finish(f"<!doctype html><title>SCMS</title><p>{said}</p>")


def _asks_chinese(handler: RequestHandler) -> bool:
    return prefers_chinese(handler.request.headers.get("Accept-Language"))


@cache
def _cluster() -> Cluster:
    """The cluster that is shown: ``$SCMS_CONFIG`` names its file."""
    from scms.cluster import open as open_cluster

    return open_cluster()
