"""Who may see which names: a report's queries and tables in, the same without what is private out.

Names are hidden where they come in, at the query, so that no table, picture or sentence that is
made later can bring them back. Everything here is pure; the key is read and made in `keys`.

``shown``: names as they are. ``hashed``: a keyed hash, so that one user is one pseudonym in every
report of a lab, and cannot be found by hashing a list of names without the key. ``totals``: nothing
by user at all. What people typed or ran (commands, purposes) is left out unless names are shown,
and commands unless they are asked for besides.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import pandas as pd

    from scms.reports.sums import Query
    from scms.settings import Names

#: Columns that hold login names: one, or several with commas between them.
PEOPLE: Final = frozenset({"user", "users", "holder", "owner", "held_by"})
#: Columns that hold what people typed, or sentences that may name them.
FREE_TEXT: Final = frozenset({"purpose", "detail", "state_reason", "request"})
_COMMANDS: Final = frozenset({"command"})


@dataclass(frozen=True, slots=True)
class Veil:
    """What one audience may see.

    Attributes:
        names: What of names is shown.
        key: Of the hash; the same key gives the same pseudonyms.
        commands: Whether program names are shown.
    """

    names: Names = "shown"
    key: bytes = b""
    commands: bool = False

    def query(self, query: Query) -> Query:
        """The same queries, with names hidden in what they return."""

        def hidden(
            sql: str,
            params: Mapping[str, Any] | None = None,
            *,
            start: datetime | None = None,
            end: datetime | None = None,
        ) -> pd.DataFrame:
            return self.frame(query(sql, params, start=start, end=end))

        return hidden

    def frame(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Rows with names hashed, and without the columns that are not to be seen."""
        left_out = set() if self.commands else set(_COMMANDS)
        if self.names != "shown":
            left_out |= FREE_TEXT
        hidden = frame.drop(columns=[name for name in frame.columns if name in left_out])
        if self.names == "shown":
            return hidden
        people = {name: hidden[name].map(self.alias) for name in PEOPLE & set(hidden.columns)}
        return hidden.assign(**people)

    def tables(self, tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
        """Tables of a report; where only totals are seen, no row and no cell is about one user."""
        if self.names != "totals":
            return dict(tables)
        return {name: _without_people(frame) for name, frame in tables.items()}

    def groups(self, groups: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
        """Who belongs to which group, in the names that the rows have."""
        if self.names == "shown":
            return {group: tuple(people) for group, people in groups.items()}
        return {group: tuple(map(self.pseudonym, people)) for group, people in groups.items()}

    def alias(self, value: Any) -> Any:
        """A cell with one name or several; unknown stays unknown."""
        if isinstance(value, str):
            names = [name.strip() for name in value.split(",")]
            return ", ".join(self.pseudonym(name) for name in names if name)
        if isinstance(value, (list, tuple)):
            return [self.pseudonym(str(name)) for name in value]
        return value

    def pseudonym(self, name: str) -> str:
        """A name as others see it: ``user-`` and 8 signs of a keyed BLAKE2b hash (40 bits)."""
        digest = hashlib.blake2b(name.encode("utf-8", "replace"), key=self.key, digest_size=5)
        return f"user-{base64.b32encode(digest.digest()).decode().lower()}"


#: Names as they are, without commands.
SHOWN: Final = Veil()


def _without_people(frame: pd.DataFrame) -> pd.DataFrame:
    """No rows where a row is one user; otherwise every cell that names one empty."""
    if len(frame.columns) and frame.columns[0] in PEOPLE:
        return frame.iloc[:0]
    kept = [name for name in frame.columns if name not in PEOPLE]
    return frame[kept]
