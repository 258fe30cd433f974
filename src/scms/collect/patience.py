"""How long to wait before another try. In: how a try ended. Out: seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scms.errors import CollectError, HostKeyError, LoginError

if TYPE_CHECKING:
    from random import Random


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait before the next try, in seconds.

    Attributes:
        first: After the first failure; doubled with each further one.
        longest: And no longer than this.
        refused: After an unknown host key or a refused login: only people can mend these.
        report: While it waits, a server is reported down this often.
    """

    first: float = 2.0
    longest: float = 120.0
    refused: float = 300.0
    report: float = 60.0

    def delay(self, failures: int, error: CollectError, random: Random) -> float:
        """The wait after the given number of failures in a row, with jitter of a quarter."""
        if isinstance(error, (HostKeyError, LoginError)):
            base = self.refused
        else:
            base = min(self.longest, self.first * 2.0 ** min(failures - 1, 30))
        return base * random.uniform(0.75, 1.25)
