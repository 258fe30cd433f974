"""How good forecasts and chances are on a recording of busy GPUs, and how fast.

    python benchmarks/forecast.py RECORDING.parquet --start 2017-10-06 --end 2017-12-04

The recording has one row per server and 10 minutes: ``server, ts`` (UTC), ``busy_gpus`` (mean),
``total_gpus``. Servers that are used for less than ``--minimum-load`` of the time are left out:
they are free whatever anybody says. Printed are, per model, MASE, scaled CRPS, coverage of the 80 %
interval and CPU time; for chances, whether the whole server stays free, asked every hour on servers
that are free then; and with ``--speed`` how long an outlook of 1,000 servers takes. statsforecast
is measured beside it: see benchmarks/forecast_peers.py.
"""

from __future__ import annotations

import argparse
import importlib
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scms.forecast import outlook
from scms.forecast.backtest import backtest_origins, crps, in_sample_error, interval
from scms.forecast.champion import GATE_ORIGINS, choices_to_json
from scms.forecast.choosing import choices_along, choices_of
from scms.forecast.evaluate import judge_chances, model_scores
from scms.forecast.logit import fit_chances
from scms.forecast.models import LEVELS
from scms.forecast.outlooks import CANDIDATES, models_named, spoken
from scms.forecast.series import Series, hourly_series
from scms.forecast.trace import Trace, trace_of

if TYPE_CHECKING:
    from scms.forecast.models import Model

#: So many forecasts are asked of slow peers at most: about two minutes.
PEER_CASES = 450


def main() -> None:
    arguments = parsed()
    rows = pd.read_parquet(arguments.recording)
    start, end = (pd.Timestamp(day, tz="UTC") for day in (arguments.start, arguments.end))
    trace = trace_of(rows[(rows["ts"] >= start) & (rows["ts"] < end)])
    if arguments.speed:
        speed(trace, end.to_pydatetime(), arguments.speed)
        return
    used = np.nanmean(trace.busy, axis=1) / trace.total
    trace = trace.only(used >= arguments.minimum_load)
    print(f"{len(trace.servers)} servers used for {arguments.minimum_load:.0%} of the time or more")
    series = trace.hourly()
    if arguments.write_series or arguments.peers:
        few, origins = peer_cases(series)
        if arguments.write_series:
            values = np.stack([one.values for one in few])  # noqa: PD011  no pandas
            np.savez_compressed(arguments.write_series, values=values, origins=origins)
        else:
            print(peers(few, origins, arguments.peers).round(3).to_string(index=False))
        return
    print(model_scores(series, models_named(shared=False)).round(3).to_string(index=False))
    judged = judge_chances(trace.grid(), gpus=None)
    print(judged.scores().round(4).to_string(index=False))
    print(judged.reliability().round(3).to_string(index=False))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recording")
    parser.add_argument("--start", required=True)
    parser.add_argument("--end", required=True)
    parser.add_argument("--minimum-load", type=float, default=0.12)
    parser.add_argument("--write-series", type=Path)
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--speed", type=int, help="servers, made by repeating the recording")
    return parser.parse_args()


