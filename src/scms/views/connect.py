"""A distributed engine that speaks Spark Connect: Apache Spark 4, or Sail.

Input: its address, statements of Spark's SQL, and the tables they name. Output: Arrow tables. The
engine reads the very files of the warehouse; nothing is copied. The only home of pyspark.
"""

from __future__ import annotations

import re
import socket
import sys
import threading
import warnings
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from scms.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

    from scms.warehouse.read import TableState

_SCHEME: Final = "sc"
_ZONE: Final = "spark.sql.session.timeZone"
#: What went wrong, in the errors of gRPC.
_DETAILS: Final = re.compile(r'details = "(.*?)"')
_PORT: Final = 15002
#: How long a server may take to accept a connection, and how often a request is tried again.
_CONNECT_SECONDS: Final = 5.0
_TRIES: Final = 4


class Engine:
    """One engine; a session of it begins with the first statement.

    Args:
        url: ``sc://host:port``, with what Spark Connect takes after it, such as
            ``/;use_ssl=true;token=…``.
        timezone: In which the engine takes days and hours.

    Raises:
        QueryError: The address has another form.
    """

    def __init__(self, url: str, *, timezone: str) -> None:
        self.url = url
        self._host, self._port = _address(url)
        self._timezone = timezone
        self._session: SparkSession | None = None
        self._lock = threading.Lock()

    def table(self, state: TableState) -> DataFrame:
        """A table in the version of a state, which has files.

        The catalog says which metadata file is the table's; the engine is told it, and the
        snapshot, and never looks for the newest by itself: a commit that lost a race leaves a
        metadata file that is none. ``load`` with the path of the file is what Iceberg for Spark
        takes; Sail takes it from the options.
        """
        assert state.iceberg is not None
        location = state.iceberg.metadata_location
        options = {
            "table_type": "ICEBERG",
            "metadata_location": location,
            "snapshot-id": str(state.snapshot_id),
        }
        with self._asked() as session:
            return session.read.format("iceberg").options(**options).load(location)

    def columns(self, frame: DataFrame) -> tuple[str, ...]:
        """The columns that the engine finds in a table."""
        with self._asked():
            return tuple(frame.columns)

    def rows(self, table: pa.Table) -> DataFrame:
        """A few rows of our own."""
        with self._asked() as session:
            return session.createDataFrame(table)

    def ask(self, statement: str, tables: Mapping[str, DataFrame]) -> pa.Table:
        """The answer to a statement.

        Args:
            statement: Spark's SQL.
            tables: What the names in it stand for, all of which are quoted there.

        Raises:
            QueryError: The engine refuses it, or cannot be reached.
        """
        named = statement
        if tables:
            named = re.sub(
                r"`(\w+)`",
                lambda found: "`{" + found[1] + "}`" if found[1] in tables else found[0],
                statement.replace("{", "{{").replace("}", "}}"),
            )
        with self._asked() as session:
            # Again each time: a server that was started anew takes the session for a new one.
            session.conf.set(_ZONE, self._timezone)
            return session.sql(named, None, **tables).toArrow()

    def close(self) -> None:
        """End the session."""
        with self._lock:
            if self._session is not None:
                self._session.stop()
                self._session = None

    @contextmanager
    def _asked(self) -> Iterator[SparkSession]:
        """The session, and its errors as ours; one that was lost is made anew the next time."""
        errors = _pyspark().errors
        try:
            yield self._opened()
        except (errors.AnalysisException, errors.ParseException) as error:
            raise self._refused(error) from error
        except errors.PySparkException as error:
            self._session = None
            raise self._refused(error) from error

    def _opened(self) -> SparkSession:
        self._knock()
        with self._lock:
            if self._session is None:
                self._session = _session(self.url)
            return self._session

    def _knock(self) -> None:
        """Fail at once where nobody listens: the client would try for ten minutes."""
        try:
            socket.create_connection((self._host, self._port), timeout=_CONNECT_SECONDS).close()
        except OSError as error:
            raise QueryError(
                f"the engine at {self._host}:{self._port} does not answer: {error}",
                expected="a Spark Connect server",
                mend="start one: sail spark server, or Spark's sbin/start-connect-server.sh",
            ) from error

    def _refused(self, error: Exception) -> QueryError:
        details = _DETAILS.search(str(error))
        first = str(error).strip().partition("\n")[0] if details is None else details[1]
        return QueryError(
            f"the engine at {self._host}:{self._port} refuses the query: {first}",
            expected="SQL that DuckDB and Spark both know",
        )


def _session(url: str) -> SparkSession:
    from pyspark.sql.connect.client.retries import DefaultPolicy

    with warnings.catch_warnings():
        _quiet()
        session: SparkSession = _pyspark().sql.SparkSession.builder.remote(url).create()
    client: Any = session.client
    client.set_retry_policies([DefaultPolicy(max_retries=_TRIES)])
    return session


@cache
def _pyspark() -> Any:
    """The client, with the parts of it that are used here."""
    with warnings.catch_warnings(), _named_program():
        _quiet()
        try:
            import pyspark
            import pyspark.errors
            import pyspark.sql.connect.session
            import sqlglot  # noqa: F401  so that both are missed at once
        except ModuleNotFoundError as error:
            raise QueryError(
                f"{error.name} is not installed, by which engines are asked",
                expected="the extra for Spark",
                mend="pip install 'scms[spark]'",
            ) from error
    return pyspark


@contextmanager
def _named_program() -> Iterator[None]:
    """Give a program without a file, such as ``python -c``, a name for the while.

    pyspark takes one without for its own doctests and ends the process where Spark is missing.
    """
    program: Any = sys.modules["__main__"]
    if hasattr(program, "__file__"):
        yield
        return
    program.__file__ = "-c"
    try:
        yield
    finally:
        del program.__file__


def _quiet() -> None:
    """Take Arrow from pyspark without hearing that 4.2 does not vouch for pandas 3."""
    warnings.filterwarnings("ignore", "PySpark does not yet", FutureWarning)


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    if parts.scheme == "spark":
        raise QueryError(
            f"the engine {url} is addressed by Spark's own protocol, which needs Java here",
            expected="the address of its Connect server: sc://host:port",
            mend="start it beside Spark's master with sbin/start-connect-server.sh",
        )
    try:
        port = parts.port
    except ValueError as error:
        raise QueryError(
            f"{url!r} has no usable port: {error}", expected="sc://host:port"
        ) from error
    if parts.scheme != _SCHEME or not parts.hostname:
        raise QueryError(f"{url!r} is no address of an engine", expected="sc://host:port")
    return parts.hostname, _PORT if port is None else port
