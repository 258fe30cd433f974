"""What would have been told at past moments, from what was known a little before: for backtests.

In: a grid of slots and the part of it that was known. Out: chances of servers at moments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scms.forecast.features import free_ages, slots_of
from scms.forecast.logit import fit_chances
from scms.forecast.spells import hazards, life_table, log_survival

if TYPE_CHECKING:
    from scms.forecast.series import FloatArray, IntArray
    from scms.forecast.spells import SlotGrid


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """Chances of servers (rows) at moments (columns); NaN where too few GPUs were free then.

    Attributes:
        life_table: By the life tables alone.
        logit: By the Logit alone; NaN also where none could be fitted.
        ages: Slots that the GPUs had been free, at least.
    """

    life_table: FloatArray
    logit: FloatArray
    ages: IntArray

    @property
    def combined(self) -> FloatArray:
        """What is told: the mean of both, or the life tables alone where nothing is fitted."""
        both = (self.life_table + self.logit) / 2
        return np.where(np.isnan(self.logit), self.life_table, both)


def tell(grid: SlotGrid, known: SlotGrid, gpus: IntArray, hours: float, at: IntArray) -> Told:
    """Chances that so many GPUs stay free, fitted on ``known`` and told at moments of the grid.

    Args:
        grid: The slots, of which each moment sees those before it.
        known: What life tables and Logit are fitted on: the grid up to the first moment.
        gpus: How many, per server.
        hours: For how long.
        at: The moments, as positions.
    """
    table = life_table(known.free >= gpus[:, None], known.free >= 0)
    hazard = hazards(table)
    found, free = free_ages(grid, gpus, at)
    ages = found.astype(np.int64)
    ahead = np.array([slots_of(hours)])
    chances = np.stack([np.exp(log_survival(hazard, age, ahead))[:, 0] for age in ages.T], axis=1)
    model = fit_chances(known, hours=(hours,))
    return Told(
        life_table=np.where(free, chances, np.nan),
        logit=model.survival(grid, gpus, hours, at=at),
        ages=ages,
    )
