"""The header of a view is read, and what a query needs is found, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scms.errors import QueryError
from scms.warehouse.sqlfiles import ViewColumn, needed, parse_view, read_views, words

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """\
-- Use of a thing: per day,
-- and more.
-- parameters: period_start, period_end
-- grain: one row per thing
-- columns:
--   thing   name   what it is
--   hours   hours  how long: in all
SELECT thing, hours -- a comment
FROM other;
"""


def test_a_header_is_read() -> None:
    view = parse_view("things", TEXT)
    assert view.doc == "Use of a thing: per day, and more."
    assert view.grain == "one row per thing"
    assert view.parameters == ("period_start", "period_end")
    assert view.columns == (
        ViewColumn("thing", "name", "what it is"),
        ViewColumn("hours", "hours", "how long: in all"),
    )
    assert view.select.endswith("FROM other")


def test_a_column_without_meaning_is_refused() -> None:
    with pytest.raises(QueryError, match=r"v\.sql: the header has the line 'thing name'"):
        parse_view("v", "-- columns:\n-- thing name\nSELECT 1")


def test_names_in_texts_and_comments_do_not_count() -> None:
    sql = "SELECT 'it''s -- in a text', \"Quoted\" FROM a -- c\n, b /* d\n */ WHERE x = '--'"
    assert words(sql) == {"select", "quoted", "from", "a", "b", "where", "x"}


def test_views_come_after_those_they_are_made_of() -> None:
    views = {
        name: parse_view(name, f"SELECT * FROM {below}")
        for name, below in {"top": "middle, base", "middle": "low", "low": "base"}.items()
    }
    ordered, bases = needed("SELECT * FROM top", views, {"base", "unused"})
    assert [view.name for view in ordered] == ["low", "middle", "top"]
    assert bases == {"base"}


def test_a_circle_ends() -> None:
    views = {name: parse_view(name, "SELECT * FROM a, b") for name in ("a", "b")}
    assert {view.name for view in needed("FROM a", views, ())[0]} == {"a", "b"}


def test_every_view_of_ours_says_what_a_row_is(repository: Path) -> None:
    views = read_views(repository / "warehouse" / "views").values()
    assert [view.name for view in views if not view.grain] == []
