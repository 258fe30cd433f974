"""The reference of the command line, printed from the commands themselves.

``python -m scms.cli.reference`` writes docs/reference/cli.md; a test holds it to the code.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from scms.cli import app

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD = """# Command line

Options before the verb: `--config FILE` (`-c`) names the cluster.toml (else `$SCMS_CONFIG`,
`./cluster.toml`, or this machine alone), `--debug` shows the traceback of an error, `--version` the
version. A command exits with 0, with 1 on an error (one line on standard error: what was got, what
was expected, what to do) and with 2 on wrong usage. `scms find` exits with 1 when no server can be
recommended, and `scms report` with 3 when the report is made, but of too little observed time.

This page is printed from the program by `make docs`.
"""


def reference() -> str:
    """The page as Markdown."""
    root: Any = typer.main.get_command(app)
    context = typer.Context(root, info_name="scms")
    return "\n".join([_HEAD, *(part for part in _commands(root, context))])


def _commands(command: Any, context: Any) -> Iterator[str]:
    for name in command.list_commands(context):
        child = command.get_command(context, name)
        inner = typer.Context(child, parent=context, info_name=name)
        if hasattr(child, "list_commands"):
            yield from _commands(child, inner)
        else:
            yield "\n".join(_command(child, inner))


def _command(command: Any, context: Any) -> Iterator[str]:
    usage = command.get_usage(context).removeprefix("Usage:").split()
    yield f"## `{context.command_path}`\n"
    yield f"{command.help}\n"
    yield f"    {' '.join(usage)}\n"
    rows = [p for p in command.params if p.name != "help"]
    if rows:
        yield "| argument | meaning | default |\n|---|---|---|"
    for parameter in rows:
        names = ", ".join(f"`{name}`" for name in parameter.opts)
        if parameter.param_type_name == "argument":
            names = f"`{parameter.name.upper()}`"
        default = parameter.default
        shown = "" if default in (None, False, ()) or callable(default) else f"`{default}`"
        yield f"| {names} | {(parameter.help or '').replace('|', '/')} | {shown} |"
    if rows:
        yield ""


if __name__ == "__main__":
    page = Path(__file__).resolve().parents[3] / "docs" / "reference" / "cli.md"
    page.write_text(reference(), encoding="utf-8")
