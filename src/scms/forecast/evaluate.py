"""How good forecasts and chances have been, over all servers: the tables of ``scms backtest``.

In: hourly series and a grid of slots, of our own past or of a recording. Out: frames. Nothing that
is judged has seen what it is judged by.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from scms.errors import ForecastError
from scms.forecast.backtest import backtest, backtest_origins
from scms.forecast.champion import GATE_ORIGINS
from scms.forecast.choosing import choices_along
from scms.forecast.features import outcomes, slots_of
from scms.forecast.mixture import asked_once
from scms.forecast.outlooks import CANDIDATES, spoken
from scms.forecast.spells import SLOTS_PER_HOUR, SlotGrid, past
from scms.forecast.telling import tell

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from scms.forecast.backtest import Score
    from scms.forecast.models import Model
    from scms.forecast.series import FloatArray, IntArray, Series

#: The name under which the model that the gate lets speak is scored.
CHOSEN: Final = "(chosen)"
#: Of these the first ones choose, where there are enough.
_MAXIMUM_ORIGINS: Final = 44
_DAY: Final = 24 * SLOTS_PER_HOUR
#: Chances are judged from this much history on, at most a third of it where there is little.
_TRAINING_DAYS: Final = 28
#: Hours between the moments at which chances are judged.
_EVERY_HOURS: Final = 1
_BINS: Final = np.array([0.0, 0.2, 0.4, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 1.0])


def model_scores(
    series: Sequence[Series],
    models: Sequence[Model],
    *,
    horizon: int = 24,
    level: float = 0.8,
    clock: Callable[[], float] = time.process_time,
) -> pd.DataFrame:
    """Score models on all series together, at the same rolling origins.

    Errors are pooled: summed over servers, over the summed errors of the seasonal naive in what was
    known before each origin. A mean of ratios would be ruled by the servers that hardly changed.
    Where the past is long enough, the gate chooses on its first 14 origins, and all are judged on
    those after them: the model that it lets speak as `(chosen)`, chosen anew as time goes on
    (`choices_along`), with its intervals as they would be told, wider or narrower.

    Args:
        series: The past of each server.
        models: The candidates, the baseline first.
        horizon: Hours ahead.
        level: Of the interval whose coverage is told.
        clock: For the column ``ms``.

    Returns:
        One row per model: ``model, mase, scaled_crps, coverage, ms`` (CPU milliseconds per series
        and origin, fits included), ``servers, origins``.

    Raises:
        ForecastError: No server has a past long enough.
    """
    scores: dict[str, list[Score]] = {model.name: [] for model in models}
    chosen_at: dict[str, list[int]] = {}
    seconds = dict.fromkeys(scores, 0.0)
    for one in series:
        places = backtest_origins(one, horizon=horizon, limit=_MAXIMUM_ORIGINS)
        split = GATE_ORIGINS if len(places) > GATE_ORIGINS else 0
        if split:
            chosen_at[one.server] = places
        for model in models:
            began = clock()
            scores[model.name] += backtest(one, [model], horizon=horizon, origins=places[split:])
            seconds[model.name] += clock() - began
    if not any(scores.values()):
        raise ForecastError(
            "no server has a past long enough to judge forecasts",
            expected=f"7 days and {horizon} h of load of one server",
            mend="let the collector run on, or name a recording with --trace",
        )
    rows = [
        _pooled(name, own, seconds[name]) | {"coverage": _coverage([(s, level) for s in own])}
        for name, own in scores.items()
    ]
    if chosen_at:
        competing = asked_once([model for model in models if model.name in CANDIDATES])
        judged = [one for one in series if one.server in chosen_at]
        rows.append(_chosen(judged, competing, chosen_at, horizon, level))
    return pd.DataFrame(rows)


def _chosen(
    series: Sequence[Series],
    models: Sequence[Model],
    places: Mapping[str, Sequence[int]],
    horizon: int,
    level: float,
) -> dict[str, Any]:
    """The row of the model that the gate lets speak on each server."""
    told = []
    for one, choice, ahead in choices_along(series, models, places, horizon=horizon):
        (score,) = backtest(one, [spoken(choice, models)], horizon=horizon, origins=ahead)
        told.append((score, choice.nominal_level(level)[0]))
    row = _pooled(CHOSEN, [score for score, _ in told], np.nan)
    return row | {"coverage": _coverage(told), "servers": len(series)}


def _coverage(told: Sequence[tuple[Score, float]]) -> float:
    hours = sum(score.hours for score, _ in told)
    return sum(score.coverage(level) * score.hours for score, level in told) / hours


def _pooled(name: str, scores: Sequence[Score], seconds: float) -> dict[str, Any]:
    scale = sum(score.scale * len(score.crps) for score in scores if score.scale is not None)
    told = [score for score in scores if score.scale is not None]
    origins = sum(len(score.crps) for score in scores)
    return {
        "model": name,
        "mase": sum(float(score.errors.sum()) for score in told) / scale if scale else np.nan,
        "scaled_crps": sum(float(score.crps.sum()) for score in told) / scale if scale else np.nan,
        "coverage": np.nan,
        "ms": 1000 * seconds / origins,
        "servers": len(scores),
        "origins": origins,
    }


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Chances that were told on servers free then, and what happened.

    Attributes:
        cases: One row per server and moment: ``hours, day, server, base_rate, life_table, logit,
            combined, stayed`` (1 or 0).
    """

    cases: pd.DataFrame

    def scores(self) -> pd.DataFrame:
        """One row per stretch and method: ``hours, method, cases, promised, kept, brier, auc``."""
        methods = ("base_rate", "current_state", "life_table", "logit", "combined")
        rows = []
        for hours, own in self.cases.groupby("hours"):
            stayed = own["stayed"].to_numpy()
            told = own.assign(current_state=stayed.mean())
            for method in methods:
                p = told[method].to_numpy()
                known = ~np.isnan(p)
                if not known.any():
                    continue
                brier = float(np.mean((p[known] - stayed[known]) ** 2))
                rows.append(
                    {
                        "hours": hours,
                        "method": method,
                        "cases": int(known.sum()),
                        "promised": float(p[known].mean()),
                        "kept": float(stayed[known].mean()),
                        "brier": brier,
                        "auc": auc(p[known], stayed[known]),
                    }
                )
        return pd.DataFrame(rows)

    def reliability(self) -> pd.DataFrame:
        """Promised against kept, by what was promised: ``hours, above, cases, promised, kept``."""
        rows = []
        for hours, own in self.cases.groupby("hours"):
            told = np.clip(np.searchsorted(_BINS, own["combined"], side="right") - 1, 0, 9)
            for place in np.unique(told):
                group = own[told == place]
                rows.append(
                    {
                        "hours": hours,
                        "above": float(_BINS[place]),
                        "cases": len(group),
                        "promised": float(group["combined"].mean()),
                        "kept": float(group["stayed"].mean()),
                    }
                )
        return pd.DataFrame(rows)


