from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from scms.errors import ServeError
from scms.inventory import Inventory
from scms.serve.process import address, as_toml, bind, is_loopback, serve, wait_until_ready

if TYPE_CHECKING:
    from pathlib import Path


def test_a_taken_port_is_an_error_that_names_the_mend():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServeError, match=rf"port {port} .* --port {port + 1}"):
            bind("127.0.0.1", port)


def test_a_foreign_address_is_an_error():
    with pytest.raises(ServeError, match="--host"):
        bind("192.0.2.1", 0)


def test_port_zero_takes_a_free_one():
    with bind("127.0.0.1", 0) as bound:
        assert bound.getsockname()[1] > 0


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("lab", False)],
)
def test_loopback_is_told_from_the_network(host: str, expected: bool):
    assert is_loopback(host) is expected


def test_the_address_carries_the_token():
    assert address("127.0.0.1", 8866, "s+1") == "http://127.0.0.1:8866/?token=s%2B1"
    assert address("::1", 8866, None) == "http://[::1]:8866/"
    assert address("127.0.0.1", 1, None, base="/scms/") == "http://127.0.0.1:1/scms/"


def test_the_inventory_comes_back_as_it_was(tmp_path: Path):
    data = {
        "name": 'the "lab" \\ 試験',
        "timezone": "Europe/Berlin",
        "interval": 2.5,
        "power": {"price_per_kwh": 0.3},
        "retention": {"tables": {"event": 864000.0}},
        "groups": {"the vision lab": ["ada"]},
        "servers": [
            {"name": "a", "address": "10.0.0.1", "port": 2222, "tags": ["x", 'y"z']},
            {"name": "b", "local": True, "group": "vision"},
        ],
    }
    before = Inventory.from_mapping(data, base=tmp_path, source="test")
    path = tmp_path / "elsewhere.toml"
    path.write_text(as_toml(before), encoding="utf-8")
    after = Inventory.from_file(path)
    assert (after.settings, after.servers) == (
        before.settings.model_copy(update={"data": str(before.directory)}),
        before.servers,
    )
    assert after.directory == before.directory


def test_waiting_for_nobody_ends_with_an_error():
    with bind("127.0.0.1", 0) as bound:
        url = f"http://127.0.0.1:{bound.getsockname()[1]}/"
        bound.close()
        with pytest.raises(ServeError, match="did not answer"):
            wait_until_ready(url, timeout=0.3)


def test_a_server_that_ends_at_its_start_says_why(tmp_path: Path):
    inventory = Inventory.this_machine(tmp_path)
    with (
        serve(inventory, port=0, pool=0, notebook=tmp_path / "missing.ipynb") as dashboard,
        pytest.raises(ServeError, match=r"missing\.ipynb"),
    ):
        wait_until_ready(dashboard)


def test_a_stopped_dashboard_leaves_nothing(tmp_path: Path):
    inventory = Inventory.this_machine(tmp_path)
    dashboard = serve(inventory, port=0, pool=0)
    wait_until_ready(dashboard.url)
    dashboard.stop()
    assert dashboard.process.returncode == 0
    assert not dashboard.runtime.exists()
    with bind("127.0.0.1", dashboard.port) as again:
        assert again.getsockname()[1] == dashboard.port
