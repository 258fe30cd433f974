"""AutoETS and AutoTheta of statsforecast on the series that benchmarks/forecast.py wrote.

statsforecast is no dependency of SCMS. It runs in an environment of its own:

    uv venv peers && uv pip install --python peers/bin/python statsforecast
    python benchmarks/forecast.py RECORDING --start … --end … --write-series series.npz
    peers/bin/python benchmarks/forecast_peers.py series.npz peers.npz
    python benchmarks/forecast.py RECORDING --start … --end … --peers peers.npz

In: per series its values and capacity, and origins. Out: per model, mean and standard deviation of
each hour ahead, and the CPU milliseconds per fit.
"""

from __future__ import annotations

import sys
import time
import warnings
from pathlib import Path

import numpy as np
from statsforecast.models import AutoETS, AutoTheta

HORIZON = 24
WINDOW = 28 * 24
#: Of the standard normal distribution: half the width of its central 80 % interval.
WIDTH_80 = 1.2815515655446004


def main() -> None:
    source, target = map(Path, sys.argv[1:3])
    warnings.simplefilter("ignore")
    given = np.load(source)
    values, origins = given["values"], given["origins"]
    models = {"AutoETS": AutoETS(season_length=24), "AutoTheta": AutoTheta(season_length=24)}
    # The first fits compile: they are not counted.
    for model in models.values():
        model.forecast(y=values[0][:WINDOW], h=HORIZON, level=[80])
    out: dict[str, np.ndarray] = {}
    for name, model in models.items():
        mean = np.empty((*origins.shape, HORIZON))
        deviation = np.empty_like(mean)
        began = time.process_time()
        for row, series in enumerate(values):
            for column, origin in enumerate(origins[row]):
                past = series[max(0, origin - WINDOW) : origin]
                if np.ptp(past) == 0:
                    mean[row, column], deviation[row, column] = past[-1], 0.0
                    continue
                told = model.forecast(y=past, h=HORIZON, level=[80])
                mean[row, column] = told["mean"]
                deviation[row, column] = (told["hi-80"] - told["mean"]) / WIDTH_80
        out[f"{name}.mean"], out[f"{name}.deviation"] = mean, deviation
        out[f"{name}.ms"] = np.array(1000 * (time.process_time() - began) / origins.size)
        print(name, f"{float(out[f'{name}.ms']):.0f} ms", flush=True)
    np.savez_compressed(target, allow_pickle=False, **out)


if __name__ == "__main__":
    main()
