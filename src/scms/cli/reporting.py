"""Verbs that write documents, and take history in: report, import."""

from __future__ import annotations

import sys
from pathlib import Path  # noqa: TC003  typer reads it from the annotation
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scms.cli.context import of
from scms.errors import ReportError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scms.cluster import Cluster
    from scms.reports.schedule import Made

#: The exit code of reports that are made, but of which too little was observed.
LITTLE_OBSERVED = 3
_BINARY = frozenset({".pdf", ".xlsx"})


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    app.command("report")(report)
    app.command("import")(import_)


def report(
    context: typer.Context,
    period: Annotated[str, typer.Argument(help="As for usage.")] = "last-month",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="File to write, its suffix is the form; or a folder (with a / at its end), "
            "in which the files are named by cluster, period and group.",
        ),
    ] = None,
    forms: Annotated[
        str | None,
        typer.Option(
            "--format", help="html, pdf, xlsx, csv, md or json; several with commas, to a folder."
        ),
    ] = None,
    group: Annotated[
        str | None, typer.Option("--group", help="Only the servers of this group.")
    ] = None,
    all_groups: Annotated[
        bool, typer.Option("--all-groups", help="One more for each group, to a folder.")
    ] = False,
    audience: Annotated[
        str | None,
        typer.Option("--audience", help="Who is to see it: what is shown of names ([privacy])."),
    ] = None,
    commands: Annotated[
        bool, typer.Option("--commands", help="Show program names where names are shown.")
    ] = False,
    template: Annotated[
        Path | None, typer.Option("--template", help="A Jinja template of your own for the page.")
    ] = None,
    mail: Annotated[bool, typer.Option("--mail", help="Send the files as [mail] says.")] = False,
    webhook: Annotated[
        bool, typer.Option("--webhook", help="Post a summary as [webhook] says.")
    ] = False,
    min_coverage: Annotated[
        float | None,
        typer.Option(
            "--min-coverage",
            min=0,
            max=1,
            help="Exit with 3 where less was observed; [findings] coverage_ratio by default, "
            "0 for never.",
        ),
    ] = None,
) -> None:
    """Write the report of a period; without --output, Markdown to the terminal.

    Exits with 0 when it is made, with 1 when not, and with 3 when too little of the time in it was
    observed.
    """
    lab = of(context).cluster()
    look: dict[str, Any] = {"audience": audience, "commands": commands, "template": template}
    folder = _folder(output, forms, all_groups=all_groups)
    if folder is not None:
        if group is not None and all_groups:
            raise typer.BadParameter("give --group or --all-groups, not both")
        made: Sequence[Made] = _to_folder(
            lab, period, folder, forms, group=group, all_groups=all_groups, look=look
        )
    elif output is not None:
        made = [_to_file(lab, period, output, group=group, look=look)]
    else:
        if mail:
            raise typer.BadParameter("what is mailed are files: give --output")
        made = [_to_terminal(lab, period, forms, group=group, look=look)]
    if mail:
        lab.mail_reports(made)
    if webhook:
        lab.post_reports(made)
    settings = lab.inventory.settings.findings
    least = settings.coverage_ratio if min_coverage is None else min_coverage
    _tell_little_observed([one for one in made if not one.covered(least)], least)


def import_(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            help="CSV or Parquet: server, time, busy, total; a row per server and step."
        ),
    ],
) -> None:
    """Take history from elsewhere into the warehouse; a second time changes nothing."""
    done = of(context).cluster().import_trace(file)
    written = sum(done.rows.values())
    servers = f"{done.servers} server{'' if done.servers == 1 else 's'}"
    typer.echo(
        f"{file}: {servers}, {done.start:%Y-%m-%d} to {done.end:%Y-%m-%d}, "
        f"{done.gpu_hours_used:,.0f} of {done.gpu_hours_observed:,.0f} GPU-hours used; "
        + (f"{written:,} rows written." if written else "it is there already.")
    )


def _folder(output: Path | None, forms: str | None, *, all_groups: bool) -> Path | None:
    """Where several files go; None where one does."""
    several = all_groups or (forms is not None and "," in forms)
    if output is None:
        if several:
            raise typer.BadParameter("several reports go to a folder: give --output FOLDER")
        return None
    is_folder = output.is_dir() or output.suffix == ""
    if not is_folder and (several or forms is not None):
        raise typer.BadParameter(f"{output} is one file, its suffix is the form")
    return output if is_folder else None


def _to_folder(
    lab: Cluster,
    period: str,
    folder: Path,
    forms: str | None,
    *,
    group: str | None,
    all_groups: bool,
    look: dict[str, Any],
) -> Sequence[Made]:
    from scms.reports.schedule import suffixes_of, write

    def tell(one: Made) -> None:
        for path in one.paths:
            typer.echo(f"{one.report.period.label}: {path}")

    chosen = "html" if forms is None else forms
    if group is not None:
        suffixes = suffixes_of(chosen)
        made = lab.report(period, group=group, **look)
        cluster = lab.inventory.settings.name
        one = write(made, folder, suffixes, cluster=cluster, group=group)
        tell(one)
        return [one]
    groups = None if all_groups else ()
    return lab.write_reports(period, folder, forms=chosen, groups=groups, progress=tell, **look)


def _to_file(
    lab: Cluster, period: str, output: Path, *, group: str | None, look: dict[str, Any]
) -> Made:
    from scms.reports.schedule import Made, suffixes_of

    suffixes_of(output.suffix)  # before the work, not after it
    made = lab.report(period, group=group, **look)
    path = made.save(output)
    typer.echo(f"{made.period.label}: {path}")
    return Made(made, group, (path,))


def _to_terminal(
    lab: Cluster, period: str, forms: str | None, *, group: str | None, look: dict[str, Any]
) -> Made:
    from scms.reports.schedule import Made, suffixes_of

    (suffix,) = suffixes_of("md" if forms is None else forms)
    if suffix in _BINARY and sys.stdout.isatty():
        raise ReportError(
            f"{suffix} is not for a terminal", expected="a file", mend=f"add -o report{suffix}"
        )
    made = lab.report(period, group=group, **look)
    typer.echo(made.to_bytes(suffix), nl=False)
    return Made(made, group, ())


def _tell_little_observed(few: Sequence[Made], least: float) -> None:
    """Say what was observed too little, and exit with a code of its own."""
    from scms.reports.present import ratio

    for one in few:
        whose = "" if one.group is None else f" of {one.group}"
        typer.echo(
            f"scms: the report{whose} is made, but only {ratio(one.coverage_ratio)} of the time "
            f"was observed; expected {ratio(least)} or more",
            err=True,
        )
    if few:
        raise typer.Exit(LITTLE_OBSERVED)
