"""The hot store itself: append, read, purge, and remarks beside the records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

from scms.hot.codec import (
    StoredRecord,
    StoredTables,
    decode,
    decode_tables,
    encode,
    parts_of,
)
from scms.hot.database import Database
from scms.hot.file import SAID_SCHEMA, insert_all
from scms.hot.said import Said, insert
from scms.hot.said import decode as decode_said

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from scms.collect.record import Record

#: Of 4 KiB: after a week without a warehouse the file shrinks over some purges, not in one.
_PAGES_FREED: Final = 50_000
#: So many come together only where the writer does not keep up: while a thousand sessions open.
_HURRIED_RECORDS: Final = 300
_LAST_ID: Final = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'record'), 0)"


class HotStore(Database):
    """One hot store, by the path of its file.

    Safe to use from several threads and processes. A reader of a file that does not exist yet
    sees nothing, and sees the records once there are some.

    Raises:
        HotStoreError: In every method: the file cannot be read or written.
    """

    def __init__(self, path: Path, *, create: bool) -> None:
        super().__init__(path, create=create)
        self._newest: dict[tuple[int, bytes], StoredRecord] = {}

    @classmethod
    def create(cls, path: Path) -> Self:
        """The store for a writer: the file is made where there is none."""
        store = cls(path, create=True)
        with store._lock, store._wrapped("opened"):
            store._connected()
        return store

    @classmethod
    def open(cls, path: Path) -> Self:
        """The store for a reader: nothing is touched until something is asked."""
        return cls(path, create=False)

    def append(self, records: Sequence[Record]) -> int:
        """Write records in one transaction, on disk when this returns.

        Returns:
            The number of the last one.
        """
        hurried = len(records) >= _HURRIED_RECORDS
        bodies = [encode(record, hurried=hurried) for record in records]
        with self.transaction() as connection:
            last = connection.execute(_LAST_ID).fetchone()[0]
            numbered = list(zip(range(last + 1, last + 1 + len(bodies)), records, strict=True))
            rows = [
                (n, record.server, record.received_at_ms, body)
                for (n, record), body in zip(numbered, bodies, strict=True)
            ]
            insert_all(connection, "INSERT INTO record VALUES", rows)
            newest = {(r.server, part): n for n, r in numbered for part in parts_of(r)}
            insert_all(
                connection,
                "INSERT OR REPLACE INTO newest VALUES",
                [(server, part, n) for (server, part), n in newest.items()],
            )
        return self.last_id()

    def after(self, record_id: int, limit: int = -1) -> list[StoredRecord]:
        """The records with a greater number, in order; at most ``limit`` of them."""
        return self._records(
            "SELECT id, body FROM record WHERE id > ? ORDER BY id LIMIT ?", (record_id, limit)
        )

    def tables_after(
        self, record_id: int, limit: int = -1, *, upto: int | None = None
    ) -> StoredTables:
        """The rows of the records with a greater number as they are stored, for many at once.

        Args:
            record_id: The number.
            limit: At most so many records.
            upto: None with a greater number than this.
        """
        rows = self.query(
            "SELECT id, body FROM record WHERE id > ? AND id <= coalesce(?, id) "
            "ORDER BY id LIMIT ?",
            (record_id, upto, limit),
        )
        return decode_tables([(row[0], row[1]) for row in rows])

    def since(
        self, received_at_ms: int, *, every_ms: int | None = None, server: str | None = None
    ) -> list[StoredRecord]:
        """The records received at that moment or later, in order.

        Args:
            received_at_ms: The moment.
            every_ms: Only the last record of each server in each stretch of so many milliseconds.
            server: Only those of this server.
        """
        if every_ms is None:
            return self._records(
                "SELECT id, body FROM record "
                "WHERE received_at_ms >= ? AND server = coalesce(?, server) ORDER BY id",
                (received_at_ms, server),
            )
        return self._records(
            "SELECT id, body FROM record WHERE id IN (SELECT max(id) FROM record "
            "WHERE received_at_ms >= ? AND server = coalesce(?, server) "
            "GROUP BY server, received_at_ms / ?) ORDER BY id",
            (received_at_ms, server, every_ms),
        )

    def latest(self, *, server: str | None = None) -> list[StoredRecord]:
        """The newest record of every server, or of one."""
        return self.latest_with("", server=server)

    def latest_with(self, part: str, *, server: str | None = None) -> list[StoredRecord]:
        """The newest record of every server, or of one, that has rows of a table.

        Args:
            part: The name of a table, or `PROCESS_SCAN` for the newest scan of all processes.
            server: Only that of this server.
        """
        return self._records(
            "SELECT r.id, r.body FROM newest n JOIN record r ON r.id = n.record_id "
            "WHERE n.part = ? AND n.server = coalesce(?, n.server) ORDER BY n.server",
            (part, server),
        )

    def newest(self, *parts: str, server: str | None = None) -> list[list[StoredRecord]]:
        """For each part what `latest_with` finds; a record that is of several is read once.

        What was read of all servers is kept, and a record that is still the newest at the next
        time is not read again: whoever asks more often than servers are read pays for what is new.
        """
        rows = self.query(
            "SELECT n.part, r.id, r.body FROM newest n JOIN record r ON r.id = n.record_id "  # noqa: S608  only question marks
            f"WHERE n.part IN ({', '.join('?' * len(parts))}) "
            "AND n.server = coalesce(?, n.server) ORDER BY n.server",
            (*parts, server),
        )
        bodies = {number: body for _, number, body in rows}
        kept = self._newest
        # By their bytes: a file that was replaced begins its numbers anew.
        decoded = {key: kept[key] if key in kept else decode(*key) for key in bodies.items()}
        if server is None:
            self._newest = decoded
        return [[decoded[row[1], row[2]] for row in rows if row[0] == part] for part in parts]

    def purge(self, committed_id: int, older_than_ms: int) -> int:
        """Remove records up to a number that were received before a moment.

        The newest of each server stay, however old they are.

        Returns:
            How many were removed.
        """
        with self.transaction() as connection:
            removed = connection.execute(
                "DELETE FROM record WHERE id <= ? AND received_at_ms < ? "
                "AND id NOT IN (SELECT record_id FROM newest)",
                (committed_id, older_than_ms),
            ).rowcount
        if removed:
            self._shrink()
        return removed

    def _shrink(self) -> None:
        """Give pages that are empty back to the file system, so many that it takes no time."""
        with self._lock, self._wrapped("written"):
            connection = self._connected()
            if connection is not None:  # execute() would free a single page
                connection.executescript(f"PRAGMA incremental_vacuum({_PAGES_FREED})")

    def last_id(self) -> int:
        """The number of the last record ever written; 0 when there was none."""
        return self._last("record")

    def skip_to(self, record_id: int) -> None:
        """Give the next record a greater number than this one."""
        self._skip("record", record_id)

    def say(self, table: str, rows: Sequence[dict[str, object]]) -> int:
        """Write rows of what we say, on disk when this returns.

        The collector moves them to the warehouse, and views show them from now on. Within
        `transaction` they are a part of that one.

        Args:
            table: One of `scms.tables.SAID`.
            rows: By column, timestamps in epoch milliseconds; what is not given is None.

        Returns:
            The number of the last that was said.

        Raises:
            HotStoreError: There is no hot store to write to, or a row is not one of that table.
        """
        with self.transaction() as connection:
            connection.execute(SAID_SCHEMA)
            insert(connection, table, rows)
        return self.last_said_id()

    def said_after(self, said_id: int, limit: int = -1, *, table: str | None = None) -> list[Said]:
        """What was said under greater numbers, in order; at most ``limit`` of it, of one table."""
        if not self._says():
            return []
        rows = self.query(
            "SELECT id, name, body FROM said "
            "WHERE id > ? AND name = coalesce(?, name) ORDER BY id LIMIT ?",
            (said_id, table, limit),
        )
        return [decode_said((row[0], row[1], row[2])) for row in rows]

    def last_said_id(self) -> int:
        """The number of the last that was ever said; 0 when nothing was."""
        return self._last("said")

    def skip_said_to(self, said_id: int) -> None:
        """Give what is said next a greater number than this one."""
        with self.transaction() as connection:
            connection.execute(SAID_SCHEMA)
            self._skip("said", said_id)

    def purge_said(self, table: str, committed_id: int) -> int:
        """Remove what was said for a table up to a number; how many entries that were."""
        if not self._says():
            return 0
        sql = "DELETE FROM said WHERE name = ? AND id <= ?"
        with self.transaction() as connection:
            return connection.execute(sql, (table, committed_id)).rowcount

    @property
    def identity(self) -> str | None:
        """What tells this store from one made anew in its place; None while there is no file."""
        return self.meta("identity")

    def meta(self, key: str) -> str | None:
        """A remark that was kept, or None."""
        rows = self.query("SELECT value FROM meta WHERE key = ?", (key,))
        return str(rows[0][0]) if rows else None

    def set_meta(self, key: str, value: str | None) -> None:
        """Keep a remark; None removes it."""
        with self.transaction() as connection:
            if value is None:
                connection.execute("DELETE FROM meta WHERE key = ?", (key,))
            else:
                connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def _says(self) -> bool:
        """Whether the table is there: files made before it get it when something is said."""
        return bool(self.query("SELECT 1 FROM sqlite_master WHERE name = 'said'"))

    def _last(self, table: str) -> int:
        rows = self.query("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,))
        return int(rows[0][0]) if rows else 0

    def _skip(self, table: str, number: int) -> None:
        with self.transaction() as connection:
            connection.execute(
                "DELETE FROM sqlite_sequence WHERE name = ? AND seq < ?", (table, number)
            )
            connection.execute(
                "INSERT INTO sqlite_sequence SELECT ?, ? "
                "WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = ?)",
                (table, number, table),
            )

    def _records(self, sql: str, parameters: Sequence[object]) -> list[StoredRecord]:
        return [decode(row[0], row[1]) for row in self.query(sql, parameters)]
