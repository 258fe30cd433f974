"""The verb that waits: watch."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated

import typer

from scms.cli.choose import UserOption  # noqa: TC001  typer reads the annotations
from scms.cli.context import of
from scms.units import parse_duration

_BELL = "\a"


def register(app: typer.Typer) -> None:
    """Add the verb of this module."""
    app.command("watch")(watch)


def watch(
    context: typer.Context,
    gpus: Annotated[int, typer.Option("--gpus", min=0, help="GPUs on one server.")] = 1,
    gpu_memory: Annotated[
        str | None, typer.Option("--gpu-memory", help="Each, e.g. 24GiB.")
    ] = None,
    gpu_model: Annotated[str | None, typer.Option("--gpu-model", help="E.g. A100.")] = None,
    hours: Annotated[str, typer.Option("--hours", help="For how long: 8 or 8h or 2d.")] = "1",
    group: Annotated[str | None, typer.Option("--group", help="Servers of this group.")] = None,
    every: Annotated[str, typer.Option("--every", help="How often to look.")] = "15s",
    give_up: Annotated[str, typer.Option("--for", help="When to give up.")] = "24h",
    user: UserOption = None,
    *,
    take: Annotated[bool, typer.Option("--hold", help="Hold what comes free.")] = False,
) -> None:
    """Wait until a job can run somewhere, say where, and ring the bell; else exit code 1."""
    lab = of(context).cluster()
    pause, patience = parse_duration(every), parse_duration(give_up)
    began = time.monotonic()
    told = False
    while True:
        found = lab.fitting_now(
            gpus=gpus, gpu_memory=gpu_memory, gpu_model=gpu_model, hours=hours, group=group,
            user=user,
        )  # fmt: skip
        if found.impossible is not None:
            typer.echo(found.impossible)
            raise typer.Exit(1)
        if found.candidates:
            break
        if not told:
            typer.echo(f"Nothing yet for {found.request}; looking every {every}.", err=True)
            told = True
        if time.monotonic() - began + pause > patience:
            typer.echo(f"Nothing came free within {give_up}.")
            raise typer.Exit(1)
        time.sleep(pause)
    first = found.candidates[0]
    now = datetime.now(UTC).astimezone(lab.inventory.settings.zone())
    typer.echo(f"{_BELL}{now:%H:%M:%S} {first.server}: {'; '.join(first.reasons)}")
    if take:
        lab.hold(first.server, first.devices, user=user)
        typer.echo(f"Held on {first.server}.")
    typer.echo(first.command)
