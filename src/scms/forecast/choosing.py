"""Choosing the models of all servers: the dear part of an outlook, done once a day.

In: series and candidates. Out: a `Choice` per server. What is alike for all servers, the weights of
the blend and whether a dear model is worth its time, is found on a sample of them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from scms.forecast.backtest import MAXIMUM_ORIGINS, backtest, backtest_origins, origins_between
from scms.forecast.champion import GATE_ORIGINS, choose_all
from scms.forecast.mixture import Blend, best_weights, loss_matrices

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from scms.forecast.backtest import Score
    from scms.forecast.champion import Choice
    from scms.forecast.mixture import Weights
    from scms.forecast.models import Model
    from scms.forecast.series import Series

#: Models are compared this far ahead.
CHOICE_HOURS: Final = 24
#: So many servers say what is alike for all.
SAMPLE_SERVERS: Final = 64
#: and so many the weights of the blend, which take more origins of each.
WEIGHT_SERVERS: Final = 32
#: In a backtest of the choice it is made anew after so many origins.
CHOICE_ORIGINS: Final = 5
#: Models that are asked on all servers only where one of the sample chose them.
_DEAR: Final = frozenset({"ets"})


def choices_of(
    series: Sequence[Series],
    models: Sequence[Model],
    *,
    horizon: int = CHOICE_HOURS,
    origins: Mapping[str, Sequence[int]] | None = None,
) -> dict[str, Choice]:
    """Which model speaks for each server, by a backtest on its past.

    Args:
        series: The past of each server. GPUs and CPUs behave differently: each measure is chosen
            for by itself.
        models: The candidates, the baseline first.
        horizon: Hours ahead that are compared.
        origins: Per server, where the backtest stands; by default as `backtest_origins` says.
    """
    choices: dict[str, Choice] = {}
    for measure in sorted({one.measure for one in series}):
        own = [one for one in series if one.measure == measure]
        places = {
            one.server: backtest_origins(one, horizon=horizon)
            if origins is None
            else list(origins.get(one.server, ()))
            for one in own
        }
        choices |= _chosen(own, models, places, horizon)
    return choices


def choices_along(
    series: Sequence[Series],
    models: Sequence[Model],
    places: Mapping[str, Sequence[int]],
    *,
    horizon: int,
) -> Iterator[tuple[Series, Choice, Sequence[int]]]:
    """What would have spoken, chosen anew after every five origins on the 16 before them.

    In practice the choice is made once a day; here it costs most of the time.

    Args:
        series: The past of each server.
        models: The candidates, the baseline first.
        places: Origins per server, oldest first; those from the fifteenth on are judged.
        horizon: Hours ahead.

    Yields:
        A server, its choice, and the origins that it is for.
    """
    for first in range(GATE_ORIGINS, max(map(len, places.values())), CHOICE_ORIGINS):
        past = {name: own[:first][-MAXIMUM_ORIGINS:] for name, own in places.items()}
        choices = choices_of(series, models, horizon=horizon, origins=past)
        for one in series:
            ahead = places[one.server][first : first + CHOICE_ORIGINS]
            if ahead:
                yield one, choices[one.server], ahead


def _chosen(
    series: Sequence[Series],
    models: Sequence[Model],
    places: Mapping[str, Sequence[int]],
    horizon: int,
) -> dict[str, Choice]:
    ready = [one for one in series if len(places[one.server]) >= GATE_ORIGINS]
    sample = _spread(ready, SAMPLE_SERVERS)
    weights = weights_of(_spread(ready, WEIGHT_SERVERS), models, places, horizon)
    if weights is not None:
        models = [one.weighted(weights) if isinstance(one, Blend) else one for one in models]
    capacities = {one.server: one.capacity for one in series}
    scores = {one.server: _scores(one, models, places, horizon) for one in sample}
    worthy = {choice.model for choice in choose_all(scores, capacities).values()}
    models = [one for one in models if one.name not in _DEAR or one.name in worthy]
    names = {one.name for one in models}
    scores = {name: [s for s in own if s.model in names] for name, own in scores.items()}
    for one in series:
        if one.server not in scores:
            # Where too few origins exist to choose, fitting the others would be in vain.
            enough = len(places[one.server]) >= GATE_ORIGINS
            scores[one.server] = _scores(one, models if enough else models[:1], places, horizon)
    found = choose_all(scores, capacities)
    if weights is None:
        return found
    return {name: replace(choice, weights=weights) for name, choice in found.items()}


def weights_of(
    series: Sequence[Series],
    models: Sequence[Model],
    places: Mapping[str, Sequence[int]],
    horizon: int,
) -> Weights | None:
    """The weights of the blend among the models that would have been best; None without either.

    They are sought at five times as many origins as models are compared at (`origins_between`).
    """
    blend = next((model for model in models if isinstance(model, Blend)), None)
    if blend is None or not series:
        return None
    losses, forecasts = np.zeros(()), 0
    for one in series:
        own = origins_between(one, places[one.server], horizon=horizon)
        answers = [part.fit(one).quantiles(one, own, horizon) for part in blend.parts]
        truth = np.stack([one.values[place : place + horizon] for place in own])
        losses = losses + loss_matrices(answers, truth, one.capacity)
        forecasts += len(own)
    return best_weights(losses, forecasts)


def _spread(series: Sequence[Series], most: int) -> Sequence[Series]:
    """Evenly spaced ones, at most so many."""
    return series[:: max(1, -(-len(series) // most))]


def _scores(
    series: Series, models: Sequence[Model], places: Mapping[str, Sequence[int]], horizon: int
) -> list[Score]:
    return backtest(series, models, horizon=horizon, origins=places[series.server])
