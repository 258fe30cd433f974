"""What is remembered between ticks: idleness, faults, reboots, and what changed."""

from __future__ import annotations

from typing import Any

import pytest

from collect.collecting import hello_line, sample_line
from nvml.fake import GIB
from scms.collect.assemble import Assembler
from scms.collect.message import Hello, Tick
from scms.collect.parse import parse_line
from scms.collect.rows import Watch

#: When the plain samples of `collecting` are made, in milliseconds.
START = 1_800_000_000_000


class Server:
    """A server of which ticks and failures are fed in, one a second."""

    def __init__(self, interval_seconds: float = 1.0) -> None:
        self.assembler = Assembler(Watch("alpha", interval_seconds))
        self.n = -1
        self.begin()

    def begin(self, **changes: Any) -> None:
        hello = parse_line(hello_line(**changes))
        assert isinstance(hello, Hello)
        self.assembler.begin(hello, "ssh")

    def tick(self, seconds: int = 1, **changes: Any) -> dict[str, list[dict[str, Any]]]:
        self.n += seconds
        tick = parse_line(sample_line(self.n, **changes))
        assert isinstance(tick, Tick)
        return self.assembler.tick(tick, START + 1000 * self.n).tables

    def gpu(self, seconds: int = 1, **device: Any) -> dict[str, Any]:
        """The device row of a tick with one GPU."""
        whole = {"uuid": "GPU-1", "index": 0, "name": "A100", "memory_total": 80 * GIB, **device}
        return self.tick(seconds, devices=[whole])["device_sample"][0]

    def failure(self, reason: str = "refused", seconds: int = 1) -> dict[str, list[dict[str, Any]]]:
        self.n += seconds
        return self.assembler.failure(reason, START + 1000 * self.n).tables


@pytest.fixture
def server() -> Server:
    return Server()


def events(tables: dict[str, list[dict[str, Any]]]) -> list[str]:
    return [row["kind"] for row in tables["event"]]


IDLE: dict[str, Any] = {
    "utilization": 0,
    "memory_used": 10 * GIB,
    "processes": [[7, "ann", "python", 1, None]],
}
WORK: dict[str, Any] = {**IDLE, "utilization": 90}
FREE: dict[str, Any] = {"utilization": 0, "memory_used": 0, "processes": []}


def test_a_record_is_complete_and_names_its_session(server: Server) -> None:
    parsed = parse_line(sample_line(0, filesystems=[["/", "ext4", 100, 60, 35, 9, 8]]))
    assert isinstance(parsed, Tick)
    record = server.assembler.tick(parsed, START)
    assert (record.server, record.received_at_ms) == ("alpha", START)
    assert set(record.tables) == {"server_sample", "device_sample", "process_sample", "event"}
    assert record.detail["session"] == "ssh"
    assert record.detail["hostname"] == "a"
    assert record.detail["filesystems"] == [
        {
            "mount": "/",
            "type": "ext4",
            "total_bytes": 100,
            "used_bytes": 60,
            "free_bytes": 35,
            "inodes_total": 9,
            "inodes_free": 8,
        }
    ]


def test_space_is_remembered_between_the_ticks_that_read_it(server: Server) -> None:
    server.tick(filesystems=[["/", "ext4", 100, 60, 35]])
    assert server.tick()["server_sample"][0]["scratch_free_bytes"] == 35


def test_a_held_gpu_is_idle_held_after_a_quarter_of_an_hour(server: Server) -> None:
    assert server.gpu(**WORK)["state"] == "busy"
    server.gpu(seconds=450, **IDLE)
    assert server.gpu(seconds=449, **IDLE)["state"] == "busy"
    assert server.gpu(**IDLE)["state"] == "idle_held"
    assert server.gpu(**WORK)["state"] == "busy"
    assert server.gpu(**IDLE)["state"] == "busy"


