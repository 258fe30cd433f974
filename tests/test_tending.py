"""The thread that tends holds and starts learning, with a stand-in for what it starts."""

from __future__ import annotations

import logging
import sys
import time
from typing import TYPE_CHECKING, Any, cast

from scms.cluster.tending import Tending, learn_command
from scms.errors import HotStoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from scms.cluster import Cluster


class Lab:
    """A cluster of which only the holds are tended."""

    def __init__(self, error: Exception | None = None) -> None:
        self.tended = 0
        self._error = error

    def tend_holds(self) -> tuple[int, int]:
        self.tended += 1
        if self._error is not None:
            raise self._error
        return 0, 0


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def tending(lab: Lab, *code: str) -> Tending:
    command = [sys.executable, "-c", *code]
    return Tending(cast("Cluster", lab), command, tend_seconds=0.02, first_learn_seconds=0.0)


def test_holds_are_tended_again_and_again() -> None:
    lab = Lab()
    thread = tending(lab, "pass")
    thread.start()
    until(lambda: lab.tended >= 3)
    thread.stop()
    assert not thread.is_alive()


def test_learning_is_started_once_in_a_process_of_its_own(tmp_path: Path) -> None:
    mark = tmp_path / "learnt"
    lab = Lab()
    thread = tending(lab, f"open({str(mark)!r}, 'a').write('x')")
    thread.start()
    until(mark.exists)
    before = lab.tended
    until(lambda: lab.tended >= before + 10)
    thread.stop()
    assert mark.read_text() == "x"


def test_what_goes_wrong_with_holds_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    lab = Lab(HotStoreError("the disk is full"))
    thread = tending(lab, "pass")
    with caplog.at_level(logging.WARNING):
        thread.start()
        until(lambda: lab.tended >= 3)
        thread.stop()
    said = [record.message for record in caplog.records if "holds" in record.message]
    assert len(said) == 1


def test_learning_that_fails_says_why(caplog: pytest.LogCaptureFixture) -> None:
    lab = Lab()
    thread = tending(lab, "import sys; sys.exit('scms: 3 hours of load are known')")
    with caplog.at_level(logging.WARNING):
        thread.start()
        until(lambda: any("3 hours of load" in record.message for record in caplog.records))
        thread.stop()


def test_learning_under_way_ends_with_the_collector() -> None:
    lab = Lab()
    thread = tending(lab, "import time; time.sleep(60)")
    thread.start()
    until(lambda: thread._learning is not None)
    began = time.monotonic()
    thread.stop()
    assert not thread.is_alive()
    assert time.monotonic() - began < 10


def test_the_command_names_the_cluster() -> None:
    command: list[Any] = learn_command("lab.toml")
    assert command[-3:] == ["-c", "lab.toml", "learn"]
    assert learn_command(None)[-1] == "learn"
