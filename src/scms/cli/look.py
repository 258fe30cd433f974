"""Verbs that look: now, devices, usage, forecast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from scms.cli.context import of
from scms.cli.output import CsvOption, Form, JsonOption, form, print_frame

if TYPE_CHECKING:
    import pandas as pd

_DIMENSIONS = (
    "server", "device", "user", "group", "tag", "model", "hour", "day", "month", "weekday",
    "hour_of_day", "hour_of_week",
)  # fmt: skip
_NOW_COLUMNS = (
    "server", "state", "gpus_total", "gpus_free", "gpus_busy", "gpus_idle_held", "gpu_model",
    "gpu_utilization_ratio", "cpu_count", "cpu_utilization_ratio", "memory_used_bytes",
    "memory_total_bytes", "users", "age_seconds", "reason",
)  # fmt: skip
_DEVICE_COLUMNS = (
    "server", "device_index", "device_name", "state", "gpu_utilization_ratio",
    "memory_used_bytes", "memory_total_bytes", "temperature_celsius", "power_watts", "users",
    "held_by", "state_reason",
)  # fmt: skip
_USAGE_COLUMNS = (
    "gpu_hours_available", "gpu_hours_used", "gpu_hours_idle_held", "gpu_hours_free",
    "gpu_use_ratio", "gpu_utilization_ratio", "cpu_hours_available", "cpu_hours_used",
    "cpu_utilization_ratio", "energy_kwh", "energy_cost", "carbon_kilograms", "down_hours",
    "coverage_ratio",
)  # fmt: skip
_OUTLOOK_COLUMNS = ("server", "ts", "measure", "mean", "lower", "upper", "p_free_ratio", "model")


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    app.command("now")(now)
    app.command("devices")(devices)
    app.command("usage")(usage)
    app.command("forecast")(forecast)


def now(
    context: typer.Context,
    where: Annotated[
        str, typer.Option("--where", "-w", help='Such as "gpu<5 and free>=2 group:vision".')
    ] = "",
    *,
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
) -> None:
    """Show every server as it is now."""
    how = form(as_json=as_json, as_csv=as_csv)
    lab = of(context).cluster()
    frame = lab.now(where)
    problem = lab.warehouse_problem()
    if problem is not None:
        typer.echo(f"The warehouse takes nothing, the hot store keeps it: {problem}", err=True)
    if how is Form.TABLE:
        frame = _labelled(frame)
    print_frame(frame, how, columns=_NOW_COLUMNS)


def devices(
    context: typer.Context, *, as_json: JsonOption = False, as_csv: CsvOption = False
) -> None:
    """Show every GPU as it is now."""
    how = form(as_json=as_json, as_csv=as_csv)
    frame = of(context).cluster().devices()
    if how is Form.TABLE and frame.empty:
        typer.echo("No GPU has been seen.")
        return
    print_frame(frame, how, columns=_DEVICE_COLUMNS)


def usage(
    context: typer.Context,
    period: Annotated[
        str, typer.Argument(help="today, 7d, 2026-10, 2026-W41, 2026-Q4, 2026, last-month, A..B")
    ] = "today",
    by: Annotated[str, typer.Option("--by", help=" | ".join(_DIMENSIONS))] = "server",
    where: Annotated[
        str, typer.Option("--where", "-w", help='Some servers, such as "group:vision not tag:old".')
    ] = "",
    user: Annotated[str | None, typer.Option("--user", help="What one user used.")] = None,
    top: Annotated[
        int | None, typer.Option("--top", min=1, help="Only so many rows, the most used first.")
    ] = None,
    *,
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
) -> None:
    """Show GPU-hours and CPU-hours available and used in a period."""
    how = form(as_json=as_json, as_csv=as_csv)
    lab = of(context).cluster()
    chosen = lab.period(period)
    frame = lab.usage(chosen, by=by, where=where, user=user, top=top)
    title = " ".join(
        [
            f"{chosen.label} by {by} ({lab.inventory.settings.timezone})",
            *filter(None, (where, user)),
        ]
    )
    if how is Form.TABLE:
        frame = _named(frame, by)
        shown = frame.dropna(axis="columns", how="all").columns
        frame = frame[[c for c in (by, *_USAGE_COLUMNS) if c in shown]]
    print_frame(frame, how, title=title, zone=lab.inventory.settings.zone())


def forecast(
    context: typer.Context,
    horizon: Annotated[str, typer.Option("--horizon", help="How far, such as 24h.")] = "24h",
    level: Annotated[float, typer.Option("--level", help="Of the interval, 0 to 1.")] = 0.8,
    server: Annotated[str | None, typer.Option("--server", help="One server only.")] = None,
    *,
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
) -> None:
    """Show the load expected of each server, hour by hour, with intervals."""
    how = form(as_json=as_json, as_csv=as_csv)
    lab = of(context).cluster()
    frame = lab.forecast(horizon, level=level)
    if server is not None:
        frame = frame[frame["server"] == lab.inventory[server].name]
    if how is Form.TABLE:
        frame = frame.rename(columns={"p_free": "p_free_ratio"})
    print_frame(frame, how, columns=_OUTLOOK_COLUMNS, zone=lab.inventory.settings.zone())


def _named(frame: pd.DataFrame, by: str) -> pd.DataFrame:
    """The keys as people read them."""
    from scms.reports.present import key_label

    if by == "server":
        return _labelled(frame)
    return frame.assign(**{by: [key_label(key, by, with_day=True) for key in frame[by]]})


def _labelled(frame: pd.DataFrame) -> pd.DataFrame:
    """Simulated servers carry the word beside their name."""
    marks = frame["simulated"].map({True: " (simulated)", False: ""})
    return frame.assign(server=frame["server"] + marks)
