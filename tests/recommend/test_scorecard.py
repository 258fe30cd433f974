"""Promised against realised, on made-up answers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from recommend.fleet import NOW, device, devices, server
from scms.forecast.outlooks import COLUMNS
from scms.recommend.rank import recommend
from scms.recommend.request import Request
from scms.recommend.said import hold_rows, outlook_rows, recommendation_rows
from scms.recommend.scorecard import scorecard
from scms.recommend.spread import spread
from scms.said import HOLD, OUTLOOK, RECOMMENDATION


def told(answer: str, rank: int, probability: float | None, stayed: int, **other: Any) -> Any:
    row = {
        "recommendation_id": answer,
        "rank": rank,
        "server": f"s{rank}",
        "hours": 4.0,
        "probability": probability,
        "stayed": stayed,
        "kept_hours": 4.0 * stayed,
        "free_before_ratio": 1.0,
        "held": 0,
    }
    return row | other


NO_OUTLOOKS = pd.DataFrame(
    columns=["p_free", "was_free", "model", "measure", "level", "inside", "mean", "actual"]
)


def test_the_first_choice_is_set_beside_the_least_used_of_the_same_answers():
    said = pd.DataFrame(
        [
            told("a", 1, 0.9, 1, free_before_ratio=0.5),
            told("a", 2, 0.7, 0, free_before_ratio=1.0),
            told("b", 1, 0.8, 1, free_before_ratio=1.0),
        ]
    )
    summary = scorecard(said, NO_OUTLOOKS).summary.set_index("what")
    kept = summary[["cases", "promised", "kept"]].astype(float)
    assert list(kept.T["first choice"]) == pytest.approx([2, 0.85, 1.0])
    assert summary.loc["least used now", "kept"] == pytest.approx(0.5)
    assert summary.loc["first choice", "brier"] == pytest.approx((0.01 + 0.04) / 2)


def test_what_was_held_from_an_answer_is_judged_by_itself():
    said = pd.DataFrame([told("a", 1, 0.9, 0), told("a", 2, 0.7, 1, held=1), told("b", 1, 0.8, 1)])
    summary = scorecard(said, NO_OUTLOOKS).summary.set_index("what")
    kept = summary[["cases", "promised", "kept"]].astype(float)
    assert list(kept.T["what was held"]) == pytest.approx([1, 0.7, 1.0])


def test_candidates_used_alike_share_one_vote():
    said = pd.DataFrame([told("a", 1, 0.9, 1), told("a", 2, 0.9, 0), told("b", 1, 0.9, 1)])
    summary = scorecard(said, NO_OUTLOOKS).summary.set_index("what")
    kept = summary[["cases", "kept"]].astype(float)
    assert list(kept.T["least used now"]) == pytest.approx([2, 0.75])


def test_servers_that_take_a_job_together_share_one_vote_as_the_first_choice():
    said = pd.DataFrame(
        [
            told("a", 1, 0.9, 1, server="s1"),
            told("a", 1, 0.7, 0, server="s2", free_before_ratio=0.5),
            told("b", 1, 0.9, 1),
        ]
    )
    summary = scorecard(said, NO_OUTLOOKS).summary.set_index("what")
    kept = summary[["cases", "promised", "kept"]].astype(float)
    assert list(kept.T["first choice"]) == pytest.approx([2, 0.85, 0.75])
    assert list(kept.T["least used now"]) == pytest.approx([1, 0.9, 1.0])  # of b: a left no choice


def test_chances_are_binned_by_what_was_promised():
    said = pd.DataFrame(
        [told("a", 1, 0.96, 1), told("b", 1, 0.97, 0), told("c", 1, 0.5, 1), told("d", 1, None, 1)]
    )
    bins = scorecard(said, NO_OUTLOOKS).bins.set_index("above")
    assert bins["cases"].to_dict() == {0.4: 1, 0.95: 2}
    assert bins["kept"].to_dict()[0.95] == pytest.approx(0.5)


def test_outlooks_are_judged_by_model():
    rows = {
        "model": "blend",
        "measure": "gpus_busy",
        "level": 0.8,
        "p_free": [0.9, 0.1],
        "was_free": [1, 0],
        "inside": [1, 0],
        "mean": [2.0, 4.0],
        "actual": [1.0, 6.0],
    }
    card = scorecard(pd.DataFrame([told("a", 1, 0.9, 1)]), pd.DataFrame(rows))
    (row,) = card.outlooks.to_dict("records")
    assert (row["coverage"], row["error"], row["bias"]) == pytest.approx((0.5, 1.5, -0.5))
    assert card.free["kept"].to_list() == [0.0, 1.0]


def test_nothing_said_is_an_empty_card():
    nothing = pd.DataFrame([told("a", 1, 0.9, 1)]).iloc[:0]
    card = scorecard(nothing, NO_OUTLOOKS)
    assert all(frame.empty for _, frame in card.titled())
    assert "Outlooks" in card._repr_html_()


def test_an_answer_is_kept_with_a_row_per_candidate():
    answer = recommend(
        Request(user="ada"),
        [server("a"), server("b")],
        [device("a"), device("b")],
        now=NOW,
    )
    rows = recommendation_rows(answer, recommendation_id="r", made_by="ada scms")
    assert [row["rank"] for row in rows] == [1, 2]
    assert set(rows[0]) == set(RECOMMENDATION.column_names())
    assert rows[0]["said_at"] == round(NOW.timestamp() * 1000)
    assert rows[0]["probability"] is None


def test_of_servers_that_take_a_job_together_each_is_kept_with_its_own_gpus():
    rows, own = [server("a"), server("b")], [*devices("a", "ff"), *devices("b", "f")]
    alone = recommend(Request(gpus=3, same_server=False), rows, own, now=NOW)
    kept = recommendation_rows(spread(alone, rows, own), recommendation_id="r", made_by="ada scms")
    assert [(row["rank"], row["server"], row["gpus"]) for row in kept] == [(1, "a", 2), (1, "b", 1)]
    assert kept[0]["devices"] == "GPU-a-0,GPU-a-1"
    assert '"same_server": false' in str(kept[0]["request"])


def test_a_hold_is_kept_with_its_action():
    hold = {
        "hold_id": "h",
        "server": "a",
        "device": "GPU-a",
        "user": "ada",
        "purpose": None,
        "expires_at": NOW + timedelta(minutes=20),
    }
    (row,) = hold_rows([hold], "taken", NOW, recommendation_id="r")
    assert set(row) == set(HOLD.column_names())
    assert (row["action"], row["recommendation_id"]) == ("taken", "r")


def test_an_outlook_is_kept_without_servers_that_have_none():
    row = dict.fromkeys(COLUMNS, 1.0) | {"origin": NOW, "ts": NOW, "p_free": float("nan")}
    frame = pd.DataFrame(
        [row | {"server": "a", "model": "blend"}, row | {"server": "b", "model": "none"}]
    )
    (kept,) = outlook_rows(frame, outlook_id="o", made_by="main")
    assert set(kept) == set(OUTLOOK.column_names())
    assert (kept["server"], kept["p_free"]) == ("a", None)
