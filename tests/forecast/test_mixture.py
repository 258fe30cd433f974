"""The blend of several models, and how its weights are found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from forecast.synthetic import load, series
from scms.forecast import choosing
from scms.forecast.backtest import backtest_origins, crps
from scms.forecast.champion import Choice, choices_from_json, choices_to_json
from scms.forecast.choosing import choices_of, weights_of
from scms.forecast.ets import Ets
from scms.forecast.mixture import PRIOR, Blend, asked_once, best_weights, loss_matrices
from scms.forecast.models import LEVELS, Analog, LastValue, Model, Week
from scms.forecast.outlooks import models_named, outlook

PARTS = (LastValue(), Analog(), Week())


def answers(one: object, origins: list[int], horizon: int = 24) -> list[np.ndarray]:
    return [part.fit(one).quantiles(one, origins, horizon) for part in PARTS]  # type: ignore[arg-type]


@pytest.fixture
def noise():
    """Every hour is drawn anew: the present says nothing of what comes."""
    return series(np.random.default_rng(1).choice([1.0, 3.0, 7.0], 1000))


@pytest.fixture
def walk():
    """Every change lasts, so that the present says all."""
    return series(4 + 0.3 * np.cumsum(np.random.default_rng(3).choice([-0.1, 0, 0.1], 1000)))


def test_a_single_weight_is_the_part_itself(noise):
    for place, told in enumerate(answers(noise, [500])):
        only = tuple(tuple(float(i == place) for i in range(3)) for _ in range(3))
        blended = Blend(PARTS, only).quantiles(noise, [500], 24)
        np.testing.assert_allclose(blended, told)


def test_a_mixture_holds_as_much_of_each_part_as_its_weight():
    low, high = np.zeros((1, 24, 100)), np.ones((1, 24, 100))

    class Says:
        def __init__(self, told: np.ndarray) -> None:
            self.name, self.told = "says", told

        def fit(self, _series):
            return self

        def quantiles(self, _series, _origins, _horizon):
            return self.told

    blend = Blend((Says(low), Says(high), Says(high)), ((0.3, 0.7, 0.0),) * 3)
    told = blend.quantiles(series(np.ones(10)), [5], 24)
    assert np.mean(told[0, 0]) == pytest.approx(0.7, abs=0.01)
    assert (told[0, 0][LEVELS < 0.29] == 0).all()
    assert (told[0, 0][LEVELS > 0.31] == 1).all()


def test_the_loss_of_a_mixture_is_its_crps(walk):
    origins = backtest_origins(walk, horizon=24)
    truth = np.stack([walk.values[o : o + 24] for o in origins])
    losses = loss_matrices(answers(walk, origins), truth, walk.capacity)
    for band, (first, last) in enumerate(((0, 3), (3, 9), (9, 24))):
        weights = np.array(PRIOR[band])
        told = Blend(PARTS).quantiles(walk, origins, 24)[:, first:last]
        measured = crps(told, truth[:, first:last]).mean() / walk.capacity
        assert weights @ losses[band] @ weights / len(origins) == pytest.approx(measured, rel=0.05)


def test_hours_that_are_not_known_cost_nothing(walk):
    origins = backtest_origins(walk, horizon=24)
    truth = np.stack([walk.values[o : o + 24] for o in origins])
    gone = np.full_like(truth, np.nan)
    assert loss_matrices(answers(walk, origins), gone, 8.0).sum() == 0


def test_without_anything_to_learn_from_the_weights_are_the_usual_ones():
    assert best_weights(np.zeros((3, 3, 3)), 0) == PRIOR


def test_few_forecasts_move_the_weights_little():
    losses = np.stack([np.diag([0.0, 1.0, 1.0])] * 3)  # the last value is never wrong
    one, many = best_weights(losses, 1)[0][0], best_weights(losses * 1000, 1000)[0][0]
    assert PRIOR[0][0] < one < 0.9
    assert many > 0.99


def test_where_everything_lasts_the_last_value_weighs_most(walk):
    (choice,) = choices_of([walk], models_named(("blend",))).values()
    assert min(band[0] for band in choice.weights) > 0.6


def test_where_nothing_lasts_the_last_value_weighs_little(noise):
    (choice,) = choices_of([noise], models_named(("blend",))).values()
    assert max(band[0] for band in choice.weights) < 0.4


def test_a_blend_of_learnt_weights_is_no_worse_than_the_best_part(noise, walk):
    for one in (noise, walk):
        early = backtest_origins(one, horizon=24)
        late = [o + 10 for o in early if o + 34 <= len(one.values)]
        truth = np.stack([one.values[o : o + 24] for o in late])
        (choice,) = choices_of([one], models_named(("blend",))).values()
        blended = crps(Blend(PARTS, choice.weights).quantiles(one, late, 24), truth).mean()
        best = min(crps(told, truth).mean() for told in answers(one, late))
        assert blended < best * 1.03


def test_weights_outlive_a_process_and_older_choices_are_read(walk):
    choices = choices_of([walk], models_named(("blend",)))
    assert choices_from_json(choices_to_json(choices)) == choices
    old = '{"a": {"model": "blend", "why": "", "covered": []}}'
    assert choices_from_json(old)["a"].weights == ()


def test_gpus_and_cpus_are_weighed_apart(noise, walk):
    cpu = replace(noise, server="cpu-1", measure="cpu_utilization_ratio", capacity=1.0,
                  values=noise.values / 8)  # fmt: skip
    choices = choices_of([walk, cpu], models_named(("blend",)))
    assert choices["gpu-1"].weights[0][0] > choices["cpu-1"].weights[0][0] + 0.2


def test_a_dear_model_is_asked_of_all_only_where_one_of_the_sample_chose_it(monkeypatch, noise):
    asked = []
    fit = Ets.fit

    def noted(self, one):
        asked.append(one.server)
        return fit(self, one)

    monkeypatch.setattr(Ets, "fit", noted)
    monkeypatch.setattr(choosing, "SAMPLE_SERVERS", 2)
    servers = [replace(noise, server=f"gpu-{n}") for n in range(6)]
    choices = choices_of(servers, models_named(("blend", "ets")))
    assert asked == ["gpu-0", "gpu-3"]
    assert {choice.model for choice in choices.values()} == {"blend"}


def test_the_outlook_speaks_with_the_weights_of_the_choice():
    values = np.random.default_rng(1).choice([1.0, 3.0, 7.0], 1000)
    frame, now = load({"a": values})
    last = {"a": Choice("blend", "", (), ((1.0, 0.0, 0.0),) * 3)}
    week = {"a": Choice("blend", "", (), ((0.0, 0.0, 1.0),) * 3)}
    alone = outlook(frame, now=now, models=["last_value"])["mean"].to_numpy()
    assert outlook(frame, now=now, choices=last)["mean"].to_numpy() == pytest.approx(alone)
    means = outlook(frame, now=now, choices=week)["mean"].to_numpy()
    assert means == pytest.approx(values[-168:].mean(), abs=0.05)


def test_the_weights_are_sought_between_the_origins_too(monkeypatch, walk):
    asked = []
    quantiles = Week.quantiles

    def noted(self, one, origins, horizon):
        asked.append(len(origins))
        return quantiles(self, one, origins, horizon)

    monkeypatch.setattr(Week, "quantiles", noted)
    places = backtest_origins(walk, horizon=24)
    weights_of([walk], models_named(("blend",)), {"gpu-1": places}, 24)
    assert asked == [5 * (len(places) - 1) + 1]


def test_of_many_servers_some_tell_the_weights(monkeypatch, noise):
    asked = set()
    quantiles = Week.quantiles

    def noted(self, one, origins, horizon):
        if len(origins) > 16:  # the gate asks at 16 origins at most
            asked.add(one.server)
        return quantiles(self, one, origins, horizon)

    monkeypatch.setattr(Week, "quantiles", noted)
    monkeypatch.setattr(choosing, "WEIGHT_SERVERS", 2)
    servers = [replace(noise, server=f"gpu-{n}") for n in range(6)]
    choices_of(servers, models_named(("blend",)))
    assert asked == {"gpu-0", "gpu-3"}


def test_what_a_blend_is_made_of_is_asked_once(monkeypatch, noise):
    asked = []
    quantiles = LastValue.quantiles

    def noted(self, one, origins, horizon):
        asked.append(origins)
        return quantiles(self, one, origins, horizon)

    monkeypatch.setattr(LastValue, "quantiles", noted)
    models: list[Model] = [Blend(PARTS), LastValue(), Analog(seed=1), Ets()]
    apart = [model.fit(noise).quantiles(noise, [500], 24) for model in models]
    assert len(asked) == 2
    together = asked_once(models)
    told = [model.fit(noise).quantiles(noise, [500], 24) for model in together]
    assert len(asked) == 3
    assert [model.name for model in together] == ["blend", "last_value", "analog", "ets"]
    np.testing.assert_array_equal(told, apart)
