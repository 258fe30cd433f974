from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from demo.labs import DAY, ERA, ERA_START, hello, lab, spell, tick
from scms.collect.channel import MAX_LINE_BYTES
from scms.collect.message import Hello, Tick
from scms.collect.parse import parse_line
from scms.demo.lab import Lab
from scms.errors import ConnectError, UnknownServer

if TYPE_CHECKING:
    from scms.demo.jobs import Job

SERVERS = [spec.name for spec in lab().servers]


@pytest.mark.parametrize("server", SERVERS)
def test_the_parser_takes_every_line(server: str) -> None:
    for at in DAY + np.arange(0, 86400, 3601.5):
        if lab().outage(server, float(at)) is None:
            line = lab().line(server, float(at), 2.0)
            assert isinstance(parse_line(line), Tick)
            assert len(line) < MAX_LINE_BYTES / 50


def test_the_hello_says_that_it_is_simulated() -> None:
    said = hello("gpu-a01", DAY)
    assert isinstance(said, Hello)
    assert said.simulated
    assert said.hostname == "gpu-a01"


def test_a_line_does_not_depend_on_what_was_asked_before() -> None:
    fresh = Lab().line("gpu-h01", DAY, 2.0)
    lab().line("gpu-h01", DAY + 5000, 2.0)
    assert lab().line("gpu-h01", DAY, 2.0) == fresh


def test_lines_and_samples_are_the_same() -> None:
    times = DAY + 900.0 * np.arange(5, dtype=np.float64)
    many = lab().samples("gpu-l01", times, 900.0)
    one = lab().samples("gpu-l01", times[3:4], 900.0)
    assert many[3] == one[0]


def test_counters_never_run_backwards() -> None:
    ticks = [tick("gpu-a01", DAY + at) for at in np.arange(0, 6 * 3600, 97.0)]
    counters = np.array([[*t.cpu, *t.disk, *t.network] for t in ticks])
    assert (np.diff(counters, axis=0) >= 0).all()


def test_cpu_seconds_add_up_to_the_cpus_times_the_time() -> None:
    a, b = tick("gpu-a02", DAY), tick("gpu-a02", DAY + 600)
    assert sum(b.cpu) - sum(a.cpu) == pytest.approx(600 * b.cpu_count, rel=1e-6)


def test_a_long_difference_is_the_sum_of_the_short_ones() -> None:
    """The counters are integrals: a job that ends between two ticks is neither lost nor doubled."""
    server, start = "gpu-a01", DAY + 8 * 3600
    long = tick(server, start + 7200).cpu[0] - tick(server, start).cpu[0]
    starts = np.arange(start, start + 7200, 60.0).tolist()
    rates = [tick(server, at + 1).cpu[0] - tick(server, at).cpu[0] for at in starts]
    assert sum(rates) * 60 == pytest.approx(long, rel=0.05)


def test_cpu_time_follows_the_jobs() -> None:
    quiet, job = "gpu-v02", _longest("training")
    middle = (job.started_at + job.ended_at) / 2
    spent = tick(job.server, middle + 60).cpu[0] - tick(job.server, middle).cpu[0]
    idle = tick(quiet, DAY + 60).cpu[0] - tick(quiet, DAY).cpu[0]
    assert spent > 5 * idle


def test_counters_and_uptime_begin_anew_with_a_boot() -> None:
    server, reboot = spell("reboot")
    before, after = tick(server, reboot.start - 1), tick(server, reboot.end + 5)
    assert after.uptime_seconds == pytest.approx(5)
    assert after.cpu[3] < before.cpu[3]
    assert hello(server, reboot.end + 5).boot_id != hello(server, reboot.start - 1).boot_id


def test_a_network_outage_is_no_boot() -> None:
    server, outage = spell("network")
    assert hello(server, outage.start - 1).boot_id == hello(server, outage.end).boot_id


def test_a_server_that_is_down_says_nothing() -> None:
    server, outage = spell("power")
    with pytest.raises(ConnectError, match="no route to host"):
        lab().line(server, outage.start, 2.0)


def test_an_era_begins_with_maintenance() -> None:
    with pytest.raises(ConnectError, match="maintenance"):
        lab().hello("gpu-a01", ERA_START + 60, 2.0)


