"""A lab on disk whose warehouse holds the made-up rollups of two days that are over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from reports.rollups import MACHINES, Rows, made_up
from scms.inventory import Inventory
from scms.tables import ALL
from scms.warehouse import Warehouse

if TYPE_CHECKING:
    from pathlib import Path


def first_day() -> datetime:
    """The start of the first of the two days, the last of which was yesterday."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=2)


def written_lab(folder: Path, more: str = "") -> Path:
    """The cluster.toml of the lab; ``more`` is put into it before the servers."""
    lines = ['name = "Example lab"', more]
    for machine in MACHINES:
        lines += ["[[servers]]", f'name = "{machine.name}"']
        lines += [f'group = "{machine.group}"'] if machine.group else []
        lines += ["simulated = true"] if machine.simulated else []
    path = folder / "cluster.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    warehouse = Warehouse.open(Inventory.from_file(path))
    rollups = made_up(start=first_day())
    for table, rows in (
        ("server_15m", rollups.servers),
        ("device_15m", rollups.devices),
        ("user_15m", rollups.users),
    ):
        warehouse.append(table, declared(table, rows))
    warehouse.close()
    return path


def declared(table: str, rows: Rows) -> Rows:
    """Complete in the columns of the table, with times in milliseconds."""
    names = ALL[table].column_names()
    return [
        {name: row.get(name) for name in names}
        | {"starts_at": round(row["starts_at"].timestamp() * 1000)}
        for row in rows
    ]
