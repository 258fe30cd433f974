"""The outlook: how busy each server will be, with intervals, and which model says so and why.

In: the load table. Out: a frame with one row per server and hour. The models compete in a backtest
over the past (`scms.forecast.champion`); what came out of one can be stored and used again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from scms.errors import ForecastError
from scms.forecast.backtest import FRESH_HOURS, interval
from scms.forecast.champion import GATE_ORIGINS, Choice
from scms.forecast.choosing import CHOICE_HOURS, choices_of
from scms.forecast.ets import Ets
from scms.forecast.mixture import Blend, asked_once
from scms.forecast.models import Analog, LastValue, SeasonalNaive, Week, everything
from scms.forecast.series import hourly_series, origin_hour

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from scms.forecast.models import Model
    from scms.forecast.series import FloatArray, Series

#: All models; the first is the baseline.
MODELS: Final = ("blend", "last_value", "analog", "week", "seasonal_naive", "ets")
#: Those that compete to speak. The seasonal naive is a yardstick: it has won nowhere.
CANDIDATES: Final = ("blend", "last_value", "analog", "ets")
#: A server needs this many known hours for a forecast of its own.
MINIMUM_HOURS: Final = 48
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
    "observed_ratio",
)


def outlook(  # noqa: PLR0913  what is known, what is asked, and how, each by itself
    load: pd.DataFrame,
    *,
    horizon_hours: int = 24,
    level: float = 0.8,
    gpus: int = 1,
    now: datetime,
    seed: int = 0,
    models: Sequence[str] = CANDIDATES,
    choices: Mapping[str, Choice] | None = None,
    taken: Sequence[Mapping[str, Any]] = (),
) -> pd.DataFrame:
    """How busy each server will be.

    Args:
        load: The view ``load_hourly``: ``server, ts, gpus_busy, gpu_count,
            cpu_utilization_ratio, coverage_ratio``.
        horizon_hours: Hours ahead, 1 to 168. Hour 1 is the one ``now`` lies in.
        level: Of the interval, between 0 and 0.99.
        gpus: Chances are told for 1 to so many GPUs.
        now: The present, aware. Hours that are not over are not used.
        seed: For ties between past hours that are equally like the present.
        models: Names of `MODELS`. One name is used as it is; of several, the first is the baseline
            and another one speaks for a server only where it clearly won in the past.
        choices: Of `choices_of`, made earlier; without them they are made now, which takes most of
            the time.
        taken: What is known of the future: a mapping per device with ``server, device`` and
            ``expires_at`` (aware), such as an active hold. It counts as busy until then.

    Returns:
        One row per server and hour: ``server, origin`` (end of what is known), ``ts`` (start of
        the hour), ``horizon_hours, measure`` (gpus_busy, or cpu_utilization_ratio for servers
        without GPUs), ``mean, lower, upper, level, p_free`` (chance that at least one GPU is free
        for most of the hour; null where unknown or without GPUs), ``model, why,
        coverage_ratio`` (share of past hours that such intervals held; null without such a past)
        and ``observed_ratio`` (share of the history that was observed); then ``p_free_2`` to
        ``p_free_{gpus}``, the chances that at least so many are free (null where a server has
        fewer). A server with too little history has model ``none``, the widest interval and null
        ``mean`` and chances.

    Raises:
        ForecastError: An argument cannot be used, or no server has enough history.
    """
    _check(horizon_hours, level, gpus)
    candidates = models_named(models, seed)
    series = hourly_series(load, now=now)
    best = max((one.known_hours for one in series), default=0)
    if best < MINIMUM_HOURS:
        raise ForecastError(
            f"{best} hours of load are known",
            expected=f"at least {MINIMUM_HOURS} of one server",
            mend="let the collector run on; a forecast comes by itself then",
        )
    if choices is None and len(candidates) > 1:
        choices = choices_of(series, candidates, horizon=min(horizon_hours, CHOICE_HOURS))
    origin = pd.Timestamp(origin_hour(now) * 3600, unit="s", tz="UTC")
    frames = []
    for one in series:
        choice = _choice(one, candidates, {} if choices is None else choices)
        busy = _taken(taken, one, origin, horizon_hours)
        frames.append(_outlook(one, candidates, choice, origin, busy, level, gpus))
    return pd.concat(frames, ignore_index=True)


def models_named(
    names: Sequence[str] = MODELS, seed: int = 0, *, shared: bool = True
) -> list[Model]:
    """The models of these names.

    Args:
        names: Of `MODELS`.
        seed: For ties between past hours that are equally like the present.
        shared: Models that are made of others use what these have just answered.

    Raises:
        ForecastError: There is no model of such a name, or none was named.
    """
    last, analog, week = LastValue(), Analog(seed=seed), Week()
    every = (Blend((last, analog, week)), last, analog, week, SeasonalNaive(), Ets())
    known: dict[str, Model] = {model.name: model for model in every}
    for name in names:
        if name not in known:
            raise ForecastError(f"{name!r} is no model", expected=f"one of {', '.join(MODELS)}")
    if not names:
        raise ForecastError("no model was named", expected=f"some of {', '.join(MODELS)}")
    named = [known[name] for name in names]
    return asked_once(named) if shared else named


def spoken(choice: Choice, models: Sequence[Model]) -> Model:
    """The model of a choice, a blend with its weights."""
    model = next(model for model in models if model.name == choice.model)
    return model.weighted(choice.weights) if isinstance(model, Blend) and choice.weights else model


def _choice(series: Series, models: Sequence[Model], choices: Mapping[str, Choice]) -> Choice:
    last = series.last_known(len(series.values))
    silent = len(series.values) if last is None else len(series.values) - 1 - last
    if series.known_hours < MINIMUM_HOURS:
        return Choice("none", f"{series.known_hours} hours are known, {MINIMUM_HOURS} needed")
    if silent > FRESH_HOURS:
        return Choice("none", f"not observed for {silent} h")
    if len(models) == 1:
        return Choice(models[0].name, "as asked")
    chosen = choices.get(series.server)
    if chosen is None:
        why = f"0 past forecasts, {GATE_ORIGINS} needed to compare models"
        return Choice(models[0].name, why)
    if chosen.model not in {model.name for model in models}:
        return Choice(models[0].name, f"{chosen.model} is better but not at hand here")
    return chosen


def _outlook(
    series: Series,
    models: Sequence[Model],
    choice: Choice,
    origin: pd.Timestamp,
    busy: FloatArray,
    level: float,
    gpus: int,
) -> pd.DataFrame:
    unknown = choice.model == "none"
    nominal, held = choice.nominal_level(level)
    horizon, end = len(busy), len(series.values)
    if unknown:
        quantiles = everything(series.capacity, horizon)
    else:
        quantiles = spoken(choice, models).fit(series).quantiles(series, [end], horizon)[0]
    quantiles = np.maximum(quantiles, busy[:, None])
    lower, upper = interval(quantiles, nominal)
    ahead = np.arange(horizon)
    columns: dict[str, Any] = {
        "server": series.server,
        "origin": origin,
        "ts": origin + pd.to_timedelta(ahead, unit="h"),
        "horizon_hours": ahead + 1,
        "measure": series.measure,
        "mean": np.nan if unknown else quantiles.mean(axis=1),
        "lower": busy if unknown else lower,
        "upper": series.capacity if unknown else upper,
        "level": level,
        "p_free": np.nan if unknown else p_free(series, quantiles, 1),
        "model": choice.model,
        "why": choice.why,
        "coverage_ratio": np.nan if held is None else held,
        "observed_ratio": series.coverage_ratio,
    }
    for count in range(2, gpus + 1):
        columns[f"p_free_{count}"] = np.nan if unknown else p_free(series, quantiles, count)
    return pd.DataFrame(columns)


def _taken(
    taken: Sequence[Mapping[str, Any]], series: Series, origin: pd.Timestamp, horizon: int
) -> FloatArray:
    """GPUs that are known to be taken, per hour: a floor under what is forecast.

    A floor and no addition: what is held may be used already, and then counts as busy anyway.
    """
    busy = np.zeros(horizon)
    if series.measure != "gpus_busy":
        return busy
    for one in taken:
        if one["server"] == series.server:
            left = (pd.Timestamp(one["expires_at"]) - origin).total_seconds() / 3600
            busy += np.clip(left - np.arange(horizon), 0.0, 1.0)
    return np.minimum(busy, series.capacity)


def p_free(series: Series, quantiles: FloatArray, gpus: int) -> FloatArray:
    """The chance, per hour, that at least so many GPUs are free for most of the hour.

    That is when the mean number of busy ones is below capacity − gpus + ½. Never quite 0 or 1: a
    hundred quantiles cannot say so. NaN for a measure that is not GPUs, and for more GPUs than
    there are.
    """
    if series.measure != "gpus_busy" or gpus > series.capacity:
        return np.full(len(quantiles), np.nan)
    share = (quantiles < series.capacity - gpus + 0.5).sum(axis=1)
    return np.asarray((share + 0.5) / (quantiles.shape[1] + 1))


def _check(horizon_hours: int, level: float, gpus: int) -> None:
    if isinstance(gpus, bool) or not isinstance(gpus, int) or gpus < 1:
        raise ForecastError(f"gpus is {gpus!r}", expected="a whole number from 1 on")
    if isinstance(horizon_hours, bool) or not isinstance(horizon_hours, int):
        raise ForecastError(f"horizon_hours is {horizon_hours!r}", expected="a whole number")
    if not 1 <= horizon_hours <= MAXIMUM_HORIZON_HOURS:
        raise ForecastError(
            f"horizon_hours is {horizon_hours}", expected=f"1 to {MAXIMUM_HORIZON_HOURS}"
        )
    if not 0 < level <= 0.99:
        raise ForecastError(f"level is {level}", expected="a number above 0 and at most 0.99")
