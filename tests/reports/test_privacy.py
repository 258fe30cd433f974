"""What one audience may see: pure functions over rows, and the key of the pseudonyms."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from scms.errors import ReportError, SettingsError
from scms.reports.keys import FILE_NAME, pseudonym_key
from scms.reports.privacy import Veil
from scms.settings import PrivacySettings

if TYPE_CHECKING:
    from pathlib import Path

HASHED = Veil("hashed", b"k" * 32)
ROWS = pd.DataFrame(
    {
        "server": ["atlas", "borg"],
        "user": ["ann", None],
        "users": ["ann, bob", None],
        "command": ["python", "sh"],
        "purpose": ["ann's thesis", None],
        "gpu_hours_used": [1.5, 2.0],
    }
)


def test_a_user_is_the_same_pseudonym_everywhere() -> None:
    assert HASHED.pseudonym("ann") == Veil("hashed", b"k" * 32).pseudonym("ann")
    assert HASHED.pseudonym("ann") != HASHED.pseudonym("bob")


def test_another_key_gives_other_pseudonyms() -> None:
    assert HASHED.pseudonym("ann") != Veil("hashed", b"l" * 32).pseudonym("ann")


def test_hashed_rows_have_no_name_and_unknown_stays_unknown() -> None:
    rows = HASHED.frame(ROWS)
    assert rows["user"].tolist()[0] == HASHED.pseudonym("ann")
    assert rows["user"].isna().tolist() == [False, True]
    assert rows["users"][0] == f"{HASHED.pseudonym('ann')}, {HASHED.pseudonym('bob')}"
    assert "ann" not in rows.to_csv()
    assert list(rows["gpu_hours_used"]) == [1.5, 2.0]


@pytest.mark.parametrize("names", ["shown", "hashed", "totals"])
def test_commands_are_left_out_unless_asked_for(names: Any) -> None:
    assert "command" not in Veil(names, b"k").frame(ROWS).columns
    assert "command" in Veil(names, b"k", commands=True).frame(ROWS).columns


def test_what_people_typed_is_shown_with_names_only() -> None:
    assert "purpose" in Veil().frame(ROWS).columns
    assert "purpose" not in HASHED.frame(ROWS).columns


def test_totals_have_no_row_and_no_column_of_users() -> None:
    by_user = ROWS[["user", "gpu_hours_used"]]
    tables = Veil("totals", b"k").tables({"user": by_user, "server": ROWS})
    assert tables["user"].empty
    assert list(tables["user"].columns) == ["user", "gpu_hours_used"]
    assert {"user", "users"}.isdisjoint(tables["server"].columns)
    assert len(tables["server"]) == 2


def test_members_of_groups_have_the_names_of_the_rows() -> None:
    assert HASHED.groups({"vision": ["ann"]}) == {"vision": (HASHED.pseudonym("ann"),)}
    assert Veil().groups({"vision": ["ann"]}) == {"vision": ("ann",)}


def test_an_aliased_list_stays_a_list() -> None:
    assert HASHED.alias(["ann", "bob"]) == [HASHED.pseudonym("ann"), HASHED.pseudonym("bob")]


def test_a_key_is_made_once_and_is_nobody_elses_to_read(tmp_path: Path) -> None:
    key = pseudonym_key(tmp_path / "data")
    assert len(key) == 32
    assert pseudonym_key(tmp_path / "data") == key
    mode = (tmp_path / "data" / FILE_NAME).stat().st_mode
    assert stat.S_IMODE(mode) == 0o600
    assert [path.name for path in (tmp_path / "data").iterdir()] == [FILE_NAME]


def test_a_broken_key_is_an_error_and_not_a_new_key(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"short")
    with pytest.raises(ReportError, match="is no key"):
        pseudonym_key(tmp_path)


@pytest.mark.parametrize(
    ("given", "audience", "names"),
    [
        ({}, None, "shown"),
        ({}, "public", "totals"),
        ({"hashed": ["board"]}, "board", "hashed"),
        ({"hashed": ["lab"]}, "lab", "hashed"),
        ({"hashed": ["lab"], "totals": ["lab"]}, None, "totals"),
        ({"audience": "public"}, None, "totals"),
    ],
)
def test_settings_say_what_an_audience_sees(
    given: dict[str, Any], audience: str | None, names: str
) -> None:
    assert PrivacySettings(**given).names_for(audience) == names


def test_an_audience_that_nobody_named_is_an_error() -> None:
    with pytest.raises(SettingsError, match="no audience is called 'pubic'; expected one of lab"):
        PrivacySettings().names_for("pubic")
