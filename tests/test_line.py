"""The whole line over three real sshd servers: collect, flush, usage, forecast, recommend.

One of the servers carries the fake NVIDIA driver with 8 GPUs, two of which somebody uses.
"""

from __future__ import annotations

import getpass
import os
import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

import scms
from nvml.fake import GIB, FakeDriver, build, uuid
from scms.inventory import Inventory
from scms.service import Service
from scms.warehouse import Warehouse
from servers.sshd import sshd_fleet, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scms.cluster import Cluster

pytestmark = [pytest.mark.sshd, pytest.mark.slow]

USED = {0: 30 * GIB, 5: 12 * GIB}
HISTORY_DAYS = 5
TICK = timedelta(minutes=15)


@pytest.fixture(scope="module")
def lab(tmp_path_factory, sshd_program, compiler) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("line")
    driver = FakeDriver(build(folder / "nvml", compiler), folder / "gpus.conf")
    with subprocess.Popen(["sleep", "600"]) as job:
        driver.set_jobs(*((index, job.pid, memory) for index, memory in USED.items()))
        environment = {0: driver.environment}
        with sshd_fleet(folder, count=3, environment=environment, program=sshd_program) as servers:
            data = {
                "name": "line",
                "interval": 0.5,
                "data": str(folder / "data"),
                "servers": [server.entry(group="bench") for server in servers],
            }
            inventory = Inventory.from_mapping(data, base=folder, source="test")
            service = Service(inventory)
            service.start()
            opened = scms.Cluster(inventory)
            try:
                wait_until(lambda: ticks(opened) >= 12, 30, lambda: "12 ticks of each server")
                write_history(opened)
                yield opened
            finally:
                service.stop()
                job.kill()


def ticks(lab: Cluster) -> int:
    """How many samples the server with the fewest has."""
    counts = [0] * len(lab.inventory.servers)
    for stored in lab.hot.since(0):
        for row in stored.record.tables["server_sample"]:
            position = int(str(row["server"])[-1])
            counts[position] += row["state"] != "down"
    return min(counts)


def write_history(lab: Cluster) -> None:
    """Give the servers a past: what they do now, each quarter of an hour of the last days."""
    warehouse = Warehouse.open(lab.inventory)
    latest = lab.hot.latest()
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    times = [end - TICK * n for n in range(HISTORY_DAYS * 96)]
    for table in ("server_sample", "device_sample"):
        rows = [row for stored in latest for row in stored.record.tables.get(table, [])]
        past = [
            row | {"sampled_at": round(at.timestamp() * 1000), "observed_seconds": 900.0}
            for at in times
            for row in rows
        ]
        warehouse.append(table, past)


def test_every_server_is_up_and_only_one_has_gpus(lab):
    now = lab.now().set_index("server")
    assert list(now["gpus_total"]) == [8, 0, 0]
    assert list(now["gpu_count"]) == [8, 0, 0]
    assert set(now["state"]) == {"up"}
    assert set(now["cpu_count"]) == {os.cpu_count()}


def test_each_gpu_has_the_state_memory_and_user_that_its_driver_tells(lab):
    devices = lab.devices().set_index("device")
    for index in range(8):
        row = devices.loc[uuid(index)]
        assert row["state"] == ("busy" if index in USED else "free")
        assert row["memory_used_bytes"] == USED.get(index, row["memory_used_bytes"])
        assert row["users"] == ([getpass.getuser()] if index in USED else [])


def test_a_flush_moves_every_sample_to_iceberg_and_the_views_count_each_once(lab):
    hot = lab.hot.since(0)
    last = hot[-1].id
    warehouse = Warehouse.open(lab.inventory)
    warehouse.flush(lab.hot)
    assert warehouse.state("server_sample").files
    since = datetime.now(UTC) - timedelta(minutes=5)
    query = """
        select server, count(*) as n from server_sample
        where observed_seconds < 900 and sampled_at >= $since and sampled_at <= $until
        group by server order by server
    """
    until = datetime.fromtimestamp(hot[-1].record.received_at_ms / 1000, tz=UTC)
    counted = lab.sql(query, {"since": since, "until": until}).df()
    expected = [0, 0, 0]
    for stored in lab.hot.since(0):
        if stored.id <= last:
            expected[int(stored.record.server[-1])] += len(stored.record.tables["server_sample"])
    assert list(counted["n"]) == expected