def peer_cases(series: list[Series]) -> tuple[list[Series], np.ndarray]:
    """The series without gaps, and some of the origins that `model_scores` judges at."""
    whole = [one for one in series if one.known_hours == len(one.values)]
    late = [backtest_origins(one, horizon=24, limit=44)[GATE_ORIGINS:] for one in whole]
    every = -(-sum(map(len, late)) // PEER_CASES)
    return whole, np.array([own[::every] for own in late])


def peers(series: list[Series], origins: np.ndarray, path: Path) -> pd.DataFrame:
    """Our models and the peers at the same origins of the same series."""
    capacity = np.array([one.capacity for one in series])[:, None, None, None]
    answers = {model.name: asked([model] * len(series), series, origins)
               for model in models_named(shared=False)}  # fmt: skip
    answers["(chosen)"] = chosen(series, origins), np.nan
    from scipy.special import ndtri

    told = np.load(path)
    for name in sorted({key.split(".")[0] for key in told.files}):
        normal = told[f"{name}.mean"][..., None] + told[f"{name}.deviation"][..., None] * ndtri(
            LEVELS
        )
        answers[name] = np.clip(normal, 0.0, capacity), float(told[f"{name}.ms"])
    return pd.DataFrame(
        [peer_row(name, *answer, series, origins) for name, answer in answers.items()]
    )


def asked(models: list[Model], series: list[Series], origins: np.ndarray) -> tuple[Any, float]:
    """What a model per series says, and the CPU milliseconds per origin."""
    began = time.process_time()
    told = [
        model.fit(one.until(int(own[0]))).quantiles(one, [int(o) for o in own], 24)
        for model, one, own in zip(models, series, origins, strict=True)
    ]
    return np.stack(told), 1000 * (time.process_time() - began) / origins.size


def chosen(series: list[Series], origins: np.ndarray) -> np.ndarray:
    """What the model that speaks says, chosen as `model_scores` does."""
    places = {s.server: backtest_origins(s, horizon=24, limit=44) for s in series}
    row = {one.server: place for place, one in enumerate(series)}
    competing = models_named(CANDIDATES, shared=False)
    told = np.full((*origins.shape, 24, len(LEVELS)), np.nan)
    for one, choice, ahead in choices_along(series, competing, places, horizon=24):
        own = origins[row[one.server]]
        now = np.flatnonzero(np.isin(own, ahead))
        if len(now):
            model = spoken(choice, competing).fit(one.until(int(own[now[0]])))
            told[row[one.server], now] = model.quantiles(one, [int(o) for o in own[now]], 24)
    return told


def peer_row(
    name: str, quantiles: np.ndarray, ms: float, series: list[Series], origins: np.ndarray
) -> dict[str, Any]:
    """The scores of one model, pooled over servers; intervals as the model says them."""
    truth = np.stack(
        [
            [s.values[o : o + 24] for o in own]  # noqa: PD011  no pandas
            for s, own in zip(series, origins, strict=True)
        ]
    )
    scales = [in_sample_error(s.values, own) for s, own in zip(series, origins, strict=True)]
    use = np.array([one is not None for one in scales])
    scale = sum(one for one in scales if one is not None) * origins.shape[1]
    lower, upper = interval(quantiles, 0.8)
    inside = (truth >= lower - 1e-9) & (truth <= upper + 1e-9)
    errors = np.abs(np.median(quantiles, axis=-1) - truth).mean(axis=-1)
    return {
        "model": name,
        "mase": errors[use].sum() / scale,
        "scaled_crps": crps(quantiles, truth).mean(axis=-1)[use].sum() / scale,
        "coverage": inside.mean(),
        "ms": ms,
        "cases": origins.size,
    }


def speed(trace: Trace, now: datetime, count: int) -> None:
    """CPU seconds of one outlook of many servers, with and without choosing models anew."""
    base = trace.hourly()
    first = datetime.fromtimestamp(base[0].first_hour * 3600, UTC)
    load = pd.concat(
        [
            pd.DataFrame(
                {
                    "server": f"{one.server}-{number}",
                    "ts": pd.date_range(first, periods=len(one.values), freq="h"),
                    "gpus_busy": one.values,  # noqa: PD011  no pandas
                    "gpu_count": one.capacity,
                    "cpu_utilization_ratio": np.nan,
                    "coverage_ratio": 1.0,
                }
            )
            for number in range(count)
            for one in [base[number % len(base)]]
        ]
    )
    clock = time.process_time
    began = clock()
    importlib.import_module("statsmodels.tsa.exponential_smoothing.ets")
    importlib.import_module("statsmodels.discrete.discrete_model")
    print(f"statsmodels imported: {clock() - began:.1f} s CPU")
    began = clock()
    series = hourly_series(load, now=now)
    print(f"{count} series from {len(load):,} rows: {clock() - began:.1f} s CPU")
    began = clock()
    choices = choices_of(series, models_named())
    print(f"models chosen, once a day: {clock() - began:.1f} s CPU")
    began = clock()
    outlook(load, now=now, choices=choices)
    print(f"outlook of 24 h: {clock() - began:.1f} s CPU")
    began = clock()
    fit_chances(trace.grid())
    print(f"Logit of 5 stretches, once a day: {clock() - began:.1f} s CPU")
    print(f"choices as stored: {len(choices_to_json(choices)) / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
