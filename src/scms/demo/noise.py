"""Chance without state: hashed numbers and smooth noise with an integral in closed form.

In: keys (what is asked about) and times. Out: numbers that are always the same for the same key
and time, on every machine, so that any moment of the lab can be computed on its own.

The noise is the derivative of a quadratic spline over hashed lattice values. The spline itself is
the integral, which is what makes cumulative counters exact at any time without adding anything up.
"""

from __future__ import annotations

import hashlib
import math
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Keys = npt.NDArray[np.uint64]

_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX_1: Final = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2: Final = np.uint64(0x94D049BB133111EB)
_TO_UNIT: Final = 2.0**-53
_NORMAL: Final = NormalDist()

#: Periods in seconds and weights (they add up to 1): from seconds to most of a day.
_PERIODS: Final = np.array([5.0, 29.0, 211.0, 1801.0, 20011.0])
_WEIGHTS: Final = np.array([0.20, 0.20, 0.20, 0.20, 0.20])
_OCTAVE_KEYS: Final = np.arange(1, 6, dtype=np.uint64) * np.uint64(0x632BE59BD9B4E019)
_AROUND: Final = np.arange(3, dtype=np.int64)


def key_of(*parts: str | float) -> int:
    """A 64-bit key for what the parts name."""
    text = "\x1f".join(str(part) for part in parts).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


def keys_of(keys: list[int]) -> Keys:
    """Keys as the array that the other functions take."""
    return np.array(keys, dtype=np.uint64)


def uniform(keys: Keys, index: npt.NDArray[np.int64] | int = 0) -> Floats:
    """Numbers in [0, 1), one for each key and index (splitmix64)."""
    steps = np.atleast_1d(np.asarray(index, dtype=np.int64)).astype(np.uint64)
    x = keys + (steps + np.uint64(1)) * _GOLDEN
    x = (x ^ (x >> np.uint64(30))) * _MIX_1
    x = (x ^ (x >> np.uint64(27))) * _MIX_2
    x ^= x >> np.uint64(31)
    numbers: Floats = (x >> np.uint64(11)).astype(np.float64) * _TO_UNIT
    return numbers


class Draw:
    """Draws about one thing, by name: ``Draw(key).uniform("hours")``."""

    def __init__(self, key: int) -> None:
        self._key = key

    def uniform(self, what: str) -> float:
        """A number in [0, 1)."""
        return (key_of(self._key, what) >> 11) * _TO_UNIT

    def between(self, what: str, low: float, high: float) -> float:
        """A number between two others, all equally likely."""
        return low + (high - low) * self.uniform(what)

    def lognormal(self, what: str, *, median: float, sigma: float) -> float:
        """A number with a heavy tail."""
        at = min(max(self.uniform(what), 1e-6), 1 - 1e-6)
        return median * math.exp(sigma * _NORMAL.inv_cdf(at))

    def chosen(self, what: str, weights: dict[str, float]) -> str:
        """One of the names, by weight."""
        left = self.uniform(what) * sum(weights.values())
        for name, weight in weights.items():
            left -= weight
            if left < 0:
                return name
        return next(reversed(weights))


def swell(keys: Keys, times: Floats) -> Floats:
    """Smooth noise in [-1, 1] at the times, independent for different keys."""
    part, values = _lattice(keys, times)
    slopes = np.diff(values, axis=-1)
    smooth = (1 - part) * slopes[..., 0] + part * slopes[..., 1]
    total: Floats = smooth @ _WEIGHTS
    return total


def swell_integral(keys: Keys, times: Floats) -> Floats:
    """The integral of `swell` over time, in seconds, from a point of its own for each key."""
    part, values = _lattice(keys, times)
    bend = part * (1 - part)
    spline = (0.5 - part / 2 - bend / 2) * values[..., 0] + (0.5 + bend) * values[..., 1]
    spline += (part / 2 - bend / 2) * values[..., 2]
    total: Floats = spline @ (_WEIGHTS * _PERIODS)
    return total


def _lattice(keys: Keys, times: Floats) -> tuple[Floats, Floats]:
    """Position in its cell and the three values around it, for each octave: last axes 5 and 3."""
    keys, times = np.broadcast_arrays(keys, times)
    position = times[..., None] / _PERIODS
    cell = np.floor(position)
    around = cell.astype(np.int64)[..., None] + _AROUND
    octaves = keys[..., None] ^ _OCTAVE_KEYS
    return position - cell, uniform(octaves[..., None], around)
