from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from demo.labs import DAY, ERA, lab, past, rows, spell, tick
from scms.collect.parse import parse_line, parse_message

HALF = 43200


@pytest.fixture(scope="module")
def week() -> dict[str, pd.DataFrame]:
    """A quiet week of the whole lab."""
    return {name: table.to_pandas() for name, table in past(DAY, DAY + 3 * 86400).items()}


@pytest.fixture(scope="module")
def truth() -> pd.DataFrame:
    """The hours of the ledger per device and kind in the same time."""
    start = pd.Timestamp(DAY, unit="s", tz="UTC")
    end = start + timedelta(days=3)
    ledger = lab().ledger(start.to_pydatetime(), end.to_pydatetime()).explode("devices")
    held = ledger.ended_at.where(ledger.ended_at < end, end)
    held -= ledger.started_at.where(ledger.started_at > start, start)
    return ledger.assign(hours=held.dt.total_seconds() / 3600)


@pytest.fixture(scope="module")
def undisturbed() -> set[str]:
    """The servers that nothing happened to in this time."""
    return {
        spec.name
        for spec in lab().servers
        if not any(
            s.start < DAY + 3 * 86400 and s.end > DAY for s in lab().history(spec.name, ERA).spells
        )
    }


def hours(samples: pd.DataFrame, *states: str) -> pd.Series:
    kept = samples[samples.state.isin(states)]
    return kept.groupby("device").observed_seconds.sum() / 3600


@pytest.mark.parametrize(
    ("kind", "state"), [("training", "busy"), ("notebook-idle", "idle_held"), ("ghost", "ghost")]
)
def test_device_hours_are_those_of_the_ledger(
    week: dict[str, pd.DataFrame], truth: pd.DataFrame, undisturbed: set[str], kind: str, state: str
) -> None:
    samples = week["device_sample"]
    found = hours(samples[samples.server.isin(undisturbed)], state)
    kept = truth[(truth.kind == kind) & truth.server.isin(undisturbed)]
    expected = kept.groupby("devices").hours.sum()
    assert len(undisturbed) > 10
    assert found.to_dict() == pytest.approx(expected.to_dict())


def test_the_users_of_the_samples_are_those_of_the_ledger(
    week: dict[str, pd.DataFrame], truth: pd.DataFrame, undisturbed: set[str]
) -> None:
    processes = week["process_sample"]
    kept = processes[processes.device.notna() & processes.server.isin(undisturbed)]
    share = kept.observed_seconds * kept.device_share_ratio / 3600
    visible = truth[truth.kind.isin(["training", "notebook-idle"]) & truth.server.isin(undisturbed)]
    expected = visible.groupby("user").hours.sum()
    assert share.groupby(kept.user).sum().to_dict() == pytest.approx(expected.to_dict())


def test_every_quarter_of_an_hour_is_observed(
    week: dict[str, pd.DataFrame], undisturbed: set[str]
) -> None:
    samples = week["server_sample"]
    seconds = samples.groupby("server")["observed_seconds"].sum()
    assert seconds[sorted(undisturbed)].tolist() == pytest.approx([3 * 86400] * len(undisturbed))


def test_the_unused_server_is_free_all_the_time(week: dict[str, pd.DataFrame]) -> None:
    samples = week["device_sample"]
    assert set(samples[samples.server == "gpu-v02"].state) == {"free"}


def test_rates_are_the_differences_of_the_counters() -> None:
    (row, *_) = rows(past(DAY + 900, DAY + 1800, ["gpu-a01"])["server_sample"])
    at = row["sampled_at"].timestamp()
    before, now = tick("gpu-a01", at - 900), tick("gpu-a01", at)
    received = (now.network[0] - before.network[0]) / 900
    assert row["network_receive_bytes_per_second"] == pytest.approx(received, rel=1e-6)


def test_two_halves_are_the_same_as_the_whole() -> None:
    """The ticks before a stretch give it its rates and idle times."""
    names = ["gpu-a01", "gpu-l01", "cpu-01"]
    whole = past(DAY, DAY + 86400, names)
    halves = [past(DAY, DAY + HALF, names), past(DAY + HALF, DAY + 86400, names)]
    for name, table in whole.items():
        both = pa.concat_tables([half[name] for half in halves])
        left = ["server", "sampled_at", "device", "pid", "user"]
        keys = [(key, "ascending") for key in left if key in table.column_names]
        columns = [c for c in table.column_names if c != "state_reason"]  # it tells the idle time
        assert both.sort_by(keys).select(columns) == table.sort_by(keys).select(columns)


def test_an_outage_is_rows_that_say_down_and_why() -> None:
    server, outage = spell("power")
    found = rows(past(outage.start - 3600, outage.end + 3600, [server])["server_sample"])
    down = [row for row in found if row["state"] == "down"]
    assert "no route to host" in down[0]["reason"]
    assert down[0]["observed_seconds"] == 0
    length = outage.end - outage.start
    assert sum(row["observed_seconds"] for row in down) == pytest.approx(length, abs=120)


def test_no_device_is_free_while_its_server_is_down() -> None:
    server, outage = spell("power")
    found = rows(past(outage.start, outage.end, [server])["device_sample"])
    assert found == []


def test_a_reboot_is_an_event() -> None:
    server, reboot = spell("reboot")
    events = rows(past(reboot.start - 3600, reboot.end + 3600, [server])["event"])
    kinds = [row["kind"] for row in events]
    assert kinds == ["down", "reboot", "up"]


def test_rows_say_that_they_are_simulated_and_by_whom() -> None:
    samples = past(DAY, DAY + 1800, ["cpu-01"])["server_sample"]
    assert set(samples["simulated"].to_pylist()) == {True}
    assert set(samples["collector"].to_pylist()) == {"test"}
    moment = samples["sampled_at"][0].as_py()
    assert datetime.fromtimestamp(DAY, UTC) <= moment < datetime.fromtimestamp(DAY + 30, UTC)


def test_a_message_is_read_as_its_line_is() -> None:
    times = DAY + 900.0 * np.arange(3, dtype=np.float64)
    for message in lab().samples("gpu-a01", times, 900.0):
        assert parse_message(message) == parse_line(json.dumps(message).encode())
