"""Verbs that look after what is stored: warehouse info, flush, upkeep."""

from __future__ import annotations

import typer

from scms.cli.context import of
from scms.cli.output import CsvOption, JsonOption, form, print_frame

group = typer.Typer(help="Look after the Iceberg warehouse.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    app.add_typer(group, name="warehouse")


@group.command("info")
def info(context: typer.Context, *, as_json: JsonOption = False, as_csv: CsvOption = False) -> None:
    """Show each table: rows, files, bytes, first and last time."""
    how = form(as_json=as_json, as_csv=as_csv)
    lab = of(context).cluster()
    print_frame(lab.warehouse_info(), how, zone=lab.inventory.settings.zone())
