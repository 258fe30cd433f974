"""Sessions and their supervisor on scripted channels: back-off, reports, stopping."""

from __future__ import annotations

import random
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from collect.collecting import (
    IMPATIENT,
    Notes,
    Script,
    collecting,
    down,
    hello_line,
    up,
)
from collect.collecting import (
    sample_line as sample_of_2027,
)
from scms.collect.assemble import Assembler
from scms.collect.rows import Watch
from scms.collect.session import Arrival, Clock, Session
from scms.collect.supervisor import Patience, Supervisor
from scms.collect.watcher import Attempt
from scms.errors import CollectError, ConnectError, HostKeyError, LoginError, ProtocolError
from scms.inventory import Inventory, Server

if TYPE_CHECKING:
    from pathlib import Path

    from scms.collect.channel import Channel
    from scms.collect.record import Record


sample_line = partial(sample_of_2027, time=None)  # no clock, no skew


def run(lines: list[bytes], *, interval: float = 1.0) -> Notes:
    """The records of a session over these lines."""
    notes = Notes()
    session = Session(Assembler(Watch("a", interval)), kind="ssh", clock=Clock())
    for n, line in enumerate(lines):
        session.admit()
        record = session.record(line, Arrival(n, n / 1000))
        if record is not None:
            notes(record)
    return notes


