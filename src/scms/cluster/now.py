"""What a cluster does now: live tables from the hot store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from scms import live
from scms.cluster.parts import Parts, frame
from scms.errors import ScmsError
from scms.filters import parse_filter
from scms.states import stale_after_seconds
from scms.tables import EVENT, PROCESS_SAMPLE

if TYPE_CHECKING:
    import pandas as pd

    from scms.live import Closeup, Snapshot


class Present(Parts):
    """The verbs that answer from the last hours."""

    def _repr_html_(self) -> str:
        from scms.cluster.showing import cluster_html

        try:
            return cluster_html(self.inventory, self.snapshot())
        except ScmsError as error:  # a notebook shows what there is, and why the rest is missing
            return cluster_html(self.inventory, str(error))

    def snapshot(self) -> Snapshot:
        """Everything known now, as plain rows (see `scms.live.Snapshot`)."""
        now = datetime.now(UTC)
        return live.snapshot(self.hot, self.inventory, now=now, holds=self._holds.active(now))

    def now(self, where: str = "") -> pd.DataFrame:
        """One row per server: its state and measurements now (see `scms.live.Snapshot.servers`).

        Args:
            where: Which servers, such as ``"gpu<5 and free>=2 group:vision"`` (see
                `scms.filters`); all by default.

        Raises:
            FilterError: ``where`` cannot be read.
        """
        wanted = parse_filter(where)
        rows = self.snapshot().servers
        return frame(wanted.rows(rows), [*rows[0]] if rows else None)

    def server(self, name: str, *, after: Closeup | None = None) -> Closeup:
        """Everything known of one server now (see `scms.live.Closeup`).

        Args:
            name: The server.
            after: An earlier answer, so that only what came since is read.

        Raises:
            UnknownServer: It is not in the inventory.
        """
        now = datetime.now(UTC)
        holds = self._holds.active(now)
        return live.closeup(self.hot, self.inventory, name, now=now, holds=holds, after=after)

    def devices(self) -> pd.DataFrame:
        """One row per GPU: its state and measurements now (see `scms.live.Snapshot.devices`)."""
        return frame(self.snapshot().devices, live.DEVICE_COLUMNS)

    def processes(self) -> pd.DataFrame:
        """One row per process and GPU, and per top CPU process, now (columns of process_sample)."""
        rows = live.processes(self.hot, now=datetime.now(UTC))
        return frame(rows, PROCESS_SAMPLE.column_names())

    def events(self, hours: float = 2) -> pd.DataFrame:
        """What changed lately, newest first (columns of event)."""
        rows = live.events(self.hot, since=datetime.now(UTC) - timedelta(hours=hours))
        return frame(rows, EVENT.column_names())

    def history(
        self, minutes: float = 15, *, step_seconds: float | None = None
    ) -> list[dict[str, Any]]:
        """The recent ticks of every server, oldest first (see `scms.live.history`)."""
        since = datetime.now(UTC) - timedelta(minutes=minutes)
        return live.history(self.hot, since=since, step_seconds=step_seconds)

    def _max_age_seconds(self) -> float:
        """Older data is no data; where ticks are far apart, that is when a server is stale."""
        from scms.recommend.rank import MAX_AGE_SECONDS

        return max(MAX_AGE_SECONDS, stale_after_seconds(self.inventory.settings.interval))
