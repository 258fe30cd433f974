"""What a cluster will do, and where to run: outlooks, recommendations and holds."""

from __future__ import annotations

import getpass
import logging
import secrets
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scms.cluster.now import Present
from scms.cluster.parts import frame
from scms.errors import ForecastError, HoldError, HotStoreError
from scms.units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from scms.forecast.ahead import Ahead
    from scms.forecast.champion import Choice
    from scms.forecast.series import Series
    from scms.recommend.answer import Recommendation
    from scms.recommend.request import Request

#: What counts as recent use when a server is called overlooked or popular.
_LATELY = "7d"
_logger = logging.getLogger(__name__)
_HOLD_COLUMNS = ("hold_id", "server", "device", "user", "purpose", "created_at", "expires_at")


class Future(Present):
    """The verbs that look ahead from what is, and claim devices."""

    _complained = False
    #: What was made here of the coming week, where the collector keeps nothing.
    _made_ahead: Ahead | None = None

    def forecast(
        self, horizon: str | float = "24h", *, level: float = 0.8, gpus: int = 1
    ) -> pd.DataFrame:
        """The outlook: load of each server, hour by hour, with intervals.

        Args:
            horizon: How far to look, such as ``"24h"``; a number is hours.
            level: Of the interval, 0 to 1.
            gpus: Chances are told for 1 to so many free GPUs.

        Returns:
            Columns ``server, origin, ts, horizon_hours, measure, mean, lower, upper, level,
            p_free, model, why, coverage_ratio, observed_ratio``, and ``p_free_2`` to
            ``p_free_{gpus}`` (see `scms.forecast.outlook`).

        Raises:
            ForecastError: There is too little history; the message says how much there is.
        """
        from scms.forecast import outlook

        now = datetime.now(UTC)
        hours = max(1, round(parse_duration(horizon, bare_unit="h") / 3600))
        return outlook(
            self._evidence.load(now),
            horizon_hours=hours,
            level=level,
            gpus=gpus,
            now=now,
            choices=self._evidence.choices(now),
            taken=self._holds.active(now),
        )

    def ahead(self, *, make: bool = True) -> Ahead:
        """What is said of every hour of the coming week: chances of free GPUs, load, its range.

        It is what the collector said within the last hours; where it has not, it is made now, by
        the models that are light.

        Args:
            make: Make it where the collector has not; else that is an error.

        Returns:
            A `scms.forecast.ahead.Ahead` from the present hour on, in which active holds are known.

        Raises:
            ForecastError: There is too little history; the message says how much there is. Or
                nothing was said lately, and nothing is to be made.
        """
        from scms.forecast import ahead

        now = datetime.now(UTC)
        text = self.hot.meta(ahead.KEY)
        kept = None if text is None else ahead.ahead_from_json(text)
        if kept is None or now - kept.origin > ahead.VALID:
            if not make:
                raise ForecastError(
                    "the collector has not said what comes within the last hours",
                    expected="a collector that runs, and history that it can learn from",
                    mend="scms learn",
                )
            kept = self._ahead_of_now(now)
        return kept.since(now).with_holds(self._holds.active(now))

    def _ahead_of_now(self, now: datetime) -> Ahead:
        from scms.evidence import LIGHT_MODELS
        from scms.forecast.ahead import ahead_of

        made = self._made_ahead
        if made is None or now.replace(minute=0, second=0, microsecond=0) > made.origin:
            choices = self._evidence.choices(now)
            told, series = self._look_ahead(self._evidence.load(now), now, choices, LIGHT_MODELS)
            made = self._made_ahead = ahead_of(told, series, made_at=now)
        return made

    def _look_ahead(
        self,
        load: pd.DataFrame,
        now: datetime,
        choices: Mapping[str, Choice] | None,
        models: Sequence[str] | None = None,
    ) -> tuple[pd.DataFrame, list[Series]]:
        """The outlook of the coming week for every number of GPUs, and what it was made of."""
        from scms.forecast import outlook
        from scms.forecast.ahead import AHEAD_HOURS
        from scms.forecast.outlooks import CANDIDATES
        from scms.forecast.series import hourly_series

        series = hourly_series(load, now=now)
        most = max((int(s.capacity) for s in series if s.measure == "gpus_busy"), default=1)
        told = outlook(
            load,
            horizon_hours=AHEAD_HOURS,
            gpus=most,
            now=now,
            models=CANDIDATES if models is None else models,
            choices=choices,
            taken=self._holds.active(now),
        )
        return told, series

    def recommend(
        self, request: Request | None = None, *, for_hold: bool = False, **needs: Any
    ) -> Recommendation:
        """Which servers to use for a job, ranked, with reasons.

        What was said is kept, where the hot store can be written, and scored when its time has
        come (`scorecard`).

        Args:
            request: What the job needs; or give its fields as keywords.
            for_hold: The first choice will be held at once: near-ties need no luck then.
            **needs: ``gpus, gpu_memory ("24GiB"), gpu_model, compute_capability, cpu_cores, memory
                ("64GiB"), scratch, hours, start_by ("18:00" or "2h"), group, tags, user``.

        Raises:
            RequestError: The request is ill-formed.
        """
        from scms.recommend.rank import recommend
        from scms.recommend.words import request_from

        now = datetime.now(UTC)
        here = now.astimezone(self.inventory.settings.zone())
        wanted = request_from(needs, now=here) if request is None else request
        snapshot = self.snapshot()
        answer = recommend(
            wanted,
            snapshot.servers,
            snapshot.devices,
            holds=self._holds.active(now),
            now=here,
            seed=None if for_hold else secrets.randbits(32),
            max_age_seconds=self._max_age_seconds(),
            **self._evidence.for_request(wanted, now, self.period(_LATELY)),
        )
        return self._said(answer)

    def fitting_now(self, **needs: Any) -> Recommendation:
        """Which servers could take a job now, by live data alone: light enough to ask often.

        Chances are not told and nothing is kept; `recommend` is for the answer to act on.

        Args:
            **needs: As for `recommend`.

        Raises:
            RequestError: The request is ill-formed.
        """
        from scms.recommend.rank import recommend
        from scms.recommend.words import request_from

        now = datetime.now(UTC)
        here = now.astimezone(self.inventory.settings.zone())
        wanted = request_from(needs, now=here)
        snapshot = self.snapshot()
        held = self._holds.active(now)
        return recommend(
            wanted,
            snapshot.servers,
            snapshot.devices,
            holds=held,
            now=here,
            seed=None,
            max_age_seconds=self._max_age_seconds(),
        )

    def hold(
        self,
        server: str,
        devices: Sequence[str],
        *,
        user: str | None = None,
        purpose: str | None = None,
        duration: str | float | None = None,
        recommendation_id: str | None = None,
    ) -> pd.DataFrame:
        """Claim devices softly for a short while, so that others are not sent there.

        Args:
            server: Its name.
            devices: UUIDs or indices of GPUs on it.
            user: For whom; by default who runs this.
            purpose: Shown to others.
            duration: How long, such as ``"8h"`` (a number is hours), at most a day: declare the
                end of a job so, and forecasts know it. By default as the settings say.
            recommendation_id: That of the answer (`recommend`) that they are taken from, so that
                the scorecard knows which advice was followed.

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
        seconds = None if duration is None else parse_duration(duration, bare_unit="h")
        taken = self._holds.take(
            name,
            uuids,
            user=holder,
            purpose=purpose,
            now=now,
            seconds=seconds,
            recommendation_id=recommendation_id,
        )
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
        return frame(self.active_holds(), _HOLD_COLUMNS)

    def active_holds(self) -> list[dict[str, Any]]:
        """The rows of `holds` as they are, for pages that do without pandas."""
        return self._holds.active(datetime.now(UTC))

    def _said(self, answer: Recommendation) -> Recommendation:
        """Keep what was recommended; whoever asked has their answer also where that fails."""
        from scms.recommend.said import recommendation_rows

        made_by = f"{getpass.getuser()} {Path(sys.argv[0]).stem or 'python'}"
        kept_as = secrets.token_hex(6)
        rows = recommendation_rows(answer, recommendation_id=kept_as, made_by=made_by)
        if not rows or self.hot.identity is None:
            return answer
        try:
            self.hot.say("recommendation", rows)
        except HotStoreError as error:
            if not self._complained:
                _logger.warning("recommendations are not kept: %s", error)
            self._complained = True
            return answer
        return replace(answer, recommendation_id=kept_as)

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
