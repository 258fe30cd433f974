"""The scorecard page without a browser: what it says of what was promised."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from scms.cluster.learning import Unscored
from scms.recommend.scorecard import Scorecard, scorecard
from scms.widgets import ScorecardView
from scms.widgets.scorecard import rows as scorecard_rows

if TYPE_CHECKING:
    from scms.cluster import Cluster

DUE = datetime(2026, 11, 23, 20, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
NOTHING = Unscored(0, None, 0, None)


def answer(name: str, rank: int, probability: float, stayed: int, free: float) -> dict[str, Any]:
    return {
        "recommendation_id": name,
        "rank": rank,
        "server": f"s{rank}",
        "hours": 4.0,
        "probability": probability,
        "stayed": stayed,
        "kept_hours": 4.0 * stayed,
        "free_before_ratio": free,
        "held": 0,
    }


def outlooks(count: int) -> pd.DataFrame:
    row = {
        "model": "blend",
        "measure": "gpus_busy",
        "level": 0.8,
        "p_free": 0.9,
        "was_free": 1,
        "inside": 1,
        "mean": 2.0,
        "actual": 1.5,
    }
    return pd.DataFrame([row] * count, columns=list(row))


@pytest.fixture(scope="module")
def card() -> Scorecard:
    said = [
        answer("a", 1, 0.96, 1, 0.5),
        answer("a", 2, 0.75, 0, 1.0),
        answer("b", 1, 0.92, 1, 1.0),
    ]
    return scorecard(pd.DataFrame(said), outlooks(4))


def test_the_first_choice_stands_beside_the_least_used_of_the_same_moments(card: Scorecard):
    found = {tile["key"]: tile for tile in scorecard_rows.tiles(card)}
    assert found["first-choice"]["value"] == "100"
    assert found["first-choice"]["note"] == "of 2 answers, promised 94 %"
    assert found["least-used-now"]["value"] == "50"
    assert (found["ranges"]["label"], found["ranges"]["note"]) == ("80 % ranges held", "of 4 hours")


def test_every_bin_says_how_many_cases_it_has(card: Scorecard):
    _, rows = scorecard_rows.bins(card)
    texts = [row["texts"][1:] for row in rows]
    assert texts == [
        ["70 to 80 %", "1", "75 %", "0 %"],
        ["90 to 95 %", "1", "92 %", "100 %"],
        ["95 to 100 %", "1", "96 %", "100 %"],
        ["90 to 95 %", "4", "90 %", "100 %"],
    ]


def test_errors_of_outlooks_are_in_the_unit_of_their_measure(card: Scorecard):
    _, rows = scorecard_rows.outlooks(card)
    assert rows[0]["texts"] == [
        "blend", "GPUs busy", "4", "80 %", "100 %", "0.50 GPUs", "0.50 GPUs",
    ]  # fmt: skip


def test_what_waits_is_said_with_its_time(card: Scorecard):
    (said,) = scorecard_rows.missing(card, Unscored(1, DUE, 9, DUE), BERLIN)
    assert said.startswith("1 answer of the finder waits for the end of the hours asked for: ")
    assert said.endswith("judged from Mon 23 Nov, 21:00 on.")


def test_nothing_said_is_what_is_missing(card: Scorecard):
    empty = scorecard(pd.DataFrame([answer("a", 1, 0.9, 1, 1.0)]).iloc[:0], outlooks(0))
    recommended, told = scorecard_rows.missing(empty, NOTHING, BERLIN)
    assert "ask for a server" in recommended
    assert "once it has seen 48 hours" in told
    assert scorecard_rows.missing(card, NOTHING, BERLIN) == []


def test_a_fresh_lab_says_what_is_missing(lab: Cluster):
    view = ScorecardView(lab)
    assert view.missing.title == "Nothing can be judged yet"
    assert len(view.missing.sentences) == 2
    assert view.data().empty
    view.close()


def test_the_period_is_in_the_address(lab: Cluster):
    view = ScorecardView(lab)
    view.address.restore({"period": "90 days"})
    assert view.address.state() == {"period": "90 days"}
    assert view.progress.problem == ""
    view.close()
