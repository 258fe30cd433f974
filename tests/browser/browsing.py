"""A Chromium for tests: what it asks for and complains of is recorded; nothing is left behind."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

#: How long a page may take on a machine that is busy with other tests.
PATIENCE_MS = 120_000
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
    "--disable-dev-shm-usage",
)
#: JupyterLab's own talk about the versions of its parts, and of fonts that are not there.
_NOISE = ("shared singleton", "of shared module", "Starting WebSocket", "GPU stall")


@dataclass
class Visit:
    """An open page with what it asked for and complained of."""

    page: Page
    base: str
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @property
    def foreign(self) -> list[str]:
        """Requests that went elsewhere than to the dashboard."""
        own = urlsplit(self.base).netloc
        parts = [urlsplit(url.removeprefix("blob:")) for url in self.requests]
        return [p.geturl() for p in parts if p.scheme != "data" and p.netloc != own]

    def text(self, selector: str) -> str:
        """The text of the first element there, once it is there."""
        return self.page.locator(selector).first.inner_text(timeout=PATIENCE_MS)

    def wait(self, script: str, argument: Any = None) -> None:
        """Wait until a JavaScript expression is true."""
        self.page.wait_for_function(script, arg=argument, timeout=PATIENCE_MS)

    def wait_drawn(self) -> None:
        """Wait until the live page has cards with numbers and both charts, and is live."""
        self.wait("document.querySelector('.scms-card .scms-meter-value') !== null")
        self.wait("document.querySelectorAll('.scms-live [data-complete]').length === 2")
        self.wait("document.querySelector('.scms-age')?.dataset.state === 'live'")

    def open(self, key: str) -> None:
        """Go to a page of the application by its switch."""
        self.page.click(f".scms-switch [data-key={key}]")


def wait_until(condition: Callable[[], object], *, seconds: float) -> None:
    """Wait until a condition holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)


@contextmanager
def chromium(program: str) -> Iterator[Browser]:
    """A headless Chromium that asks nobody for anything by itself."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(_ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visit(
    browser: Browser, url: str, *, size: tuple[int, int] = (1440, 1000), **options: Any
) -> Iterator[Visit]:
    """Open a page; everything it asks for and complains of is recorded from the start."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, **options)
    page = context.new_page()
    seen = Visit(page, url)
    page.on("request", lambda request: seen.requests.append(request.url))
    page.on("websocket", lambda socket: seen.requests.append(socket.url))
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    page.on("console", lambda message: _listen(seen, message))
    try:
        page.goto(url, timeout=PATIENCE_MS)
        yield seen
    except Exception as error:
        error.add_note(f"complaints: {seen.complaints}\nthe page: {page.inner_text('body')[:800]}")
        raise
    finally:
        context.close()


def _listen(seen: Visit, message: Any) -> None:
    if message.type in {"error", "warning"} and not any(n in message.text for n in _NOISE):
        seen.complaints.append(f"{message.type}: {message.text}")
