"""What a cluster will do, and where to run: outlooks, recommendations and holds."""

from __future__ import annotations

import getpass
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from scms.cluster.now import Present
from scms.cluster.parts import frame
from scms.errors import HoldError
from scms.units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from scms.recommend.answer import Recommendation
    from scms.recommend.request import Request

#: What counts as recent use when a server is called overlooked or popular.
_LATELY = "7d"
_HOLD_COLUMNS = ("hold_id", "server", "device", "user", "purpose", "created_at", "expires_at")


class Future(Present):
    """The verbs that look ahead from what is, and claim devices."""

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
        return frame(taken, _HOLD_COLUMNS)

    def release(
        self, hold_id: str | None = None, *, server: str | None = None, user: str | None = None
    ) -> int:
        """Give holds back: one by its id, or all of a user on a server. Returns how many."""
        holder = getpass.getuser() if user is None else user
        now = datetime.now(UTC)
        return self._holds.release(hold_id, server=server, user=holder, now=now)

    def holds(self) -> pd.DataFrame:
        """The active holds: ``hold_id, server, device, user, purpose, created_at, expires_at``."""
        return frame(self._holds.active(datetime.now(UTC)), _HOLD_COLUMNS)

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
