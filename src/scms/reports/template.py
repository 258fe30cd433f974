"""Renders the page: a context in, HTML out, by our template or by one of a lab's own.

A template of one's own is a file in Jinja, given the same context as ours; it can extend ours
(``{% extends "page.html.jinja" %}``) and replace one block. Every value is escaped. A mistake in it
is an error that names file and line.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scms.errors import ReportError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from jinja2 import Environment


def render(name: str, context: Mapping[str, Any], *, own: Path | None = None) -> str:
    """The page as text.

    Args:
        name: Of our template.
        context: What it may name.
        own: A template to use in place of ours.

    Raises:
        ReportError: That template cannot be read, or used; the message names file and line.
    """
    from jinja2 import TemplateNotFound, TemplateSyntaxError

    if own is None:
        return _environment(None).get_template(name).render(**context)
    try:
        return _environment(own.parent).get_template(own.name).render(**context)
    except TemplateNotFound as error:
        where = _line(error.__traceback__, own)
        if where is None:
            raise ReportError(f"{own} cannot be read", expected="a Jinja template") from error
        raise _problem(own, where, f"there is no template {error.name!r}") from error
    except TemplateSyntaxError as error:
        file = own if error.filename is None else Path(error.filename)
        raise _problem(file, error.lineno, str(error.message)) from error
    except UnicodeDecodeError as error:
        raise ReportError(f"{own} is no text in UTF-8", expected="a Jinja template") from error
    except Exception as error:
        # A template runs expressions of its author: whatever they raise is theirs to mend.
        raise _problem(own, _line(error.__traceback__, own), str(error)) from error


@cache
def _environment(folder: Path | None) -> Environment:
    """Ours, with the templates of a folder before them."""
    from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PackageLoader, StrictUndefined

    ours = PackageLoader("scms.reports")
    loader = ours if folder is None else ChoiceLoader([FileSystemLoader(folder), ours])
    return Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _line(trace: TracebackType | None, own: Path) -> int | None:
    """The line of the template at which it went wrong; Jinja puts it into the traceback."""
    line = None
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename).name == own.name:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _problem(file: Path, line: int | None, said: str) -> ReportError:
    where = f"{file}" if line is None else f"{file}, line {line}"
    return ReportError(
        f"{where}: {' '.join(said.split())}",
        expected="a Jinja template over the names of docs/how-to/report-template.md",
    )
