"""One pooled Logit per stretch of time: how likely free GPUs are to stay free for that long.

In: a grid of slots. Out: `Chances`, a few numbers, stored as JSON. Fitting takes statsmodels
and about a second and is done once a day; from then on chances are plain arithmetic, so that nobody
who waits for an answer waits for statsmodels. Coefficients do not carry over from one cluster to
another, so none are shipped.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final, Self

import numpy as np

from scms.errors import ForecastError
from scms.forecast.features import FEATURES, moments, outcomes, slots_of
from scms.forecast.spells import SLOTS_PER_HOUR, SlotGrid

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scms.forecast.series import FloatArray, IntArray
    from scms.forecast.spells import BoolArray

#: The stretches that are fitted, hours; others lie between them.
FIT_HOURS: Final = (1.0, 4.0, 8.0, 24.0, 72.0)
#: Fitted on the newest four weeks.
FIT_DAYS: Final = 28
#: With less history than this, or fewer ended spells, the life tables speak alone.
MINIMUM_DAYS: Final = 7
MINIMUM_ENDED: Final = 150
#: More cases do not change the coefficients, only the time.
MAXIMUM_CASES: Final = 60_000
#: Hours between the moments of one server, and servers: primes walk through the hours of the day.
_STRIDES: Final = (1, 5, 7, 11, 13, 17, 19, 23)
_MAXIMUM_SERVERS: Final = 250
#: Features whose correlation is beyond this cannot be weighed apart.
_ALIKE: Final = 0.995
_DAY: Final = 24 * SLOTS_PER_HOUR


@dataclass(frozen=True, slots=True)
class Fit:
    """The Logit of one stretch: ``log odds = intercept + Σ coefficient · feature``.

    Attributes:
        hours: The stretch.
        intercept: Log odds where all features are 0.
        coefficients: In the order of `FEATURES`.
        cases: Moments it was fitted on.
        ended: Of these, in how many the GPUs were taken before the end.
    """

    hours: float
    intercept: float
    coefficients: tuple[float, ...]
    cases: int
    ended: int

    def probability(self, values: FloatArray) -> FloatArray:
        """The chance, for features along the last axis."""
        odds = self.intercept + values @ np.array(self.coefficients)
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(odds, -30.0, 30.0))))


@dataclass(frozen=True, slots=True)
class Chances:
    """The fits of one cluster, by rising hours; none where there was too little history.

    Attributes:
        fits: One per stretch.
        why: What they rest on, or why there are none, in words.
    """

    fits: tuple[Fit, ...]
    why: str

    def to_json(self) -> str:
        """As text, for the hot store."""
        fits = [asdict(fit) for fit in self.fits]
        return json.dumps({"features": list(FEATURES), "fits": fits, "why": self.why})

    @classmethod
    def from_json(cls, text: str) -> Self | None:
        """Read again; None where another version with other features wrote it."""
        read = json.loads(text)
        if read["features"] != list(FEATURES):
            return None
        fits = (Fit(**(fit | {"coefficients": tuple(fit["coefficients"])})) for fit in read["fits"])
        return cls(tuple(fits), read["why"])

    def survival(
        self, grid: SlotGrid, gpus: IntArray, hours: float, *, at: IntArray | None = None
    ) -> FloatArray:
        """The chance per server and moment that so many GPUs stay free.

        Between two fitted stretches the cumulated hazard is drawn as a power of time, beyond the
        last and before the first as proportional to time. NaN where the GPUs are not free, or
        nobody knows.

        Args:
            grid: The slots.
            gpus: How many, per server.
            hours: For how long.
            at: Moments, as positions of the grid; by default its end.
        """
        places = np.array([grid.free.shape[1]]) if at is None else at
        if not self.fits:
            return np.full((len(grid.servers), len(places)), np.nan)
        known = [fit.hours for fit in self.fits]
        after = int(np.searchsorted(known, hours))
        exact = after < len(known) and known[after] == hours
        near = self.fits[after : after + 1] if exact else self.fits[max(0, after - 1) : after + 1]
        risks = [self._cumulated(fit, grid, gpus, places) for fit in near]
        if len(near) == 1:
            return np.asarray(np.exp(-risks[0] * hours / near[0].hours))
        first, last = near
        steep = np.maximum(0.0, np.log(risks[1] / risks[0]))
        share = np.log(hours / first.hours) / np.log(last.hours / first.hours)
        return np.asarray(np.exp(-risks[0] * np.exp(steep * share)))

    def _cumulated(self, fit: Fit, grid: SlotGrid, gpus: IntArray, at: IntArray) -> FloatArray:
        """The cumulated hazard of one stretch."""
        now = moments(grid, gpus, fit.hours, at)
        chance = np.where(now.free, fit.probability(now.table), np.nan)
        return np.asarray(-np.log(np.clip(chance, 1e-9, 1 - 1e-9)))


def fit_chances(grid: SlotGrid, *, seed: int = 0, hours: Sequence[float] = FIT_HOURS) -> Chances:
    """Fit one Logit per stretch on the newest four weeks, all servers and numbers of GPUs together.

    Args:
        grid: The slots, to the present.
        seed: Chooses servers where there are very many.
        hours: The stretches.

    Returns:
        The fits; none, with the reason, where fewer than 7 days or 150 ended spells were seen.
    """
    days = grid.free.shape[1] / _DAY
    if days < MINIMUM_DAYS:
        return Chances((), f"{days:.1f} days are known, {MINIMUM_DAYS} needed to weigh features")
    ended = _ended(grid)
    if ended < MINIMUM_ENDED:
        return Chances((), f"{ended} free spells ended, {MINIMUM_ENDED} needed to weigh features")
    part = _some(grid, seed)
    fits = [fit for stretch in hours if (fit := _fit(part, stretch)) is not None]
    counted = max((fit.cases for fit in fits), default=0)
    return Chances(tuple(fits), f"{counted} past moments of {len(part.servers)} servers")


def sizes(grid: SlotGrid) -> Iterator[IntArray]:
    """Numbers of GPUs to ask for, per server: 1, 2, 4, … and all; 0 leaves a server out."""
    count = grid.gpu_count
    number = 1
    while number < count.max(initial=0):
        yield np.where(count > number, number, 0)
        number *= 2
    yield count


def _ended(grid: SlotGrid) -> int:
    """Spells of at least one free GPU that were seen to end."""
    free = grid.free >= 1
    return int(np.count_nonzero(free[:, :-1] & (grid.free[:, 1:] == 0)))


def _some(grid: SlotGrid, seed: int) -> SlotGrid:
    if len(grid.servers) <= _MAXIMUM_SERVERS:
        return grid
    chosen = np.random.default_rng(seed).permutation(len(grid.servers))[:_MAXIMUM_SERVERS]
    names = tuple(grid.servers[index] for index in chosen)
    return SlotGrid(names, grid.free[chosen], grid.gpu_count[chosen])


def _fit(grid: SlotGrid, hours: float) -> Fit | None:
    at = _at(grid, hours)
    values, stayed = [], []
    for gpus in sizes(grid):
        rows = np.flatnonzero(gpus > 0)
        asked = SlotGrid((), grid.free[rows], grid.gpu_count[rows])
        then = moments(asked, gpus[rows], hours, at)
        outcome = outcomes(asked, gpus[rows], hours, at)
        use = then.free & ~np.isnan(outcome)
        values.append(then.table[use])
        stayed.append(outcome[use])
    return _logit(np.concatenate(values), np.concatenate(stayed), hours)


def _at(grid: SlotGrid, hours: float) -> IntArray:
    """Moments of the newest four weeks whose outcome is known, sparse enough."""
    end = grid.free.shape[1]
    first = max(0, end - FIT_DAYS * _DAY)
    # What a feature says needs a past: the first days of a short record would teach noise.
    first = max(first, min(MINIMUM_DAYS * _DAY, end // 4))
    wanted = len(grid.servers) * 3  # about three sizes of each server are free
    for stride in _STRIDES:
        at = np.arange(first, end - slots_of(hours) + 1, stride * SLOTS_PER_HOUR)
        if len(at) * wanted <= MAXIMUM_CASES:
            break
    return at


def _logit(values: FloatArray, stayed: FloatArray, hours: float) -> Fit | None:
    """The maximum likelihood by statsmodels; None where the cases do not determine it."""
    ended = int(len(stayed) - stayed.sum())
    if min(ended, len(stayed) - ended) < len(FEATURES):
        return None
    mean, scale = values.mean(axis=0), values.std(axis=0)
    varies = _independent(values, scale)
    design = (values[:, varies] - mean[varies]) / scale[varies]
    from statsmodels.discrete.discrete_model import Logit
    from statsmodels.tools.sm_exceptions import PerfectSeparationError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one that did not converge is left out below
        try:
            with_one = np.column_stack([np.ones(len(design)), design])
            result = Logit(stayed, with_one).fit(disp=False, maxiter=50)
        except (np.linalg.LinAlgError, PerfectSeparationError):
            return None
    parameters = np.asarray(result.params)
    if not result.mle_retvals["converged"] or not np.all(np.isfinite(parameters)):
        return None
    weights = np.zeros(len(FEATURES))
    weights[varies] = parameters[1:] / scale[varies]
    return Fit(
        hours=float(hours),
        intercept=float(parameters[0] - weights @ mean),
        coefficients=tuple(float(weight) for weight in weights),
        cases=len(stayed),
        ended=ended,
    )


def _independent(values: FloatArray, scale: FloatArray) -> BoolArray:
    """Features that vary, and not as one before them does: in a short past months are as weeks."""
    varies = scale > 1e-9
    with np.errstate(invalid="ignore", divide="ignore"):
        alike = np.abs(np.corrcoef(values, rowvar=False))
    for column in range(1, len(scale)):
        before = varies[:column]
        if np.any(alike[column, :column][before] > _ALIKE):
            varies[column] = False
    return varies


def checked_chances(text: str | None) -> Chances | None:
    """What the hot store keeps, read; None where there is nothing of use to this version.

    Raises:
        ForecastError: It is no such JSON.
    """
    if text is None:
        return None
    try:
        return Chances.from_json(text)
    except (ValueError, KeyError, TypeError) as error:
        raise ForecastError(
            f"the stored chances cannot be read: {error}",
            expected="what scms learn stores",
            mend="store them anew with: scms learn",
        ) from error
