from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from demo.labs import DAY, ERA, ERA_START, lab
from scms.demo.jobs import Job, simulate
from scms.demo.lab import Lab
from scms.demo.weather import ERA as ERA_SECONDS
from scms.demo.weather import SLOT

if TYPE_CHECKING:
    from scms.demo.noise import Floats

WEEK = (DAY, DAY + 7 * 86400)
ZONE = ZoneInfo("Europe/Berlin")


@pytest.fixture(scope="module")
def jobs() -> list[Job]:
    """All jobs of the era."""
    return lab().jobs(ERA_START, ERA_START + ERA_SECONDS - 1)


@pytest.fixture(scope="module")
def taken(jobs: list[Job]) -> np.ndarray:
    """How many GPUs are taken in each slot of the era."""
    slots = np.zeros(ERA_SECONDS // SLOT)
    for job in jobs:
        first, last = ((at - ERA_START) // SLOT for at in (job.started_at, job.ended_at))
        slots[first:last] += len(job.devices)
    return slots / sum(spec.gpus for spec in lab().servers)


def by_hour(hours: range, *, weekend: bool) -> np.ndarray:
    """Which slots of the era lie in these hours of the lab's day."""
    moments = [
        datetime.fromtimestamp(ERA_START + slot * SLOT, UTC).astimezone(ZONE)
        for slot in range(ERA_SECONDS // SLOT)
    ]
    return np.array([m.hour in hours and (m.weekday() >= 5) == weekend for m in moments])


def test_the_same_seed_gives_the_same_jobs(jobs: list[Job]) -> None:
    again = simulate(lab().seed, 0, ERA, ZONE)
    assert list(again) == jobs


def test_another_seed_gives_other_jobs(jobs: list[Job]) -> None:
    other = simulate(lab().seed + 1, 0, ERA, ZONE)
    assert {job.started_at for job in other[:50]} != {job.started_at for job in jobs[:50]}


def test_no_device_serves_two_jobs_at_once(jobs: list[Job]) -> None:
    spells: dict[tuple[str, int], list[tuple[int, int]]] = {}
    for job in jobs:
        for index in job.devices:
            spells.setdefault((job.server, index), []).append((job.started_at, job.ended_at))
    for times in spells.values():
        assert all(a[1] <= b[0] for a, b in pairwise(sorted(times)))


def test_jobs_begin_and_end_at_quarters_of_an_hour(jobs: list[Job]) -> None:
    assert all(job.started_at % SLOT == job.ended_at % SLOT == 0 for job in jobs)
    assert all(job.started_at < job.ended_at for job in jobs)


def test_no_job_outlives_its_era(jobs: list[Job]) -> None:
    assert max(job.ended_at for job in jobs) <= ERA_START + ERA_SECONDS


def test_cores_in_use_never_exceed_the_server(jobs: list[Job]) -> None:
    for spec in lab().servers:
        mine = [job for job in jobs if job.server == spec.name]
        at_start = [
            sum(o.cores for o in mine if o.started_at <= job.started_at < o.ended_at)
            for job in mine[:400]
        ]
        assert max(at_start, default=0) <= spec.cpus


def test_no_job_runs_through_a_boot(jobs: list[Job]) -> None:
    for spec in lab().servers:
        kills = [s.first_slot for s in lab().history(spec.name, ERA).spells if s.kills]
        for job in jobs:
            if job.server == spec.name:
                assert not any(job.started_at < kill < job.ended_at for kill in kills)


def test_no_job_runs_on_a_faulty_gpu(jobs: list[Job]) -> None:
    for spec in lab().servers:
        faults = lab().history(spec.name, ERA).faults
        for job in jobs:
            if job.server == spec.name:
                assert not any(
                    fault.index in job.devices
                    and fault.start < job.ended_at
                    and job.started_at < fault.end
                    for fault in faults
                )


def test_one_server_is_never_used(jobs: list[Job]) -> None:
    used = {job.server for job in jobs}
    assert {spec.name for spec in lab().servers} - used == {"gpu-v02"}


def test_the_two_that_everybody_thinks_of_are_the_busiest(jobs: list[Job]) -> None:
    hours = {
        spec.name: sum(
            (job.ended_at - job.started_at) * len(job.devices)
            for job in jobs
            if job.server == spec.name
        )
        / spec.gpus
        for spec in lab().servers
        if spec.gpus
    }
    assert sorted(hours, key=lambda name: -hours[name])[:2] == ["gpu-a01", "gpu-a02"]


def test_every_kind_of_use_occurs(jobs: list[Job]) -> None:
    assert {job.kind for job in jobs} == {"training", "notebook-idle", "cpu", "ghost"}


def test_notebooks_hold_gpus_for_most_of_a_day_at_the_median(jobs: list[Job]) -> None:
    hours = [(j.ended_at - j.started_at) / 3600 for j in jobs if j.kind == "notebook-idle"]
    assert 12 < np.median(hours) < 22


def test_durations_have_a_heavy_tail(jobs: list[Job]) -> None:
    hours = [(j.ended_at - j.started_at) / 3600 for j in jobs if j.kind == "training"]
    assert np.percentile(hours, 99) > 15 * np.median(hours)


def test_weekday_afternoons_are_busy(taken: Floats) -> None:
    assert 0.55 < taken[by_hour(range(13, 18), weekend=False)].mean() < 0.70


def test_nights_are_quieter(taken: Floats) -> None:
    assert 0.33 < taken[by_hour(range(1, 6), weekend=False)].mean() < 0.47


def test_weekends_are_quieter(taken: Floats) -> None:
    assert taken[by_hour(range(13, 18), weekend=True)].mean() < 0.45


def test_what_a_server_does_depends_not_on_how_many_are_used() -> None:
    few, many = Lab(servers=3), Lab(servers=45)
    assert few.line("gpu-a02", DAY, 2.0) == many.line("gpu-a02", DAY, 2.0)


def test_further_halls_are_other_labs() -> None:
    many = Lab(servers=40)
    starts = {
        name: [job.started_at for job in many.jobs(*WEEK) if job.server == name]
        for name in ("gpu-a01", "hall2-gpu-a01")
    }
    assert starts["gpu-a01"] != starts["hall2-gpu-a01"]


def test_the_ledger_names_user_devices_and_kind() -> None:
    start = datetime.fromtimestamp(DAY, UTC)
    ledger = lab().ledger(start, start + timedelta(days=1))
    first = ledger[ledger.kind == "training"].iloc[0]
    assert first.user in {"amara", "bjorn", "chiara", "dmitri", "elif", "farid", "giulia"} | {
        "hiro",
        "ines",
        "jonas",
        "keiko",
        "lukas",
    }
    assert all(uuid.startswith("GPU-") for uuid in first.devices)
    assert str(ledger.started_at.dtype).endswith("UTC]")


def test_the_ledger_has_what_touches_the_period_and_nothing_else() -> None:
    start = datetime.fromtimestamp(DAY, UTC)
    ledger = lab().ledger(start, start + timedelta(hours=1))
    assert (ledger.started_at < start + timedelta(hours=1)).all()
    assert (ledger.ended_at > start).all()


def test_an_empty_ledger_has_its_columns() -> None:
    start = datetime.fromtimestamp(ERA_START, UTC)
    ledger = lab().ledger(start, start + timedelta(minutes=30))
    assert list(ledger) == [
        "job",
        "user",
        "group",
        "server",
        "devices",
        "started_at",
        "ended_at",
        "kind",
    ]
    assert ledger.empty
