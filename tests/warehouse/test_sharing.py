"""The past of a table is shared by the copies of its metadata, and stays what it was."""

from __future__ import annotations

from datetime import timedelta

from warehouse.made import DAY, Place, row


def commit(place: Place, *minutes: int) -> None:
    for minute in minutes:
        place.warehouse.append("event", [row("event", DAY + timedelta(minutes=minute))])


def test_a_copy_of_the_metadata_has_the_snapshots_themselves(place: Place) -> None:
    commit(place, 1, 2)
    metadata = place.warehouse.table("event").metadata
    copied = metadata.model_copy(deep=True)
    assert len(metadata.snapshots) == 2
    assert all(a is b for a, b in zip(metadata.snapshots, copied.snapshots, strict=True))
    assert all(a is b for a, b in zip(metadata.snapshot_log, copied.snapshot_log, strict=True))
    assert copied.properties is not metadata.properties


def test_a_commit_leaves_the_snapshots_before_it_as_they_were(place: Place) -> None:
    commit(place, 1, 2)
    before = place.warehouse.table("event")
    said = [snapshot.model_dump_json() for snapshot in before.metadata.snapshots]
    commit(place, 3)
    after = place.another().table("event")
    assert [snapshot.model_dump_json() for snapshot in after.metadata.snapshots[:2]] == said
    assert len(before.metadata.snapshots) == 2
    assert len(after.metadata.snapshots) == 3
