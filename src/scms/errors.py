"""Every error that SCMS raises on purpose.

    ScmsError
    ├── SettingsError (ValueError)        cluster.toml, environment or argument cannot be used
    ├── QuantityError (ValueError)        "24 giraffes" where "24GiB" was meant
    ├── PeriodError (ValueError)          a period that cannot be read
    ├── FilterError (ValueError)          "gpu<" where "gpu<5" was meant
    ├── UnknownServer (KeyError)          a name that is not in the inventory
    ├── CollectError                      one server could not be read; the others go on
    │   ├── ConnectError                  no route, refused, timed out
    │   ├── HostKeyError                  unknown or changed host key
    │   ├── LoginError                    the server refused the key or user
    │   ├── ProbeError                    connected, but no probe could be started
    │   └── ProtocolError (ValueError)    a line from a server that is no sample
    ├── HotStoreError                     the local SQLite file cannot be used
    ├── WarehouseError                    the Iceberg catalog or its files cannot be used
    ├── QueryError (ValueError)           SQL that DuckDB or an engine refuses
    ├── ReportError (ValueError)          a report that cannot be written as was asked
    ├── ForecastError (ValueError)        no forecast can be made, and why
    ├── RequestError (ValueError)         a request that is ill-formed or can never be met
    ├── HoldError                         a hold that cannot be had or released
    └── ServeError                        the dashboard cannot be served

A message says what was got, what was expected and what to do, in this order.
"""

from __future__ import annotations


class ScmsError(Exception):
    """The root: catch this to catch every deliberate error of SCMS.

    Args:
        got: What happened or was given, as a sentence without its full stop.
        expected: What would have been accepted.
        mend: What to do now; often a command to run.
    """

    def __init__(self, got: str, *, expected: str | None = None, mend: str | None = None) -> None:
        super().__init__(got)
        self.got = got
        self.expected = expected
        self.mend = mend

    def __str__(self) -> str:
        parts = [self.got]
        if self.expected is not None:
            parts.append(f"expected {self.expected}")
        if self.mend is not None:
            parts.append(self.mend)
        return "; ".join(parts)


class SettingsError(ScmsError, ValueError):
    """A setting cannot be used: the message names the file and the key."""


class QuantityError(ScmsError, ValueError):
    """A quantity such as a size or a duration cannot be read."""


class PeriodError(ScmsError, ValueError):
    """A period cannot be read."""


class FilterError(ScmsError, ValueError):
    """A filter of servers cannot be read."""


class UnknownServer(ScmsError, KeyError):  # noqa: N818  the name of what was asked for
    """A server that is not in the inventory."""


class CollectError(ScmsError):
    """One server could not be read."""


class ConnectError(CollectError):
    """No connection: no route, refused, or timed out."""


class HostKeyError(CollectError):
    """The host key is unknown or is not the one that was recorded."""


class LoginError(CollectError):
    """The server refused the key or the user."""


class ProbeError(CollectError):
    """Connected and logged in, but no probe could be started."""


class ProtocolError(CollectError, ValueError):
    """A line from a server is not a sample."""


class HotStoreError(ScmsError):
    """The hot store cannot be read or written."""


class WarehouseError(ScmsError):
    """The warehouse cannot be read or written."""


class QueryError(ScmsError, ValueError):
    """A query that DuckDB refuses."""


class ReportError(ScmsError, ValueError):
    """A report cannot be written as was asked."""


class ForecastError(ScmsError, ValueError):
    """No forecast can be made."""


class RequestError(ScmsError, ValueError):
    """A request for servers is ill-formed or can never be met."""


class HoldError(ScmsError):
    """A hold cannot be had or released."""


class ServeError(ScmsError):
    """The dashboard cannot be served."""
