"""Time travel: what the warehouse had at a moment, whatever was written since."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from scms.errors import QueryError, WarehouseError
from warehouse.made import DAY, Place, every, record

COUNT = "SELECT count(*) AS n FROM server_sample"


def committed(place: Place, name: str = "server_sample") -> datetime:
    """When the newest snapshot of a table was made."""
    iceberg = place.another().state(name).iceberg
    assert iceberg is not None
    snapshot = iceberg.current_snapshot()
    assert snapshot is not None
    return datetime.fromtimestamp(snapshot.timestamp_ms / 1000, UTC)


def count(place: Place, as_of: datetime) -> int:
    return int(place.views.frame(COUNT, as_of=as_of)["n"][0])


def expire(place: Place, *, keep: int) -> None:
    """Forget all but the newest snapshots, as upkeep does after a day."""
    iceberg = place.another().table("server_sample")
    old = iceberg.metadata.snapshots[: -keep or None]
    iceberg.maintenance.expire_snapshots().by_ids([s.snapshot_id for s in old]).commit()


def test_each_commit_can_be_asked_for(place: Place) -> None:
    moments = []
    for minute in range(3):
        place.hot.append([record(DAY + timedelta(minutes=minute))])
        place.warehouse.flush(place.hot)
        moments.append(committed(place))
    assert [count(place, moment) for moment in moments] == [1, 2, 3]


def test_what_was_hot_is_not_seen(place: Place) -> None:
    place.hot.append([record(DAY)])
    place.warehouse.flush(place.hot)
    place.hot.append([record(DAY + timedelta(minutes=1))])
    assert count(place, datetime.now(UTC)) == 1


def test_before_the_first_commit_there_was_nothing(place: Place) -> None:
    place.hot.append([record(DAY)])
    place.warehouse.flush(place.hot)
    before = committed(place) - timedelta(seconds=1)
    assert count(place, before) == 0
    assert place.views.frame("SELECT * FROM usage_daily", as_of=before).empty


def test_a_lab_without_a_warehouse_was_empty(place: Place) -> None:
    assert count(place, DAY) == 0


def test_a_snapshot_that_is_not_kept_is_told_with_the_oldest_that_is(place: Place) -> None:
    for minute in range(3):
        place.hot.append([record(DAY + timedelta(minutes=minute))])
        place.warehouse.flush(place.hot)
    before = committed(place) - timedelta(hours=1)
    expire(place, keep=1)
    with pytest.raises(WarehouseError, match="its oldest snapshot is of"):
        place.views.frame(COUNT, as_of=before)
    assert count(place, committed(place)) == 3


def day_of_samples(place: Place, day: datetime) -> None:
    place.hot.append([record(at, devices=[{}]) for at in every(60, day, day + timedelta(days=1))])
    place.warehouse.flush(place.hot)


def test_views_give_what_they_gave_before_the_rollup(place: Place) -> None:
    """A rollup written since must not hide the samples that it was made of."""
    sql = "SELECT starts_at, observed_seconds FROM usage_daily ORDER BY 1"
    day_of_samples(place, DAY)
    day_of_samples(place, DAY + timedelta(days=1))
    before = place.views.frame(sql)
    moment = committed(place)
    place.rollup(DAY + timedelta(days=3))
    assert place.views.frame(sql, as_of=moment).equals(before)
    assert place.views.frame(sql, as_of=datetime.now(UTC)).equals(before)


def test_late_rows_rolled_up_since_are_not_seen(place: Place) -> None:
    sql = "SELECT sum(observed_seconds) AS s FROM usage_15m"
    day_of_samples(place, DAY)
    place.rollup(DAY + timedelta(days=2))
    moment = committed(place, "server_15m")
    place.hot.append([record(DAY + timedelta(minutes=5), "gpu02")])
    place.rollup(DAY + timedelta(days=2))
    now, then = (place.views.frame(sql, as_of=at)["s"][0] for at in (datetime.now(UTC), moment))
    assert (then, now) == (24 * 60, 25 * 60)


@pytest.mark.parametrize("half", [0, 1])
def test_a_replacement_is_seen_whole_or_not_at_all(place: Place, half: int) -> None:
    """A slice is replaced by two snapshots in one commit; no reader may see the first alone."""
    day_of_samples(place, DAY)
    place.rollup(DAY + timedelta(days=2))
    place.hot.append([record(DAY + timedelta(minutes=5), "gpu02")])
    place.rollup(DAY + timedelta(days=2))
    iceberg = place.another().state("server_15m").iceberg
    assert iceberg is not None
    halves = iceberg.metadata.snapshots[-2:]
    at = datetime.fromtimestamp(halves[half].timestamp_ms / 1000, UTC)
    frame = place.views.frame("SELECT count(*) AS n FROM server_15m", as_of=at)
    assert frame["n"][0] in (24, 25)


def test_a_moment_without_a_zone_is_refused(place: Place) -> None:
    with pytest.raises(QueryError, match="has no time zone"):
        place.views.frame(COUNT, as_of=datetime(2026, 1, 1))  # noqa: DTZ001  the point
