"""Reading and writing quantities: text in, base units out, and back for people.

Inside SCMS every quantity is in its base unit (bytes, seconds, ratio 0 to 1); these functions
stand at the edge, where people type and read.
"""

from __future__ import annotations

import math
import re
from typing import Final

from scms.errors import QuantityError

_BYTE_FACTORS: Final = {
    "": 1,
    "b": 1,
    "k": 1000,
    "kb": 1000,
    "kib": 1024,
    "m": 1000**2,
    "mb": 1000**2,
    "mib": 1024**2,
    "g": 1000**3,
    "gb": 1000**3,
    "gib": 1024**3,
    "t": 1000**4,
    "tb": 1000**4,
    "tib": 1024**4,
    "p": 1000**5,
    "pb": 1000**5,
    "pib": 1024**5,
}
_SECOND_FACTORS: Final = {
    "s": 1,
    "sec": 1,
    "second": 1,
    "seconds": 1,
    "m": 60,
    "min": 60,
    "minute": 60,
    "minutes": 60,
    "h": 3600,
    "hour": 3600,
    "hours": 3600,
    "d": 86400,
    "day": 86400,
    "days": 86400,
    "w": 604800,
    "week": 604800,
    "weeks": 604800,
}
_QUANTITY: Final = re.compile(r"\s*(?P<number>\d+(?:\.\d+)?|\.\d+)\s*(?P<unit>[A-Za-z]*)\s*")


def parse_bytes(text: str | float) -> int:
    """Read an amount of memory or storage.

    Args:
        text: Such as ``"24GiB"``, ``"80 GB"``, ``"512MiB"``, or a plain number of bytes.

    Returns:
        Bytes, rounded to the nearest whole one.

    Raises:
        QuantityError: It is no amount of bytes, is negative, or is not finite.

    >>> parse_bytes("24GiB")
    25769803776
    >>> parse_bytes("1.5 kB")
    1500
    """
    expected = 'a size such as "24GiB", "80GB", "512MiB" or a number of bytes'
    return round(_parse(text, _BYTE_FACTORS, "a size in bytes", expected, bare_factor=1))


def parse_duration(text: str | float, *, bare_unit: str = "s") -> float:
    """Read a duration.

    Args:
        text: Such as ``"8h"``, ``"90 min"``, ``"2d"``, or a number in ``bare_unit``.
        bare_unit: The unit of a number that names none.

    Returns:
        Seconds.

    Raises:
        QuantityError: It is no duration, is negative, or is not finite.

    >>> parse_duration("1.5h")
    5400.0
    >>> parse_duration(8, bare_unit="h")
    28800.0
    """
    expected = 'a duration such as "90s", "20min", "8h", "2d" or "1w"'
    factor = _SECOND_FACTORS[bare_unit]
    return _parse(text, _SECOND_FACTORS, "a duration", expected, bare_factor=factor)


def _parse(
    text: str | float, factors: dict[str, int], what: str, expected: str, *, bare_factor: int
) -> float:
    if isinstance(text, (int, float)) and not isinstance(text, bool):
        if not math.isfinite(text) or text < 0:
            raise QuantityError(f"{text!r} is not {what}", expected=expected)
        return float(text) * bare_factor
    match = _QUANTITY.fullmatch(text) if isinstance(text, str) else None
    unit = match["unit"].lower() if match else None
    if match is None or unit is None or (unit and unit not in factors):
        raise QuantityError(f"{text!r} is not {what}", expected=expected)
    return float(match["number"]) * (factors[unit] if unit else bare_factor)


def format_bytes(value: float | None) -> str:
    """Write bytes for people, in binary units; unknown is an en dash.

    >>> format_bytes(25769803776)
    '24 GiB'
    >>> format_bytes(None)
    '–'
    """
    if value is None or math.isnan(value):
        return "–"
    amount, unit = float(value), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB", "PiB"):
        if abs(amount) < 1024:
            break
        amount, unit = amount / 1024, larger
    return f"{_three_digits(amount)} {unit}"


def format_duration(seconds: float | None) -> str:
    """Write a duration for people, in its two largest units; unknown is an en dash.

    >>> format_duration(5400)
    '1 h 30 min'
    >>> format_duration(90061)
    '1 d 1 h'
    """
    if seconds is None or math.isnan(seconds):
        return "–"
    rest = round(seconds)
    parts: list[str] = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {unit}")
        elif parts:
            break
    return " ".join(parts[:2]) or "0 s"


def format_ratio(value: float | None) -> str:
    """Write a ratio as a percentage; unknown is an en dash.

    >>> format_ratio(0.876)
    '88 %'
    """
    return "–" if value is None or math.isnan(value) else f"{value * 100:.0f} %"


def _three_digits(amount: float) -> str:
    if amount >= 100 or amount == int(amount):
        return f"{amount:.0f}"
    return f"{amount:.3g}"
