"""The blend: each of several models is right a part of the time, and the past says which part.

In: what the models said at past origins, and what came. Out: their weights, and from these the
quantiles of the mixture. The CRPS of a mixture of distributions is a quadratic form of its weights
(Gneiting and Raftery 2007, eq. 21: E|X − y| − ½ E|X − X′|), so that the best ones are found
exactly; they are those of all servers together, as those of one server follow luck.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Final

import numpy as np

from scms.forecast.models import LEVELS, Remembered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scms.forecast.models import Forecaster, Model
    from scms.forecast.series import FloatArray, Series

    #: Per band of `BANDS` the weight of each part, summing to 1.
    Weights = tuple[tuple[float, ...], ...]

#: Weights are those of hours ahead: 1 to 3, 4 to 9, and from 10 on.
BANDS: Final = ((0, 3), (3, 9), (9, None))
#: Without a past to learn from: the mean of what recordings of four clusters asked for, rounded.
#: Last value, analog, week.
PRIOR: Final[Weights] = ((0.6, 0.3, 0.1), (0.5, 0.3, 0.2), (0.4, 0.35, 0.25))
#: The prior counts as many past forecasts of one server.
_PRIOR_FORECASTS: Final = 5.0
#: Of a hundred quantiles every fifth stands for its neighbours when weights are sought.
_EVERY: Final = slice(2, None, 5)


@dataclass(frozen=True, slots=True)
class Blend:
    """Several models, of which each is right a part of the time: their quantiles, shuffled.

    A mixture is never worse than the weighted mean of its parts (CRPS is convex), and on recordings
    of GPU servers it is better than each: the last value knows the level, the analog what followed
    the like, and the past week what else may be.

    Attributes:
        parts: The models.
        weights: Per band of `BANDS`, the weight of each; they sum to 1.
        name: In the column ``model``.
    """

    parts: tuple[Model, ...]
    weights: Weights = PRIOR
    name: str = "blend"

    def weighted(self, weights: Weights) -> Blend:
        """The same parts with other weights."""
        return replace(self, weights=weights)

    def fit(self, series: Series) -> Forecaster:  # noqa: ARG002  its parts learn nothing ahead
        """Itself."""
        return self

    def quantiles(self, series: Series, origins: Sequence[int], horizon: int) -> FloatArray:
        """Quantiles of the mixture."""
        answers = [part.fit(series).quantiles(series, origins, horizon) for part in self.parts]
        told = [
            _merged([answer[:, first:last] for answer in answers], weights)
            for (first, last), weights in zip(BANDS, self.weights, strict=True)
            if first < horizon
        ]
        return np.concatenate(told, axis=1)


def asked_once(models: Sequence[Model]) -> list[Model]:
    """The same models, where what a blend is made of gives the answer once that both tell."""
    kept: dict[Model, Model] = {
        part: Remembered(part) for model in models if isinstance(model, Blend)
        for part in model.parts
    }  # fmt: skip
    return [
        replace(model, parts=tuple(kept[part] for part in model.parts))
        if isinstance(model, Blend)
        else kept.get(model, model)
        for model in models
    ]


def loss_matrices(answers: Sequence[FloatArray], truth: FloatArray, capacity: float) -> FloatArray:
    """What each mixture of answers would have lost: the CRPS with weights w is ``w @ matrix @ w``.

    Args:
        answers: Of each part, quantiles of shape (origins, horizon, levels).
        truth: What came, (origins, horizon); NaN where unknown.
        capacity: Losses are in units of it, so that all servers count alike.

    Returns:
        A matrix per band of `BANDS`: the sum over origins of the mean over the hours of the band.
    """
    atoms = np.stack([answer[..., _EVERY] for answer in answers]) / capacity
    errors = np.abs(atoms - (truth / capacity)[..., None]).mean(axis=-1)
    count = len(answers)
    losses = np.empty((count, count, *truth.shape))
    for i in range(count):
        for j in range(i, count):
            apart = np.abs(atoms[i][..., :, None] - atoms[j][..., None, :]).mean(axis=(-2, -1))
            losses[i, j] = losses[j, i] = (errors[i] + errors[j] - apart) / 2
    known = ~np.isnan(truth)
    losses = np.where(known, losses, 0.0)
    return np.stack(
        [
            (
                losses[..., first:last].sum(axis=-1)
                / np.maximum(known[:, first:last].sum(axis=-1), 1)
            ).sum(axis=-1)
            for first, last in BANDS
        ]
    )


def best_weights(losses: FloatArray, forecasts: int) -> Weights:
    """The weights of least loss, shrunk toward `PRIOR` where there are few forecasts.

    Args:
        losses: Of `loss_matrices`, summed over servers.
        forecasts: How many origins of how many servers they are the sum of.
    """
    found = []
    for matrix, prior in zip(losses, PRIOR, strict=True):
        strength = _PRIOR_FORECASTS * float(np.trace(matrix)) / len(prior) / max(forecasts, 1)
        if strength <= 0:  # nothing was ever lost, or no hour of the band was asked
            found.append(prior)
            continue
        quadratic = matrix + strength * np.eye(len(prior))
        weights = _on_simplex(quadratic, strength * np.array(prior))
        found.append(tuple(round(float(weight), 4) for weight in weights))
    return tuple(found)


def _on_simplex(quadratic: FloatArray, linear: FloatArray) -> FloatArray:
    """Least ``w Q w − 2 b w`` with w ≥ 0 and Σ w = 1: the best of the faces, as parts are few."""
    count = len(linear)
    best, least = np.full(count, 1 / count), np.inf
    for size in range(1, count + 1):
        for face in map(list, combinations(range(count), size)):
            system = np.ones((size + 1, size + 1))
            system[:size, :size], system[size, size] = quadratic[np.ix_(face, face)], 0.0
            solution = np.linalg.lstsq(system, np.append(linear[face], 1.0), rcond=None)[0][:size]
            if (solution < 0).any():
                continue
            weights = np.zeros(count)
            weights[face] = solution / solution.sum()
            loss = float(weights @ quadratic @ weights - 2 * linear @ weights)
            if loss < least - 1e-15:
                best, least = weights, loss
    return best


def _merged(answers: Sequence[FloatArray], weights: Sequence[float]) -> FloatArray:
    """Quantiles at `LEVELS` of a mixture: the atoms of all parts in order, each with its weight."""
    used = [(a, w) for a, w in zip(answers, weights, strict=True) if w > 0]
    if len(used) == 1:
        return used[0][0]
    shape = used[0][0].shape
    atoms = np.concatenate([a for a, _ in used], axis=-1).reshape(-1, len(used) * shape[-1])
    weight = np.repeat([w / shape[-1] for _, w in used], shape[-1])
    order = np.argsort(atoms, axis=-1, kind="stable")
    atoms, sizes = np.take_along_axis(atoms, order, axis=-1), weight[order]
    middles = np.cumsum(sizes, axis=-1) - sizes / 2
    # Rows one after the other on one axis, so that a single search serves all of them.
    row = np.arange(len(atoms))[:, None]
    found = np.searchsorted((middles + 2 * row).ravel(), (LEVELS + 2 * row).ravel())
    right = np.clip(found.reshape(-1, len(LEVELS)) - row * atoms.shape[1], 1, atoms.shape[1] - 1)
    low, high = middles[row, right - 1], middles[row, right]
    share = np.clip((LEVELS - low) / np.maximum(high - low, 1e-12), 0.0, 1.0)
    below, above = atoms[row, right - 1], atoms[row, right]
    return np.asarray(below + share * (above - below)).reshape(*shape[:-1], len(LEVELS))