def judge_chances(
    grid: SlotGrid,
    *,
    gpus: int | None = 1,
    hours: Sequence[float] = (1.0, 4.0, 8.0, 24.0),
    every_hours: int = _EVERY_HOURS,
) -> Judged:
    """Tell chances at past moments, refitted daily, and see what became of them.

    Args:
        grid: The slots.
        gpus: How many must stay free; None for all of each server.
        hours: The stretches.
        every_hours: Between the moments.

    Raises:
        ForecastError: The record is too short.
    """
    end = grid.free.shape[1]
    first = min(_TRAINING_DAYS * _DAY, end // 3 // _DAY * _DAY)
    if first < _DAY:
        raise ForecastError(
            f"{end / _DAY:.1f} days are known", expected="at least 3 days to judge chances"
        )
    wanted = grid.gpu_count if gpus is None else np.full(len(grid.servers), gpus)
    cases = [
        _day(grid, wanted, stretch, begin, every_hours)
        for begin in range(first, end, _DAY)
        for stretch in hours
        if begin + slots_of(stretch) <= end
    ]
    if not cases:
        raise ForecastError(
            f"{end / _DAY:.1f} days are known",
            expected=f"{min(hours):g} h after the first {first / _DAY:.0f} days",
        )
    return Judged(pd.concat(cases, ignore_index=True))


def _day(
    grid: SlotGrid, gpus: IntArray, hours: float, begin: int, every_hours: int
) -> pd.DataFrame:
    """The cases of one day, from what was known at its beginning, and of each moment before it."""
    at = np.arange(begin, begin + _DAY, every_hours * SLOTS_PER_HOUR)
    at = at[at + slots_of(hours) <= grid.free.shape[1]]
    known = past(grid, begin)
    stayed = outcomes(grid, gpus, hours, at)
    told = tell(grid, known, gpus, hours, at)
    free = ~np.isnan(told.life_table) & ~np.isnan(stayed)
    before = outcomes(known, gpus, hours, np.arange(0, begin, SLOTS_PER_HOUR))
    row, column = np.nonzero(free)
    return pd.DataFrame(
        {
            "hours": hours,
            "day": begin // _DAY,
            "server": np.array(grid.servers)[row],
            "at": at[column],
            "base_rate": float(np.nanmean(before)) if not np.isnan(before).all() else np.nan,
            "life_table": told.life_table[free],
            "logit": told.logit[free],
            "combined": told.combined[free],
            "stayed": stayed[free],
        }
    )


def auc(told: FloatArray, stayed: FloatArray) -> float:
    """The chance that a case that stayed was told more than one that did not; NaN without both."""
    ranks = pd.Series(told).rank().to_numpy()
    yes = int(stayed.sum())
    no = len(stayed) - yes
    if not yes or not no:
        return float("nan")
    return float((ranks[stayed > 0].sum() - yes * (yes + 1) / 2) / (yes * no))
