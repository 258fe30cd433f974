"""A sample has the time at which it was made, also when its line lay somewhere on the way."""

from __future__ import annotations

from typing import Any

import pytest

from collect.collecting import hello_line, sample_line
from scms.collect.assemble import Assembler
from scms.collect.rows import Watch
from scms.collect.session import Arrival, Clock, Session

#: The moment of the first line of a session, in milliseconds since the epoch.
BEGAN = 1_800_000_000_000


def times(*arrived: tuple[float, float], interval: float = 1.0, set_by: float = 0.0) -> list[float]:
    """Seconds at which samples are said to be made.

    ``arrived``: the server's steady seconds and ours, of each; our clock is set by ``set_by``
    before the last of them comes.
    """
    session = Session(Assembler(Watch("a", interval)), kind="ssh", clock=Clock())
    session.record(hello_line(), Arrival(BEGAN, 0.0))
    found = []
    for n, (made, came) in enumerate(arrived):
        moved = set_by if n == len(arrived) - 1 else 0.0
        arrival = Arrival(BEGAN + round(1000 * (came + moved)), came)
        record = session.record(sample_line(monotonic=5000.0 + made, time=None), arrival)
        assert record is not None
        row: dict[str, Any] = record.tables["server_sample"][0]
        found.append((row["sampled_at"] - BEGAN) / 1000)
    return found


def test_a_line_is_of_when_it_comes() -> None:
    assert times((0, 0.1), (1, 1.3), (2, 2.0), (3, 4.5)) == [0.1, 1.3, 2.0, 4.5]


def test_lines_that_lay_for_an_hour_are_of_an_hour_ago() -> None:
    late = [(1, 3600.0), (2, 3600.01), (3, 3600.02)]
    assert times((0, 0.1), *late) == [0.1, 1.1, 2.1, 3.1]


def test_lines_after_those_are_of_when_they_come_again() -> None:
    assert times((0, 0), (1, 30.0), (2, 30.1), (31, 31.0), (32, 32.0))[2:] == [2.0, 31.0, 32.0]


def test_a_server_that_stood_still_is_not_late_for_good() -> None:
    found = times((0, 0), (1, 21.0), (2, 22.0), (3, 23.0))
    assert found[2:] == [22.0, 23.0]


def test_clocks_that_drift_apart_make_nothing_late() -> None:
    slow = [(n, n * 1.001) for n in range(0, 100_000, 1000)]
    assert times(*slow) == pytest.approx([came for _, came in slow])


def test_a_clock_of_ours_that_is_set_makes_nothing_late() -> None:
    assert times((0, 0), (1, 1.0), (2, 2.0), set_by=3600.0) == [0, 1.0, 3602.0]


def test_the_steady_clock_is_no_earlier_than_that_of_deadlines() -> None:
    clock = Clock()
    before = clock.monotonic()
    assert clock.steady() >= before
