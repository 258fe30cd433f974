"""The command line: one verb is one call of the API.

A table goes to the terminal as people read it, or with ``--json`` and ``--csv`` as programs do.
An error is one line on standard error and exit code 1; wrong usage is exit code 2.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from scms import __version__
from scms.cli import asking, choose, learn, look, reporting, run, setup, store, watch
from scms.cli.context import Context
from scms.cli.output import complain
from scms.errors import ScmsError

app = typer.Typer(
    name="scms",
    help="See which servers are free, how they were used, and where to run next.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
setup.register(app)
run.register(app)
look.register(app)
reporting.register(app)
asking.register(app)
choose.register(app)
learn.register(app)
watch.register(app)
store.register(app)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"scms {__version__}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    config: Annotated[
        str | None,
        typer.Option(
            "--config",
            "-c",
            metavar="FILE",
            help="cluster.toml to use; else $SCMS_CONFIG, ./cluster.toml, or this machine alone.",
        ),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[  # noqa: ARG001  acted on by its callback
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options that stand before the verb."""
    context.obj = Context(config=config, debug=debug)


def main() -> None:
    """Run the command line and turn deliberate errors into one line."""
    try:
        app()
    except ScmsError as error:
        if "--debug" in sys.argv[1:]:
            raise
        complain(error)
        sys.exit(1)
    except BrokenPipeError:
        # The reader (head, less) has gone: nothing is left to say and nobody to hear it.
        sys.stderr.close()
        sys.exit(0)
