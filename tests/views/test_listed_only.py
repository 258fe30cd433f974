"""Views that see the servers of their inventory only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scms.hot import HotStore
from scms.inventory import Inventory
from scms.views import Views
from scms.warehouse import Warehouse

if TYPE_CHECKING:
    from pathlib import Path

DAY = 86_400_000


def _inventory(folder: Path, *names: str) -> Inventory:
    data = {"name": "lab", "servers": [{"name": name} for name in names]}
    return Inventory.from_mapping(data, base=folder, source="the test")


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    """One event of each of three servers."""
    warehouse = Warehouse.open(_inventory(tmp_path))
    rows = [
        {"server": name, "sampled_at": DAY, "kind": "up", "collector": "main"}
        for name in ("atlas", "borg", "o'neill")
    ]
    warehouse.append("event", rows)
    return warehouse


@pytest.mark.parametrize(
    ("names", "seen"),
    [(("atlas",), ["atlas"]), (("o'neill", "borg"), ["borg", "o'neill"]), ((), [])],
)
def test_only_servers_of_the_inventory_are_seen(
    warehouse: Warehouse, tmp_path: Path, names: tuple[str, ...], seen: list[str]
) -> None:
    everything = _inventory(tmp_path, "atlas")
    hot = HotStore.open(everything.directory / "hot.sqlite")
    inventory = Inventory(
        tuple(everything["atlas"].model_copy(update={"name": name}) for name in names),
        everything.settings,
        directory=everything.directory,
        source="the test",
    )
    views = Views(inventory, hot, warehouse, listed_only=True)
    got = views.frame("SELECT server FROM event ORDER BY server")["server"].tolist()
    assert got == seen


def test_servers_that_are_gone_are_seen_by_default(warehouse: Warehouse, tmp_path: Path) -> None:
    inventory = _inventory(tmp_path, "atlas")
    hot = HotStore.open(inventory.directory / "hot.sqlite")
    views = Views(inventory, hot, warehouse)
    assert views.frame("SELECT count(*) AS n FROM event")["n"].item() == 3
