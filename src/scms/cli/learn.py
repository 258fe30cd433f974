"""Verbs about how good advice is, and that make it better: learn, backtest, replay, scorecard."""

from __future__ import annotations

import os
from pathlib import Path  # noqa: TC003  typer reads the annotations
from typing import TYPE_CHECKING, Annotated

import typer

from scms.cli.context import of
from scms.cli.output import CsvOption, Form, JsonOption, form, print_frame
from scms.errors import ForecastError
from scms.units import parse_duration

if TYPE_CHECKING:
    import pandas as pd

GpusOption = Annotated[
    str, typer.Option("--gpus", help="How many must stay free; all for whole servers.")
]
HoursOption = Annotated[
    list[str] | None, typer.Option("--hours", help="For how long: 4 or 4h or 2d; repeat for more.")
]
_HOURS = (1.0, 4.0, 8.0, 24.0)
#: Learning beside a collector gives way to it.
_NICE_VARIABLE = "SCMS_NICE"


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    app.command("learn")(learn)
    app.command("scorecard")(scorecard)
    app.command("backtest")(backtest)
    app.command("replay")(replay)


def learn(context: typer.Context) -> None:
    """Choose models, fit chances and keep an outlook; the collector does so every hour."""
    os.nice(int(os.environ.get(_NICE_VARIABLE, "0")))
    _one_thread()
    for line in of(context).cluster().learn():
        typer.echo(line)


def scorecard(
    context: typer.Context,
    period: Annotated[
        str, typer.Argument(help="When it was said, such as 30d or 2026-10.")
    ] = "30d",
    *,
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
) -> None:
    """Hold what was promised against what came: recommendations and outlooks."""
    card = of(context).cluster().scorecard(period)
    _print(card.titled(), form(as_json=as_json, as_csv=as_csv))


def backtest(
    context: typer.Context,
    trace: Annotated[
        Path | None, typer.Option("--trace", help="A recording instead: .parquet or .csv.")
    ] = None,
    gpus: GpusOption = "1",
    hours: HoursOption = None,
    *,
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
) -> None:
    """Judge forecasts and chances on the past: what they would have said, and what came."""
    _one_thread()
    from scms.forecast.trace import read_trace

    read = None if trace is None else read_trace(trace)
    lab = of(context).cluster()
    result = lab.backtest(read, gpus=_gpus(gpus), hours=_stretches(hours))
    _print(result.titled(), form(as_json=as_json, as_csv=as_csv))


def replay(
    trace: Annotated[Path, typer.Argument(help="A recording: .parquet or .csv.")],
    policy: Annotated[
        list[str] | None,
        typer.Option("--policy", help="random-free, least-used-now, longest-free, scms, oracle."),
    ] = None,
    gpus: GpusOption = "all",
    hours: HoursOption = None,
    minimum_load: Annotated[
        float,
        typer.Option("--minimum-load", min=0, max=1, help="Leave out servers used less than this."),
    ] = 0.0,
    seed: Annotated[int, typer.Option("--seed", help="Draws pools and breaks ties.")] = 0,
    *,
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
) -> None:
    """Replay policies on a recording: who follows one, alone and in a crowd, gets how much?"""
    _one_thread()
    from scms.forecast.trace import read_trace
    from scms.recommend.crowd import crowd
    from scms.recommend.replay import POLICIES
    from scms.recommend.replay import replay as replay_pools

    how = form(as_json=as_json, as_csv=as_csv)
    grid = read_trace(trace).used_at_least(minimum_load).grid()
    policies = POLICIES if policy is None else tuple(policy)
    stretches = _stretches(hours)
    alone = replay_pools(grid, gpus=_gpus(gpus), hours=stretches, policies=policies, seed=seed)
    both = [name + hold for hold in ("", " + hold") for name in policies]
    followed = crowd(grid, gpus=_gpus(gpus), hours=min(stretches, key=_far_from_4), policies=both)
    titled = [("Each alone, in pools of 8 servers", alone), ("All at once", followed)]
    _print(titled, how)


def _one_thread() -> None:
    """Let linear algebra use one thread: for many small fits more threads only wait for each other.

    It takes effect because numpy is not loaded before a verb needs it.
    """
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")


def _far_from_4(hours: float) -> float:
    """Crowds are replayed with jobs of four hours, or those nearest to it."""
    return abs(hours - 4.0)


def _stretches(hours: list[str] | None) -> tuple[float, ...]:
    if hours is None:
        return _HOURS
    return tuple(sorted(parse_duration(text, bare_unit="h") / 3600 for text in hours))


def _gpus(text: str) -> int | None:
    if text == "all":
        return None
    if not text.isdigit() or int(text) < 1:
        raise ForecastError(f"--gpus is {text!r}", expected="a whole number from 1 on, or all")
    return int(text)


def _print(titled: list[tuple[str, pd.DataFrame]], how: Form) -> None:
    """Several tables: with titles for people, one after the other for programs."""
    import pandas as pd

    if how is not Form.TABLE:
        named = [frame.assign(table=title) for title, frame in titled if len(frame)]
        print_frame(pd.concat(named, ignore_index=True) if named else pd.DataFrame(), how)
        return
    for title, frame in titled:
        typer.echo(f"\n{title}")
        if frame.empty:
            typer.echo("  nothing to judge yet")
        else:
            typer.echo(frame.to_string(index=False, float_format=lambda value: f"{value:.3f}"))
