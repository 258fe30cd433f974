"""One SQLite file, shared by threads and processes: a connection, queries and transactions."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from scms.errors import HotStoreError
from scms.hot.file import connect, inode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


class Database:
    """The file of a hot store, which may be made, or put in the place of another, at any time.

    Args:
        path: Where it is.
        create: Make it where it is missing; a reader sees nothing until there is one.

    Raises:
        HotStoreError: In every method: the file cannot be read or written.
    """

    def __init__(self, path: Path, *, create: bool) -> None:
        self.path = path
        self._create = create
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._inode: int | None = None

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query; none while there is no file."""
        with self._lock, self._wrapped("read"):
            connection = self._connected()
            return [] if connection is None else connection.execute(sql, parameters).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One write transaction (``BEGIN IMMEDIATE``): all of it happens, or nothing.

        Within another of the same thread it is a part of that one.
        """
        with self._lock, self._wrapped("written"):
            connection = self._connected()
            if connection is None:
                raise HotStoreError(
                    f"{self.path} does not exist",
                    expected="the hot store of a collector",
                    mend="start one with: scms up",
                )
            if connection.in_transaction:  # ours: others wait for the lock
                yield connection
                return
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                if connection.in_transaction:  # SQLite ends it by itself when the disk is full
                    connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def close(self) -> None:
        """Let go of the file; the next call opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def __del__(self) -> None:
        self.close()

    def _connected(self) -> sqlite3.Connection | None:
        """The connection, to the file that is there now; None while there is none to read."""
        there = inode(self.path)
        if self._connection is not None and there == self._inode:
            return self._connection
        self.close()
        if there is None and not self._create:
            return None
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = connect(self.path, create=self._create)
        self._inode = inode(self.path)
        return self._connection

    @contextmanager
    def _wrapped(self, done: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise HotStoreError(
                f"{self.path} cannot be {done}: {error}",
                expected="a hot store of SCMS on a local disk with space left",
                mend="if it is damaged, stop the collector and move it away",
            ) from error
