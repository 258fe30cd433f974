"""What is said is checked, kept until it is committed, and numbered once."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from scms.errors import HotStoreError
from scms.hot import HotStore
from scms.hot.said import ROWS_TOGETHER
from scms.tables import HOLD

if TYPE_CHECKING:
    from pathlib import Path


def hold(action: str = "taken", **values: Any) -> dict[str, object]:
    usual = {
        "hold_id": "a1",
        "said_at": 1000,
        "action": action,
        "server": "gpu01",
        "device": "GPU-1",
        "user": "ada",
        "expires_at": 2000,
    }
    return usual | values


@pytest.fixture
def store(tmp_path: Path) -> HotStore:
    return HotStore.create(tmp_path / "hot.sqlite")


def test_what_was_said_comes_back_complete(store: HotStore) -> None:
    assert store.say("hold", [hold(), hold("released")]) == 1
    (said,) = HotStore.open(store.path).said_after(0)
    assert (said.id, said.table) == (1, "hold")
    unsaid = {"purpose": None, "recommendation_id": None}
    assert said.rows == [hold() | unsaid, hold("released") | unsaid]
    assert tuple(said.rows[0]) == HOLD.column_names()


def test_numbers_go_on_after_all_is_purged(store: HotStore) -> None:
    store.say("hold", [hold()])
    assert store.purge_said("hold", 1) == 1
    assert store.say("hold", [hold()]) == 2
    assert [said.id for said in store.said_after(0)] == [2]


def test_only_what_is_committed_is_purged(store: HotStore) -> None:
    for _ in range(3):
        store.say("hold", [hold()])
    assert store.purge_said("hold", 2) == 2
    assert store.purge_said("outlook", 3) == 0
    assert [said.id for said in store.said_after(0)] == [3]


def test_what_was_said_for_one_table_can_be_asked_for(store: HotStore) -> None:
    store.say("hold", [hold()])
    assert len(store.said_after(0, table="hold")) == 1
    assert store.said_after(0, table="outlook") == []


def test_skip_said_to_makes_numbers_start_above_and_leaves_records_alone(store: HotStore) -> None:
    store.skip_said_to(10)
    assert store.say("hold", [hold()]) == 11
    assert store.last_id() == 0


def test_many_rows_are_stored_in_parts(store: HotStore) -> None:
    store.say("hold", [hold(hold_id=str(n)) for n in range(ROWS_TOGETHER + 1)])
    assert [len(said.rows) for said in store.said_after(0)] == [ROWS_TOGETHER, 1]


def test_to_say_is_part_of_the_transaction_around_it(store: HotStore) -> None:
    with pytest.raises(RuntimeError), store.transaction():  # noqa: PT012  both must be within
        store.say("hold", [hold()])
        raise RuntimeError
    assert store.said_after(0) == []
    with store.transaction():
        store.say("hold", [hold()])
    assert len(store.said_after(0)) == 1


@pytest.mark.parametrize(
    ("table", "row", "message"),
    [
        ("server_sample", {}, "'server_sample' are not what we say"),
        ("hold", hold(colour="red"), "expected no colour"),
        ("hold", hold(server=None), "expected server too"),
    ],
)
def test_rows_that_no_table_takes_are_refused_at_once(
    store: HotStore, table: str, row: dict[str, object], message: str
) -> None:
    with pytest.raises(HotStoreError, match=message):
        store.say(table, [row])
    assert store.said_after(0) == []


def test_nothing_can_be_said_where_there_is_no_store(tmp_path: Path) -> None:
    nowhere = HotStore.open(tmp_path / "hot.sqlite")
    with pytest.raises(HotStoreError, match="does not exist"):
        nowhere.say("hold", [hold()])
    assert nowhere.said_after(0) == []


def test_a_file_from_before_is_read_and_gets_the_table_when_something_is_said(
    store: HotStore,
) -> None:
    with store.transaction() as connection:
        connection.execute("DROP TABLE said")
    reader = HotStore.open(store.path)
    assert (reader.said_after(0), reader.last_said_id(), reader.purge_said("hold", 5)) == ([], 0, 0)
    reader.say("hold", [hold()])
    assert len(store.said_after(0)) == 1


def test_a_damaged_entry_is_an_error_that_names_it(store: HotStore) -> None:
    store.say("hold", [hold()])
    with sqlite3.connect(store.path) as connection:
        connection.execute("UPDATE said SET body = x'00'")
    connection.close()
    with pytest.raises(HotStoreError, match=r"said as number 1 .* is damaged"):
        store.said_after(0)
