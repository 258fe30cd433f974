"""The part of a module that a program needs.

In: the source of the module, and the names that are wanted. Out: the statements that those need.
"""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

from scms.errors import ProbeError


def reduced_pynvml(caller: str) -> str:
    """The part of pynvml that a program calls, under its licence header: a tenth of the whole.

    Raises:
        ProbeError: pynvml is not installed, or is no longer built the way this expects.
    """
    found = importlib.util.find_spec("pynvml")
    if found is None or found.origin is None:
        raise ProbeError("pynvml is not installed", mend="run: pip install nvidia-ml-py")
    source = Path(found.origin).read_text(encoding="utf-8")
    return reduce_module(source, names_in(ast.parse(caller)))


def reduce_module(source: str, wanted: set[str]) -> str:
    """The statements of a module that ``wanted`` names need, in order, after its head comment.

    Bare calls are kept, and so are the ``NVML_ERROR_`` codes, of which pynvml makes its exceptions
    when it is loaded. An import is kept where something that is kept names it.
    """
    body = ast.parse(source).body
    defined = [_defined_in(statement) for statement in body]
    used = [names_in(statement) for statement in body]
    keep = {position for position in range(len(body)) if not defined[position]}
    needed = set(wanted) | {n for names in defined for n in names if n.startswith("NVML_ERROR_")}
    needed |= {name for position in keep for name in used[position]}
    while True:
        more = {p for p, names in enumerate(defined) if p not in keep and names & needed}
        if not more:
            break
        keep |= more
        needed |= {name for position in more for name in used[position]}
    lines = source.splitlines()
    head = lines[: _first_line(body[0]) - 1]
    kept = ["\n".join(lines[_first_line(body[p]) - 1 : body[p].end_lineno]) for p in sorted(keep)]
    return "\n".join([*head, *kept, ""])


def _first_line(statement: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(d.lineno for d in decorators)])


def _defined_in(statement: ast.stmt) -> set[str]:
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return {statement.name}
    if isinstance(statement, (ast.Assign, ast.AnnAssign)):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        return {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        names = {(alias.asname or alias.name).partition(".")[0] for alias in statement.names}
        return set() if "*" in names else names  # who can tell what that brings
    return set()


def names_in(tree: ast.AST) -> set[str]:
    """Every name, attribute and text in a piece of code: calls are made by name, too."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.Attribute):
            names.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names.add(node.value)
    return names