def test_a_session_makes_a_record_per_sample() -> None:
    notes = run([hello_line(), sample_line(0), sample_line(1)])
    assert [row["cpu_utilization_ratio"] for row in notes.of("a")] == [None, 0.5]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([sample_line()], "a sample before the hello"),
        ([hello_line(), hello_line()], "a second hello"),
        ([b"garbage"], "no JSON"),
        ([hello_line(), b"garbage"], "no JSON"),
        ([hello_line(protocol=9)], "update the collector"),
    ],
)
def test_what_is_out_of_order_ends_the_session(lines: list[bytes], message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        run(lines)


def test_a_flood_of_samples_ends_the_session(tmp_path: Path) -> None:
    flood = [hello_line(), *(sample_line(n) for n in range(1000))]
    patience = Patience(first=60)
    with collecting(
        [Server(name="a")], lambda *_: Script(flood), tmp_path, interval=1, patience=patience
    ) as notes:
        row = notes.wait("a", down)
    assert "expected one every 1 s" in row["reason"]
    assert len(notes.records) < 30


def test_back_off_doubles_up_to_two_minutes_with_jitter() -> None:
    patience, jitter = Patience(), random.Random(1)
    delays = [patience.delay(n, ConnectError("x"), jitter) for n in range(1, 40)]
    assert 1.5 <= delays[0] <= 2.5
    assert 3 <= delays[1] <= 5
    assert max(delays) <= 150
    assert len(set(delays[10:])) > 20


@pytest.mark.parametrize("error", [HostKeyError("x"), LoginError("x")])
def test_what_only_people_can_mend_is_tried_every_five_minutes(error: CollectError) -> None:
    assert 225 <= Patience().delay(1, error, random.Random(1)) <= 375


def test_one_record_per_try_and_one_at_least_every_minute(tmp_path: Path) -> None:
    patience = Patience(first=0.6, longest=0.6, report=0.1)
    tries: list[float] = []

    def connect(server: Server, interval: float) -> Channel:
        del server, interval
        tries.append(time.monotonic())
        raise ConnectError("nobody there", mend="look")

    with collecting([Server(name="a")], connect, tmp_path, patience=patience) as notes:
        notes.wait("a", lambda _: len(tries) == 2)
    rows = [row for row in notes.of("a") if down(row)]
    assert 4 <= len(rows) <= 12
    assert {row["reason"] for row in rows} == {"nobody there; look"}
    assert [kind for kind, _ in notes.events("a")] == ["down"]
    assert rows[0]["observed_seconds"] == 0
    assert rows[1]["observed_seconds"] == pytest.approx(0.1, abs=0.09)


def test_a_lost_session_is_down_and_then_up_again(tmp_path: Path) -> None:
    scripts = [
        Script([hello_line(), sample_line(0)]),
        Script([hello_line(boot_id="boot-2"), sample_line(1)], waits=True),
    ]
    with collecting([Server(name="a")], lambda *_: scripts.pop(0), tmp_path) as notes:
        notes.wait("a", lambda row: up(row) and row["boot_id"] == "boot-2")
    assert [kind for kind, _ in notes.events("a")] == ["up", "down", "reboot", "up"]


def test_a_mistake_of_ours_is_logged_and_does_not_silence_the_server(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    answers: list[Any] = [ZeroDivisionError("oops"), Script([hello_line(), sample_line()])]

    def connect(server: Server, interval: float) -> Channel:
        del server, interval
        answer = answers.pop(0) if answers else ConnectError("done")
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]

    with collecting([Server(name="a")], connect, tmp_path) as notes:
        notes.wait("a", up)
    assert notes.of("a")[0]["reason"] == "ZeroDivisionError: oops; report this as a bug"
    assert "collecting from a failed" in caplog.text


def test_a_mistake_about_one_server_does_not_end_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Picky(Notes):
        def __call__(self, record: Record) -> None:
            if record.server == "a":
                raise ZeroDivisionError
            super().__call__(record)

    data = {"interval": 0.5, "servers": [{"name": "a"}, {"name": "b"}]}
    inventory = Inventory.from_mapping(data, base=tmp_path, source="test")
    notes = Picky()

    def connect(server: Server, interval: float) -> Channel:
        del server, interval
        return Script([hello_line(), sample_line(), sample_line(1)])

    supervisor = Supervisor(inventory, sink=notes, connect=connect, patience=IMPATIENT)
    supervisor.start()
    notes.wait("b", lambda _: len(notes.of("b")) > 6)  # through failures, too
    assert supervisor.stop(5)
    assert "collecting from a failed" in caplog.text


class Mute:
    """A channel that reads by itself, and hangs: it says nothing and does not notice."""

    kind: Any = "ssh"

    def __init__(self) -> None:
        self._ended: Any = None

    def readline(self, timeout: float) -> bytes:
        del timeout
        return hello_line()

    def hand_over(self, take: object, ended: object, *, silence: float) -> None:
        del take, silence
        self._ended = ended

    def close(self) -> None:
        self._ended(ConnectError("closed"))


def test_a_channel_that_hangs_is_ended(tmp_path: Path) -> None:
    seconds = iter(range(100_000))  # a second passes whenever somebody looks
    data = {"interval": 0.5, "servers": [{"name": "a"}]}
    inventory = Inventory.from_mapping(data, base=tmp_path, source="test")
    notes = Notes()
    supervisor = Supervisor(
        inventory,
        sink=notes,
        connect=lambda *_: Mute(),
        clock=Clock(monotonic=lambda: float(next(seconds))),
    )
    supervisor.start()
    row = notes.wait("a", down)
    assert supervisor.stop(5)
    assert row["reason"] == "nothing for 42 s"


def test_a_machine_without_more_threads_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(attempt: Attempt) -> None:
        del attempt
        monkeypatch.undo()
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(Attempt, "start", refuse)
    script = Script([hello_line(), sample_line()], waits=True)
    with collecting([Server(name="a")], lambda *_: script, tmp_path) as notes:
        notes.wait("a", up)
    assert "can't start new thread; see ulimit -u" in notes.of("a")[0]["reason"]


def test_stopping_closes_every_channel_and_records_no_failure(tmp_path: Path) -> None:
    scripts = {f"s{n}": Script([hello_line(), sample_line()], waits=True) for n in range(20)}
    servers = [Server(name=name) for name in scripts]
    began = time.monotonic()
    with collecting(servers, lambda server, _: scripts[server.name], tmp_path) as notes:
        for name in scripts:
            notes.wait(name, up)
    assert time.monotonic() - began < 5
    assert all(script.closed for script in scripts.values())
    assert not [row for name in scripts for row in notes.of(name) if down(row)]


def test_a_channel_that_opens_after_the_stop_is_closed(tmp_path: Path) -> None:
    entered, go, script = threading.Event(), threading.Event(), Script([], waits=True)

    def connect(server: Server, interval: float) -> Channel:
        del server, interval
        entered.set()
        go.wait(10)
        return script

    inventory = Inventory.from_mapping({"servers": [{"name": "a"}]}, base=tmp_path, source="test")
    supervisor = Supervisor(inventory, sink=Notes(), connect=connect, patience=IMPATIENT)
    supervisor.start()
    entered.wait(5)
    assert not supervisor.stop(0.05)
    go.set()
    assert supervisor.stop(5)
    assert script.closed


def test_stopping_what_was_not_started_is_nothing(tmp_path: Path) -> None:
    inventory = Inventory.from_mapping({"servers": [{"name": "a"}]}, base=tmp_path, source="test")
    assert Supervisor(inventory, sink=Notes(), connect=lambda *_: Script([])).stop(1)


def test_the_settings_reach_the_rows(tmp_path: Path) -> None:
    data = {
        "interval": 7,
        "collector": "west",
        "servers": [{"name": "a", "simulated": True}],
    }
    inventory = Inventory.from_mapping(data, base=tmp_path, source="test")
    notes = Notes()
    asked: list[float] = []

    def connect(server: Server, interval: float) -> Channel:
        del server
        asked.append(interval)
        return Script([hello_line(), sample_line()], waits=True)

    supervisor = Supervisor(inventory, sink=notes, connect=connect)
    supervisor.start()
    row = notes.wait("a", up)
    assert supervisor.stop(5)
    assert asked == [7.0]
    assert (row["collector"], row["interval_seconds"], row["simulated"]) == ("west", 7.0, True)
