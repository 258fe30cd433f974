"""The SQLite file of the hot store: its schema, and a connection to it."""

from __future__ import annotations

import sqlite3
import uuid
from typing import TYPE_CHECKING, Final

from scms.errors import HotStoreError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

#: The name of the file in the data directory.
FILE_NAME: Final = "hot.sqlite"
#: 2 has rows by columns, 3 by numbers and texts; both are otherwise what 1 was, and records of all
#: three are read: a writer takes such a file over.
SCHEMA_VERSION: Final = 3
_BUSY_SECONDS: Final = 10.0
#: Few sizes, so that few statements are prepared and kept; older SQLite takes 999 values in one.
_ROWS_PER_STATEMENT: Final = (100, 10, 1)
_SCHEMA: Final = """
CREATE TABLE record (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    server TEXT NOT NULL,
    received_at_ms INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX record_received ON record (received_at_ms);
CREATE TABLE newest (
    server TEXT NOT NULL,
    part TEXT NOT NULL,
    record_id INTEGER NOT NULL,
    PRIMARY KEY (server, part)
) WITHOUT ROWID;
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE hold (
    hold_id TEXT PRIMARY KEY,
    server TEXT NOT NULL,
    device TEXT NOT NULL,
    user TEXT NOT NULL,
    purpose TEXT,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    released_at_ms INTEGER
);
CREATE INDEX hold_device ON hold (device, expires_at_ms);
"""
#: Made where it is missing, so that files from before it was there need no new version.
SAID_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS said (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    body BLOB NOT NULL
)
"""


def connect(path: Path, *, create: bool) -> sqlite3.Connection | None:
    """A connection with the schema in place; None while the writer is still making it."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}",
        uri=True,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        ready = _prepared(connection, path, create=create)
    except BaseException:
        connection.close()
        raise
    if not ready:
        connection.close()
        return None
    return connection


def _prepared(connection: sqlite3.Connection, path: Path, *, create: bool) -> bool:
    """Set the connection up and make or check the schema; False while a writer is at it."""
    connection.execute("PRAGMA synchronous = FULL")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0 and create:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        _make_schema(connection)
        version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise HotStoreError(
            f"{path} was written by a newer SCMS (schema {version})",
            expected=f"schema {SCHEMA_VERSION}",
            mend="upgrade this SCMS",
        )
    if create and version < SCHEMA_VERSION:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    return bool(version)


def _make_schema(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    if connection.execute("PRAGMA user_version").fetchone()[0] == 0:  # else another was faster
        for statement in filter(str.strip, _SCHEMA.split(";")):
            connection.execute(statement)
        connection.execute(SAID_SCHEMA)
        connection.execute("INSERT INTO meta VALUES ('identity', ?)", (uuid.uuid4().hex[:12],))
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")


def insert_all(
    connection: sqlite3.Connection, statement: str, rows: Sequence[tuple[object, ...]]
) -> None:
    """Insert rows, many with one statement: each waits for its turn among all threads.

    Args:
        connection: In a transaction.
        statement: Up to and with ``VALUES``.
        rows: All of the same width.
    """
    if not rows:
        return
    marks = f"({', '.join('?' * len(rows[0]))})"
    start = 0
    for size in _ROWS_PER_STATEMENT:
        text = f"{statement} {', '.join([marks] * size)}"  # marks, no values
        while len(rows) - start >= size:
            values = [value for row in rows[start : start + size] for value in row]
            connection.execute(text, values)
            start += size


def inode(path: Path) -> int | None:
    """What tells one file from another put in its place; None where there is none."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None
