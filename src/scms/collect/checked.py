"""Values of strangers, checked: in range and printable, or None.

In: anything that JSON can hold. Out: numbers, whole numbers, texts, lists and mappings that hold
what they promise.
"""

from __future__ import annotations

from typing import Any, Final

#: More bytes than any machine has; NVML's sentinels (2^64 - 1 and 9.2e18) lie above.
MAX_BYTES: Final = 2**60
MAX_COUNTER: Final = 2**63
LATEST_EPOCH: Final = 32503680000.0  # the year 3000
MAX_ROWS: Final = 256


def number(value: object, low: float, high: float) -> float | None:
    """A number from ``low`` to ``high``, both of them finite, or None."""
    kind = type(value)
    if kind is float or kind is int:  # and no truth value, which is an int as well
        return float(value) if low <= value <= high else None  # type: ignore[operator, arg-type]
    return None


def whole(value: object, low: int, high: int) -> int | None:
    """A whole number from ``low`` to ``high``, or None; a number with a fraction is rounded."""
    kind = type(value)
    if kind is float and low - 1 < value < high + 1:  # type: ignore[operator]
        value, kind = round(value), int  # type: ignore[call-overload]
    if kind is int:
        return value if low <= value <= high else None  # type: ignore[operator, return-value]
    return None


def text(value: object, limit: int = 200) -> str | None:
    """A text without control characters and lone surrogates, cut at ``limit``; None when empty."""
    if not isinstance(value, str):
        return None
    kept = value[: limit * 4]
    if not kept.isprintable():  # most are
        kept = "".join(c for c in kept if c.isprintable())
    return kept.strip()[:limit] or None


def truth(value: object) -> bool | None:
    """True or False, or None."""
    return value if isinstance(value, bool) else None


def percentage(value: object) -> float | None:
    """A number from 0 to 100 as a ratio, or None."""
    found = number(value, 0, 100)
    return None if found is None else found / 100


def mapping(value: object) -> dict[str, Any]:
    """A JSON object; an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}


def items(value: object, count: int, most: int | None = None) -> list[Any]:
    """Exactly ``count`` items, or up to ``most`` filled up with None.

    A list of another length has none that can be trusted.
    """
    longest = count if most is None else most
    if not isinstance(value, list) or not count <= len(value) <= longest:
        return [None] * longest
    return value + [None] * (longest - len(value))


def rows_of(value: object) -> list[Any]:
    """The items of a list, as many as are believed; none of anything else."""
    return value[:MAX_ROWS] if isinstance(value, list) else []
