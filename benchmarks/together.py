"""Do servers stay free together as their own chances say? Product and bound beside what came.

    python benchmarks/together.py RECORDING.parquet [--minimum-load 0.12] [--gpus N]

In: a recording, as ``scms replay`` reads it. Out: for 2, 3 and 4 servers, those of the highest
score in pools of 8 drawn at random, asked every 5 hours: the chance that all stay free if their
fates are independent (the product), at least (their sum plus 1, less their number), and the share
that did, with the 95 % interval of resampled days.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

from scms.forecast.trace import read_trace
from scms.recommend.replay import POOL_SERVERS, Scene, day_interval, order, scenes
from scms.recommend.together import joint_chance

HOURS = (1.0, 4.0, 8.0, 24.0)
TOGETHER = (2, 3, 4)
COLUMNS = ("day", "servers", "product", "at_least", "kept")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recording")
    parser.add_argument("--minimum-load", type=float, default=0.0)
    parser.add_argument("--gpus", type=int, help="of each server; all by default")
    arguments = parser.parse_args()
    grid = read_trace(arguments.recording).used_at_least(arguments.minimum_load).grid()
    every = len(grid.servers)
    gpus = grid.gpu_count if arguments.gpus is None else np.full(every, arguments.gpus)
    for hours in HOURS:
        cases = [case for scene in scenes(grid, gpus, hours) for case in cases_of(scene, hours)]
        frame = pd.DataFrame(cases, columns=list(COLUMNS))
        for servers, own in frame.groupby("servers"):
            lower, upper = day_interval(own.groupby("day")["kept"].agg(["sum", "size"]), seed=0)
            means = own[["product", "at_least", "kept"]].mean()
            print(f"{hours:4g} h, {servers} servers, {len(own):6} cases: "
                  f"product {means['product']:.3f}, at least {means['at_least']:.3f}, "
                  f"kept {means['kept']:.3f} ({lower:.3f} to {upper:.3f})")  # fmt: skip


def cases_of(scene: Scene, hours: float) -> list[tuple[int, int, float, float, bool]]:
    """What is promised of the best servers of each pool together, and whether it came."""
    random = np.random.default_rng([0, scene.day])
    length = round(hours * 4)
    cases = []
    for column in range(len(scene.moments)):
        chance, lasts = scene.chance[:, column], scene.lasts[:, column]
        free = ~np.isnan(chance) & (lasts >= 0)
        pools, luck = random.permutation(len(free)), random.random(len(free))
        points = order("scms", scene, column, luck)
        for start in range(0, len(free) - POOL_SERVERS + 1, POOL_SERVERS):
            pool = pools[start : start + POOL_SERVERS]
            ranked = sorted(pool[free[pool]], key=lambda server: -points[server])
            for servers in TOGETHER:
                if len(ranked) >= servers:
                    told = joint_chance([float(chance[one]) for one in ranked[:servers]])
                    stayed = bool(np.all(lasts[ranked[:servers]] >= length))
                    cases.append((scene.day, servers, told.product, told.at_least, stayed))
    return cases


if __name__ == "__main__":
    main()
