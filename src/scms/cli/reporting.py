"""Verbs that write documents: report."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  typer reads it from the annotation
from typing import Annotated

import typer

from scms.cli.context import of


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    app.command("report")(report)


def report(
    context: typer.Context,
    period: Annotated[str, typer.Argument(help="As for usage.")] = "last-month",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write; its suffix is the form."),
    ] = None,
) -> None:
    """Write the report of a period; without --output, Markdown to the terminal."""
    lab = of(context).cluster()
    made = lab.report(period)
    if output is None:
        typer.echo(made.to_markdown())
        return
    made.save(output)
    typer.echo(f"{made.period.label}: {output}")
