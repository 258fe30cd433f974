"""Verbs that look after what is stored: warehouse info, compact, expire, verify, export."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  typer reads the annotations
from typing import Annotated

import typer

from scms.cli.context import of
from scms.cli.output import CsvOption, Form, JsonOption, form, print_frame
from scms.units import format_bytes

group = typer.Typer(help="Look after the Iceberg warehouse.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    app.add_typer(group, name="warehouse")


@group.command("info")
def info(context: typer.Context, *, as_json: JsonOption = False, as_csv: CsvOption = False) -> None:
    """Show each table: rows, files, bytes, first and last time; and why it takes no rows, if so."""
    how = form(as_json=as_json, as_csv=as_csv)
    lab = of(context).cluster()
    if (problem := lab.warehouse_problem()) is not None:
        typer.echo(f"nothing is moved there now, the hot store keeps it: {problem}", err=True)
    print_frame(lab.warehouse_info(), how, zone=lab.inventory.settings.zone())


@group.command("compact")
def compact(context: typer.Context) -> None:
    """Rewrite days that are over into few sorted files, now; the collector does so each hour."""
    done = of(context).cluster().compact_warehouse()
    typer.echo(f"{done['partitions_compacted']} days and months compacted")


@group.command("expire")
def expire(context: typer.Context) -> None:
    """Drop what is older than [retention] keeps, and files that nothing needs any more."""
    done = of(context).cluster().expire_warehouse()
    typer.echo(f"{done['days_dropped']} days dropped, {done['files_deleted']} files deleted")


@group.command("verify")
def verify(
    context: typer.Context, *, as_json: JsonOption = False, as_csv: CsvOption = False
) -> None:
    """Read everything and compare it with what was written; exit code 1 when something is wrong."""
    from scms.cluster.keeping import damages_frame

    how = form(as_json=as_json, as_csv=as_csv)
    lab = of(context).cluster()
    found = lab.verify_warehouse()
    if found.damages or how is not Form.TABLE:
        print_frame(damages_frame(found), how, zone=lab.inventory.settings.zone())
    typer.echo(
        f"{found.files} files with {found.rows:,} rows and {format_bytes(found.size_bytes)} read, "
        f"{found.unsealed_files} of them without a digest; {len(found.damages)} problems",
        err=True,
    )
    if found.damages:
        raise typer.Exit(1)


@group.command("export")
def export(
    context: typer.Context,
    what: Annotated[str, typer.Argument(help="A table or view, such as usage_daily.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="A file: .parquet or .csv.")],
    period: Annotated[str | None, typer.Option(help="Such as 2026-10 or 30d; else all.")] = None,
) -> None:
    """Write a table or view to a Parquet or CSV file."""
    rows = of(context).cluster().export(what, output, period)
    typer.echo(f"{rows:,} rows written to {output}")
