"""``%sql`` and ``%%sql`` for notebooks: a SELECT in a cell, its answer as a data frame.

In: what is typed, and the variables of the notebook. Out: a data frame. The only home of IPython.
"""

from __future__ import annotations

import shlex
from argparse import ArgumentParser
from typing import TYPE_CHECKING, Any, NoReturn

from scms.errors import QueryError, ScmsError
from scms.warehouse.sqlfiles import parameters

if TYPE_CHECKING:
    import pandas as pd
    from IPython.core.interactiveshell import InteractiveShell

    from scms.cluster import Cluster

_LAB = "lab"


def register(shell: InteractiveShell) -> None:
    """Add the magics to a shell."""
    from IPython.core.magic import no_var_expand

    @no_var_expand  # or the shell would write values into the query as text
    def sql(line: str, cell: str | None = None) -> pd.DataFrame:
        """Ask the lab in SQL.

        ``%sql SELECT …`` or, in a cell of its own, ``%%sql [--as-of MOMENT] [--lab NAME]`` and
        the query below it. ``$name`` stands for the variable of that name. The lab is the variable
        ``lab`` where there is one, else the cluster that `scms.open` finds.
        """
        from IPython.core.error import UsageError

        try:
            return _asked(shell.user_ns, line, cell)
        except ScmsError as error:
            raise UsageError(str(error)) from error

    shell.magics_manager.register_function(sql, "line_cell", "sql")


def _asked(variables: dict[str, Any], line: str, cell: str | None) -> pd.DataFrame:
    query, options = (line, "") if cell is None else (cell, line)
    chosen = _options().parse_args(shlex.split(options))
    lab = _lab(variables, chosen.lab)
    values = {name: _value(variables, name) for name in sorted(parameters(query))}
    frame: pd.DataFrame = lab.sql(query, values, as_of=chosen.as_of).df()
    return frame


def _lab(variables: dict[str, Any], name: str | None) -> Cluster:
    from scms.cluster import Cluster
    from scms.cluster import open as open_cluster

    found = variables.get(_LAB if name is None else name)
    if isinstance(found, Cluster):
        return found
    if name is not None:
        raise QueryError(f"{name} is no cluster", expected="a variable that scms.open() gave")
    return open_cluster()


def _value(variables: dict[str, Any], name: str) -> object:
    if name not in variables:
        raise QueryError(f"the query has ${name}", expected=f"a variable {name} in the notebook")
    return variables[name]


class _Options(ArgumentParser):
    """Options whose complaints are ours: argparse would end the program."""

    def error(self, message: str) -> NoReturn:
        raise QueryError(f"%%sql: {message}", expected=self.format_usage().strip())


def _options() -> _Options:
    options = _Options(prog="%%sql", add_help=False)
    options.add_argument("--as-of", metavar="MOMENT")
    options.add_argument("--lab", metavar="NAME")
    return options
