from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from scms.demo.cluster_file import demo_inventory
from scms.errors import SettingsError
from scms.inventory import Inventory

if TYPE_CHECKING:
    from pathlib import Path


def test_it_has_twenty_simulated_servers_and_this_machine(tmp_path: Path) -> None:
    inventory = Inventory.from_file(demo_inventory(tmp_path))
    simulated = [server.name for server in inventory.servers if server.simulated]
    local = [server.name for server in inventory.servers if server.local]
    assert len(simulated) == 20
    assert simulated[0] == "gpu-a01"
    assert local == [socket.gethostname().split(".")[0]]


def test_servers_have_groups_and_tags(tmp_path: Path) -> None:
    server = Inventory.from_file(demo_inventory(tmp_path))["gpu-h01"]
    assert server.group == "nlp"
    assert server.tags == ("gpu", "nvlink", "fast")


def test_the_data_lies_beside_the_file(tmp_path: Path) -> None:
    assert Inventory.from_file(demo_inventory(tmp_path / "demo")).directory == tmp_path / "demo"


def test_power_has_a_price(tmp_path: Path) -> None:
    assert Inventory.from_file(demo_inventory(tmp_path)).settings.power.price_per_kwh == 0.28


def test_users_have_groups(tmp_path: Path) -> None:
    groups = Inventory.from_file(demo_inventory(tmp_path)).settings.groups
    assert groups["vision"] == ("amara", "bjorn", "chiara", "dmitri")
    assert sum(len(members) for members in groups.values()) == 12


def test_a_file_that_is_there_is_kept(tmp_path: Path) -> None:
    (tmp_path / "cluster.toml").write_text("# mine\n")
    assert demo_inventory(tmp_path).read_text() == "# mine\n"


def test_more_servers_can_be_had(tmp_path: Path) -> None:
    inventory = Inventory.from_file(demo_inventory(tmp_path, servers=45))
    assert sum(server.simulated for server in inventory.servers) == 45


def test_a_host_whose_name_is_taken_is_called_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "gpu-a01")
    assert Inventory.from_file(demo_inventory(tmp_path))["this-machine"].local


def test_a_directory_that_cannot_be_made_is_a_settings_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot be written"):
        demo_inventory(tmp_path / "file")
