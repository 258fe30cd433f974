"""Verbs that choose: find, hold, holds, release."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from scms.cli.context import of
from scms.cli.output import CsvOption, JsonOption, form, print_frame
from scms.units import format_ratio

if TYPE_CHECKING:
    from scms.recommend.answer import Candidate, Recommendation

_HOLD_COLUMNS = ("hold_id", "server", "device", "user", "purpose", "created_at", "expires_at")
AnyServerOption = Annotated[
    bool, typer.Option("--any-server", help="The GPUs may be on several servers.")
]
UserOption = Annotated[str | None, typer.Option("--user", help="For whom; you by default.")]


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    app.command("find")(find)
    app.command("hold")(hold)
    app.command("holds")(holds)
    app.command("release")(release)


def find(
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
    start_by: Annotated[
        str | None, typer.Option("--start-by", help="May start until 18:00, or in 2h.")
    ] = None,
    cpus: Annotated[float | None, typer.Option("--cpus", help="Free CPU cores.")] = None,
    memory: Annotated[str | None, typer.Option("--memory", help="Free RAM, e.g. 64GiB.")] = None,
    scratch: Annotated[str | None, typer.Option("--scratch", help="Free disk space.")] = None,
    group: Annotated[str | None, typer.Option("--group", help="Servers of this group.")] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", help="Servers with this tag.")] = None,
    user: UserOption = None,
    *,
    any_server: AnyServerOption = False,
    take: Annotated[bool, typer.Option("--hold", help="Hold the first choice.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Say which server to use for a job, why, and how sure that is."""
    lab = of(context).cluster()
    answer = lab.recommend(
        for_hold=take, gpus=gpus, gpu_memory=gpu_memory, gpu_model=gpu_model, hours=hours,
        compute_capability=capability, start_by=start_by, cpu_cores=cpus, memory=memory,
        scratch=scratch, group=group, tags=tuple(tag or ()), user=user,
        same_server=not any_server,
    )  # fmt: skip
    if as_json:
        typer.echo(json.dumps(answer.to_dict(), indent=2, ensure_ascii=False, default=str))
    else:
        _print_answer(answer)
    if take and answer.first:
        taken = lab.hold_all(
            {one.server: one.devices for one in answer.first},
            user=user,
            recommendation_id=answer.recommendation_id,
        )
        until = taken["expires_at"].iloc[0].astimezone(lab.inventory.settings.zone())
        names = " and ".join(one.server for one in answer.first)
        typer.echo(f"Held on {names} until {until:%H:%M}.", err=as_json)
    if not answer.first:
        raise typer.Exit(1)


def hold(
    context: typer.Context,
    server: str,
    device: Annotated[list[str], typer.Argument(help="UUIDs or indices of GPUs on it.")],
    user: UserOption = None,
    purpose: Annotated[str | None, typer.Option("--purpose", help="Shown to others.")] = None,
    duration: Annotated[
        str | None, typer.Option("--for", help="Until the job ends: 8h; at most 24h.")
    ] = None,
    *,
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
) -> None:
    """Claim GPUs softly for a short while, so that others are not sent there."""
    how = form(as_json=as_json, as_csv=as_csv)
    lab = of(context).cluster()
    taken = lab.hold(server, device, user=user, purpose=purpose, duration=duration)
    print_frame(taken, how, columns=_HOLD_COLUMNS, zone=lab.inventory.settings.zone())


def holds(
    context: typer.Context, *, as_json: JsonOption = False, as_csv: CsvOption = False
) -> None:
    """Show who holds what, and until when."""
    how = form(as_json=as_json, as_csv=as_csv)
    lab = of(context).cluster()
    frame = lab.holds()
    print_frame(frame, how, columns=_HOLD_COLUMNS, zone=lab.inventory.settings.zone())


def release(
    context: typer.Context,
    hold_id: Annotated[str | None, typer.Argument(help="One hold; else all of yours.")] = None,
    server: Annotated[str | None, typer.Option("--server", help="Only on this server.")] = None,
    user: UserOption = None,
) -> None:
    """Give holds back."""
    count = of(context).cluster().release(hold_id, server=server, user=user)
    typer.echo(f"Released {count} hold{'' if count == 1 else 's'}.")


def _print_answer(answer: Recommendation) -> None:
    if answer.impossible is not None:
        typer.echo(answer.impossible)
    for place, candidate in enumerate(answer.candidates, start=1):
        _print_candidate(f"{place:>2}.", candidate)
    for place, plan in enumerate(answer.plans, start=1):
        together = f"{len(plan.parts)} servers together"
        typer.echo(f"{place:>2}. {together}  {_chance(plan.probability)}")
        typer.echo(f"    {'; '.join(plan.reasons)}")
        for part in plan.parts:
            _print_candidate("     -", part, f"{len(part.devices)} × ")
    for wait in answer.waits:
        typer.echo(str(wait))
    if answer.rejected:
        typer.echo("Not these:")
    for rejected in answer.rejected:
        typer.echo(f"  {rejected.server}: {'; '.join(rejected.reasons)}")
    for one in answer.first:
        typer.echo(f"\nUse {one.server}:\n{one.command}")


def _print_candidate(mark: str, candidate: Candidate, count: str = "") -> None:
    label = " (simulated)" if candidate.simulated else ""
    hardware = f"{count}{candidate.device_name or 'CPU only'}"
    typer.echo(f"{mark} {candidate.server}{label}  {_chance(candidate.probability)}  {hardware}")
    typer.echo(f"{' ' * len(mark)} {'; '.join(candidate.reasons)}")


def _chance(probability: float | None) -> str:
    return "chance unknown" if probability is None else format_ratio(probability)
