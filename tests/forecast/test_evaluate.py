"""The model that is let to speak, judged as it would have spoken at the time."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

from forecast.synthetic import series
from scms.forecast.backtest import backtest_origins
from scms.forecast.choosing import choices_along
from scms.forecast.evaluate import CHOSEN, model_scores
from scms.forecast.outlooks import models_named

TURNS_AT = 550


@pytest.fixture(scope="module")
def turned():
    """Two servers: counts that last for 550 h, and from then on are drawn anew every hour."""
    random = np.random.default_rng(7)
    servers = []
    for number in range(2):
        lasting = np.clip(4 + np.cumsum(random.choice([-0.1, 0, 0.1], TURNS_AT)), 0, 8)
        values = np.concatenate([lasting, random.choice([1.0, 3.0, 7.0], 450)])
        servers.append(replace(series(values), server=f"gpu-{number}"))
    return servers


@pytest.fixture(scope="module")
def places(turned):
    origins = {one.server: backtest_origins(one, horizon=24, limit=44) for one in turned}
    return origins | {"gpu-1": origins["gpu-1"][:22]}


def along(servers, places):
    return list(choices_along(servers, models_named(("blend",)), places, horizon=24))


@pytest.fixture(scope="module")
def told(turned, places):
    return along(turned, places)


def test_a_choice_knows_only_what_came_before_the_origins_that_it_is_for(turned, places, told):
    known = 651
    other = along(
        [replace(one, values=np.where(np.arange(1000) < known, one.values, 8.0)) for one in turned],
        places,
    )
    same = [(a == b, ahead[0]) for (_, a, ahead), (_, b, _) in zip(told, other, strict=True)]
    assert [equal for equal, first in same if first <= known] == [True] * 4
    assert not same[-1][0]


def test_every_origin_from_the_fifteenth_on_has_one_choice(places, told):
    judged: dict[str, list[int]] = defaultdict(list)
    for one, _, ahead in told:
        judged[one.server] += ahead
    assert judged == {name: own[14:] for name, own in places.items()}


def test_the_weights_follow_a_load_that_turns(told):
    weights_of_last_value = [choice.weights[0][0] for _, choice, _ in told]
    assert weights_of_last_value[0] > 0.6
    assert weights_of_last_value[-1] < 0.3


def test_the_chosen_model_is_judged_at_the_origins_of_the_others(turned):
    blend, chosen = model_scores(turned, models_named(("blend",), shared=False)).to_dict("records")
    assert (blend["model"], chosen["model"]) == ("blend", CHOSEN)
    assert chosen["origins"] == blend["origins"] > 0
    assert chosen["servers"] == blend["servers"] == 2
    # Its weights follow the turn; the usual ones trust the last value.
    assert chosen["scaled_crps"] < blend["scaled_crps"]
