"""The outlook: how busy each server will be, with intervals, and which model says so and why.

In: the load table. Out: a frame with one row per server and hour. For each server the models
compete in a backtest; the last value, which is hard to beat on GPU servers, stays unless another
one wins clearly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from scms.errors import ForecastError
from scms.forecast.backtest import FRESH_HOURS, Score, backtest, interval
from scms.forecast.ets import Ets
from scms.forecast.models import Analog, LastValue, SeasonalNaive, everything
from scms.forecast.series import hourly_series, origin_hour

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from scms.forecast.models import Model
    from scms.forecast.series import FloatArray, Series

#: The candidates; the first is the baseline.
MODELS: Final = ("last_value", "analog", "seasonal_naive", "ets")
#: A server needs this many known hours for a forecast of its own.
MINIMUM_HOURS: Final = 48
#: A champion needs this many past origins,
GATE_ORIGINS: Final = 14
#: a CRPS this much lower than that of the baseline,
GATE_GAIN_RATIO: Final = 0.05
#: and by this many standard errors of the paired differences.
GATE_ERRORS: Final = 2.0
MAXIMUM_HORIZON_HOURS: Final = 7 * 24

COLUMNS: Final = (
    "server",
    "origin",
    "ts",
    "horizon_hours",
    "measure",
    "mean",
    "lower",
    "upper",
    "level",
    "p_free",
    "model",
    "why",
    "coverage_ratio",
)


@dataclass(frozen=True, slots=True)
class Choice:
    """The model that speaks for a server, and why."""

    model: str
    why: str


def outlook(
    load: pd.DataFrame,
    *,
    horizon_hours: int = 24,
    level: float = 0.8,
    now: datetime,
    seed: int = 0,
    models: Sequence[str] = MODELS,
) -> pd.DataFrame:
    """How busy each server will be.

    Args:
        load: The view ``load_hourly``: ``server, ts, gpus_busy, gpu_count,
            cpu_utilization_ratio, coverage_ratio``.
        horizon_hours: Hours ahead, 1 to 168. Hour 1 is the one ``now`` lies in.
        level: Of the interval, between 0 and 0.99.
        now: The present, aware. Hours that are not over are not used.
        seed: For ties between past hours that are equally like the present.
        models: Names of `MODELS`. One name is used as it is; of several, the first is the baseline
            and another one speaks for a server only where it clearly won in the past.

    Returns:
        One row per server and hour: ``server, origin`` (end of what is known), ``ts`` (start of
        the hour), ``horizon_hours, measure`` (gpus_busy, or cpu_utilization_ratio for servers
        without GPUs), ``mean, lower, upper, level, p_free`` (chance that at least one GPU is free
        for most of the hour; null where unknown or without GPUs), ``model, why`` and
        ``coverage_ratio`` (share of the history that was observed). A server with too little
        history has model ``none``, the widest interval and null ``mean`` and ``p_free``.

    Raises:
        ForecastError: An argument cannot be used, or no server has enough history.
    """
    _check(horizon_hours, level)
    candidates = [_model(name, seed) for name in models]
    if not candidates:
        raise ForecastError("no model was named", expected=f"some of {', '.join(MODELS)}")
    series = hourly_series(load, now=now)
    best = max((one.known_hours for one in series), default=0)
    if best < MINIMUM_HOURS:
        raise ForecastError(
            f"{best} hours of load are known",
            expected=f"at least {MINIMUM_HOURS} of one server",
            mend="let the collector run on; a forecast comes by itself then",
        )
    origin = pd.Timestamp(origin_hour(now) * 3600, unit="s", tz="UTC")
    frames = [_outlook(one, candidates, origin, horizon_hours, level) for one in series]
    return pd.concat(frames, ignore_index=True)


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
    winners = [score for score in others if _clearly_better(score, baseline)]
    if not winners:
        gain = _gain(best, baseline)
        near = "" if best is baseline else f": {best.model} by {gain:.0%}, within chance"
        return Choice(baseline.model, f"no model clearly better in {count} past forecasts{near}")
    champion = min(winners, key=lambda score: float(np.mean(score.crps)))
    gain = _gain(champion, baseline)
    return Choice(
        champion.model,
        f"CRPS {gain:.0%} lower than that of {baseline.model} in {count} past forecasts",
    )


def _gain(score: Score, baseline: Score) -> float:
    reference = float(np.mean(baseline.crps))
    return 1 - float(np.mean(score.crps)) / reference if reference > 0 else 0.0


def _clearly_better(score: Score, baseline: Score) -> bool:
    differences = baseline.crps - score.crps
    error = float(np.std(differences, ddof=1)) / len(differences) ** 0.5
    certain = float(np.mean(differences)) > GATE_ERRORS * error
    return certain and _gain(score, baseline) >= GATE_GAIN_RATIO


def _outlook(
    series: Series, models: Sequence[Model], origin: pd.Timestamp, horizon: int, level: float
) -> pd.DataFrame:
    choice, quantiles = _forecast(series, models, horizon)
    lower, upper = interval(quantiles, level)
    unknown = choice.model == "none"
    ahead = np.arange(horizon)
    columns: dict[str, Any] = {
        "server": series.server,
        "origin": origin,
        "ts": origin + pd.to_timedelta(ahead, unit="h"),
        "horizon_hours": ahead + 1,
        "measure": series.measure,
        "mean": np.nan if unknown else quantiles.mean(axis=1),
        "lower": 0.0 if unknown else lower,
        "upper": series.capacity if unknown else upper,
        "level": level,
        "p_free": np.nan if unknown else p_free(series, quantiles),
        "model": choice.model,
        "why": choice.why,
        "coverage_ratio": series.coverage_ratio,
    }
    return pd.DataFrame(columns, columns=list(COLUMNS))


def _forecast(series: Series, models: Sequence[Model], horizon: int) -> tuple[Choice, FloatArray]:
    end = len(series.values)
    last = series.last_known(end)
    silent = end if last is None else end - 1 - last
    if series.known_hours < MINIMUM_HOURS:
        why = f"{series.known_hours} hours are known, {MINIMUM_HOURS} needed"
        return Choice("none", why), everything(series.capacity, horizon)
    if silent > FRESH_HOURS:
        why = f"not observed for {silent} h"
        return Choice("none", why), everything(series.capacity, horizon)
    choice = Choice(models[0].name, "as asked")
    if len(models) > 1:
        choice = _champion(series, models, min(horizon, 24))
    model = next(model for model in models if model.name == choice.model)
    return choice, model.fit(series).quantiles(series, [end], horizon)[0]


def _champion(series: Series, models: Sequence[Model], horizon: int) -> Choice:
    # Where too few origins exist to choose, fitting the others would be in vain.
    baseline = backtest(series, models[:1], horizon=horizon)
    count = len(baseline[0].crps) if baseline else 0
    if count < GATE_ORIGINS:
        why = f"{count} past forecasts, {GATE_ORIGINS} needed to compare models"
        return Choice(models[0].name, why)
    return choose([*baseline, *backtest(series, models[1:], horizon=horizon)])


def p_free(series: Series, quantiles: FloatArray) -> FloatArray:
    """The chance, per hour, that at least one GPU is free for most of the hour.

    That is when the mean number of busy ones is below capacity − ½. Never quite 0 or 1: a hundred
    quantiles cannot say so. NaN for a measure that is not GPUs.
    """
    if series.measure != "gpus_busy":
        return np.full(len(quantiles), np.nan)
    share = (quantiles < series.capacity - 0.5).sum(axis=1)
    return np.asarray((share + 0.5) / (quantiles.shape[1] + 1))


def _model(name: str, seed: int) -> Model:
    known: dict[str, Model] = {
        model.name: model for model in (LastValue(), Analog(seed=seed), SeasonalNaive(), Ets())
    }
    if name not in known:
        raise ForecastError(f"{name!r} is no model", expected=f"one of {', '.join(MODELS)}")
    return known[name]


def _check(horizon_hours: int, level: float) -> None:
    if isinstance(horizon_hours, bool) or not isinstance(horizon_hours, int):
        raise ForecastError(f"horizon_hours is {horizon_hours!r}", expected="a whole number")
    if not 1 <= horizon_hours <= MAXIMUM_HORIZON_HOURS:
        raise ForecastError(
            f"horizon_hours is {horizon_hours}", expected=f"1 to {MAXIMUM_HORIZON_HOURS}"
        )
    if not 0 < level <= 0.99:
        raise ForecastError(f"level is {level}", expected="a number above 0 and at most 0.99")
