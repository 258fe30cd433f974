"""Holds: short, soft claims on devices, so that two people are not sent to the same one.

In: the hot store, where they live, and the settings. A hold ends by its time or by release; nothing
needs to run for that. While its user uses the device, whoever tends the holds renews it. Taking one
is a single write transaction, so of two processes that want the same device only one gets it. All
changes go to the table ``hold`` of what was said, in the same transaction.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from scms.errors import HoldError
from scms.recommend.held import cannot_release, check, described, is_part, milliseconds_of, row_of
from scms.recommend.said import hold_rows

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from scms.hot import HotStore
    from scms.settings import HoldSettings

Row = dict[str, Any]

_COLUMNS: Final = "hold_id, server, device, user, purpose, created_at_ms, expires_at_ms"
_INSERT: Final = f"INSERT INTO hold ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
_ACTIVE: Final = "released_at_ms IS NULL AND expires_at_ms > ?"


def _new_id() -> str:
    return secrets.token_hex(4)


class Holds:
    """The holds of a cluster.

    Args:
        hot: The hot store, which a collector has made.
        settings: How long a hold lasts and how many devices one user may hold.
        new_id: Makes the ids; eight hexadecimal digits by default.

    A row of a hold has ``hold_id, server, device`` (UUID), ``user, purpose, created_at,
    expires_at`` (aware, UTC); there is one per device, and those taken together share the part of
    the id before the dot.
    """

    def __init__(
        self, hot: HotStore, settings: HoldSettings, *, new_id: Callable[[], str] = _new_id
    ) -> None:
        self._hot = hot
        self._settings = settings
        self._new_id = new_id

    def take(
        self,
        server: str,
        devices: Sequence[str],
        *,
        user: str,
        now: datetime,
        purpose: str | None = None,
        seconds: float | None = None,
        recommendation_id: str | None = None,
    ) -> list[Row]:
        """Hold devices of one server: all of them, or none; see `take_all`."""
        return self.take_all(
            {server: devices},
            user=user,
            now=now,
            purpose=purpose,
            seconds=seconds,
            recommendation_id=recommendation_id,
        )

    def take_all(
        self,
        places: Mapping[str, Sequence[str]],
        *,
        user: str,
        now: datetime,
        purpose: str | None = None,
        seconds: float | None = None,
        recommendation_id: str | None = None,
    ) -> list[Row]:
        """Hold devices of some servers: all of them, or none.

        A device that ``user`` already holds is held anew, from now on.

        Args:
            places: UUIDs, by the server that they are on.
            user: For whom.
            now: The present, aware.
            purpose: Shown to others.
            seconds: How long; by default as the settings say.
            recommendation_id: The answer that recommended them, if any: kept, to be scored.

        Returns:
            The rows of the new holds.

        Raises:
            HoldError: Another user holds one of them (it says who and until when), the user
                would hold more devices than the settings allow, or an argument cannot be used.
            HotStoreError: The hot store cannot be written.
        """
        duration = self._settings.duration if seconds is None else seconds
        check(places, user, purpose, duration)
        start = milliseconds_of(now)
        end = start + round(duration * 1000)
        wanted = [(server, one) for server, own in places.items() for one in dict.fromkeys(own)]
        with self._hot.transaction() as connection:
            held = _active(connection, now)
            self._refuse(held, wanted, user, now)
            connection.executemany(
                "UPDATE hold SET released_at_ms = ? WHERE hold_id = ?",
                [
                    (start, row["hold_id"])
                    for row in held
                    if (row["server"], row["device"]) in wanted
                ],
            )
            base = self._new_id()
            ids = [base] if len(wanted) == 1 else [f"{base}.{n + 1}" for n in range(len(wanted))]
            rows = [
                (hold_id, server, device, user, purpose, start, end)
                for hold_id, (server, device) in zip(ids, wanted, strict=True)
            ]
            connection.executemany(_INSERT, rows)
            taken = [row_of(row) for row in rows]
            said = hold_rows(taken, "taken", now, recommendation_id=recommendation_id)
            self._hot.say("hold", said)
        return taken

    def release(
        self,
        hold_id: str | None = None,
        *,
        server: str | None = None,
        user: str | None = None,
        now: datetime,
    ) -> int:
        """Give holds back.

        Args:
            hold_id: One hold, or the common part of those taken together.
            server: Only those on this server.
            user: Only those of this user.
            now: The present, aware.

        Returns:
            How many active holds were released.

        Raises:
            HoldError: Neither an id nor a user was given, or no active hold has this id (and
                is that user's).
            HotStoreError: The hot store cannot be written.
        """
        if hold_id is None and user is None:
            raise HoldError("neither a hold nor a user was named", expected="an id or a user")
        with self._hot.transaction() as connection:
            held = _active(connection, now)
            named = [row for row in held if hold_id is None or is_part(row["hold_id"], hold_id)]
            ours = [
                row
                for row in named
                if (user is None or row["user"] == user)
                and (server is None or row["server"] == server)
            ]
            if hold_id is not None and not ours:
                raise cannot_release(hold_id, named, now)
            connection.executemany(
                "UPDATE hold SET released_at_ms = ? WHERE hold_id = ?",
                [(milliseconds_of(now), row["hold_id"]) for row in ours],
            )
            if ours:
                self._hot.say("hold", hold_rows(ours, "released", now))
        return len(ours)

    def tend(self, used: Collection[tuple[str, str, str]], now: datetime) -> tuple[int, int]:
        """Renew the holds that are used, and write down those that ended by themselves.

        A hold is used while a process of its user is on its device. It is renewed when less than
        half of its time is left, so that it outlives a pause, and never for longer than a new one.

        Args:
            used: What runs now: server, device, user.
            now: The present, aware.

        Returns:
            How many were renewed, and how many expired.

        Raises:
            HotStoreError: The hot store cannot be written.
        """
        until = now + timedelta(seconds=self._settings.duration)
        renewed = [
            row | {"expires_at": until}
            for row in self.active(now)
            if (row["server"], row["device"], row["user"]) in used
            and row["expires_at"] - now < (until - now) / 2
        ]
        expired = self._unwritten(now)
        if not renewed and not expired:
            return 0, 0
        with self._hot.transaction() as connection:
            # Only where it still holds: somebody may have released it meanwhile.
            connection.executemany(
                "UPDATE hold SET expires_at_ms = ? WHERE hold_id = ? AND released_at_ms IS NULL",
                [(milliseconds_of(until), row["hold_id"]) for row in renewed],
            )
            connection.executemany(
                "UPDATE hold SET released_at_ms = expires_at_ms WHERE hold_id = ?",
                [(row["hold_id"],) for row in expired],
            )
            for action, rows in (("renewed", renewed), ("expired", expired)):
                if rows:
                    self._hot.say("hold", hold_rows(rows, action, now))
        return len(renewed), len(expired)

    def _unwritten(self, now: datetime) -> list[Row]:
        """The holds that are over by time and not yet marked so."""
        query = (
            f"SELECT {_COLUMNS} FROM hold "  # noqa: S608  constants only
            "WHERE released_at_ms IS NULL AND expires_at_ms <= ?"
        )
        return [row_of(row) for row in self._hot.query(query, (milliseconds_of(now),))]

    def active(self, now: datetime) -> list[Row]:
        """The holds that are neither released nor over, oldest first; none without a hot store."""
        query = f"SELECT {_COLUMNS} FROM hold WHERE {_ACTIVE} ORDER BY created_at_ms, hold_id"  # noqa: S608
        return [row_of(row) for row in self._hot.query(query, (milliseconds_of(now),))]

    def _refuse(
        self, held: Sequence[Row], wanted: Sequence[tuple[str, str]], user: str, now: datetime
    ) -> None:
        others = [
            row for row in held if (row["server"], row["device"]) in wanted and row["user"] != user
        ]
        if others:
            raise HoldError(
                described(others, now),
                expected="devices that nobody holds",
                mend="choose others, or wait",
            )
        mine = {(row["server"], row["device"]) for row in held if row["user"] == user}
        total = len(mine | set(wanted))
        limit = self._settings.max_devices_per_user
        if total > limit:
            raise HoldError(
                f"{user} would hold {total} devices",
                expected=f"at most {limit} (holds.max_devices_per_user)",
                mend="release some with: scms release",
            )


def _active(connection: sqlite3.Connection, now: datetime) -> list[Row]:
    query = f"SELECT {_COLUMNS} FROM hold WHERE {_ACTIVE}"  # noqa: S608  constants only
    return [row_of(row) for row in connection.execute(query, (milliseconds_of(now),))]
