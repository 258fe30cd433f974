"""The answer to a request: frozen, and printable as a table, as HTML and as JSON."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from scms.units import format_duration, format_ratio

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    import pandas as pd

    from scms.recommend.request import Request


@dataclass(frozen=True, slots=True)
class Candidate:
    """A server that can take the job now.

    Attributes:
        server: Its name.
        target: What to type after ``ssh``.
        devices: UUIDs of the GPUs to use; empty for a job on CPUs.
        device_indices: Their indices at the moment; not a key.
        device_name: Their model; several joined by " + "; None without GPUs.
        gpus_free: GPUs free now, of
        gpus_total: so many.
        score: 0 to 100, for ranking.
        probability: Chance that as many GPUs stay free for the whole time; None where there
            is no history.
        probability_cases: Past spells of this server behind it.
        reasons: Why, in plain words, with numbers.
        age_seconds: Age of the data.
        command: What to type: ssh, and the devices by UUID.
        simulated: The server is of the simulated lab.
    """

    server: str
    target: str
    devices: tuple[str, ...]
    device_indices: tuple[int | None, ...]
    device_name: str | None
    gpus_free: int
    gpus_total: int
    score: float
    probability: float | None
    probability_cases: int
    reasons: tuple[str, ...]
    age_seconds: float
    command: str
    simulated: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """Servers that can take a job together, where no server can alone.

    Attributes:
        parts: The servers, that with the most GPUs first: each with its own devices, chance,
            reasons and line to type.
        score: 0 to 100, as that of a candidate.
        probability: Chance that all parts stay free, if their fates have nothing to do with each
            other; None where one of them has no history.
        probability_at_least: The same however they hang together.
        reasons: What speaks for them together, in plain words.
    """

    parts: tuple[Candidate, ...]
    score: float
    probability: float | None
    probability_at_least: float | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A server that cannot take the job, and why; ``permanent`` when waiting would not help."""

    server: str
    reasons: tuple[str, ...]
    permanent: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """How long until enough GPUs are free on a server, from its past; None means two weeks or more.

    Attributes:
        server: Its name; None for all servers that suit, together.
        median_hours: As likely sooner as later.
        lower_hours: One time in ten it is sooner.
        upper_hours: One time in ten it is later.
        cases: Past busy spells behind it.
        by: The time that was asked for; None where none was.
        by_probability: Chance that enough are free by then.
    """

    server: str | None
    median_hours: float | None
    lower_hours: float | None
    upper_hours: float | None
    cases: int
    by: datetime | None = None
    by_probability: float | None = None

    @classmethod
    def of_row(cls, row: Mapping[Any, Any], *, server: str | None, by: datetime | None) -> Wait:
        """A wait as `scms.forecast.availability.waiting` tells it."""
        return cls(
            server=server,
            median_hours=known(row["wait_hours_median"]),
            lower_hours=known(row["wait_hours_lower"]),
            upper_hours=known(row["wait_hours_upper"]),
            cases=int(row["cases"]),
            by=by,
            by_probability=known(row.get("probability_by")),
        )

    def __str__(self) -> str:
        low, middle, high = (
            "over 14 d" if hours is None else format_duration(hours * 3600)
            for hours in (self.lower_hours, self.median_hours, self.upper_hours)
        )
        spells = f"{self.cases} past spell{'s' if self.cases != 1 else ''}"
        by = ""
        if self.by is not None and self.by_probability is not None:
            by = f", by {self.by:%H:%M} {format_ratio(self.by_probability)}"
        where = "all together" if self.server is None else self.server
        return f"{where}: in {low} to {high} (4 in 5 times), median {middle} ({spells}){by}"


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Which servers can take a job, best first, and why the others cannot.

    Attributes:
        request: What was asked.
        as_of: When.
        candidates: Best first.
        rejected: By name.
        impossible: Which conditions rule out how many servers, where no server could ever take
            the job; else None.
        waits: Where no server can now, how long until one may, soonest first.
        policy: How near-ties were ordered: ``random`` by the seed, ``best`` by the score alone.
        recommendation_id: Under which it was kept; None where it was not.
        plans: Where no server can alone, and the request allows several: which can together, best
            first. No server is in two of them.
    """

    request: Request
    as_of: datetime
    candidates: tuple[Candidate, ...]
    rejected: tuple[Rejected, ...]
    impossible: str | None = None
    waits: tuple[Wait, ...] = ()
    policy: str = "random"
    recommendation_id: str | None = None
    plans: tuple[Plan, ...] = ()

    @property
    def first(self) -> tuple[Candidate, ...]:
        """The best choice: one server, or several together; empty where there is none now."""
        return self.plans[0].parts if self.plans else self.candidates[:1]

    def ranked(self) -> Iterator[tuple[int, Candidate]]:
        """Every server that was recommended, after its rank, which those of a plan share."""
        yield from enumerate(self.candidates, start=1)
        for rank, plan in enumerate(self.plans, start=1):
            yield from ((rank, part) for part in plan.parts)

    @property
    def age_seconds(self) -> float | None:
        """The age of the oldest data among the recommended; None without any."""
        return max((candidate.age_seconds for _, candidate in self.ranked()), default=None)

    def to_dict(self) -> dict[str, Any]:
        """Everything, for JSON; times as ISO text."""
        return {
            "recommendation_id": self.recommendation_id,
            "request": self.request.to_dict(),
            "as_of": self.as_of.isoformat(),
            "age_seconds": self.age_seconds,
            "candidates": [asdict(candidate) for candidate in self.candidates],
            "plans": [asdict(plan) for plan in self.plans],
            "rejected": [asdict(rejected) for rejected in self.rejected],
            "impossible": self.impossible,
            "waits": [asdict(wait) for wait in self.waits],
        }

    def to_frame(self) -> pd.DataFrame:
        """One row per candidate, best first; columns are the fields of `Candidate`.

        Of plans one row per server, and a column ``plan`` before the others: 1 for the best.
        """
        import pandas as pd

        columns = list(Candidate.__dataclass_fields__)
        frame = pd.DataFrame([asdict(c) for _, c in self.ranked()], columns=columns)
        if self.plans:
            frame.insert(0, "plan", [rank for rank, _ in self.ranked()])
        return frame

    def __str__(self) -> str:
        return f"{self._headline()} ({self.request})"

    def _headline(self) -> str:
        if self.impossible is not None:
            return self.impossible
        if self.plans:
            return f"no server can alone, {len(self.plans[0].parts)} servers can together now"
        count = len(self.candidates)
        return f"{count} server{' fits' if count == 1 else 's fit'} now"

    def _repr_html_(self) -> str:
        parts = [f"<p><b>{escape(self._headline())}</b> · {escape(str(self.request))}</p>"]
        if self.first:
            parts.append(_table(("score", "server", "GPUs", "chance", "why"), self._rows()))
            parts.extend(f"<pre>{escape(one.command)}</pre>" for one in self.first)
        parts.extend(f"<p>{escape(str(wait))}</p>" for wait in self.waits)
        if self.rejected:
            rows = [(rejected.server, "; ".join(rejected.reasons)) for rejected in self.rejected]
            summary = f"<summary>{len(rows)} not suitable</summary>"
            parts.append(f"<details>{summary}{_table(('server', 'why not'), rows)}</details>")
        age = "" if self.age_seconds is None else f", data {format_duration(self.age_seconds)} old"
        parts.append(f"<p><small>as of {self.as_of:%Y-%m-%d %H:%M:%S %Z}{age}</small></p>")
        return f"<div class='scms-recommendation'>{''.join(parts)}</div>"

    def _rows(self) -> list[tuple[str, ...]]:
        rows = [_row(candidate) for candidate in self.candidates]
        for plan in self.plans:
            gpus = sum(len(part.devices) for part in plan.parts)
            together = (f"{len(plan.parts)} together", f"{gpus} GPUs")
            chance, why = format_ratio(plan.probability), "; ".join(plan.reasons)
            rows.append((f"{plan.score:.0f}", *together, chance, why))
            rows.extend(("", *_row(part)[1:]) for part in plan.parts)
        return rows


def known(value: float | None) -> float | None:
    """A number of a table, with NaN as None."""
    return None if value is None or math.isnan(value) else float(value)


def _row(candidate: Candidate) -> tuple[str, ...]:
    return (
        f"{candidate.score:.0f}",
        candidate.server + (" (simulated)" if candidate.simulated else ""),
        _gpus(candidate),
        format_ratio(candidate.probability),
        "; ".join(candidate.reasons),
    )


def _gpus(candidate: Candidate) -> str:
    if candidate.device_name is None:
        return "–"
    return f"{len(candidate.devices)} × {candidate.device_name}"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    def line(cells: tuple[str, ...], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    body = "".join(line(row, "td") for row in rows)
    return f"<table><thead>{line(head, 'th')}</thead><tbody>{body}</tbody></table>"
