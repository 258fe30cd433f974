"""Fixtures for the widgets: a cluster with a few minutes of simulated past."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scms.cluster import Cluster
from widgets.simulated import Collector, inventory

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Twenty servers whose newest tick stays fresh for the whole session of tests."""
    found = inventory(tmp_path_factory.mktemp("lab"), interval=600)
    collector = Collector(found)
    collector.past(minutes=3, step=20)
    yield Cluster(found)
    collector.close()
