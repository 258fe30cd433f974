"""The verb that asks in SQL."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scms.cli.context import of
from scms.cli.output import CsvOption, JsonOption, form, print_frame
from scms.errors import SettingsError


def register(app: typer.Typer) -> None:
    """Add the verb of this module."""
    app.command("sql")(sql)


def sql(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help="A SELECT over the views, or @FILE to read one.")],
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", help="What was in the warehouse then, such as '2026-10-06 12:00'."),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option("--engine", help="Ask a Spark Connect server instead: sc://host:port."),
    ] = None,
    *,
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
) -> None:
    """Run a SELECT over the views (DuckDB SQL)."""
    how = form(as_json=as_json, as_csv=as_csv)
    lab = of(context).cluster(engine=engine)
    frame = lab.sql(_query_text(query), as_of=as_of).df()
    print_frame(frame, how, zone=lab.inventory.settings.zone())


def _query_text(query: str) -> str:
    if not query.startswith("@"):
        return query
    path = Path(query[1:])
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error}", expected="a file of SQL") from error
