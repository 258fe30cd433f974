"""Which model speaks for which server, and how wide its intervals must be to keep their level.

In: the scores of a backtest. Out: a `Choice` per server, which is made once a day and stored.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from scms.errors import ForecastError
from scms.forecast.backtest import INTERVAL_LEVELS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scms.forecast.backtest import Score
    from scms.forecast.series import FloatArray

#: A champion needs this many past origins,
GATE_ORIGINS: Final = 14
#: a CRPS this much lower than that of the baseline,
GATE_GAIN_RATIO: Final = 0.05
#: and by this many standard errors of the paired differences.
GATE_ERRORS: Final = 2.0
#: The model of most servers may be chosen on all of them together from this many on.
GATE_SERVERS: Final = 8
#: and then a smaller gain is enough, for luck evens out over servers.
GATE_COMMON_GAIN_RATIO: Final = 0.01
#: Recent coverage may leave the level by this much before intervals are made wider or narrower.
COVERAGE_SLACK: Final = 0.02
#: Coverage of a server counts as that of all servers in as many hours beside its own.
_PRIOR_HOURS: Final = 240.0


@dataclass(frozen=True, slots=True)
class Choice:
    """The model that speaks for a server, and why.

    Attributes:
        model: Its name.
        why: What was found, in words.
        covered: Share of past hours within its intervals, per level of `INTERVAL_LEVELS`, shrunk
            toward that of all servers; empty where there was no past to judge.
        weights: Of the parts of the blend (`scms.forecast.mixture`); empty for those of old.
    """

    model: str
    why: str
    covered: tuple[float, ...] = ()
    weights: tuple[tuple[float, ...], ...] = ()

    def nominal_level(self, level: float) -> tuple[float, float | None]:
        """The level to ask the model for, and the share of the past that it would have held.

        Where the interval at ``level`` held the truth about as often as it says (within 2
        percentage points), it stays; else it is the level whose interval did (split conformal
        prediction on the recent origins). Counts that stand still for hours are held even by an
        interval without width: then this one is the narrowest that can be told.
        """
        if not self.covered:
            return level, None
        held = float(np.interp(level, INTERVAL_LEVELS, self.covered))
        if abs(held - level) <= COVERAGE_SLACK:
            return level, held
        rising = np.maximum.accumulate(self.covered)
        lowest = int(np.searchsorted(rising, level, side="left"))
        if lowest == 0:
            return float(INTERVAL_LEVELS[0]), float(rising[0])
        if lowest == len(rising):
            return float(INTERVAL_LEVELS[-1]), float(rising[-1])
        below, above = rising[lowest - 1], rising[lowest]
        share = (level - below) / (above - below)
        near = INTERVAL_LEVELS[lowest - 1] + share * (
            INTERVAL_LEVELS[lowest] - INTERVAL_LEVELS[lowest - 1]
        )
        return float(near), level


def choose_all(
    scores: Mapping[str, Sequence[Score]], capacities: Mapping[str, float]
) -> dict[str, Choice]:
    """The model of each server: that of all servers together, unless another clearly won there.

    Args:
        scores: Per server, a score per model in the same order; none without past origins.
        capacities: What the measure is at most, per server: so that all servers count alike.
    """
    judged = {name: own for name, own in scores.items() if own}
    common = _common(judged, capacities)
    pooled = _pooled_coverage(judged)
    choices = {}
    for name, own in judged.items():
        ordered = sorted(own, key=lambda score: score.model != common)  # stable: baseline first
        choice = choose(ordered if common is not None else own)
        score = next(score for score in own if score.model == choice.model)
        choices[name] = Choice(choice.model, choice.why, _shrunk(score, pooled[choice.model]))
    return choices


def choose(scores: Sequence[Score]) -> Choice:
    """Which model speaks: the baseline (the first) unless another has clearly won.

    A clear win is at least 14 origins, a CRPS at least 5 % lower, and lower by two standard
    errors of the paired differences: a choice on fewer cases follows luck.
    """
    baseline, *others = scores
    count = len(baseline.crps)
    if count < GATE_ORIGINS:
        return Choice(
            baseline.model, f"{count} past forecasts, {GATE_ORIGINS} needed to compare models"
        )
    best = min(scores, key=lambda score: float(np.mean(score.crps)))
    winners = [score for score in others if _clearly_better(score.crps, baseline.crps)]
    if not winners:
        gain = _gain(best.crps, baseline.crps)
        near = "" if best is baseline else f": {best.model} by {gain:.0%}, within chance"
        return Choice(baseline.model, f"no model clearly better in {count} past forecasts{near}")
    champion = min(winners, key=lambda score: float(np.mean(score.crps)))
    gain = _gain(champion.crps, baseline.crps)
    return Choice(
        champion.model,
        f"CRPS {gain:.0%} lower than that of {baseline.model} in {count} past forecasts",
    )


def _common(scores: Mapping[str, Sequence[Score]], capacities: Mapping[str, float]) -> str | None:
    """The model that is best over all servers; None where it is not clear, or servers are few."""
    names = [name for name, own in scores.items() if len(own[0].crps) >= GATE_ORIGINS]
    if len(names) < GATE_SERVERS:
        return None
    losses = {
        score.model: np.array(
            [float(np.mean(scores[name][place].crps)) / capacities[name] for name in names]
        )
        for place, score in enumerate(scores[names[0]])
    }
    baseline = next(iter(losses))
    best = min(losses, key=lambda model: float(losses[model].mean()))
    clearly = _clearly_better(losses[best], losses[baseline], GATE_COMMON_GAIN_RATIO)
    return best if clearly else None


def _pooled_coverage(scores: Mapping[str, Sequence[Score]]) -> dict[str, FloatArray]:
    """Per model, the coverage over the hours of all servers."""
    sums: dict[str, FloatArray] = {}
    hours: dict[str, int] = {}
    for own in scores.values():
        for score in own:
            before = sums.get(score.model, np.zeros(len(INTERVAL_LEVELS)))
            sums[score.model] = before + score.covered * score.hours
            hours[score.model] = hours.get(score.model, 0) + score.hours
    return {model: total / hours[model] for model, total in sums.items()}


def _shrunk(score: Score, pooled: FloatArray) -> tuple[float, ...]:
    own = score.covered * score.hours + pooled * _PRIOR_HOURS
    return tuple(float(share) for share in own / (score.hours + _PRIOR_HOURS))


def _gain(losses: FloatArray, baseline: FloatArray) -> float:
    reference = float(np.mean(baseline))
    return 1 - float(np.mean(losses)) / reference if reference > 0 else 0.0


def _clearly_better(
    losses: FloatArray, baseline: FloatArray, gain: float = GATE_GAIN_RATIO
) -> bool:
    differences = baseline - losses
    error = float(np.std(differences, ddof=1)) / len(differences) ** 0.5
    certain = float(np.mean(differences)) > GATE_ERRORS * error
    return certain and _gain(losses, baseline) >= gain


def choices_to_json(choices: Mapping[str, Choice]) -> str:
    """As text, for the hot store."""
    return json.dumps({name: asdict(choice) for name, choice in choices.items()})


def choices_from_json(text: str) -> dict[str, Choice]:
    """Read again.

    Raises:
        ForecastError: It is no such JSON.
    """
    try:
        return {
            name: Choice(
                choice["model"],
                choice["why"],
                tuple(choice["covered"]),
                tuple(tuple(band) for band in choice.get("weights", ())),
            )
            for name, choice in json.loads(text).items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ForecastError(
            f"the stored choice of models cannot be read: {error}",
            expected="what scms learn stores",
            mend="store it anew with: scms learn",
        ) from error
