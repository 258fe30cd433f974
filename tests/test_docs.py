"""The documents hold together: links lead somewhere, and what they name exists."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from scms.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "warehouse/README.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file(page):
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    missing = [
        link
        for link in links
        if not link.startswith(("http:", "https:")) and not (page.parent / link).exists()
    ]
    assert missing == []


def test_the_reference_of_cluster_toml_names_every_setting():
    page = (ROOT / "docs/reference/cluster-toml.md").read_text(encoding="utf-8")
    names = [
        name
        for key, field in Settings.model_fields.items()
        for name in (getattr(field.annotation, "model_fields", None) or {key: None})
    ]
    assert [name for name in names if f"`{name}`" not in page] == []


def test_the_cluster_toml_of_the_readme_is_accepted(tmp_path):
    from scms.inventory import Inventory

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```toml\n(.*?)```", readme, re.DOTALL)
    assert len(tomllib.loads(text)["servers"]) == 3
    (tmp_path / "cluster.toml").write_text(text, encoding="utf-8")
    inventory = Inventory.from_file(tmp_path / "cluster.toml")
    assert inventory["gpu-b01"].via == "gateway.example.org"