def test_a_gpu_that_was_long_free_is_busy_when_it_is_taken(server: Server) -> None:
    server.gpu(**FREE)
    assert server.gpu(seconds=5000, **FREE)["state"] == "free"
    assert server.gpu(**IDLE)["state"] == "busy"


def test_a_gpu_found_held_is_idle_only_after_it_was_watched(server: Server) -> None:
    assert server.gpu(**IDLE)["state"] == "busy"
    server.gpu(seconds=450, **IDLE)
    assert server.gpu(seconds=451, **IDLE)["state"] == "idle_held"


def test_idleness_outlives_a_lost_connection(server: Server) -> None:
    server.gpu(**WORK)
    server.failure()
    server.begin()
    server.gpu(seconds=500, **IDLE)
    assert server.gpu(seconds=399, **IDLE)["state"] == "idle_held"


def test_time_in_which_nobody_looked_is_not_idle(server: Server) -> None:
    server.gpu(**WORK)
    server.gpu(seconds=300, **IDLE)
    server.failure()
    server.begin()
    assert server.gpu(seconds=3600, **IDLE)["state"] == "busy"
    server.gpu(seconds=450, **IDLE)
    assert server.gpu(seconds=449, **IDLE)["state"] == "busy"
    assert server.gpu(**IDLE)["state"] == "idle_held"


def test_a_long_interval_is_not_time_in_which_nobody_looked() -> None:
    server = Server(interval_seconds=900.0)
    server.gpu(**WORK)
    assert server.gpu(seconds=900, **IDLE)["state"] == "idle_held"


def test_a_gpu_whose_work_cannot_be_seen_is_never_called_idle(server: Server) -> None:
    mig: dict[str, Any] = {**IDLE, "utilization": None}
    server.gpu(**mig)
    assert server.gpu(seconds=5000, **mig)["state"] == "busy"


def test_memory_without_a_process_is_a_ghost(server: Server) -> None:
    assert server.gpu(utilization=0, memory_used=10 * GIB, processes=[])["state"] == "ghost"


def test_processes_that_cannot_be_told_make_no_ghost(server: Server) -> None:
    assert server.gpu(utilization=0, memory_used=10 * GIB, processes=None)["state"] == "busy"


def test_the_first_word_of_a_server_is_an_event_and_the_next_is_not(server: Server) -> None:
    assert events(server.tick()) == ["up"]
    assert events(server.tick()) == []


def test_a_failure_is_a_row_without_measurements(server: Server) -> None:
    server.tick()
    tables = server.failure("127.0.0.1:22 refused the connection")
    (row,) = tables["server_sample"]
    assert (row["state"], row["reason"]) == ("down", "127.0.0.1:22 refused the connection")
    assert row["observed_seconds"] == 0
    assert row["cpu_count"] is None
    assert events(tables) == ["down"]


def test_time_down_is_counted_from_failure_to_failure(server: Server) -> None:
    server.tick()
    seconds = [
        server.failure(seconds=s)["server_sample"][0]["observed_seconds"] for s in (3, 5, 60)
    ]
    assert seconds == [0, 5, 60]
    server.tick()
    assert server.failure()["server_sample"][0]["observed_seconds"] == 0


def test_a_collector_that_slept_does_not_count_its_sleep_as_down(server: Server) -> None:
    server.failure()
    assert server.failure(seconds=40_000)["server_sample"][0]["observed_seconds"] == 120


def test_after_a_failure_there_is_no_tick_before(server: Server) -> None:
    server.tick()
    server.failure()
    server.begin()
    tables = server.tick()
    assert tables["server_sample"][0]["observed_seconds"] == 0
    assert tables["server_sample"][0]["cpu_utilization_ratio"] is None
    assert events(tables) == ["up"]


def test_another_boot_id_is_a_reboot(server: Server) -> None:
    server.tick()
    server.failure()
    server.begin(boot_id="boot-2")
    tables = server.tick()
    assert events(tables) == ["reboot", "up"]
    assert tables["server_sample"][0]["boot_id"] == "boot-2"


