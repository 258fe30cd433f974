"""A cluster as its users see it: it composes the parts and does the I/O for them.

In: an inventory. Out: tables (pandas data frames), reports, outlooks and recommendations. Opening a
cluster touches no server: a collector writes, everything here reads, but for holds.
"""

from __future__ import annotations

import getpass
import secrets
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from scms import live
from scms.errors import HoldError
from scms.hot import HotStore
from scms.inventory import Inventory, find_inventory
from scms.tables import EVENT, PROCESS_SAMPLE
from scms.units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd
    from duckdb import DuckDBPyRelation

    from scms.evidence import Evidence
    from scms.live import Snapshot
    from scms.recommend.answer import Recommendation
    from scms.recommend.holds import Holds
    from scms.recommend.request import Request
    from scms.reports.document import Report
    from scms.reports.period import Period
    from scms.views import Views
    from scms.warehouse import Warehouse

#: What counts as recent use when a server is called overlooked or popular.
_LATELY = "7d"
_HOLD_COLUMNS = ("hold_id", "server", "device", "user", "purpose", "created_at", "expires_at")


def open(path: str | Path | None = None, **settings: Any) -> Cluster:  # noqa: A001  scms.open
    """Open a cluster for reading.

    Args:
        path: A cluster.toml. Without it: ``$SCMS_CONFIG``, then ``./cluster.toml``, then this
            machine alone.
        **settings: Settings that go over the file, such as ``timezone="Asia/Shanghai"``.

    Raises:
        SettingsError: The file or a setting cannot be used; the message names file and key.
    """
    return Cluster(find_inventory(path, settings))


