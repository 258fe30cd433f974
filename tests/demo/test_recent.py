from __future__ import annotations

from datetime import UTC, datetime

import pytest

from scms.demo import prefill
from scms.hot import HotStore
from scms.inventory import Inventory

NOW = datetime(2026, 11, 18, 14, 3, tzinfo=UTC)


@pytest.fixture
def inventory(tmp_path):
    servers = [{"name": name, "simulated": True} for name in ("gpu-a01", "cpu-01")]
    data = {"data": str(tmp_path), "servers": [*servers, {"name": "here", "local": True}]}
    return Inventory.from_mapping(data, base=tmp_path, source="test")


@pytest.fixture
def hot(inventory):
    store = HotStore.create(inventory.directory / "hot.sqlite")
    yield store
    store.close()


def test_the_last_minutes_of_every_simulated_server_are_there_in_order(inventory, hot):
    assert prefill(inventory, hot, now=NOW, minutes=15) == 2 * 90
    stored = hot.since(0)
    times = [one.record.received_at_ms for one in stored]
    assert {one.record.server for one in stored} == {"gpu-a01", "cpu-01"}
    assert times == sorted(times)
    assert NOW.timestamp() * 1000 - times[0] <= 15 * 60 * 1000


def test_a_hot_store_that_has_recent_records_is_left_alone(inventory, hot):
    prefill(inventory, hot, now=NOW)
    assert prefill(inventory, hot, now=NOW) == 0
