"""The verb that waits: watch."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from scms.cli.choose import AnyServerOption, UserOption  # noqa: TC001  typer reads them
from scms.cli.context import of
from scms.errors import ReportError
from scms.units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from scms.recommend.answer import Recommendation

_BELL = "\a"


def register(app: typer.Typer) -> None:
    """Add the verb of this module."""
    app.command("watch")(watch)


def watch(
    context: typer.Context,
    gpus: Annotated[int, typer.Option("--gpus", min=0, help="GPUs at the same time.")] = 1,
    gpu_memory: Annotated[
        str | None, typer.Option("--gpu-memory", help="Each, e.g. 24GiB.")
    ] = None,
    gpu_model: Annotated[str | None, typer.Option("--gpu-model", help="E.g. A100.")] = None,
    capability: Annotated[
        float | None, typer.Option("--compute-capability", min=0, help="Each, e.g. 8.0.")
    ] = None,
    hours: Annotated[str, typer.Option("--hours", help="For how long: 8 or 8h or 2d.")] = "1",
    cpus: Annotated[float | None, typer.Option("--cpus", help="Free CPU cores.")] = None,
    memory: Annotated[str | None, typer.Option("--memory", help="Free RAM, e.g. 64GiB.")] = None,
    scratch: Annotated[str | None, typer.Option("--scratch", help="Free disk space.")] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", help="Servers with this tag.")] = None,
    group: Annotated[str | None, typer.Option("--group", help="Servers of this group.")] = None,
    every: Annotated[str, typer.Option("--every", help="How often to look.")] = "15s",
    give_up: Annotated[str, typer.Option("--for", help="When to give up.")] = "24h",
    user: UserOption = None,
    mail: Annotated[
        list[str] | None, typer.Option("--mail", help="Tell this address, too; repeat for more.")
    ] = None,
    *,
    any_server: AnyServerOption = False,
    webhook: Annotated[
        bool, typer.Option("--webhook", help="Post it as [webhook] says, too.")
    ] = False,
    take: Annotated[bool, typer.Option("--hold", help="Hold what comes free.")] = False,
) -> None:
    """Wait until a job can run somewhere, say where, and ring the bell; else exit code 1."""
    lab = of(context).cluster()
    to = tuple(mail or ())
    lab.check_news(mail=to, webhook=webhook)
    pause, end = parse_duration(every), time.monotonic() + parse_duration(give_up)
    found = _wait(
        lambda: lab.fitting_now(
            gpus=gpus, gpu_memory=gpu_memory, gpu_model=gpu_model, hours=hours, group=group,
            compute_capability=capability, cpu_cores=cpus, memory=memory, scratch=scratch,
            tags=tuple(tag or ()), user=user, same_server=not any_server,
        ),
        pause, end,
    )  # fmt: skip
    if found is None:
        typer.echo(f"Nothing came free within {give_up}.")
        raise typer.Exit(1)
    now = datetime.now(UTC).astimezone(lab.inventory.settings.zone())
    typer.echo(_BELL, nl=False)
    for one in found.first:
        typer.echo(f"{now:%H:%M:%S} {one.server}: {'; '.join(one.reasons)}")
    if take:
        lab.hold_all({one.server: one.devices for one in found.first}, user=user)
        typer.echo(f"Held on {' and '.join(one.server for one in found.first)}.")
    for one in found.first:
        typer.echo(one.command)
    if to:
        _deliver(lambda: lab.send_news(found, mail=to, held=take), pause, end)
    if webhook:
        _deliver(lambda: lab.send_news(found, webhook=True, held=take), pause, end)


def _wait(look: Callable[[], Recommendation], pause: float, end: float) -> Recommendation | None:
    """Look until something fits; None where that took too long."""
    told = False
    while True:
        found = look()
        if found.impossible is not None:
            typer.echo(found.impossible)
            raise typer.Exit(1)
        if found.first:
            return found
        if not told:
            typer.echo(f"Nothing yet for {found.request}; looking every {pause:g} s.", err=True)
            told = True
        if time.monotonic() + pause > end:
            return None
        time.sleep(pause)


def _deliver(send: Callable[[], None], pause: float, end: float) -> None:
    """Deliver the news, and try again: after hours of waiting one hiccup must not lose it."""
    told = False
    while True:
        try:
            send()
        except ReportError as error:
            if time.monotonic() + pause > end:
                raise
            if not told:
                typer.echo(str(error), err=True)
                told = True
            time.sleep(pause)
        else:
            return