class Cluster:
    """One cluster: what it does now, what it did, what it will do, and where to run next.

    Attributes:
        inventory: The servers and settings.
    """

    def __init__(self, inventory: Inventory) -> None:
        self.inventory = inventory

    def __repr__(self) -> str:
        settings = self.inventory.settings
        return (
            f"<Cluster {settings.name!r}: {len(self.inventory.servers)} servers, "
            f"{settings.timezone}, data in {self.inventory.directory}>"
        )

    @cached_property
    def hot(self) -> HotStore:
        """The hot store, opened for reading; empty until a collector has run."""
        return HotStore.open(self.inventory.directory / "hot.sqlite")

    @cached_property
    def _warehouse(self) -> Warehouse:
        from scms.warehouse import Warehouse

        return Warehouse.open(self.inventory)

    @cached_property
    def _views(self) -> Views:
        from scms.views import Views

        return Views(self.inventory, self.hot, self._warehouse)

    @cached_property
    def _evidence(self) -> Evidence:
        from scms.evidence import Evidence

        return Evidence(self._views)

    @cached_property
    def _holds(self) -> Holds:
        from scms.recommend.holds import Holds

        return Holds(self.hot, self.inventory.settings.holds)

    def snapshot(self) -> Snapshot:
        """Everything known now, as plain rows (see `scms.live.Snapshot`)."""
        now = datetime.now(UTC)
        return live.snapshot(self.hot, self.inventory, now=now, holds=self._holds.active(now))

    def now(self) -> pd.DataFrame:
        """One row per server: its state and measurements now (see `scms.live.Snapshot.servers`)."""
        return _frame(self.snapshot().servers)

    def devices(self) -> pd.DataFrame:
        """One row per GPU: its state and measurements now (see `scms.live.Snapshot.devices`)."""
        return _frame(self.snapshot().devices, live.DEVICE_COLUMNS)

    def processes(self) -> pd.DataFrame:
        """One row per process and GPU, and per top CPU process, now (columns of process_sample)."""
        rows = live.processes(self.hot, now=datetime.now(UTC))
        return _frame(rows, PROCESS_SAMPLE.column_names())

    def events(self, hours: float = 2) -> pd.DataFrame:
        """What changed lately, newest first (columns of event)."""
        rows = live.events(self.hot, since=datetime.now(UTC) - timedelta(hours=hours))
        return _frame(rows, EVENT.column_names())

    def history(
        self, minutes: float = 15, *, step_seconds: float | None = None
    ) -> list[dict[str, Any]]:
        """The recent ticks of every server, oldest first (see `scms.live.history`)."""
        since = datetime.now(UTC) - timedelta(minutes=minutes)
        return live.history(self.hot, since=since, step_seconds=step_seconds)

    def usage(self, period: str | Period = "today", by: str = "server") -> pd.DataFrame:
        """Use in a period: GPU-hours and CPU-hours available and used, with coverage.

        Args:
            period: Such as ``"today"``, ``"2026-10"``, ``"2026-W41"``, ``"2026-Q4"``, ``"7d"``.
            by: ``server``, ``device``, ``user``, ``group``, ``model``, ``hour`` or ``day``.

        Returns:
            One row per key; columns as in docs/reference/metrics.md.

        Raises:
            PeriodError: The period cannot be read.
        """
        from scms.reports.metrics import usage

        return usage(self._views.frame, self.period(period), by=by, now=datetime.now(UTC))

    def report(self, period: str | Period = "last-month") -> Report:
        """A report of a period, to look at in a notebook or to ``.save("october.html")``."""
        from scms.reports.document import build_report

        return build_report(
            self._views.frame,
            self.period(period),
            name=self.inventory.settings.name,
            now=datetime.now(UTC),
        )

    def period(self, text: str | Period) -> Period:
        """Read a period in the cluster's time zone."""
        from scms.reports.period import parse_period

        if not isinstance(text, str):
            return text
        return parse_period(text, self.inventory.settings.zone(), datetime.now(UTC))

    def forecast(self, horizon: str | float = "24h", *, level: float = 0.8) -> pd.DataFrame:
        """The outlook: load of each server, hour by hour, with intervals.

        Args:
            horizon: How far to look, such as ``"24h"``; a number is hours.
            level: Of the interval, 0 to 1.

        Returns:
            Columns ``server, origin, ts, horizon_hours, measure, mean, lower, upper, level,
            p_free, model, coverage_ratio``.

        Raises:
            ForecastError: There is too little history; the message says how much there is.
        """
        from scms.forecast import outlook

        now = datetime.now(UTC)
        hours = max(1, round(parse_duration(horizon, bare_unit="h") / 3600))
        return outlook(self._evidence.load(now), horizon_hours=hours, level=level, now=now)

    def recommend(self, request: Request | None = None, **needs: Any) -> Recommendation:
        """Which servers to use for a job, ranked, with reasons.

        Args:
            request: What the job needs; or give its fields as keywords.
            **needs: ``gpus, gpu_memory ("24GiB"), gpu_model, cpu_cores, memory ("64GiB"),
                scratch, hours, group, tags, user``.

        Raises:
            RequestError: The request is ill-formed.
        """
        from scms.recommend.rank import recommend
        from scms.recommend.words import request_from

        wanted = request_from(needs) if request is None else request
        now = datetime.now(UTC)
        snapshot = self.snapshot()
        return recommend(
            wanted,
            snapshot.servers,
            snapshot.devices,
            holds=self._holds.active(now),
            now=now.astimezone(self.inventory.settings.zone()),
            seed=secrets.randbits(32),
            **self._evidence.for_request(wanted, now, self.period(_LATELY)),
        )

    def hold(
        self,
        server: str,
        devices: Sequence[str],
        *,
        user: str | None = None,
        purpose: str | None = None,
    ) -> pd.DataFrame:
        """Claim devices softly for a short while, so that others are not sent there.

        Args:
            server: Its name.
            devices: UUIDs or indices of GPUs on it.
            user: For whom; by default who runs this.
            purpose: Shown to others.

        Returns:
            The new holds, with the columns of `holds`.

        Raises:
            HoldError: One of them is held (the message says by whom and until when), or is not
                known on the server.
            UnknownServer: The server is not in the inventory.
        """
        holder = getpass.getuser() if user is None else user
        name = self.inventory[server].name
        uuids = self._uuids(name, devices)
        now = datetime.now(UTC)
        taken = self._holds.take(name, uuids, user=holder, purpose=purpose, now=now)
        return _frame(taken, _HOLD_COLUMNS)

    def release(
        self, hold_id: str | None = None, *, server: str | None = None, user: str | None = None
    ) -> int:
        """Give holds back: one by its id, or all of a user on a server. Returns how many."""
        holder = getpass.getuser() if user is None else user
        now = datetime.now(UTC)
        return self._holds.release(hold_id, server=server, user=holder, now=now)

    def holds(self) -> pd.DataFrame:
        """The active holds: ``hold_id, server, device, user, purpose, created_at, expires_at``."""
        return _frame(self._holds.active(datetime.now(UTC)), _HOLD_COLUMNS)

    def sql(self, query: str, params: Mapping[str, Any] | None = None) -> DuckDBPyRelation:
        """Any SELECT over the views of docs/reference (DuckDB SQL), as a DuckDB relation.

        Raises:
            QueryError: DuckDB refuses it; the message is DuckDB's.
        """
        return self._views.relation(query, params)

    def warehouse_problem(self) -> str | None:
        """Why the warehouse does not take what is collected; None when it does."""
        from scms.service import WAREHOUSE_PROBLEM

        return self.hot.meta(WAREHOUSE_PROBLEM)

    def warehouse_info(self) -> pd.DataFrame:
        """One row per table of the warehouse (see `scms.warehouse.info.table_info`)."""
        from scms.warehouse.info import COLUMNS, table_info

        return _frame(table_info(self._warehouse), COLUMNS)

    def _uuids(self, server: str, devices: Sequence[str]) -> list[str]:
        known = [row for row in self.snapshot().devices if row["server"] == server]
        by_name = {str(row["device_index"]): row["device"] for row in known}
        by_name |= {row["device"]: row["device"] for row in known}
        for device in devices:
            if str(device) not in by_name:
                raise HoldError(
                    f"{server} has no device {device!r}",
                    expected=f"a UUID or an index, of {', '.join(by_name) or 'no known device'}",
                )
        return [by_name[str(device)] for device in devices]


def _frame(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> pd.DataFrame:
    """A data frame that has its columns also when there are no rows."""
    import pandas as pd

    named = None if columns is None else [*columns]
    return pd.DataFrame.from_records([dict(row) for row in rows], columns=named)