def test_unknown_servers_are_named_with_the_known() -> None:
    with pytest.raises(UnknownServer, match="gpu-a01"):
        lab().line("nope", DAY, 2.0)


def test_a_training_job_works_and_is_seen_with_its_user() -> None:
    job = _longest("training")
    device = _device(job, (job.started_at + job.ended_at) / 2)
    assert device.utilization_ratio > 0.03
    assert [p.user for p in device.processes] == [job.user]
    assert device.memory_used_bytes > 1e9


def test_an_idle_notebook_holds_memory_and_does_nothing() -> None:
    job = _longest("notebook-idle")
    device = _device(job, job.ended_at - 1)
    assert device.utilization_ratio == 0
    assert device.memory_used_bytes > 400 * 1024**2
    assert [p.user for p in device.processes] == [job.user]


def test_a_ghost_holds_memory_and_has_no_process() -> None:
    job = _longest("ghost")
    device = _device(job, job.ended_at - 1)
    assert device.processes == ()
    assert device.memory_used_bytes > 400 * 1024**2


def test_a_free_gpu_is_cool_and_draws_little() -> None:
    device = tick("gpu-v02", DAY).devices[0]
    assert device.processes == ()
    assert device.power_watts < 50
    assert device.temperature_celsius < 40


def test_a_gpu_warms_up_after_the_beginning_of_a_job() -> None:
    job = _longest("training")
    begin, later = _device(job, job.started_at + 1), _device(job, job.started_at + 900)
    assert later.temperature_celsius > begin.temperature_celsius + 3


def test_a_gpu_cools_slowly_after_the_end_of_a_job() -> None:
    job = next(
        job
        for job in sorted(_era_jobs(), key=lambda job: job.started_at - job.ended_at)
        if job.kind == "training"
        and _device(job, job.ended_at + 1).processes == ()
        and _device(job, job.ended_at + 1800).processes == ()
    )
    end, cooled = _device(job, job.ended_at + 1), _device(job, job.ended_at + 1800)
    assert end.temperature_celsius > cooled.temperature_celsius + 3


def test_a_faulty_gpu_says_so_and_a_lost_one_says_nothing_else() -> None:
    server, fault = next(
        (name, found)
        for name in SERVERS
        for found in lab().history(name, ERA).faults
        if "lost" in found.what and lab().history(name, ERA).spell(found.start + 1) is None
    )
    device = tick(server, fault.start + 1).devices[fault.index]
    assert device.fault == fault.what
    assert device.memory_used_bytes is None


def test_a_driver_mismatch_leaves_the_cpu_facts() -> None:
    server, found = spell("driver")
    said = tick(server, found.start + 1)
    assert said.gpu_problem == "driver/library mismatch: reboot"
    assert said.devices is None
    assert said.cpu is not None


def test_process_scans_come_about_every_ten_seconds() -> None:
    scans = [tick("gpu-a01", DAY + at).scan is not None for at in range(0, 60, 2)]
    assert sum(scans) == 6


def test_the_cores_of_the_processes_add_up_to_the_cpu_time() -> None:
    server, at = "cpu-01", DAY + 12 * 3600
    seconds = sum(tick(server, at).cpu[:3]) - sum(tick(server, at - 900).cpu[:3])
    listed = sum(p.cpu_cores_used for p in tick(server, at, 900.0).scan)
    assert listed == pytest.approx(seconds / 900, rel=0.1, abs=0.5)


def test_file_systems_come_about_once_a_minute() -> None:
    found = [tick("gpu-a01", DAY + at).filesystems for at in range(0, 300, 2)]
    assert sum(f is not None for f in found) == 5
    assert [f.mount for f in found[0]] == ["/", "/scratch"]


def _era_jobs() -> list[Job]:
    return lab().jobs(DAY - 20 * 86400, DAY + 20 * 86400)


def _longest(kind: str) -> Job:
    """The longest job of a kind on a server that nothing happened to meanwhile."""
    quiet = [
        job
        for job in _era_jobs()
        if job.kind == kind
        and not any(
            s.start < job.ended_at + 2000 and job.started_at < s.end
            for s in lab().history(job.server, ERA).spells
        )
    ]
    return max(quiet, key=lambda job: job.ended_at - job.started_at)


def _device(job: Job, at: float) -> Any:
    return tick(job.server, at).devices[job.devices[0]]
