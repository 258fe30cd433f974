"""Real servers that take what is delivered: an SMTP server and a webhook, on loopback."""

from __future__ import annotations

import email
import email.policy
import json
import socketserver
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage


@dataclass
class Mailbox:
    """What an SMTP server took.

    Attributes:
        port: Where it listens.
        refuse: The reply to every recipient, where it takes none.
        commands: Every line it was told, data apart.
        mails: What it took.
    """

    port: int = 0
    refuse: str | None = None
    commands: list[str] = field(default_factory=list)
    mails: list[EmailMessage] = field(default_factory=list)


@contextmanager
def smtp_sink(refuse: str | None = None) -> Iterator[Mailbox]:
    """An SMTP server that keeps what it gets (RFC 5321, as much as a client needs)."""
    box = Mailbox(refuse=refuse)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 sink")
            while line := self.rfile.readline():
                command = line.decode("ascii").rstrip("\r\n")
                box.commands.append(command)
                if not self._answer(command.upper()):
                    return

        def _answer(self, command: str) -> bool:
            if command.startswith("DATA"):
                self._say("354 go on")
                box.mails.append(self._mail())
            elif command.startswith("EHLO"):
                self._say("250-sink\r\n250-AUTH PLAIN\r\n250 8BITMIME")
                return True
            elif command.startswith("AUTH"):
                self._say("235 welcome")
                return True
            elif command.startswith("RCPT") and box.refuse is not None:
                self._say(box.refuse)
                return True
            self._say("221 bye" if command == "QUIT" else "250 ok")
            return command != "QUIT"

        def _mail(self) -> EmailMessage:
            lines = []
            while (line := self.rfile.readline()) != b".\r\n":
                lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
            return email.message_from_bytes(b"".join(lines), policy=email.policy.default)

        def _say(self, reply: str) -> None:
            self.wfile.write(f"{reply}\r\n".encode("ascii"))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        box.port = server.server_address[1]
        with _running(server):
            yield box


@dataclass
class Hook:
    """What a webhook was posted.

    Attributes:
        url: Where it is.
        status: What it answers.
        posts: Headers and body of each request.
    """

    url: str = ""
    status: int = 204
    posts: list[tuple[dict[str, str], Any]] = field(default_factory=list)


@contextmanager
def webhook(status: int = 204) -> Iterator[Hook]:
    """An HTTP server that keeps the JSON that is posted to it."""
    hook = Hook(status=status)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook.posts.append((dict(self.headers), json.loads(body)))
            self.send_response(hook.status)
            self.send_header("Location", "http://127.0.0.1:9/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hook.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
        with _running(server):
            yield hook


@contextmanager
def _running(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
