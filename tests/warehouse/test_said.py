"""What was said is in the warehouse exactly once, and in every query from the first moment."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scms.errors import WarehouseError
from scms.hot import FILE_NAME, HotStore
from scms.warehouse import said as said_module
from scms.warehouse.said import flush_said
from warehouse.made import DAY, Place, milliseconds

if TYPE_CHECKING:
    from pathlib import Path

QUERY = "SELECT hold_id FROM hold ORDER BY hold_id"


def hold(name: str, **values: Any) -> dict[str, object]:
    usual = {
        "hold_id": name,
        "said_at": milliseconds(DAY),
        "action": "taken",
        "server": "gpu01",
        "device": "GPU-1",
        "user": "ada",
        "expires_at": milliseconds(DAY + timedelta(minutes=30)),
    }
    return usual | values


def outlook(at: int, **values: Any) -> dict[str, object]:
    usual = {
        "server": "gpu01",
        "origin": milliseconds(DAY),
        "ts": milliseconds(DAY + timedelta(hours=at)),
        "horizon_hours": at + 1,
        "measure": "gpu_utilization_ratio",
        "mean": 0.5,
        "model": "analog",
        "made_by": "main",
        "outlook_id": "o1",
    }
    return usual | values


def held(place: Place) -> list[str]:
    return [row["hold_id"] for row in place.views.arrow(QUERY).to_pylist()]


def test_rows_are_seen_before_and_after_the_flush(place: Place) -> None:
    place.hot.say("hold", [hold("a"), hold("b")])
    before = held(place)
    assert flush_said(place.warehouse, place.hot) == {"outlook": 0, "recommendation": 0, "hold": 2}
    place.hot.say("hold", [hold("c")])
    assert (before, held(place)) == (["a", "b"], ["a", "b", "c"])


def test_values_come_back_as_they_were_said(place: Place) -> None:
    rows = [outlook(h, p_free=0.25 if h else None) for h in range(2)]
    place.hot.say("outlook", rows)
    query = "SELECT epoch_ms(ts) AS ts, horizon_hours, mean, lower, p_free FROM outlook ORDER BY ts"
    before = place.views.arrow(query).to_pylist()
    flush_said(place.warehouse, place.hot)
    assert before == place.views.arrow(query).to_pylist()
    assert before[1] == {
        "ts": rows[1]["ts"],
        "horizon_hours": 2,
        "mean": 0.5,
        "lower": None,
        "p_free": 0.25,
    }


def test_what_is_committed_leaves_the_hot_store(place: Place) -> None:
    place.hot.say("hold", [hold("a")])
    flush_said(place.warehouse, place.hot)
    assert place.hot.said_after(0) == []
    assert flush_said(place.warehouse, place.hot)["hold"] == 0


def test_a_table_without_news_gets_no_commit(place: Place) -> None:
    place.hot.say("hold", [hold("a")])
    flush_said(place.warehouse, place.hot)
    before = place.warehouse.table("hold").metadata_location
    place.hot.say("outlook", [outlook(0)])
    flush_said(place.warehouse, place.hot)
    assert place.warehouse.table("hold").metadata_location == before


def test_nothing_is_committed_of_a_store_that_is_not_there(place: Place, tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match="does not exist"):
        flush_said(place.warehouse, HotStore.open(tmp_path / "none.sqlite"))


def test_a_store_put_back_from_a_copy_gives_no_number_twice(place: Place) -> None:
    place.hot.say("hold", [hold("a")])
    place.hot.close()
    copy = place.hot.path.read_bytes()
    place.hot.say("hold", [hold("b")])
    flush_said(place.warehouse, place.hot)
    place.hot.close()
    for path in place.hot.path.parent.glob(f"{FILE_NAME}*"):
        path.unlink()
    place.hot.path.write_bytes(copy)

    assert flush_said(place.warehouse, place.hot)["hold"] == 0
    place.hot.say("hold", [hold("c")])
    flush_said(place.warehouse, place.hot)
    assert held(place) == ["a", "b", "c"]


def test_two_collectors_say_into_one_warehouse(place: Place, tmp_path: Path) -> None:
    other = HotStore.create(tmp_path / "other.sqlite")
    place.hot.say("hold", [hold("a")])
    other.say("hold", [hold("b")])
    flush_said(place.warehouse, place.hot)
    flush_said(place.another(), other)
    assert held(place) == ["a", "b"]


class Ended(Exception):  # noqa: N818  nothing is wrong
    """The process ends here."""


def crashing(place: Place, steps: int) -> None:
    """Flush, but end before or after the n-th step that leaves something behind."""
    left = iter(range(steps - 1, -1, -1))

    def count() -> None:
        if next(left, None) == 0:
            raise Ended

    def step(real: Any) -> Any:
        def stepping(*arguments: Any, **named: Any) -> Any:
            count()
            result = real(*arguments, **named)
            count()
            return result

        return stepping

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place.warehouse, "append", step(place.warehouse.append))
        patch.setattr(place.hot, "purge_said", step(place.hot.purge_said))
        patch.setattr(said_module, "BATCH_ENTRIES", 2)
        try:
            flush_said(place.warehouse, place.hot)
        except Ended:
            return


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(actions=st.lists(st.one_of(st.just("say"), st.integers(1, 14)), max_size=8))
def test_whenever_a_flush_ends_nothing_is_lost_or_seen_twice(
    tmp_path_factory: pytest.TempPathFactory, actions: list[str | int]
) -> None:
    place = Place(tmp_path_factory.mktemp("said"))
    said: list[str] = []
    for action in actions:
        if isinstance(action, int):
            crashing(place, action)
        else:
            names = [f"{len(said) + n:03}" for n in range(3)]
            for name in names:
                place.hot.say("hold", [hold(name)])
            place.hot.say("outlook", [outlook(len(said), outlook_id=names[0])])
            said += names
        assert held(place) == said
    flush_said(place.warehouse, place.hot)
    assert place.values("hold", "hold_id") == said
    assert place.values("outlook", "outlook_id") == said[::3]
    assert place.hot.said_after(0) == []
