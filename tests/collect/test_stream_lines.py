"""Bytes become lines: noise is dropped, limits are kept, every end has a reason."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scms.collect import stream
from scms.collect.bootstrap import Bootstrap
from scms.collect.channel import MAX_LINE_BYTES
from scms.collect.stream import MAX_NOISE_BYTES, StreamChannel
from scms.errors import ConnectError, ProbeError, ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

BOOT = Bootstrap("abc", "command", b"payload", b"shell")


class Pieces:
    """A stream that gives pieces of bytes, then ends."""

    def __init__(self, *pieces: bytes | None, ending: str = "exit status 1") -> None:
        self.pieces = list(pieces)
        self.sent = b""
        self._ending = ending

    def receive(self, timeout: float) -> bytes | None:
        if not self.pieces:
            return b""
        piece = self.pieces.pop(0)
        if piece is None:
            threading.Event().wait(timeout)
        return piece

    def send(self, data: bytes) -> None:
        self.sent += data

    def close(self) -> None:
        self.pieces = []

    def ending(self) -> str:
        return self._ending


def channel(*pieces: bytes | None, ending: str = "exit status 1") -> tuple[StreamChannel, Pieces]:
    pieced = Pieces(*pieces, ending=ending)
    return StreamChannel(pieced, BOOT, kind="ssh", target="ann@alpha"), pieced


def _slowly(receive: Callable[[float], bytes | None]) -> Callable[[float], bytes | None]:
    """As it was, but it takes longer than a heartbeat."""

    def slow(timeout: float) -> bytes | None:
        del timeout
        return receive(0.02) if not threading.Event().wait(0.02) else None

    return slow


def test_the_payload_is_sent_when_the_shell_is_ready() -> None:
    made, pieced = channel(b"Welcome!\nabc REA", b"DY\nabc {}\n")
    made.start(1)
    assert pieced.sent == b"payload"
    assert made.readline(1) == b"{}"


def test_noise_before_the_nonce_on_the_same_line_is_dropped() -> None:
    made, _ = channel(b"prompt> abc {1}\nnoise\nabc {2}\n")
    assert [made.readline(1), made.readline(1)] == [b"{1}", b"{2}"]


@given(st.data())
def test_lines_arrive_however_they_are_cut(data: st.DataObject) -> None:
    whole = b"".join(b"abc {%d}\nnoise\n" % n for n in range(5))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    made, _ = channel(*(piece for piece in pieces if piece))
    assert [made.readline(1) for _ in range(5)] == [b"{%d}" % n for n in range(5)]


def test_silence_is_given_up() -> None:
    made, _ = channel(None, None)
    began = time.monotonic()
    with pytest.raises(ConnectError, match=r"no line for 0 s.*ssh ann@alpha"):
        made.readline(0.05)
    assert time.monotonic() - began < 1


def test_noise_is_silence_too() -> None:
    class Noisy(Pieces):
        def receive(self, timeout: float) -> bytes | None:
            threading.Event().wait(min(timeout, 0.01))
            return b"noise\n" * 100

    made = StreamChannel(Noisy(), BOOT, kind="ssh", target="alpha")
    with pytest.raises(ConnectError, match="no line"):
        made.readline(0.2)


@pytest.mark.parametrize("noise", [b"y\n", b"noise " * 10_000 + b"\n", b"\0" * 8192])
def test_endless_noise_ends_the_session(noise: bytes) -> None:
    class Endless(Pieces):
        received = 0

        def receive(self, timeout: float) -> bytes | None:
            del timeout
            self.received += 1
            return noise

    endless = Endless()
    made = StreamChannel(endless, BOOT, kind="ssh", target="alpha")
    with pytest.raises(ProtocolError, match=r"256 KiB of noise.*ssh alpha"):
        made.readline(10)
    assert endless.received == MAX_NOISE_BYTES // len(noise) + 1


def test_noise_between_lines_adds_up_to_nothing() -> None:
    most = b"noise\n" * (MAX_NOISE_BYTES // 6)
    made, _ = channel(*[most, b"abc {}\n"] * 3)
    assert [made.readline(1) for _ in range(3)] == [b"{}"] * 3


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_line_of_more_than_a_mebibyte_ends_the_session(end: bytes) -> None:
    made, _ = channel(b"abc " + b"x" * (MAX_LINE_BYTES + 1) + end)
    with pytest.raises(ProtocolError, match="more than 1 MiB"):
        made.readline(1)


@pytest.mark.parametrize(("said", "sent"), [(b"READY", b"payload"), (b"NOPYTHON", b"shell")])
def test_a_server_is_sent_what_it_can_run(said: bytes, sent: bytes) -> None:
    made, pieced = channel(b"noise\nabc " + said + b"\n")
    made.start(1)
    assert pieced.sent == sent


def test_a_server_that_ends_while_it_is_sent_to_is_heard_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(data: bytes) -> None:
        del data
        raise ConnectError("closed")

    made, pieced = channel(b"abc READY\nneither Python 3 nor awk\n")
    monkeypatch.setattr(pieced, "send", refuse)
    made.start(1)
    with pytest.raises(ProbeError, match="neither Python 3 nor awk"):
        made.readline(1)


def test_an_end_before_the_first_line_says_what_was_printed() -> None:
    made, _ = channel(b"This account is currently not available.\n", ending="exit status 1")
    with pytest.raises(ProbeError, match=r"exit status 1: This account is currently not available"):
        made.start(1)


def test_an_end_after_the_first_line_is_a_lost_connection() -> None:
    made, _ = channel(b"abc {}\nMemoryError\n", ending="exit status 1")
    made.readline(1)
    with pytest.raises(ConnectError, match=r"ended \(exit status 1: MemoryError\)"):
        made.readline(1)


def test_what_was_printed_is_shown_without_its_escapes() -> None:
    made, _ = channel(b"\x1b[31mgo away\x1b[0m\n")
    with pytest.raises(ProbeError) as caught:
        made.start(1)
    assert caught.value.got.isprintable()


def test_the_probe_hears_that_somebody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.02)
    made, pieced = channel(b"abc READY\n", *[None] * 8, b"abc {}\n")
    made.start(5)
    assert made.readline(5) == b"{}"
    assert pieced.sent.count(b"\n") >= 4


def test_nothing_is_said_before_the_probe_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever comes before it would be read as its first bytes."""
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.01)
    made, pieced = channel(*[b"noise\n"] * 3, *[None] * 3, b"abc READY\n")
    monkeypatch.setattr(pieced, "receive", _slowly(pieced.receive))
    made.start(5)
    assert pieced.sent == b"payload"
