"""Percentiles and peaks survive the rollup: what a day says is what its ticks said."""

from __future__ import annotations

from datetime import timedelta
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scms.tables import DEVICE_15M
from scms.warehouse import datafiles
from scms.warehouse.rows import arrow_rows
from warehouse.made import DAY, Place, record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

WIDTH = 0.05
NEXT = DAY + timedelta(days=1)
#: (share, seconds) of a tick; edges of bins and both ends of the scale are likely.
ticks = st.lists(
    st.tuples(
        st.one_of(
            st.none(),
            st.floats(0, 1),
            st.integers(0, 20).map(lambda n: n / 20),
            st.sampled_from([0.0, 1.0]),
        ),
        st.sampled_from([0.0, 5.0, 60.0]),
    ),
    min_size=1,
    max_size=40,
)


def filled(
    place: Place,
    made: Sequence[tuple[float | None, float]],
    minutes: int = 7,
    start: datetime = DAY,
) -> None:
    """Ticks of a server and its GPU, both with these shares of use and of memory."""
    total = 10**12
    place.hot.append(
        [
            record(
                start + timedelta(minutes=minutes * n),
                observed_seconds=seconds,
                cpu_utilization_ratio=share,
                memory_used_bytes=None if share is None else round(share * total),
                memory_total_bytes=total,
                devices=[
                    {
                        "state": "busy",
                        "observed_seconds": seconds,
                        "gpu_utilization_ratio": share,
                        "memory_used_bytes": None if share is None else round(share * total),
                        "memory_total_bytes": total,
                    }
                ],
            )
            for n, (share, seconds) in enumerate(made)
        ]
    )


def one(place: Place, view: str) -> dict[str, Any]:
    (found,) = place.views.arrow(f"SELECT * FROM {view}").to_pylist()
    return dict(found)


def exact(made: Sequence[tuple[float | None, float]], share: float) -> float | None:
    """The least value that was not exceeded for so much of the time it was known."""
    known = sorted((value, seconds) for value, seconds in made if value is not None and seconds)
    reached = list(accumulate(seconds for _, seconds in known))
    if not known:
        return None
    return next(
        value
        for (value, _), upto in zip(known, reached, strict=True)
        if upto >= share * reached[-1]
    )


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(made=ticks)
def test_percentiles_are_within_a_bin_and_peaks_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, made: list[tuple[float | None, float]]
) -> None:
    place = Place(tmp_path_factory.mktemp("histograms"))
    filled(place, made)
    peak = max((value for value, _ in made if value is not None), default=None)
    seconds = sum(seconds for value, seconds in made if value is not None)
    device, server = (one(place, f"{kind}_utilization_daily") for kind in ("device", "server"))
    for day, measure in (
        (device, "gpu_utilization_ratio"),
        (device, "memory_ratio"),
        (server, "cpu_utilization_ratio"),
        (server, "memory_ratio"),
    ):
        assert day[f"{measure}_max"] == pytest.approx(peak)
        for column, share in (("p50", 0.5), ("p95", 0.95)):
            found, truth = day[f"{measure}_{column}"], exact(made, share)
            assert (found is None) == (truth is None)
            assert found is None or abs(found - truth) <= WIDTH + 1e-9
            assert found is None or found <= day[f"{measure}_max"]
    assert (day["utilization_known_seconds"] or 0) == pytest.approx(seconds)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(made=ticks)
def test_bins_add_up_to_the_time_it_was_known(
    tmp_path_factory: pytest.TempPathFactory, made: list[tuple[float | None, float]]
) -> None:
    place = Place(tmp_path_factory.mktemp("histograms"))
    filled(place, made, minutes=1)
    for quarter in place.views.arrow(
        "SELECT * FROM device_usage_15m ORDER BY starts_at"
    ).to_pylist():
        first = (quarter["starts_at"] - DAY) // timedelta(minutes=1)
        known = [(v, s) for v, s in made[first : first + 15] if v is not None]
        for name in ("gpu_utilization_histogram", "memory_ratio_histogram"):
            bins = quarter[name]
            if not known:
                assert bins is None
                continue
            assert len(bins) == 20
            assert sum(bins) == pytest.approx(sum(seconds for _, seconds in known))


def test_a_value_is_in_the_bin_that_holds_it(place: Place) -> None:
    filled(place, [(0.0, 1.0), (0.05, 2.0), (0.999, 4.0), (1.0, 8.0)], minutes=1)
    quarter = one(place, "server_usage_15m")
    expected = [1.0, 2.0, *[0.0] * 17, 12.0]
    assert quarter["cpu_utilization_histogram"] == expected
    assert quarter["memory_ratio_histogram"] == expected


def test_a_quarter_of_an_hour_is_the_same_from_the_warehouse(place: Place) -> None:
    filled(place, [(0.3, 60.0), (0.7, 60.0), (None, 60.0)], minutes=1)
    hot = one(place, "device_usage_15m")
    place.rollup(NEXT)
    assert place.count("device_15m") == 1
    assert one(place, "device_usage_15m") == hot
    assert one(place, "device_utilization_daily")["gpu_utilization_ratio_p95"] == pytest.approx(0.7)


