"""A recording of servers made of a list of jobs: real times, a placement of our own.

    python benchmarks/placed.py JOBS.parquet OUT.parquet --start 2021-03-15 --end 2021-05-02

In: jobs with ``cluster, submit, duration`` (seconds) and ``num_gpu``. Out: ``server, ts, busy_gpus,
total_gpus`` per 10 minutes, as benchmarks/forecast.py and ``scms replay`` read it. In each cluster
the jobs are placed first-fit, in the order of their submission, on as many servers as make a load
of 40 %; one that finds no place is left out. Servers used for less than 5 % are left out, too.
"""

from __future__ import annotations

import argparse
import heapq
import math

import numpy as np
import pandas as pd

STEP_SECONDS = 600
LOAD = 0.4
LEAST = 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("jobs")
    parser.add_argument("out")
    parser.add_argument("--start", required=True)
    parser.add_argument("--end", required=True)
    parser.add_argument(
        "--longest", type=float, default=4.0, help="hours; longer jobs are left out"
    )
    parser.add_argument("--gpus", type=int, default=8, help="of a server")
    arguments = parser.parse_args()
    jobs = pd.read_parquet(arguments.jobs)
    start, end = (pd.Timestamp(day, tz="UTC") for day in (arguments.start, arguments.end))
    jobs = jobs[
        (jobs["duration"] <= arguments.longest * 3600) & (jobs["num_gpu"] <= arguments.gpus)
    ]
    frames = [
        recording(str(cluster), own, start, end, arguments.gpus)
        for cluster, own in jobs.groupby("cluster")
        # A cluster whose list begins later or ends sooner would look idle there.
        if own["submit"].min() <= start and own["submit"].max() >= end - pd.Timedelta(days=2)
    ]
    made = pd.concat(frames, ignore_index=True)
    made.to_parquet(arguments.out)
    used = made["busy_gpus"].sum() / made["total_gpus"].sum()
    print(f"{made['server'].nunique()} servers of {made['server'].str[:9].nunique()} clusters, "
          f"{used:.0%} used")  # fmt: skip


def recording(
    cluster: str, jobs: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp, gpus: int
) -> pd.DataFrame:
    """The recording of one cluster."""
    inside = jobs[(jobs["submit"] >= start) & (jobs["submit"] < end)].sort_values("submit")
    seconds = (end - start).total_seconds()
    wanted = float((inside["duration"] * inside["num_gpu"]).sum()) / seconds / gpus
    busy = placed(
        inside, max(2, math.ceil(wanted / LOAD)), gpus, start, int(seconds) // STEP_SECONDS
    )
    times = pd.date_range(start, periods=busy.shape[1], freq=f"{STEP_SECONDS}s")
    used = np.flatnonzero(busy.mean(axis=1) >= LEAST * gpus)
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "server": f"{cluster}-{row:03}",
                    "ts": times,
                    "busy_gpus": busy[row],
                    "total_gpus": gpus,
                }
            )
            for row in used
        ]
        or [pd.DataFrame(columns=["server", "ts", "busy_gpus", "total_gpus"])]
    )


def placed(
    jobs: pd.DataFrame, servers: int, gpus: int, start: pd.Timestamp, steps: int
) -> np.ndarray:
    """Mean busy GPUs per server and step."""
    free = np.full(servers, gpus)
    ends: list[tuple[float, int, int]] = []
    busy = np.zeros((servers, steps + 1))
    begins = (jobs["submit"] - start).dt.total_seconds()
    for begin, duration, count in zip(begins, jobs["duration"], jobs["num_gpu"], strict=True):
        while ends and ends[0][0] <= begin:
            _, server, given_back = heapq.heappop(ends)
            free[server] += given_back
        fits = np.flatnonzero(free >= count)
        if not len(fits):
            continue
        server = int(fits[0])
        free[server] -= count
        heapq.heappush(ends, (begin + duration, server, int(count)))
        first, last = begin / STEP_SECONDS, min((begin + duration) / STEP_SECONDS, steps)
        edges = np.arange(int(first), int(last) + 1)
        share = np.minimum(edges + 1, last) - np.maximum(edges, first)
        busy[server, edges] += count * share
    return np.minimum(busy[:, :steps], gpus)


if __name__ == "__main__":
    main()