def test_usage_is_two_of_eight_gpus_and_belongs_to_their_user(lab):
    end = datetime.now(UTC).date()
    period = f"{end - timedelta(days=3)}..{end - timedelta(days=1)}"
    row = lab.usage(period, by="server").set_index("server").loc["sshd-0"]
    assert row["gpu_hours_available"] == pytest.approx(3 * 24 * 8)
    assert row["gpu_hours_used"] == pytest.approx(3 * 24 * 2)
    assert row["gpu_hours_free"] == pytest.approx(3 * 24 * 6)
    assert row["coverage_ratio"] == pytest.approx(1)


def test_the_gpu_time_of_today_is_attributed_to_the_user_of_the_processes(lab):
    users = lab.sql(
        'select sum(gpu_busy_seconds) as s from user_usage_15m where "user" = $user',
        {"user": getpass.getuser()},
    ).df()["s"]
    devices = lab.sql(
        "select sum(observed_seconds) as s from device_sample"
        " where state = 'busy' and observed_seconds < 900"
    ).df()["s"]
    assert users.iloc[0] == pytest.approx(devices.iloc[0], rel=0.2)
    assert users.iloc[0] > 2 * 0.5 * 10


def test_cpu_hours_agree_with_the_ticks_that_made_them(lab):
    query = """
        select server, sum(cpu_utilization_ratio * cpu_count * observed_seconds) / 3600 as hours
        from server_sample where sampled_at >= date_trunc('day', now()) group by server
    """
    expected = lab.sql(query).df().set_index("server")["hours"]
    used = lab.usage("today").set_index("server")["cpu_hours_used"]
    for server, hours in expected.items():
        assert used[server] == pytest.approx(hours, rel=0.02)


def test_the_forecast_of_a_steady_server_is_what_it_does(lab):
    outlook = lab.forecast("6h")
    steady = outlook[outlook["server"] == "sshd-0"]
    assert list(steady["horizon_hours"]) == [1, 2, 3, 4, 5, 6]
    assert set(steady["measure"]) == {"gpus_busy"}
    assert list(steady["mean"]) == pytest.approx([2.0] * 6, abs=0.1)
    assert list(steady["p_free"]) == pytest.approx([1.0] * 6, abs=0.05)
    assert set(outlook[outlook["server"] == "sshd-1"]["measure"]) == {"cpu_utilization_ratio"}


def test_the_recommendation_is_the_server_with_free_gpus_and_says_why(lab):
    answer = lab.recommend(gpus=2, gpu_memory="24GiB", hours=4)
    assert [candidate.server for candidate in answer.candidates] == ["sshd-0"]
    best = answer.candidates[0]
    assert set(best.devices) <= {uuid(index) for index in range(8) if index not in USED}
    assert len(best.devices) == 2
    assert best.probability is not None
    assert best.probability > 0.8
    assert any("6 of 8 GPUs free" in reason for reason in best.reasons)
    assert f"CUDA_VISIBLE_DEVICES={','.join(best.devices)}" in best.command
    assert [rejected.server for rejected in answer.rejected] == ["sshd-1", "sshd-2"]


def test_a_hold_is_seen_by_others_and_keeps_them_away(lab):
    first = lab.recommend(gpus=2, hours=4).candidates[0]
    lab.hold(first.server, first.devices, user="ada", purpose="training")
    other = scms.Cluster(lab.inventory)
    assert set(other.devices().query("held_by == 'ada'")["device"]) == set(first.devices)
    second = other.recommend(gpus=4, hours=4, user="grace").candidates[0]
    assert not set(second.devices) & set(first.devices)
    assert other.recommend(gpus=5, hours=4, user="grace").candidates == ()
    lab.release(user="ada")
