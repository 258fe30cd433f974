"""What the page of a server says, from handmade rows and from the simulated lab."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from scms.errors import UnknownServer
from scms.live import Closeup
from scms.tables import PROCESS_SAMPLE
from scms.widgets import App, ServerView
from scms.widgets.base.work import Progress
from scms.widgets.server import closeup
from widgets.rows import NOW, device, server

if TYPE_CHECKING:
    from scms.cluster import Cluster


def process(pid: int | None, user: str | None, **values: Any) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(PROCESS_SAMPLE.column_names())
    return row | {"server": "alpha", "pid": pid, "user": user, "command": ""} | values


def tick(seconds_ago: float, use: float | None) -> dict[str, Any]:
    at = NOW - timedelta(seconds=seconds_ago)
    return {"device": "GPU-alpha-0", "sampled_at": at, "gpu_utilization_ratio": use}


SEEN = Closeup(
    as_of=NOW,
    server=server("alpha", detail={"kernel": "6.1"}, cpu_count=64, uptime_seconds=90061.0),
    devices=[device("alpha", 0, "busy", users=["ada"]), device("alpha", 1)],
    processes=[
        process(7, "ada", device="GPU-alpha-0", command="python", gpu_memory_used_bytes=2**30),
        process(7, "ada", device="GPU-alpha-1", command="python", gpu_memory_used_bytes=2**30),
        process(7, "ada", command="python", cpu_cores_used=3.25, memory_used_bytes=2**31),
        process(None, "bob", cpu_cores_used=0.5),
        process(9, None, device="GPU-alpha-0"),
    ],
    events=[{"sampled_at": NOW, "kind": "reboot", "detail": None}],
    past=[tick(120, 0.5), tick(0, 0.75)],
)


def test_a_process_is_one_row_with_all_its_gpus_and_its_cpu():
    _, rows = closeup.processes(SEEN)
    assert rows[0]["texts"] == ["GPU 0, 1", "ada", "python", "2 GiB", "3.2", "2 GiB", "–", "7"]


def test_the_rest_of_a_user_and_a_hidden_owner_are_named_as_such():
    _, rows = closeup.processes(SEEN)
    assert [(row["texts"][1], row["texts"][2]) for row in rows[1:]] == [
        ("bob", "(the rest)"),
        ("(hidden)", "–"),
    ]


def test_the_line_of_a_gpu_has_gaps_where_nothing_was_seen():
    line = closeup.lines(SEEN)["GPU-alpha-0"]
    assert (line[-1], line[-13]) == (0.75, 0.5)
    assert [value for value in line if value is not None] == [0.5, 0.75]


def test_the_head_says_what_is_known_and_nothing_of_the_rest():
    assert closeup.head(SEEN)["facts"] == ["2 GPUs", "64 CPUs", "kernel 6.1", "up 1 d 1 h"]


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"throttle_reasons": "idle, power limit"}, []),
        ({"throttle_reasons": "power limit, too hot (hardware)"}, ["too hot"]),
        ({"ecc_uncorrected_count": 2, "xid": 79}, ["XID 79", "2 uncorrected"]),
        ({"ecc_uncorrected_count": 0, "remapped_row_count": None}, []),
    ],
)
def test_only_what_speaks_against_a_card_is_said_of_its_health(
    facts: dict[str, Any], said: list[str]
):
    found = closeup.health(device("alpha", 0, **facts))
    assert len(found) == len(said)
    assert all(word in sentence for word, sentence in zip(said, found, strict=True))


def test_only_a_free_gpu_without_a_hold_can_be_held():
    held = replace(SEEN, devices=[*SEEN.devices, device("alpha", 2, held_by="bob")])
    assert [row["can_hold"] for row in closeup.devices(held)] == [False, True, False]


def test_what_happened_is_told_in_local_time():
    (row,) = closeup.happenings(SEEN, ZoneInfo("Asia/Kolkata"))
    assert (row["time"], row["text"]) == ("17:30:00", "reboot")


def test_a_network_file_system_that_does_not_answer_says_so():
    mount: dict[str, Any] = {"mount": "/home", "type": "nfs4", "silent_seconds": 42.0}
    mount |= {"total_bytes": None, "used_bytes": None, "free_bytes": None}
    seen = replace(SEEN, server=SEEN.server | {"detail": {"network_filesystems": [mount]}})
    _, rows = closeup.storage(seen)
    assert rows[0]["texts"] == ["/home", "nfs4, no answer for 42 s", "–", "–", "–"]


def test_the_page_of_a_server_shows_what_the_cluster_says_of_it(lab: Cluster):
    view = ServerView(lab, "gpu-a01")
    assert list(view.data()["device"]) == [row["device"] for row in lab.server("gpu-a01").devices]
    assert view.head.head["server"] == "gpu-a01"
    view.close()


def test_the_page_of_a_server_follows_the_feed(lab: Cluster):
    view = ServerView(lab, "gpu-a01")
    before = view.seen
    view.feed.refresh()
    assert view.seen is not before
    view.close()


def test_there_is_no_page_of_a_stranger(lab: Cluster):
    with pytest.raises(UnknownServer):
        ServerView(lab, "nobody")


def test_the_application_opens_one_server_at_a_time_and_leaves_it(lab: Cluster):
    app = App(lab)
    app.header.page = "server/gpu-a01"
    assert app.page.server == "gpu-a01"
    app.header.page = "server/gpu-a02"
    assert app.page.server == "gpu-a02"
    app.header.page = "live"
    assert app.feed.comm is not None  # it goes on for the other pages
    app.header.page = "server/nobody"
    assert isinstance(app.page, Progress)
    app.close()
