from __future__ import annotations

from typing import Any

import pytest

from scms.widgets.feed.headline import alerts, load, observed, tiles, weighted
from widgets.rows import device, server, snapshot


def tile(key: str, *args: Any) -> dict[str, Any]:
    return next(row for row in tiles(snapshot(*args)) if row["key"] == key)


def test_a_held_gpu_is_not_free():
    devices = [device("a", 0), device("a", 1, held_by="ada"), device("a", 2, "busy")]
    free = tile("free", [server("a")], devices)
    assert (free["value"], free["suffix"], free["ratio"]) == ("1", "/ 3", pytest.approx(1 / 3))


def test_an_unknown_gpu_is_not_free():
    assert tile("free", [server("a")], [device("a", 0, "unknown")])["value"] == "0"


def test_without_gpus_nothing_is_said_of_them():
    assert tile("free", [server("a")], [])["value"] == "–"
    assert tile("power", [server("a")], [])["value"] == "–"


def test_a_degraded_server_is_up_and_a_stale_one_is_not():
    rows = [server("a", state="degraded"), server("b", state="stale"), server("c")]
    up = tile("up", rows, [])
    assert (up["value"], up["suffix"]) == ("2", "/ 3")


def test_a_server_is_observed_while_there_is_fresh_data_of_it():
    states = ("up", "degraded", "stale", "down", "unknown")
    seen = snapshot([server(state, state=state) for state in states], [])
    assert observed(seen) == 2


@pytest.mark.parametrize(("state", "tone"), [("up", "ok"), ("stale", "warn"), ("down", "bad")])
def test_alerts_have_the_tone_of_the_worst(state: str, tone: str):
    assert tile("alerts", [server("a", state=state, reason="why")], [])["tone"] == tone


def test_an_alert_says_the_reason():
    row = server("a", state="down", reason="no route; check the cable")
    assert alerts(row, []) == ["down: no route; check the cable"]


def test_a_faulty_gpu_is_an_alert_of_its_server_alone():
    faulty = device("a", 3, "faulty", state_reason="XID 79")
    assert alerts(server("a"), [faulty]) == ["GPU 3 faulty: XID 79"]
    assert alerts(server("b"), [faulty]) == []


def test_power_is_written_in_watts_below_a_kilowatt():
    row = tile("power", [server("a")], [device("a", 0, power_watts=312.4)])
    assert (row["value"], row["suffix"]) == ("312", "W")


def test_the_mean_leaves_out_what_is_unknown():
    assert weighted([(0.5, 2.0), (None, 8.0), (1.0, None)]) == 0.5
    assert weighted([(None, 1.0)]) is None


def test_cpu_load_is_weighted_by_cpus():
    rows = [
        server("big", cpu_utilization_ratio=1.0, cpu_count=90),
        server("small", cpu_utilization_ratio=0.0, cpu_count=10),
    ]
    assert load(snapshot(rows, []))["cpu"] == pytest.approx(0.9)
