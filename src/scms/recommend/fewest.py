"""The fewest servers that have enough GPUs, and how many to take of each: exact, and pure.

In: how many GPUs each server can give, and what each number of them is worth. Out: the number of
servers, and the shares of the highest worth together.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: What was taken last, and what before it.
_Chain = tuple["_Chain", str, int] | None


def fewest(counts: Iterable[int], wanted: int) -> int | None:
    """With how many of these numbers ``wanted`` is reached; None where all do not reach it."""
    sums = accumulate(sorted(counts, reverse=True))
    return next((number for number, total in enumerate(sums, start=1) if total >= wanted), None)


def best_shares(
    values: Mapping[str, Mapping[int, float]], servers: int, wanted: int
) -> tuple[float, dict[str, int]]:
    """The shares that are worth most together: a knapsack, filled by dynamic programming.

    Args:
        values: Of each server, what each number of its GPUs is worth.
        servers: Of how many servers, exactly.
        wanted: How many GPUs together, exactly.

    Returns:
        What they are worth, and the number of GPUs by server; nothing, and minus infinity, where
        no shares reach the number.
    """
    best: dict[tuple[int, int], tuple[float, _Chain]] = {(0, 0): (0.0, None)}
    for name in _worth_a_look(values, servers):
        for (used, total), (worth, chain) in list(best.items()):
            if used == servers:
                continue
            for gpus, value in values[name].items():
                key = (used + 1, total + gpus)
                if key[1] <= wanted and (key not in best or worth + value > best[key][0]):
                    best[key] = (worth + value, (chain, name, gpus))
    worth, chain = best.get((servers, wanted), (float("-inf"), None))
    shares = {}
    while chain is not None:
        chain, name, gpus = chain
        shares[name] = gpus
    return worth, shares


def _worth_a_look(values: Mapping[str, Mapping[int, float]], servers: int) -> list[str]:
    """Of each number of GPUs, as many of the best as are wanted.

    No other is needed: where one is, one of these is not used for anything else, and can be in its
    place.
    """
    by_number: dict[int, list[tuple[float, str]]] = {}
    for name, own in values.items():
        for gpus, value in own.items():
            by_number.setdefault(gpus, []).append((-value, name))
    return sorted({name for ranked in by_number.values() for _, name in sorted(ranked)[:servers]})
