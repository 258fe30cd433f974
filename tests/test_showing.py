from __future__ import annotations

from typing import Any

from scms.cluster.showing import cluster_html
from scms.inventory import Inventory
from widgets.rows import device, server, snapshot


def inventory(tmp_path: Any, **settings: Any) -> Inventory:
    rows = [{"name": "alpha", "group": "<b>vision</b>"}, {"name": "beta"}]
    return Inventory.from_mapping({"servers": rows, **settings}, base=tmp_path, source="test")


def test_it_says_what_is_free_of_what_is_known(tmp_path):
    seen = snapshot(
        [server("alpha"), server("beta", state="down", age_seconds=900.0)],
        [device("alpha", 0), device("alpha", 1, held_by="bob"), device("beta", 0, "unknown")],
    )
    said = cluster_html(inventory(tmp_path), seen)
    assert "1 of 2 observed, newest data 1 s old" in said
    assert "1 of 3 free, 1 unknown" in said


def test_names_are_escaped(tmp_path):
    said = cluster_html(inventory(tmp_path, name="<script>"), "it cannot be read: <x>")
    assert "<script>" not in said
    assert "&lt;b&gt;vision" in said
    assert "it cannot be read: &lt;x&gt;" in said


def test_a_new_cluster_says_how_to_begin(tmp_path):
    servers = [server(name, state="unknown", age_seconds=None) for name in ("alpha", "beta")]
    assert "scms up" in cluster_html(inventory(tmp_path), snapshot(servers, []))
