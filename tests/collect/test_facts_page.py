"""The page of facts names every fact that is collected."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from scms.collect.standing import DETAIL_FACTS, Standing
from scms.tables import DEVICE_SAMPLE, PROCESS_SAMPLE, SERVER_SAMPLE

if TYPE_CHECKING:
    from pathlib import Path

    from scms.tables import Table

KEYS = {"server", "sampled_at"}


@pytest.fixture
def named(repository: Path) -> set[str]:
    page = (repository / "docs/reference/facts.md").read_text(encoding="utf-8")
    return set(re.findall(r"`(\w+)`", page))


@pytest.mark.parametrize(
    "table", [SERVER_SAMPLE, DEVICE_SAMPLE, PROCESS_SAMPLE], ids=lambda table: table.name
)
def test_every_column_is_on_the_page(named: set[str], table: Table) -> None:
    assert set(table.column_names()) - KEYS - named == set()


def test_every_detail_is_on_the_page(named: set[str]) -> None:
    assert {*DETAIL_FACTS, *Standing().detail()} - named == set()
