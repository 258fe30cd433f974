"""Holds as rows of the hot store and in words, and what cannot be held.

In: rows, names and times. Out: the same as `scms.recommend.holds` gives them, and its errors.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from scms.errors import HoldError
from scms.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Row = dict[str, Any]

#: The longest a hold may be asked to last: longer ones belong to the job itself.
MAXIMUM_SECONDS: Final = 86400.0


def row_of(row: tuple[Any, ...]) -> Row:
    """A row of the table as those who use holds know it."""
    *texts, created, expires = row
    named = dict(zip(("hold_id", "server", "device", "user", "purpose"), texts, strict=True))
    return named | {"created_at": _moment(created), "expires_at": _moment(expires)}


def is_part(hold_id: str, name: str) -> bool:
    """Whether a hold is this one, or one of those taken together under this id."""
    return hold_id == name or hold_id.startswith(f"{name}.")


def described(rows: Sequence[Row], now: datetime) -> str:
    """Who holds what until when, in the time zone of ``now``."""
    by_server: dict[str, list[str]] = {}
    for row in rows:
        by_server.setdefault(row["server"], []).append(
            f"{row['device']} is held by {row['user']} until "
            f"{row['expires_at'].astimezone(now.tzinfo):%H:%M} "
            f"({format_duration((row['expires_at'] - now).total_seconds())} more)"
        )
    return "; ".join(f"on {server}, {', '.join(parts)}" for server, parts in by_server.items())


def cannot_release(hold_id: str, named: Sequence[Row], now: datetime) -> HoldError:
    """Why a hold is not given back: it is somebody else's, or there is none of this id."""
    if named:
        return HoldError(
            f"{hold_id}: {described(named, now)}",
            expected="a hold of yours",
            mend="ask its user to release it, or wait",
        )
    return HoldError(f"no active hold is called {hold_id!r}", mend="see them with: scms holds")


def check(places: Mapping[str, Any], user: str, purpose: str | None, seconds: float) -> None:
    """Refuse what cannot be held."""
    if not places:
        raise HoldError("no server is named", expected="devices of at least one")
    for server, devices in places.items():
        if isinstance(devices, str) or not devices or not all(devices):
            raise HoldError(f"devices is {devices!r}", expected="a list of at least one UUID")
        if not server or not user or not f"{user}{purpose}".isprintable():  # others will read it
            got = f"server is {server!r}, user is {user!r} and purpose is {purpose!r}"
            raise HoldError(got, expected="names, in characters that can be seen")
    if not 0 < seconds <= MAXIMUM_SECONDS:
        raise HoldError(
            f"a hold of {seconds} s was asked for", expected="more than 0 s, at most a day"
        )


def milliseconds_of(moment: datetime) -> int:
    """Epoch milliseconds, as the table has times."""
    if moment.tzinfo is None:
        raise HoldError(
            f"now is {moment.isoformat()} without a time zone", expected="an aware datetime"
        )
    return round(moment.timestamp() * 1000)


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(0, tz=UTC) + timedelta(milliseconds=milliseconds)
