"""What a cluster learns, keeps and scores, over the simulated lab."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

import scms
from scms.cluster import Cluster
from scms.evidence import CHANCES, CHOICES
from scms.forecast.ahead import KEY, ahead_from_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def lab(running_lab: Path) -> Iterator[Cluster]:
    """The simulated lab, which has learnt once; what it learnt is forgotten at the end."""
    cluster = scms.open(running_lab)
    cluster.learn()
    yield cluster
    for key in (CHANCES, CHOICES, KEY):
        cluster.hot.set_meta(key, None)


def said(lab: Cluster, table: str) -> list[dict[str, object]]:
    return [row for one in lab.hot.said_after(0, table=table) for row in one.rows]


def test_what_is_learnt_is_there_for_every_reader(lab: Cluster) -> None:
    other = Cluster(lab.inventory)
    now = datetime.now(UTC)
    choices = other._evidence.choices(now)
    assert choices is not None
    assert set(choices) <= {server.name for server in lab.inventory.servers}
    assert other._evidence.chances(now) is not None


def test_models_are_chosen_once_a_day_and_outlooks_kept_every_time(lab: Cluster) -> None:
    before = len(said(lab, "outlook"))
    (done,) = lab.learn()
    assert done.startswith("kept an outlook of ")
    assert len(said(lab, "outlook")) > before


def test_an_outlook_is_kept_for_some_hours_ahead(lab: Cluster) -> None:
    rows = said(lab, "outlook")
    assert {row["horizon_hours"] for row in rows} == {1, 4, 8, 24}
    assert {row["made_by"] for row in rows} == {lab.inventory.settings.collector}


def test_every_hour_of_the_week_is_kept_for_every_reader(lab: Cluster) -> None:
    text = lab.hot.meta(KEY)
    assert text is not None
    kept = ahead_from_json(text)
    read = Cluster(lab.inventory).ahead()
    assert read.made_at == kept.made_at
    assert {one.server for one in read.servers} <= {s.name for s in lab.inventory.servers}
    assert all(len(one.mean) >= 167 for one in read.servers)


def test_where_nothing_is_kept_it_is_made_now_and_once_an_hour(lab: Cluster) -> None:
    other = Cluster(lab.inventory)
    kept = other.hot.meta(KEY)
    other.hot.set_meta(KEY, None)
    try:
        made = other.ahead()
        assert {one.server for one in made.servers} == {one.server for one in lab.ahead().servers}
        assert other.ahead().made_at == made.made_at
    finally:
        other.hot.set_meta(KEY, kept)


def test_a_hold_is_known_to_what_is_kept(lab: Cluster) -> None:
    server = next(s for s in lab.snapshot().servers if s["gpus_total"])["server"]
    own = [d["device"] for d in lab.snapshot().devices if d["server"] == server]
    lab.hold(server, own, user="ada", duration="6h")
    try:
        one = next(one for one in lab.ahead().servers if one.server == server)
        assert one.chances_of(1)[:5] == (1,) * 5
    finally:
        lab.release(user="ada")


def test_a_recommendation_is_kept_as_it_was_told(lab: Cluster) -> None:
    answer = lab.recommend(gpus=1, hours=2, user="ada")
    newest = said(lab, "recommendation")[-len(answer.candidates[:20]) :]
    assert [row["server"] for row in newest] == [c.server for c in answer.candidates[:20]]
    assert newest[0]["probability"] == answer.candidates[0].probability
    assert {row["user"] for row in newest} == {"ada"}


def test_a_hold_says_which_answer_it_was_taken_from(lab: Cluster) -> None:
    answer = lab.recommend(gpus=1, hours=2, user="ada")
    first = answer.candidates[0]
    assert said(lab, "recommendation")[-1]["recommendation_id"] == answer.recommendation_id
    kept_as = answer.recommendation_id
    lab.hold(first.server, first.devices, user="ada", recommendation_id=kept_as)
    lab.release(user="ada")
    taken, released = said(lab, "hold")[-2:]
    assert (taken["action"], taken["recommendation_id"]) == ("taken", kept_as)
    assert released["recommendation_id"] is None


def test_asking_what_fits_now_keeps_nothing(lab: Cluster) -> None:
    before = len(said(lab, "recommendation"))
    assert lab.fitting_now(gpus=1).candidates
    assert len(said(lab, "recommendation")) == before


def test_a_fresh_lab_has_nothing_to_score_but_says_so_in_frames(lab: Cluster) -> None:
    card = lab.scorecard("today")
    assert card.titled()[0][0] == "Recommendations: promised and kept"
    assert list(card.summary.columns)[:2] == ["what", "cases"]


def test_a_declared_end_is_known_to_the_forecast(lab: Cluster) -> None:
    server = next(s for s in lab.snapshot().servers if s["gpus_total"])["server"]
    own = [d["device"] for d in lab.snapshot().devices if d["server"] == server]
    lab.hold(server, own, user="ada", duration="6h")
    try:
        frame = lab.forecast("4h").set_index(["server", "horizon_hours"])
        assert frame.loc[(server, 3), "mean"] == pytest.approx(len(own))
    finally:
        lab.release(user="ada")


def test_tending_writes_down_what_ended(lab: Cluster) -> None:
    renewed, _ = lab.tend_holds()
    assert renewed == 0


def test_a_reader_of_nothing_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "cluster.toml").write_text("[[servers]]\nname = 'a'\n", encoding="utf-8")
    assert scms.open(tmp_path / "cluster.toml").recommend(gpus=1).candidates == ()
    assert not list(tmp_path.glob("scms-data/*"))
