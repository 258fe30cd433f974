"""The numbers of the usage views: hours that were observed, in days of the cluster's zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from warehouse.made import DAY, Place, every, record

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

HOUR = timedelta(hours=1)


def device(state: str, utilization: float | None = None, **values: Any) -> dict[str, Any]:
    return {"state": state, "gpu_utilization_ratio": utilization, **values}


def one(place: Place, sql: str) -> pd.Series:
    frame = place.views.frame(sql)
    assert len(frame) == 1
    return frame.iloc[0]


def test_an_hour_of_every_state(place: Place) -> None:
    """Six GPUs, each an hour in one state; faulty and unknown are observed but not available."""
    states = ["free", "busy", "idle_held", "ghost", "faulty", "unknown"]
    place.hot.append(
        [
            record(at, devices=[device(s, 0.5, device=f"GPU-{s}", power_watts=250) for s in states])
            for at in every(1, DAY, DAY + HOUR)
        ]
    )
    row = one(place, "SELECT * FROM usage_hourly")
    assert row["gpu_hours_observed"] == pytest.approx(6)
    assert row["gpu_hours_available"] == pytest.approx(4)
    assert row["gpu_hours_used"] == pytest.approx(1)
    assert row["gpu_hours_idle_held"] == pytest.approx(2)
    assert row["gpu_hours_free"] == pytest.approx(1)
    assert row["gpu_utilization_ratio"] == pytest.approx(0.5)
    assert row["energy_kwh"] == pytest.approx(1.5)
    assert row["group"] == "vision"


def test_what_was_not_observed_is_not_counted(place: Place) -> None:
    """Ten minutes of samples in an hour are ten minutes, not an hour."""
    place.hot.append([record(at) for at in every(1, DAY, DAY + timedelta(minutes=10))])
    row = one(place, "SELECT * FROM usage_hourly")
    assert row["observed_seconds"] == 600
    assert row["down_seconds"] == 0


def test_down_is_apart_from_observed_and_from_idle(place: Place) -> None:
    place.hot.append(
        [record(at, state="down", reason="no route") for at in every(1, DAY, DAY + HOUR)]
    )
    row = one(place, "SELECT * FROM usage_hourly")
    assert (row["observed_seconds"], row["down_seconds"]) == (0, 3600)
    unknown = ["gpu_hours_available", "gpu_utilization_ratio", "energy_kwh"]
    unknown += ["cpu_hours_available", "cpu_utilization_ratio"]
    assert row[unknown].isna().all()


def test_a_gpu_whose_utilisation_cannot_be_read_does_not_lower_the_mean(place: Place) -> None:
    place.hot.append(
        [
            record(at, devices=[device("busy", 0.8), device("busy", None, device="GPU-MIG")])
            for at in every(1, DAY, DAY + HOUR)
        ]
    )
    row = one(place, "SELECT * FROM usage_hourly")
    assert row["gpu_utilization_ratio"] == pytest.approx(0.8)
    assert row["gpu_hours_measured"] == pytest.approx(1)
    assert row["gpu_hours_used"] == pytest.approx(2)


def test_cpu_hours_count_only_the_time_with_cpu_facts(place: Place) -> None:
    known = {"cpu_count": 8, "cpu_utilization_ratio": 0.25}
    place.hot.append(
        [
            record(at, **(known if at.minute < 30 else {"cpu_count": 8}))
            for at in every(1, DAY, DAY + HOUR)
        ]
    )
    row = one(place, "SELECT * FROM usage_hourly")
    assert row["cpu_hours_available"] == pytest.approx(4)
    assert row["cpu_hours_used"] == pytest.approx(1)
    assert row["cpu_utilization_ratio"] == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-24", 24), ("2026-10-25", 25)]
)
@pytest.mark.parametrize("rolled_up", [False, True])
def test_a_day_is_as_long_as_the_clocks_make_it(
    tmp_path: Path, day: str, hours: int, rolled_up: bool
) -> None:
    place = Place(tmp_path, timezone="Europe/Berlin")
    start = datetime.fromisoformat(day).replace(tzinfo=UTC) - 12 * HOUR
    end = start + 48 * HOUR
    place.hot.append([record(at, observed_seconds=900.0) for at in every(15, start, end)])
    if rolled_up:
        place.rollup(end + 24 * HOUR)
    midnight = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo("Europe/Berlin"))
    daily = place.views.frame("SELECT * FROM usage_daily WHERE starts_at = $d", {"d": midnight})
    hourly = place.views.frame(
        "SELECT * FROM usage_hourly WHERE date_trunc('day', starts_at) = $d", {"d": midnight}
    )
    assert daily["observed_seconds"].tolist() == [hours * 3600]
    assert hourly["observed_seconds"].tolist() == [3600] * hours


def test_hours_begin_on_the_hour_of_the_zone(tmp_path: Path) -> None:
    """India is five and a half hours ahead."""
    place = Place(tmp_path, timezone="Asia/Kolkata")
    place.hot.append([record(at) for at in every(15, DAY, DAY + HOUR)])
    frame = place.views.frame("SELECT starts_at FROM usage_hourly ORDER BY 1")
    assert [str(at) for at in frame["starts_at"]] == [
        "2026-10-06 05:00:00+05:30",
        "2026-10-06 06:00:00+05:30",
    ]


@pytest.mark.parametrize("view", ["usage_hourly", "usage_daily", "usage_monthly", "usage_yearly"])
def test_every_grain_adds_up_to_the_same(place: Place, view: str) -> None:
    start, end = datetime(2025, 12, 30, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC)
    place.hot.append(
        [
            record(at, cpu_count=4, cpu_utilization_ratio=0.5, devices=[device("busy", 0.9)])
            for at in every(30, start, end)
        ]
    )
    place.rollup(end - 24 * HOUR)
    sums = "SELECT sum(COLUMNS('hours|seconds')) FROM "
    assert place.views.frame(sums + view).iloc[0].tolist() == pytest.approx(
        place.views.frame(sums + "usage_15m").iloc[0].tolist()
    )


def test_a_server_that_left_the_inventory_keeps_its_history(place: Place) -> None:
    place.hot.append([record(DAY, "gone")])
    row = one(place, "SELECT * FROM usage_daily")
    assert row["server"] == "gone"
    assert row["group"] is None


def test_servers(place: Place) -> None:
    place.hot.append([record(DAY, cpu_count=8), record(DAY + HOUR, cpu_count=16)])
    row = one(place, "SELECT * FROM servers")
    assert (row["cpu_count"], row["observed_seconds"]) == (16, 120)
    assert [row["first_seen_at"], row["last_seen_at"]] == [DAY, DAY + HOUR]


def test_devices(place: Place) -> None:
    place.hot.append(
        [
            record(DAY, devices=[{"device_index": 0, "device_name": "A100"}]),
            record(DAY + HOUR, devices=[{"device_index": 3, "device_name": None}]),
        ]
    )
    row = one(place, "SELECT * FROM devices")
    assert (row["device_index"], row["device_name"]) == (3, "A100")


def test_users_share_a_device(place: Place) -> None:
    """Half an hour of a GPU that two users hold: a quarter of an hour each."""
    share = {"device": "GPU-1", "device_share_ratio": 0.5, "device_state": "busy"}
    place.hot.append(
        [
            record(at, processes=[{"user": user, "pid": 1, **share} for user in ("ada", "bob")])
            for at in every(1, DAY, DAY + HOUR / 2)
        ]
    )
    frame = place.views.frame("SELECT * FROM users ORDER BY 1")
    assert frame["gpu_hours_used"].tolist() == pytest.approx([0.25, 0.25])


def test_cpu_of_users_whose_names_are_hidden(place: Place) -> None:
    place.hot.append(
        [
            record(at, processes=[{"user": None, "pid": 1, "cpu_cores_used": 2.0}])
            for at in every(1, DAY, DAY + HOUR)
        ]
    )
    row = one(place, "SELECT * FROM users")
    assert row["user"] is None
    assert row["cpu_hours_used"] == pytest.approx(2)


def test_outages(place: Place) -> None:
    kinds = ["up", "down", "down", "reboot", "degraded", "down"]
    place.hot.append(
        [
            record(DAY + count * HOUR, events=[{"kind": kind, "detail": f"{kind} {count}"}])
            for count, kind in enumerate(kinds)
        ]
    )
    frame = place.views.frame("SELECT * FROM outages ORDER BY started_at")
    assert frame["reason"].tolist() == ["down 1", "down 5"]
    assert frame["seconds"].iloc[0] == 7200
    assert frame["ended_at"].isna().tolist() == [False, True]


def held(at: datetime, state: str, user: str | None = "ada", **values: Any) -> list[dict[str, Any]]:
    return [device(state, user=user, device_name="A100", device_index=0, **values)]


def test_who_holds_what_idle_since_when(place: Place) -> None:
    """Ada works for an hour, then holds the GPU for two; a burst of two minutes changes nothing."""
    begins, burst = DAY + HOUR, DAY + 1.5 * HOUR
    place.hot.append(
        [
            record(
                at,
                devices=held(
                    at,
                    "busy" if at < begins or burst <= at < burst + HOUR / 30 else "idle_held",
                    memory_used_bytes=30,
                ),
            )
            for at in every(1, DAY, DAY + 3 * HOUR)
        ]
    )
    row = one(place, "SELECT * FROM idle_held")
    assert (row["server"], row["device"], row["user"]) == ("gpu01", "GPU-1", "ada")
    assert row["started_at"] == begins
    assert row["last_seen_at"] == DAY + 3 * HOUR - timedelta(minutes=1)
    assert row["gpu_hours"] == pytest.approx(2 - 1 / 30)
    assert bool(row["is_current"])
    assert row["memory_used_bytes"] == 30


def test_holding_ends_with_work_and_with_time_nobody_observed(place: Place) -> None:
    """Idle, an hour of work, idle, an hour without samples, idle: three stretches."""
    states = ["idle_held", "busy", "idle_held", None, "ghost", "free"]
    place.hot.append(
        [
            record(at, devices=held(at, state, None if state == "ghost" else "ada"))
            for count, state in enumerate(states)
            if state is not None
            for at in every(5, DAY + count * HOUR, DAY + (count + 1) * HOUR)
        ]
    )
    frame = place.views.frame("SELECT * FROM idle_held ORDER BY started_at")
    assert [at - DAY for at in frame["started_at"]] == [0 * HOUR, 2 * HOUR, 4 * HOUR]
    assert frame["user"].isna().tolist() == [False, False, True]
    assert not frame["is_current"].any()


def test_hours_of_the_week_are_those_of_the_cluster(tmp_path: Path) -> None:
    """Tuesday 23:30 in UTC is Wednesday 01:30 in Berlin; two weeks add up in one row."""
    place = Place(tmp_path, timezone="Europe/Berlin")
    late = DAY + 23.5 * HOUR
    place.hot.append(
        [
            record(at, devices=[device(state)])
            for week, state in enumerate(["busy", "free"])
            for at in every(1, late + week * 168 * HOUR, late + week * 168 * HOUR + HOUR / 4)
        ]
    )
    row = one(place, "SELECT * FROM hours_of_week")
    assert (row["weekday"], row["hour"]) == (3, 1)
    assert row["gpu_hours_available"] == pytest.approx(0.5)
    assert row["gpu_use_ratio"] == pytest.approx(0.5)


def test_weeks_begin_on_monday(place: Place) -> None:
    sunday = datetime(2026, 10, 11, 23, 30, tzinfo=UTC)
    place.hot.append([record(at) for at in every(10, sunday, sunday + HOUR)])
    frame = place.views.frame("SELECT starts_at, observed_seconds FROM usage_weekly ORDER BY 1")
    assert [at.day for at in frame["starts_at"]] == [5, 12]
    assert frame["observed_seconds"].tolist() == [180, 180]
