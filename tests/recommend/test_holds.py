"""Holds in a real hot store, also between processes."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from recommend.fleet import NOW
from scms.errors import HoldError, HotStoreError
from scms.hot import HotStore
from scms.recommend.holds import Holds
from scms.settings import HoldSettings

if TYPE_CHECKING:
    from pathlib import Path

LATER = NOW + timedelta(minutes=5)


@pytest.fixture
def holds(tmp_path: Path) -> Holds:
    settings = HoldSettings(duration=1200, max_devices_per_user=4)
    return Holds(HotStore.create(tmp_path / "hot.sqlite"), settings)


def test_a_hold_lasts_as_long_as_the_settings_say(holds: Holds):
    (row,) = holds.take("gpu-1", ["A"], user="alice", purpose="training", now=NOW)
    assert row == {
        "hold_id": row["hold_id"],
        "server": "gpu-1",
        "device": "A",
        "user": "alice",
        "purpose": "training",
        "created_at": NOW,
        "expires_at": NOW + timedelta(minutes=20),
    }
    assert holds.active(LATER) == [row]


def test_a_hold_ends_by_its_time(holds: Holds):
    holds.take("gpu-1", ["A"], user="alice", now=NOW)
    assert holds.active(NOW + timedelta(minutes=19, seconds=59)) != []
    assert holds.active(NOW + timedelta(minutes=20)) == []


def test_a_hold_may_be_asked_to_last_otherwise(holds: Holds):
    (row,) = holds.take("gpu-1", ["A"], user="alice", now=NOW, seconds=60)
    assert row["expires_at"] == NOW + timedelta(seconds=60)


def test_a_held_device_is_refused_naming_who_and_until_when(holds: Holds):
    holds.take("gpu-1", ["A"], user="alice", now=NOW)
    with pytest.raises(
        HoldError, match=r"on gpu-1, A is held by alice until 12:20 \(15 min more\); expected"
    ):
        holds.take("gpu-1", ["A"], user="bob", now=LATER)


@pytest.mark.parametrize(
    "said", [{"user": "ada\u202e"}, {"user": "ada", "purpose": "\x1b[31mtrain"}]
)
def test_others_can_see_every_character_of_a_hold(holds: Holds, said: dict[str, Any]):
    with pytest.raises(HoldError, match="characters that can be seen"):
        holds.take("gpu-1", ["A"], now=NOW, **said)
    assert holds.active(NOW) == []


def test_of_several_devices_all_are_held_or_none(holds: Holds):
    holds.take("gpu-1", ["B"], user="alice", now=NOW)
    with pytest.raises(HoldError):
        holds.take("gpu-1", ["A", "B"], user="bob", now=LATER)
    assert [row["device"] for row in holds.active(LATER)] == ["B"]


def test_a_device_is_free_for_others_when_its_hold_is_over(holds: Holds):
    holds.take("gpu-1", ["A"], user="alice", now=NOW)
    over = NOW + timedelta(minutes=20)
    holds.take("gpu-1", ["A"], user="bob", now=over)
    assert [row["user"] for row in holds.active(over)] == ["bob"]


def test_a_user_may_hold_a_device_anew(holds: Holds):
    holds.take("gpu-1", ["A"], user="alice", now=NOW)
    holds.take("gpu-1", ["A"], user="alice", now=LATER)
    (row,) = holds.active(LATER)
    assert row["expires_at"] == LATER + timedelta(minutes=20)


def test_the_same_uuid_on_another_server_is_another_device(holds: Holds):
    holds.take("gpu-1", ["A"], user="alice", now=NOW)
    holds.take("gpu-2", ["A"], user="bob", now=NOW)
    assert len(holds.active(NOW)) == 2


def test_a_user_may_hold_so_many_devices_and_no_more(holds: Holds):
    holds.take("gpu-1", ["A", "B", "C", "D"], user="alice", now=NOW)
    with pytest.raises(HoldError, match="alice would hold 5 devices; expected at most 4"):
        holds.take("gpu-2", ["E"], user="alice", now=NOW)


def test_holding_anew_does_not_count_twice(holds: Holds):
    holds.take("gpu-1", ["A", "B", "C", "D"], user="alice", now=NOW)
    assert len(holds.take("gpu-1", ["A", "B", "C", "D"], user="alice", now=LATER)) == 4


def test_holds_taken_together_share_the_beginning_of_their_ids(holds: Holds):
    rows = holds.take("gpu-1", ["A", "B"], user="alice", now=NOW)
    base = rows[0]["hold_id"].split(".")[0]
    assert [row["hold_id"] for row in rows] == [f"{base}.1", f"{base}.2"]


def test_a_device_named_twice_is_held_once(holds: Holds):
    assert len(holds.take("gpu-1", ["A", "A"], user="alice", now=NOW)) == 1


def test_release_by_the_common_id_gives_all_back(holds: Holds):
    rows = holds.take("gpu-1", ["A", "B"], user="alice", now=NOW)
    base = rows[0]["hold_id"].split(".")[0]
    assert holds.release(base, now=LATER) == 2
    assert holds.active(LATER) == []


def test_release_by_one_id_gives_that_one_back(holds: Holds):
    rows = holds.take("gpu-1", ["A", "B"], user="alice", now=NOW)
    assert holds.release(rows[0]["hold_id"], user="alice", now=LATER) == 1
    assert [row["device"] for row in holds.active(LATER)] == ["B"]


def test_release_by_user_and_server_leaves_the_others(holds: Holds):
    holds.take("gpu-1", ["A"], user="alice", now=NOW)
    holds.take("gpu-2", ["B"], user="alice", now=NOW)
    holds.take("gpu-1", ["C"], user="bob", now=NOW)
    assert holds.release(server="gpu-1", user="alice", now=LATER) == 1
    assert sorted(row["device"] for row in holds.active(LATER)) == ["B", "C"]


def test_release_by_user_without_any_hold_releases_nothing(holds: Holds):
    assert holds.release(user="alice", now=NOW) == 0


def test_the_hold_of_another_is_not_released(holds: Holds):
    (row,) = holds.take("gpu-1", ["A"], user="alice", now=NOW)
    with pytest.raises(HoldError, match="held by alice until 12:20"):
        holds.release(row["hold_id"], user="bob", now=LATER)
    assert len(holds.active(LATER)) == 1


def test_an_id_that_is_no_hold_is_named(holds: Holds):
    with pytest.raises(HoldError, match="no active hold is called 'nope'"):
        holds.release("nope", now=NOW)


def test_release_of_nothing_in_particular_is_refused(holds: Holds):
    with pytest.raises(HoldError, match="neither a hold nor a user"):
        holds.release(server="gpu-1", now=NOW)


def test_without_a_hot_store_nothing_is_held_and_nothing_can_be(tmp_path: Path):
    holds = Holds(HotStore.open(tmp_path / "hot.sqlite"), HoldSettings())
    assert holds.active(NOW) == []
    with pytest.raises(HotStoreError, match="does not exist"):
        holds.take("gpu-1", ["A"], user="alice", now=NOW)


@pytest.mark.parametrize(
    ("devices", "seconds", "message"),
    [
        ([], 60, r"devices is \[\]"),
        ("ABC", 60, "devices is 'ABC'"),
        (["A"], 0, "a hold of 0 s"),
        (["A"], 90_000, "a hold of 90000 s"),
    ],
)
def test_what_cannot_be_held_is_named(
    holds: Holds, devices: list[str], seconds: float, message: str
):
    with pytest.raises(HoldError, match=message):
        holds.take("gpu-1", devices, user="alice", now=NOW, seconds=seconds)


def test_a_present_without_a_zone_is_refused(holds: Holds):
    with pytest.raises(HoldError, match="without a time zone"):
        holds.active(datetime(2026, 1, 1))  # noqa: DTZ001  the point


def test_devices_of_several_servers_are_held_together(holds: Holds):
    rows = holds.take_all({"gpu-1": ["A", "B"], "gpu-2": ["A"]}, user="alice", now=NOW)
    base = rows[0]["hold_id"].split(".")[0]
    assert [(row["hold_id"], row["server"], row["device"]) for row in rows] == [
        (f"{base}.1", "gpu-1", "A"),
        (f"{base}.2", "gpu-1", "B"),
        (f"{base}.3", "gpu-2", "A"),
    ]
    assert holds.release(base, now=LATER) == 3


def test_of_several_servers_all_is_held_or_nothing(holds: Holds):
    holds.take("gpu-2", ["A"], user="alice", now=NOW)
    with pytest.raises(HoldError, match="on gpu-2, A is held by alice until 12:20"):
        holds.take_all({"gpu-1": ["A"], "gpu-2": ["A"]}, user="bob", now=LATER)
    assert [(row["server"], row["user"]) for row in holds.active(LATER)] == [("gpu-2", "alice")]


def test_whoever_holds_on_each_server_is_named(holds: Holds):
    holds.take("gpu-1", ["A"], user="alice", now=NOW)
    holds.take("gpu-2", ["B"], user="carol", now=NOW)
    with pytest.raises(HoldError, match=r"on gpu-1, A is held by alice.*; on gpu-2, B is held by"):
        holds.take_all({"gpu-1": ["A"], "gpu-2": ["B"]}, user="bob", now=LATER)


def test_so_many_devices_are_counted_over_all_servers(holds: Holds):
    places = {f"gpu-{n}": ["A"] for n in range(5)}
    with pytest.raises(HoldError, match="alice would hold 5 devices; expected at most 4"):
        holds.take_all(places, user="alice", now=NOW)
    assert holds.active(NOW) == []


def test_nothing_cannot_be_held(holds: Holds):
    with pytest.raises(HoldError, match="no server is named"):
        holds.take_all({}, user="alice", now=NOW)


RACER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from scms.errors import HoldError
from scms.hot import HotStore
from scms.recommend.holds import Holds
from scms.settings import HoldSettings
holds = Holds(HotStore.open(Path(sys.argv[1])), HoldSettings(max_devices_per_user=100))
print("ready", flush=True)
sys.stdin.readline()
won = []
for number in range(30):
    try:
        holds.take_all(PLACES, user=sys.argv[2], now=datetime.now(UTC))
        won.append(number)
    except HoldError:
        pass
print(",".join(map(str, won)))
"""


