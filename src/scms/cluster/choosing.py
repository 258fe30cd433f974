"""Where to run now: recommendations and holds."""

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
from scms.errors import HoldError, HotStoreError
from scms.units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from scms.recommend.answer import Recommendation
    from scms.recommend.request import Request

#: What counts as recent use when a server is called overlooked or popular.
_LATELY = "7d"
_logger = logging.getLogger(__name__)
_HOLD_COLUMNS = ("hold_id", "server", "device", "user", "purpose", "created_at", "expires_at")


class Choosing(Present):
    """The verbs that say where to run, and claim devices there."""

    _complained = False

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
                ("64GiB"), scratch, hours, start_by ("18:00" or "2h"), group, tags, user,
                same_server`` (False: the GPUs may be on several servers; see ``plans`` of the
                answer).

        Raises:
            RequestError: The request is ill-formed.
        """
        wanted = self._request(needs) if request is None else request
        seed = None if for_hold else secrets.randbits(32)
        return self._said(self._answer(wanted, seed=seed, by_past=True))

    def fitting_now(self, **needs: Any) -> Recommendation:
        """Which servers could take a job now, by live data alone: light enough to ask often.

        Chances are not told and nothing is kept; `recommend` is for the answer to act on.

        Args:
            **needs: As for `recommend`.

        Raises:
            RequestError: The request is ill-formed.
        """
        return self._answer(self._request(needs), seed=None, by_past=False)

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
        return self.hold_all(
            {server: devices},
            user=user,
            purpose=purpose,
            duration=duration,
            recommendation_id=recommendation_id,
        )

    def hold_all(
        self,
        places: Mapping[str, Sequence[str]],
        *,
        user: str | None = None,
        purpose: str | None = None,
        duration: str | float | None = None,
        recommendation_id: str | None = None,
    ) -> pd.DataFrame:
        """Claim devices of several servers at once: all of them, or none.

        Args:
            places: UUIDs or indices of GPUs, by the name of their server.
            user: As for `hold`, and so are the others.
            purpose: Shown to others.
            duration: How long.
            recommendation_id: That of the answer that they are taken from.

        Returns:
            The new holds, with the columns of `holds`.

        Raises:
            HoldError: One of them is held, or is not known on its server.
            UnknownServer: A server is not in the inventory.
        """
        holder = getpass.getuser() if user is None else user
        named = {self.inventory[server].name: own for server, own in places.items()}
        uuids = {server: self._uuids(server, own) for server, own in named.items()}
        seconds = None if duration is None else parse_duration(duration, bare_unit="h")
        taken = self._holds.take_all(
            uuids,
            user=holder,
            purpose=purpose,
            now=datetime.now(UTC),
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

    def _request(self, needs: Mapping[str, Any]) -> Request:
        from scms.recommend.words import request_from

        return request_from(needs, now=self._here())

    def _here(self) -> datetime:
        return datetime.now(UTC).astimezone(self.inventory.settings.zone())

    def _answer(self, wanted: Request, *, seed: int | None, by_past: bool) -> Recommendation:
        """Rank the servers, by what is and, if so wanted, by what was."""
        from scms.recommend.rank import recommend
        from scms.recommend.spread import spread

        here = self._here()
        now = here.astimezone(UTC)
        snapshot = self.snapshot()
        live: dict[str, Any] = {
            "holds": self._holds.active(now),
            "seed": seed,
            "max_age_seconds": self._max_age_seconds(),
        }
        told = self._evidence.for_request(wanted, now, self.period(_LATELY)) if by_past else {}
        servers, devices = snapshot.servers, snapshot.devices
        answer = recommend(wanted, servers, devices, now=here, **live, **told)
        if answer.candidates or not wanted.may_spread:
            return answer
        if by_past:
            live |= {"outlook": told["outlook"], "use_ratios": told["use_ratios"]}
            live |= {"slots": self._evidence.slots(now), "model": self._evidence.chances(now)}
        return spread(answer, servers, devices, **live)

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
