from __future__ import annotations

import textwrap

import pytest

from scms.errors import SettingsError, UnknownServer
from scms.inventory import Inventory, find_inventory


def write(path, text):
    path.write_text(textwrap.dedent(text))
    return path


def test_a_file_becomes_servers_and_settings(tmp_path):
    file = write(
        tmp_path / "cluster.toml",
        """
        name = "lab"
        timezone = "Europe/Berlin"
        interval = "10s"
        [[servers]]
        name = "gpu-a"
        address = "gpu-a.example.org"
        user = "monitor"
        group = "vision"
        tags = ["nvlink"]
        [[servers]]
        name = "here"
        local = true
        [retention]
        facts = "30d"
        """,
    )
    inventory = Inventory.from_file(file)
    assert [server.name for server in inventory.servers] == ["gpu-a", "here"]
    assert inventory["gpu-a"].target == "monitor@gpu-a.example.org"
    assert inventory.settings.interval == 10
    assert inventory.settings.retention.facts == 30 * 86400
    assert inventory.directory == tmp_path / "scms-data"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("intervall = 5", r"cluster.toml: intervall is no known key.*did you mean \"interval\"\?"),
        ("[[servers]]\nname = 'a'\nprot = 22", r"servers\[1\].prot is no known key.*\"port\""),
        ("[warehouse]\ncatalogue = 'x'", r"warehouse.catalogue is no known key.*\"catalog\""),
        ("interval = 'soon'", r"interval is 'soon'; expected.*duration"),
        ("timezone = 'Europe/Berlim'", r"timezone is 'Europe/Berlim'.*Europe/Berlin"),
        (
            "[[servers]]\nname = 'a'\nport = 99999",
            r"servers\[1\].port is 99999; expected less than",
        ),
        ("[[servers]]\nname = 'a'\n[[servers]]\nname = 'a'", r"servers\[2\].name 'a' is taken"),
        ("[[servers]]\naddress = 'x'", r"servers\[1\].name is missing"),
        ("[[servers]]\nname = '-oProxyCommand=x'", r"servers\[1\].name is"),
        ("[[servers]]\nname = 'a'\naddress = '-oProxyCommand=x'", r"servers\[1\].address is"),
        ("[[servers]]\nname='a'\nlocal=true\naddress='b'", r"is local and has an address"),
        ("name = ", r"cluster.toml: Invalid value.*; expected TOML"),
    ],
)
def test_a_bad_file_is_one_line_with_file_key_and_what_was_expected(tmp_path, text, message):
    with pytest.raises(SettingsError, match=message) as caught:
        Inventory.from_file(write(tmp_path / "cluster.toml", text))
    assert "\n" not in str(caught.value)


def test_a_missing_file_says_how_to_make_one(tmp_path):
    with pytest.raises(SettingsError, match="scms init"):
        Inventory.from_file(tmp_path / "cluster.toml")


def test_argument_goes_over_environment_over_file_over_default(tmp_path, monkeypatch):
    file = write(tmp_path / "cluster.toml", "interval = 10\ncollector = 'file'\nname = 'file'")
    monkeypatch.setenv("SCMS_INTERVAL", "20")
    monkeypatch.setenv("SCMS_COLLECTOR", "environment")
    settings = Inventory.from_file(file, {"interval": 30}).settings
    assert (settings.interval, settings.collector, settings.name) == (30, "environment", "file")
    assert settings.timezone == "UTC"


def test_a_section_can_be_set_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("SCMS_DASHBOARD__PORT", "9000")
    assert Inventory.from_file(write(tmp_path / "c.toml", "")).settings.dashboard.port == 9000


def test_without_a_file_this_machine_alone_is_watched(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SCMS_CONFIG", raising=False)
    inventory = find_inventory()
    assert [server.local for server in inventory.servers] == [True]
    assert inventory.settings.interval == 2


def test_an_unknown_server_names_the_known_ones(tmp_path):
    inventory = Inventory.from_file(write(tmp_path / "c.toml", "[[servers]]\nname = 'a'"))
    with pytest.raises(UnknownServer, match="no server is called 'b'; expected one of a"):
        inventory["b"]


def test_the_rule_for_host_keys_is_that_of_the_server_else_of_the_cluster(tmp_path):
    servers = [{"name": "a"}, {"name": "b", "host_keys": "accept-new"}]
    inventory = Inventory.from_mapping({"servers": servers}, base=tmp_path, source="test")
    assert [server.host_keys for server in inventory.servers] == ["strict", "accept-new"]
    data = {"host_keys": "accept-new", "servers": [{"name": "a"}]}
    inventory = Inventory.from_mapping(data, base=tmp_path, source="test")
    assert inventory["a"].host_keys == "accept-new"


def test_any_host_key_cannot_be_asked_for(tmp_path):
    with pytest.raises(SettingsError, match="host_keys"):
        Inventory.from_mapping({"host_keys": "no"}, base=tmp_path, source="test")


@pytest.mark.parametrize("mark", ["\x1b[31m", "\u202e", "\u2066", "\x00", "\u200b"])
@pytest.mark.parametrize("key", ["group", "tags", "address", "via", "user"])
def test_names_that_others_read_are_made_of_what_can_be_seen(tmp_path, key, mark):
    named = f"vision{mark}"
    value = (named,) if key == "tags" else named
    with pytest.raises(SettingsError, match="characters that can be seen"):
        Inventory.from_mapping(
            {"servers": [{"name": "a", key: value}]}, base=tmp_path, source="test"
        )


def test_names_in_any_script_are_welcome(tmp_path):
    rows = [{"name": "a", "group": "视觉", "tags": ("بصر", "é")}]
    inventory = Inventory.from_mapping({"servers": rows}, base=tmp_path, source="test")
    assert inventory["a"].tags == ("بصر", "é")