def test_a_spike_of_a_tick_is_seen_in_the_day(place: Place) -> None:
    filled(place, [(0.1, 60.0)] * 600 + [(1.0, 5.0)] + [(0.1, 60.0)] * 600, minutes=1)
    place.rollup(NEXT)
    day = one(place, "device_utilization_daily")
    assert day["gpu_utilization_ratio_max"] == 1.0
    assert day["gpu_utilization_ratio_p95"] == pytest.approx(0.1 + WIDTH, abs=WIDTH)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(made=ticks, split=st.integers(0, 40))
def test_percentiles_of_a_period_are_those_of_all_its_ticks(
    tmp_path_factory: pytest.TempPathFactory, made: list[tuple[float | None, float]], split: int
) -> None:
    """Two days, of which the histograms are added up; what is outside of the period is not."""
    place = Place(tmp_path_factory.mktemp("period"))
    for start, part in (
        (DAY, made[:split]),
        (NEXT, made[split:]),
        (DAY - NEXT + DAY, [(1.0, 9.0)]),
    ):
        filled(place, part, start=start)
    sql = "SELECT * FROM utilization_percentiles($start, $end)"
    values = {"start": DAY, "end": NEXT + timedelta(days=1)}
    found = {row["measure"]: row for row in place.views.arrow(sql, values).to_pylist()}
    peak = max((value for value, _ in made if value is not None), default=None)
    for measure in ("gpu_utilization_ratio", "gpu_memory_ratio", "cpu_utilization_ratio"):
        assert found[measure]["max"] == pytest.approx(peak)
        for column, share in (("p50", 0.5), ("p95", 0.95)):
            value, truth = found[measure][column], exact(made, share)
            assert value == truth is None or abs(value - truth) <= WIDTH + 1e-9


def test_faulty_time_and_time_down_are_in_no_bin(place: Place) -> None:
    place.hot.append(
        [
            record(DAY, state="down", devices=[{"state": "faulty", "gpu_utilization_ratio": 1.0}]),
            record(
                DAY + timedelta(minutes=1),
                cpu_utilization_ratio=0.5,
                devices=[{"state": "busy", "gpu_utilization_ratio": 0.5}],
            ),
        ]
    )
    assert sum(one(place, "device_usage_15m")["gpu_utilization_histogram"]) == 60.0
    assert sum(one(place, "server_usage_15m")["cpu_utilization_histogram"]) == 60.0


def test_throttling_errors_and_limits_are_kept(place: Place) -> None:
    def device(reasons: str | None, **values: Any) -> list[dict[str, Any]]:
        return [{"throttle_reasons": reasons, **values}]

    place.hot.append(
        [
            record(DAY + timedelta(minutes=n), devices=devices)
            for n, devices in enumerate(
                [
                    device("", power_limit_watts=300.0, ecc_uncorrected_count=1),
                    device("idle", xid=48),
                    device("idle, power limit", ecc_uncorrected_count=3),
                    device("too hot (hardware)", power_limit_watts=250.0),
                    device("clocks set by the user", xid=79),
                    device(None),
                ]
            )
        ]
    )
    quarter = one(place, "device_usage_15m")
    names = ("throttled_seconds", "ecc_uncorrected_count_max", "xid_last", "power_limit_watts")
    assert [quarter[name] for name in names] == [120.0, 3, 79, 250.0]


def test_what_no_driver_told_stays_unknown(place: Place) -> None:
    place.hot.append([record(DAY, devices=[{}])])
    quarter = one(place, "device_usage_15m")
    names = (
        "throttled_seconds",
        "ecc_uncorrected_count_max",
        "xid_last",
        "gpu_utilization_histogram",
    )
    assert [quarter[name] for name in names] == [None] * 4


def test_pressure_and_heat_of_a_server_keep_their_peaks(place: Place) -> None:
    facts: list[dict[str, Any]] = [
        {"memory_pressure_ratio": 0.1, "io_pressure_ratio": 0.7, "hung_mount_count": 0},
        {"memory_pressure_ratio": 0.4, "temperature_celsius_max": 81.0, "hung_mount_count": 2},
    ]
    place.hot.append([record(DAY + timedelta(minutes=n), **f) for n, f in enumerate(facts)])
    quarter = one(place, "server_usage_15m")
    assert quarter["memory_pressure_ratio_max"] == 0.4
    assert quarter["io_pressure_ratio_max"] == 0.7
    assert quarter["temperature_celsius_max"] == 81.0
    assert quarter["hung_mount_count_max"] == 2


def test_a_file_that_stays_has_its_bins_in_a_dictionary(place: Place) -> None:
    """Their seconds are few different numbers: without one they would take most of the file."""
    filled(place, [(0.1, 60.0), (0.9, 60.0)] * 300, minutes=1)
    rows = arrow_rows(DEVICE_15M, place.views.arrow("SELECT * FROM device_usage_15m"))
    file = pq.ParquetFile(pa.BufferReader(datafiles.encoded(rows, tight=True)))
    group = file.metadata.row_group(0)
    bins = [
        column
        for n in range(group.num_columns)
        if "histogram" in (column := group.column(n)).path_in_schema
    ]
    assert [column.has_dictionary_page for column in bins] == [True, True]
