"""The data dictionary: every table, view and column, from the declarations and the SQL headers.

Input: `scms.tables` and the files of warehouse/views. Output: warehouse/README.md. Write it anew
with ``python -m scms.warehouse.dictionary``; a test says when that was forgotten.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scms.assets import asset_path
from scms.tables import DIMENSIONS, FACTS, ROLLUPS, SAID
from scms.warehouse.sqlfiles import read_views

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from scms.tables import Table
    from scms.warehouse.sqlfiles import ViewFile

_HEAD: Final = """\
# Data dictionary

Everything that can be asked in SQL: `lab.sql("SELECT …")` in Python, `scms sql "SELECT …"` on the
command line. Units are in the names; times are UTC in storage and in the zone of the cluster in
answers. Null is unknown, never zero. Sums of `observed_seconds` are the time that was observed;
what was not observed is in no row.

*Written by `python -m scms.warehouse.dictionary` from `scms.tables` and the headers of
`views/*.sql`; change those.*
"""
_TYPES: Final = {"floats": "list of floats", "texts": "list of strings"}
_BASE: Final = """\
Beside the tables there are, for the views to build on:

| relation | what it has |
|---|---|
| `inventory` | the servers of cluster.toml now: `server`, `"group"`, `tags`, `simulated`, \
`address`, `position` |
| `server_sample_open`, `device_sample_open`, `process_sample_open` | samples of the days that are \
not rolled up yet |
| `server_15m_closed`, `device_15m_closed`, `user_15m_closed` | the rollups of the other days |
"""


def dictionary() -> str:
    """The text of warehouse/README.md."""
    views = read_views(asset_path("warehouse") / "views").values()
    parts = [
        _HEAD,
        "## Facts\n\nWhat was sampled, as it came; kept for `retention.facts`.\n",
        *(_table(table) for table in FACTS),
        "## Rollups\n\nWhat is kept for ever: quarters of an hour of the UTC days that are over.\n",
        *(_table(table) for table in ROLLUPS),
        "## What we said\n\nForecasts, recommendations and holds, kept for ever to be scored.\n",
        *(_table(table) for table in SAID),
        "## Dimensions\n\nWhat servers and GPUs were like; `valid_to` is null in what holds now.\n",
        *(_table(table) for table in DIMENSIONS),
        "## Views\n",
        _BASE,
        *(_view(view) for view in views),
    ]
    return "\n".join(parts)


def _table(table: Table) -> str:
    rows = [
        (f"`{c.name}`", _TYPES.get(c.type, c.type), "never null" if c.required else "", c.doc)
        for c in table.columns
    ]
    order = ", ".join(f"`{name}`" for name in table.sort)
    parts = f"by {table.partition} of `{table.time}`" if table.partition else "not at all"
    return (
        f"### `{table.name}`\n\n{table.doc} {_sentence(table.grain)} "
        f"Partitioned {parts}, sorted by {order}.\n\n"
        f"{_grid(('column', 'type', '', 'meaning'), rows)}"
    )


def _view(view: ViewFile) -> str:
    given = ", ".join(view.parameters)
    call = f"({given})" if given else ""
    text = " ".join(filter(None, [view.doc, _sentence(view.grain)]))
    rows = [(f"`{c.name}`", c.unit, c.doc) for c in view.columns]
    grid = "\n" + _grid(("column", "unit", "meaning"), rows) if rows else ""
    return f"### `{view.name}{call}`\n\n{text}\n{grid}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _grid(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    cells = ([cell.replace("|", "\\|") for cell in line] for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def main() -> None:
    """Write warehouse/README.md."""
    path = asset_path("warehouse") / "README.md"
    path.write_text(dictionary(), encoding="utf-8")


if __name__ == "__main__":
    main()
