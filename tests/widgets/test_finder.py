"""The form of the finder, its watch and its holds, without a browser."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from scms.cluster import Cluster
from scms.widgets import Finder
from scms.widgets.finder.needs import watch_line
from scms.widgets.finder.watching import Watch
from widgets.simulated import Collector, inventory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scms.recommend.answer import Recommendation

#: More than any server of the lab has, and yet one that could come.
EVERY_NEED = {
    "gpus": "2",
    "gpu_memory": "24",
    "hours": "4",
    "compute_capability": "8.0",
    "cpu_cores": "8",
    "memory": "64",
    "scratch": "100GB",
    "group": "vision",
    "tags": "gpu, nvlink",
    "same_server": "no",
    "start_by": "2h",
}


@pytest.fixture
def finder(lab: Cluster) -> Iterator[Finder]:
    made = Finder(lab)
    yield made
    made.close()


def test_every_need_of_a_request_can_be_asked_for(finder: Finder):
    finder.address.restore(EVERY_NEED)
    finder.fields["user"].value = " ada "
    assert finder.needs() == {
        "gpus": 2,
        "gpu_memory": "24 GiB",
        "hours": "4",
        "compute_capability": 8.0,
        "cpu_cores": 8.0,
        "memory": "64 GiB",
        "scratch": "100GB",
        "group": "vision",
        "tags": ("gpu", "nvlink"),
        "same_server": False,
        "start_by": "2h",
        "user": "ada",
    }
    finder.find()
    assert finder.progress.problem == ""
    assert "compute capability 8, 8 CPU cores" in finder.answer.answer["said"]


def test_the_form_is_in_the_address_but_for_who_asks(finder: Finder):
    finder.fields["user"].value = "ada"
    finder.address.restore(EVERY_NEED)
    assert finder.address.state() == EVERY_NEED
    assert finder.more.value  # what a link asks for is in sight
    finder.address.restore({})
    assert finder.address.state() == {}
    assert finder.fields["user"].value == "ada"


def test_the_line_to_type_asks_for_the_same(finder: Finder):
    finder.address.restore(EVERY_NEED)
    assert watch_line(finder.needs()) == (
        "scms watch --gpus 2 --gpu-memory 24GiB --compute-capability 8 --hours 4 --cpus 8 "
        "--memory 64GiB --scratch 100GB --group vision --tag gpu --tag nvlink --any-server"
    )


def test_who_watches_is_told_what_fits_and_gets_the_answer(finder: Finder):
    finder.watch()
    assert finder.answer.watch["state"] == "met"
    (server,) = finder.answer.watch["servers"]
    assert server in {c["server"] for c in finder.answer.answer["candidates"]}


def most_free(lab: Cluster) -> int:
    """More GPUs than any server has free, and not more than all have together."""
    free = Counter(row["server"] for row in lab.snapshot().devices if row["state"] == "free")
    return max(free.values()) + 1


def test_servers_that_do_together_are_shown_and_held_at_once(lab: Cluster, finder: Finder):
    finder.fields["gpus"].value = most_free(lab)
    finder.find()
    assert finder.answer.answer["candidates"] == finder.answer.answer["plans"] == []
    finder.fields["same_server"].value = False
    finder.find()
    plan = finder.answer.answer["plans"][0]
    assert sum(len(part["devices"]) for part in plan["parts"]) == finder.fields["gpus"].value
    assert all(part["memory_total_bytes"] > 0 for part in plan["parts"])
    assert finder.data()["plan"].iloc[0] == 1
    finder.fields["user"].value = "ada"
    places = [{name: part[name] for name in ("server", "devices")} for part in plan["parts"]]
    finder._on_message(finder.answer, {"kind": "hold", "places": places}, [])
    assert finder.progress.problem == ""
    held = {(row["server"], row["device"]) for row in finder.answer.holds}
    assert held == {(one["server"], uuid) for one in places for uuid in one["devices"]}
    kept = [row for said in lab.hot.said_after(0, table="hold") for row in said.rows]
    assert kept[-1]["recommendation_id"] == finder.answer.answer["recommendation_id"]
    assert lab.release(user="ada") == len(held)


def test_who_watches_for_any_servers_is_told_all_of_them(lab: Cluster, finder: Finder):
    finder.fields["gpus"].value = most_free(lab)
    finder.fields["same_server"].value = False
    finder.watch()
    assert finder.answer.watch["state"] == "met"
    assert len(finder.answer.watch["servers"]) >= 2


def test_what_can_never_fit_is_not_waited_for(finder: Finder):
    # A tag is the inventory's word: it is known even of a server that nobody ever saw.
    finder.fields["tags"].value = "abacus"
    finder.watch()
    assert finder.answer.watch["state"] == "failed"
    assert "No server can ever take this" in finder.answer.watch["problem"]


def test_a_wrong_need_is_not_waited_for_either(finder: Finder):
    finder.fields["hours"].value = "a while"
    finder.watch()
    assert "a while" in finder.answer.watch["problem"]


def test_whoever_stops_waits_no_more(finder: Finder):
    finder.watch()
    finder.unwatch()
    assert finder.answer.watch == {"state": "off"}


def never(said: object) -> None:
    raise AssertionError(said)


def test_looks_go_on_until_something_fits(lab: Cluster):
    free = lab.fitting_now(gpus=1)
    full = lab.fitting_now(gpus=1, group="nobody's")
    nothing = type(full)(full.request, full.as_of, (), full.rejected)
    looks = iter([nothing, nothing, free])
    told: list[Recommendation] = []

    async def wait() -> None:
        met = asyncio.Event()

        def found(answer: Recommendation) -> None:
            told.append(answer)
            met.set()

        Watch(lambda: next(looks), found, never, pause_seconds=0.001).start()
        await asyncio.wait_for(met.wait(), 20)

    asyncio.run(wait())
    assert told == [free]


def test_a_watch_that_is_stopped_runs_no_more(lab: Cluster):
    full = lab.fitting_now(gpus=1, group="nobody's")
    nothing = type(full)(full.request, full.as_of, (), full.rejected)

    async def wait() -> None:
        loop, looked = asyncio.get_running_loop(), asyncio.Event()

        def look() -> Recommendation:
            loop.call_soon_threadsafe(looked.set)
            return nothing

        watch = Watch(look, never, never, pause_seconds=60)
        watch.start()
        await asyncio.wait_for(looked.wait(), 20)
        assert watch.running
        watch.stop()
        assert not watch.running

    asyncio.run(wait())


def test_a_hold_from_an_answer_names_it_and_can_be_renewed(lab: Cluster, finder: Finder):
    finder.find()
    best = finder.answer.answer["candidates"][0]
    finder.fields["user"].value = "ada"
    finder.hold(best["server"], list(best["devices"]))
    (held,) = finder.answer.holds
    kept = [row for said in lab.hot.said_after(0, table="hold") for row in said.rows]
    assert kept[-1]["recommendation_id"] == finder.answer.answer["recommendation_id"]
    finder.fields["user"].value = ""
    renew = {name: held[name] for name in ("server", "device", "user")}
    finder._on_message(finder.answer, {"kind": "renew"} | renew, [])
    (renewed,) = finder.answer.holds
    assert renewed["hold_id"] != held["hold_id"]
    assert renewed["expires_at"] >= held["expires_at"]
    finder.release(renewed["hold_id"], "ada")
    assert finder.answer.holds == []


def test_where_ticks_are_far_apart_older_data_is_still_fresh(tmp_path: Path):
    slow = inventory(tmp_path, servers=2, interval=60)
    collector = Collector(slow)
    collector.past(minutes=3, step=60, until=time.time() - 100)
    assert Cluster(slow).recommend(gpus=1, hours=1).candidates
    collector.close()
