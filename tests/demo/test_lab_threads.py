from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from demo.labs import DAY
from scms.demo import jobs, lab
from scms.demo.lab import Lab

if TYPE_CHECKING:
    import pytest

UNSEEN_SEED = 4711


def test_many_sessions_that_begin_at_once_simulate_the_lab_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = []

    def counted(*args: object) -> tuple[jobs.Job, ...]:
        calls.append(args)
        return ()

    monkeypatch.setattr(lab, "simulate", counted)
    fresh = Lab(UNSEEN_SEED)
    names = [spec.name for spec in fresh.servers]
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda name: fresh.history(name, 13), names))
    assert len(calls) == 1
    assert fresh.jobs(DAY, DAY + 1) == []