def raced(path: Path, places: dict[str, str]) -> dict[str, list[int]]:
    """What each user won of thirty races; places are Python, with the ``number`` of the race."""
    racers = {
        user: subprocess.Popen(
            [sys.executable, "-c", RACER.replace("PLACES", wanted), str(path), user],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for user, wanted in places.items()
    }
    for racer in racers.values():
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers.values():
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    won = {user: racer.communicate(timeout=60)[0].strip() for user, racer in racers.items()}
    assert [racer.returncode for racer in racers.values()] == [0] * len(racers)
    return {user: [int(n) for n in line.split(",") if n] for user, line in won.items()}


def test_of_processes_that_want_the_same_devices_one_gets_them(tmp_path: Path):
    path = tmp_path / "hot.sqlite"
    holds = Holds(HotStore.create(path), HoldSettings())
    pair = '{"gpu-1": [f"A{number}", f"B{number}"]}'
    won = raced(path, dict.fromkeys(("alice", "bob", "carol"), pair))
    assert sorted(n for own in won.values() for n in own) == list(
        range(30)
    )  # each pair went to exactly one
    assert len(holds.active(datetime.now(UTC))) == 60


def test_of_processes_whose_servers_overlap_one_gets_all_of_its_own(tmp_path: Path):
    path = tmp_path / "hot.sqlite"
    holds = Holds(HotStore.create(path), HoldSettings())
    # Each wants two of three servers, so that any two of them meet on one: in a ring, as those who
    # dine wait for each other where each takes one fork after the other.
    ring = {"alice": (1, 2), "bob": (2, 3), "carol": (3, 1)}
    places = {
        user: "{" + ", ".join(f'"gpu-{n}": [f"A{{number}}"]' for n in pair) + "}"
        for user, pair in ring.items()
    }
    won = raced(path, places)
    assert sorted(n for own in won.values() for n in own) == list(
        range(30)
    )  # of each race exactly one has both
    held = {(row["server"], row["device"], row["user"]) for row in holds.active(datetime.now(UTC))}
    assert held == {
        (f"gpu-{n}", f"A{number}", user)
        for user, numbers in won.items()
        for number in numbers
        for n in ring[user]
    }


def said(holds: Holds) -> list[str]:
    """What was said of holds, in order."""
    every = holds._hot.said_after(0, table="hold")
    return [str(row["action"]) for one in every for row in one.rows]


def test_a_hold_in_use_is_renewed_before_it_ends(holds: Holds):
    holds.take("gpu-1", ["A", "B"], user="alice", now=NOW)
    soon = NOW + timedelta(minutes=15)
    assert holds.tend({("gpu-1", "A", "alice"), ("gpu-1", "B", "bob")}, soon) == (1, 0)
    ends = {row["device"]: row["expires_at"] for row in holds.active(soon)}
    assert ends == {"A": soon + timedelta(minutes=20), "B": NOW + timedelta(minutes=20)}
    assert said(holds) == ["taken", "taken", "renewed"]


def test_a_fresh_hold_needs_no_renewal(holds: Holds):
    holds.take("gpu-1", ["A"], user="alice", now=NOW)
    assert holds.tend({("gpu-1", "A", "alice")}, NOW + timedelta(minutes=5)) == (0, 0)


def test_a_hold_not_taken_up_expires_and_is_written_down_once(holds: Holds):
    holds.take("gpu-1", ["A"], user="alice", now=NOW)
    late = NOW + timedelta(minutes=25)
    assert holds.tend(set(), late) == (0, 1)
    assert holds.tend(set(), late) == (0, 0)
    assert said(holds) == ["taken", "expired"]


def test_a_release_is_said(holds: Holds):
    holds.take("gpu-1", ["A"], user="alice", now=NOW)
    holds.release(user="alice", now=LATER)
    assert said(holds) == ["taken", "released"]


def test_a_hold_that_is_refused_says_nothing(holds: Holds):
    holds.take("gpu-1", ["A"], user="alice", now=NOW)
    with pytest.raises(HoldError):
        holds.take("gpu-1", ["A", "B"], user="bob", now=LATER)
    assert said(holds) == ["taken"]
