"""The simulated lab as a whole: what its servers say, and the truth about who used what.

In: a seed, a number of servers and a time zone. Out: lines of the wire protocol for any server at
any time, and the ledger. Pure in all of them: nothing is remembered but what can be worked out
again.
"""

from __future__ import annotations

import json
import threading
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import numpy as np

from scms.demo.history import History
from scms.demo.jobs import Job, simulate
from scms.demo.roster import HALL_SIZE, ServerSpec, hall_count, hall_servers
from scms.demo.signals import Signals
from scms.demo.weather import Spell, era_of, faults_of, spells_of
from scms.errors import ConnectError, UnknownServer

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd

    from scms.demo.noise import Floats

DEFAULT_SEED: Final = 7
DEFAULT_ZONE: Final = "Europe/Berlin"
_MENDS: Final = {
    "power": "see whether it is switched on",
    "network": "see whether its network is up",
    "reboot": "it may be booting: wait some minutes",
}
#: Held while an era is simulated, so that it is done once.
_MAKING: Final = threading.RLock()


class Lab:
    """A research lab that does not exist.

    Args:
        seed: What else would be chance; the same seed gives the same lab for ever.
        servers: How many of its servers are used. What a server does never depends on it.
        timezone: Where its users live.
    """

    def __init__(
        self, seed: int = DEFAULT_SEED, *, servers: int = HALL_SIZE, timezone: str = DEFAULT_ZONE
    ) -> None:
        self.seed = seed
        self.timezone = timezone
        specs = [spec for hall in range(hall_count(servers)) for spec in hall_servers(hall)]
        self.servers: tuple[ServerSpec, ...] = tuple(specs[:servers])
        self._specs = {spec.name: spec for spec in self.servers}
        self._hall = {spec.name: n // HALL_SIZE for n, spec in enumerate(self.servers)}

    def spec(self, server: str) -> ServerSpec:
        """The description of a server.

        Raises:
            UnknownServer: The lab has no server of this name.
        """
        if server not in self._specs:
            raise UnknownServer(
                f"the simulated lab has no server {server!r}",
                expected=f"one of {', '.join([*self._specs][:HALL_SIZE])}",
            )
        return self._specs[server]

    def history(self, server: str, era: int) -> History:
        """Everything that happened on a server in an era."""
        return _signals(self.seed, self.timezone, self.spec(server), self._hall[server], era)[0]

    def boot_id(self, server: str, at: float) -> str:
        """The boot id of the kernel that runs, or will run next, on a server."""
        return self.history(server, era_of(at)).boot_id(at)

    def outage(self, server: str, at: float) -> Spell | None:
        """Why a server does not answer at a time; None when it does."""
        spell = self.history(server, era_of(at)).spell(at)
        return spell if spell is not None and spell.silent else None

    def hello(self, server: str, at: float, interval: float) -> bytes:
        """The first line of a session that begins at ``at``, without nonce and line end.

        Raises:
            ConnectError: The server is down then.
        """
        return _line(self._checked(server, at).hello(at, interval))

    def line(self, server: str, at: float, interval: float) -> bytes:
        """The sample of a server at a time (epoch seconds), without nonce and line end.

        Raises:
            ConnectError: The server is down then.
        """
        return _line(self._checked(server, at).samples(np.array([float(at)]), interval)[0])

    def samples(self, server: str, times: Floats, interval: float) -> list[dict[str, Any]]:
        """The samples of sorted times within one up-spell, as objects, much faster than `line`."""
        return self._checked(server, float(times[0])).samples(times, interval)

    def greeting(self, server: str, at: float, interval: float) -> dict[str, Any]:
        """The hello as an object."""
        return self._checked(server, at).hello(at, interval)

    def _checked(self, server: str, at: float) -> Signals:
        spell = self.outage(server, at)
        if spell is not None:
            raise unreachable(server, spell)
        spec = self.spec(server)
        return _signals(self.seed, self.timezone, spec, self._hall[server], era_of(at))[1]

    def jobs(self, start: float, end: float) -> list[Job]:
        """The jobs that ran on the lab's servers at any time from ``start`` to ``end``."""
        found = []
        for era in range(era_of(start), era_of(end) + 1):
            for hall in sorted(set(self._hall.values())):
                with _MAKING:
                    jobs = _simulated(self.seed, hall, era, self.timezone)
                found += [
                    job
                    for job in jobs
                    if job.server in self._hall and job.started_at < end and job.ended_at > start
                ]
        return found

    def ledger(self, start: datetime, end: datetime) -> pd.DataFrame:
        """Who used which devices when: one row per job that touched the period.

        Returns:
            Columns job, user (None for a ghost), group, server, devices (tuple of UUIDs),
            started_at and ended_at (aware UTC, not cut to the period), and kind: ``training``,
            ``notebook-idle`` (holds memory, does nothing), ``cpu`` or ``ghost`` (memory that a
            crashed job left behind).
        """
        import pandas as pd

        jobs = self.jobs(start.timestamp(), end.timestamp())
        rows = [(job.job, job.user, job.group, job.server, self._uuids(job)) for job in jobs]
        frame = pd.DataFrame(rows, columns=["job", "user", "group", "server", "devices"])
        for name in ("started_at", "ended_at"):
            seconds = pd.Series([getattr(job, name) for job in jobs], dtype="int64")
            frame[name] = pd.to_datetime(seconds, unit="s", utc=True)
        frame["kind"] = [job.kind for job in jobs]
        return frame

    def _uuids(self, job: Job) -> tuple[str, ...]:
        uuids = self.history(job.server, era_of(job.started_at)).uuids
        return tuple(uuids[index] for index in job.devices)

    def outages(self, server: str, start: float, end: float) -> list[Spell]:
        """The spells that touch ``start`` to ``end`` in which a server does not answer."""
        return [spell for spell in self._spells(server, start, end) if spell.silent]

    def up_spells(self, server: str, start: float, end: float) -> list[tuple[float, float]]:
        """The times from ``start`` to ``end`` in which one session could last, in order.

        They end where the server goes down or boots.
        """
        spells = self._spells(server, start, end)
        ups: list[tuple[float, float]] = []
        since = start
        for spell in spells:
            until = float(spell.start if spell.silent else spell.end)
            if since < min(until, end):
                ups.append((since, min(until, end)))
            since = max(since, float(spell.end))
        if since < end:
            ups.append((since, end))
        return ups

    def _spells(self, server: str, start: float, end: float) -> list[Spell]:
        eras = range(era_of(start), era_of(end) + 1)
        spells = [spell for era in eras for spell in self.history(server, era).spells]
        return [spell for spell in spells if spell.start < end and spell.end > start]


def unreachable(server: str, spell: Spell) -> ConnectError:
    """What a connector says of a server that is down."""
    return ConnectError(f"{server}: {spell.reason}", mend=_MENDS.get(spell.kind))


def _line(message: dict[str, object]) -> bytes:
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()


@lru_cache(maxsize=8)
def _simulated(seed: int, hall: int, era: int, timezone: str) -> tuple[Job, ...]:
    return simulate(seed, hall, era, ZoneInfo(timezone))


def _signals(
    seed: int, timezone: str, spec: ServerSpec, hall: int, era: int
) -> tuple[History, Signals]:
    """One server in one era; the sessions of many servers ask for it at the same time."""
    with _MAKING:
        return _made(seed, timezone, spec, hall, era)


@lru_cache(maxsize=1024)
def _made(
    seed: int, timezone: str, spec: ServerSpec, hall: int, era: int
) -> tuple[History, Signals]:
    jobs = _simulated(seed, hall, era, timezone)
    history = History(
        spec,
        seed=seed,
        jobs=tuple(job for job in jobs if job.server == spec.name),
        spells=spells_of(seed, spec, era),
        faults=faults_of(seed, spec, era),
    )
    return history, Signals(history)