def test_a_faulty_gpu_degrades_the_server_and_is_told_once(server: Server) -> None:
    server.gpu(**FREE)
    lost = server.tick(devices=[{"uuid": "GPU-1", "index": 0, "fault": "GPU lost: reboot"}])
    assert lost["device_sample"][0]["state"] == "faulty"
    assert lost["server_sample"][0]["state"] == "degraded"
    assert lost["server_sample"][0]["reason"] == "GPU 0: GPU lost: reboot"
    assert sorted(events(lost)) == ["degraded", "device"]
    again = server.tick(devices=[{"uuid": "GPU-1", "index": 0, "fault": "GPU lost: reboot"}])
    assert events(again) == []
    assert sorted(events(server.tick(devices=[{"uuid": "GPU-1", **FREE}]))) == ["device", "up"]


def test_a_gpu_that_is_gone_is_told(server: Server) -> None:
    server.gpu(**FREE)
    gone = server.tick(devices=[])
    assert [(e["kind"], e["device"]) for e in gone["event"]] == [("device", "GPU-1")]
    assert events(server.tick(devices=[])) == []


def test_devices_that_cannot_be_read_are_not_gone(server: Server) -> None:
    server.gpu(**FREE)
    tables = server.tick(devices=None, gpu={"problem": "driver/library mismatch: reboot"})
    assert events(tables) == ["degraded"]


def test_a_problem_of_the_driver_comes_with_its_mend(server: Server) -> None:
    tables = server.tick(devices=None, gpu={"problem": "driver not loaded"})
    (row,) = tables["server_sample"]
    assert row["state"] == "degraded"
    assert row["gpu_problem"] == "driver not loaded"
    assert row["reason"] == "driver not loaded; run there: sudo modprobe nvidia"


def test_a_hung_driver_is_one_reason_not_nine(server: Server) -> None:
    text = "NVML call nvmlDeviceGetPowerUsage hangs"
    devices = [{"uuid": f"GPU-{n}", "index": n, "fault": text} for n in range(8)]
    tables = server.tick(devices=devices, gpu={"problem": text})
    assert tables["server_sample"][0]["reason"] == text


def test_a_skewed_clock_degrades_and_is_an_event(server: Server) -> None:
    tables = server.tick(time=1_800_000_000.0 + 90)
    (row,) = tables["server_sample"]
    assert row["clock_offset_seconds"] == 90
    assert row["reason"].startswith("its clock is 90 s ahead; run there:")
    assert events(tables) == ["degraded", "clock"]
    assert events(server.tick(time=1_800_000_000.0 + 95)) == []
    assert events(server.tick()) == ["up", "clock"]


def test_a_mount_that_hangs_degrades_the_server_until_it_answers(server: Server) -> None:
    def mount(waiting: float, error: str | None = None) -> dict[str, Any]:
        sizes = [None] * 5
        return server.tick(network_filesystems=[["/home", "nfs4", *sizes, waiting, error]])

    assert events(mount(2.0)) == ["up"]
    hung = mount(12.0)
    assert hung["server_sample"][0]["hung_mount_count"] == 1
    assert hung["server_sample"][0]["reason"] == (
        "/home: nfs4 does not answer for 12 s; see its file server"
    )
    assert events(hung) == ["degraded"]
    assert events(mount(22.0)) == []
    assert mount(0.0, "Stale file handle")["server_sample"][0]["reason"] == (
        "/home: nfs4: Stale file handle; see its file server"
    )
    assert events(mount(0.0)) == ["up"]


def test_two_records_never_have_the_same_time(server: Server) -> None:
    tick = parse_line(sample_line(0))
    assert isinstance(tick, Tick)
    times = [server.assembler.tick(tick, START).received_at_ms for _ in range(3)]
    assert times == [START, START + 1, START + 2]


def test_a_server_that_was_never_reached_has_no_detail() -> None:
    record = Assembler(Watch("alpha", 1.0)).failure("refused", START)
    assert record.detail == {"session": None}
