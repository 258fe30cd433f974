"""How good forecasts and chances are on a recording of busy GPUs.

    python benchmarks/forecast.py RECORDING.parquet --start 2017-10-06 --end 2017-12-04

The recording has one row per server and 10 minutes: ``server, ts`` (UTC), ``busy_gpus`` (mean),
``total_gpus``. Printed are, per model, MASE, scaled CRPS and coverage of the 80 % interval over
rolling origins, and for servers with a free GPU how well the chance that it stays free keeps what
it promises, beside the base rate, and what the top pick of all servers promised and kept.
"""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from scms.forecast.availability import availability
from scms.forecast.backtest import backtest
from scms.forecast.ets import Ets
from scms.forecast.models import Analog, LastValue, SeasonalNaive
from scms.forecast.outlooks import choose
from scms.forecast.series import hourly_series
from scms.recommend.score import Chance, shrunk

if TYPE_CHECKING:
    from collections.abc import Iterator

MODELS = (LastValue(), Analog(), SeasonalNaive(), Ets())
HOURS = (1, 4, 8, 24)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recording")
    parser.add_argument("--start", required=True)
    parser.add_argument("--end", required=True)
    parser.add_argument("--servers", type=int, default=60, help="sampled for the models")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rows = pd.read_parquet(arguments.recording)
    start, end = (pd.Timestamp(day, tz="UTC") for day in (arguments.start, arguments.end))
    rows = rows[(rows["ts"] >= start) & (rows["ts"] < end)]
    names = sorted(rows["server"].unique())
    chosen = np.random.default_rng(arguments.seed).permutation(names)[: arguments.servers]
    print(models(rows[rows["server"].isin(chosen)], end).round(3).to_string(), "\n")
    slots = quarter_hours(rows)
    origins = pd.date_range(start + pd.Timedelta(days=28), end - pd.Timedelta(days=1), freq="25h")
    table = [stays(slots, hours, origins) for hours in HOURS]
    print(pd.DataFrame(table).set_index("hours").round(3).to_string())


def models(rows: pd.DataFrame, end: pd.Timestamp) -> pd.DataFrame:
    """Mean scores per model over the servers, and of the one that the gate lets speak."""
    hours = rows.assign(ts=rows["ts"].dt.floor("h")).groupby(["server", "ts"], as_index=False)
    load = hours.agg(
        gpus_busy=("busy_gpus", "mean"), gpu_count=("total_gpus", "max"), rows=("busy_gpus", "size")
    )
    load = load.assign(cpu_utilization_ratio=np.nan, coverage_ratio=load["rows"] / 6)
    found = []
    for series in hourly_series(load, now=end):
        scores = backtest(series, MODELS)
        if not scores:
            continue
        champion = choose(scores).model
        spoken = [(score.model, score) for score in scores]
        spoken += [("(gated)", score) for score in scores if score.model == champion]
        found += [
            {"model": n, "mase": s.mase, "scaled_crps": s.scaled_crps, "coverage_80": s.coverage}
            for n, s in spoken
            if s.mase is not None
        ]
    return pd.DataFrame(found).astype({"mase": float}).groupby("model").mean()


def quarter_hours(rows: pd.DataFrame) -> pd.DataFrame:
    """Slots as the view free_15m has them: busy as the busier of the 10-minute rows in it."""
    halves = [rows, rows.assign(ts=rows["ts"] + pd.Timedelta(minutes=9))]
    both = pd.concat(halves).assign(starts_at=lambda frame: frame["ts"].dt.floor("15min"))
    slot = both.groupby(["server", "starts_at"], as_index=False).agg(
        busy=("busy_gpus", "max"), gpu_count=("total_gpus", "max")
    )
    taken = np.ceil(slot["busy"] - 1e-6).astype(int)
    return slot.assign(gpus_free=slot["gpu_count"] - taken, observed=True)


def stays(slots: pd.DataFrame, hours: int, origins: pd.DatetimeIndex) -> dict[str, float]:
    """Brier score, AUC and calibration of the chance to stay free, on servers free now."""
    cases = [case for origin in origins for case in at_origin(slots, hours, origin)]
    frame = pd.DataFrame(cases, columns=["origin", "promised", "cases", "stayed"])
    tops = [top(group) for _, group in frame.groupby("origin")]
    promised, shown, kept = (float(np.mean(column)) for column in zip(*tops, strict=True))
    base = frame["stayed"].mean()
    return {
        "hours": hours,
        "cases": len(frame),
        "brier": float(((frame["promised"] - frame["stayed"]) ** 2).mean()),
        "brier_base_rate": base * (1 - base),
        "auc": auc(frame["promised"].to_numpy(), frame["stayed"].to_numpy()),
        "promised": frame["promised"].mean(),
        "stayed": base,
        "top_promised": promised,
        "top_shown": shown,
        "top_kept": kept,
    }


def at_origin(
    slots: pd.DataFrame, hours: int, origin: pd.Timestamp
) -> Iterator[tuple[pd.Timestamp, float, int, bool]]:
    past = slots[slots["starts_at"] < origin]
    future = slots[
        (slots["starts_at"] >= origin) & (slots["starts_at"] < origin + pd.Timedelta(hours=hours))
    ]
    least = future.groupby("server")["gpus_free"].agg(["min", "size"])
    complete = least.loc[least["size"] == math.ceil(hours * 4), "min"]
    whole = {str(server): int(free) for server, free in complete.items()}
    chances = availability(past, gpus=1, hours=hours, now=origin)
    for row in chances[chances["free_hours"] > 0].to_dict("records"):
        if row["server"] in whole:
            yield origin, row["probability"], row["cases"], whole[row["server"]] >= 1


def top(group: pd.DataFrame) -> tuple[float, float, bool]:
    """What the server with the highest chance promised, what would be shown, what it kept."""
    promised = group["promised"].to_numpy()
    pairs = zip(promised, group["cases"].to_numpy(), strict=True)
    chances = {str(n): Chance(float(p), int(cases)) for n, (p, cases) in enumerate(pairs)}
    best = int(np.argmax(promised))
    return (
        float(promised[best]),
        shrunk(chances)[str(best)].probability,
        bool(group["stayed"].to_numpy()[best]),
    )


def auc(promised: np.ndarray, stayed: np.ndarray) -> float:
    """The chance that one that stayed was promised more than one that did not."""
    ranks = pd.Series(promised).rank().to_numpy()
    yes = int(stayed.sum())
    no = len(stayed) - yes
    return float((ranks[stayed].sum() - yes * (yes + 1) / 2) / (yes * no)) if yes and no else np.nan


if __name__ == "__main__":
    main()
