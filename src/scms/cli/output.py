"""Tables and complaints on a terminal: the edge where numbers become words."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from scms.units import format_bytes, format_duration, format_ratio

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from zoneinfo import ZoneInfo

    import pandas as pd

    from scms.errors import ScmsError

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON records.")]
CsvOption = Annotated[bool, typer.Option("--csv", help="Print CSV.")]


class Form(StrEnum):
    """How a table is printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def form(*, as_json: bool, as_csv: bool) -> Form:
    """The form that the two options ask for; both at once is wrong usage."""
    if as_json and as_csv:
        raise typer.BadParameter("give --json or --csv, not both")
    return Form.JSON if as_json else Form.CSV if as_csv else Form.TABLE


def complain(error: ScmsError) -> None:
    """One line: what was got, what was expected, what to do."""
    print(f"scms: {error}", file=sys.stderr)  # noqa: T201


def print_frame(
    frame: pd.DataFrame,
    how: Form,
    *,
    columns: Sequence[str] | None = None,
    title: str | None = None,
    zone: ZoneInfo | None = None,
) -> None:
    """Print a table: whole for programs, the given columns humanised for people."""
    if how is Form.JSON:
        records = frame.to_dict(orient="records")
        typer.echo(json.dumps([_plain(record) for record in records], indent=2, ensure_ascii=False))
    elif how is Form.CSV:
        typer.echo(frame.to_csv(index=False), nl=False)
    else:
        _print_table(frame if columns is None else frame[[*columns]], title=title, zone=zone)


def _print_table(frame: pd.DataFrame, *, title: str | None, zone: ZoneInfo | None) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for name in frame.columns:
        heading, _ = humanised(str(name))
        numeric = frame[name].dtype.kind in "fiu"
        table.add_column(heading, justify="right" if numeric else "left", overflow="fold")
    for row in frame.itertuples(index=False):
        table.add_row(
            *(Text(cell(str(n), v, zone=zone)) for n, v in zip(frame.columns, row, strict=True))
        )
    # A pipe has no width: give it room enough that nothing is folded.
    Console(width=None if sys.stdout.isatty() else 400).print(table)


_SUFFIXES: Final[tuple[tuple[str, Callable[[float], str]], ...]] = (
    ("_bytes_per_second", lambda v: f"{format_bytes(v)}/s"),
    ("_bytes", format_bytes),
    ("_seconds", format_duration),
    ("_ratio", format_ratio),
    ("_celsius", lambda v: f"{v:.0f} °C"),
    ("_watts", lambda v: f"{v:.0f} W"),
    ("_kwh", lambda v: f"{v:,.1f} kWh"),
    ("_hertz", lambda v: f"{v / 1e6:.0f} MHz"),
)


def humanised(column: str) -> tuple[str, Callable[[float], str] | None]:
    """The heading of a column, and how its numbers are written, from the unit in its name."""
    for suffix, write in _SUFFIXES:
        if column.endswith(suffix):
            stem = column.removesuffix(suffix) + ("_kwh" if suffix == "_kwh" else "")
            return stem.replace("_kwh", "").replace("_", " "), write
    return column.replace("_", " "), None


def cell(column: str, value: Any, *, zone: ZoneInfo | None = None) -> str:
    """One value as people read it; unknown is an en dash."""
    if value is None or value != value or str(value) in {"NaT", "<NA>"}:  # noqa: PLR0124  NaN
        return "–"
    if isinstance(value, (list, tuple)):
        return ", ".join(str(item) for item in value)
    if isinstance(value, datetime):
        return value.astimezone(zone or UTC).strftime("%Y-%m-%d %H:%M")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return _number(column, value)


def _number(column: str, value: float) -> str:
    _, write = humanised(column)
    if write is not None:
        return write(value)
    if value == int(value):
        return f"{value:,.0f}"
    return f"{value:,.1f}" if abs(value) >= 10 else f"{value:.3g}"


def _plain(record: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): _plain_value(value) for name, value in record.items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain_value(item) for item in value]
    if isinstance(value, dict):
        return _plain(value)
    if value is None or value != value or str(value) in {"NaT", "<NA>"}:  # noqa: PLR0124  NaN
        return None
    if isinstance(value, datetime):
        return value.isoformat()
    item = getattr(value, "item", None)
    return value if item is None else item()
