"""A request from what people write: sizes such as "24GiB" and durations such as "8h".

In: keywords. Out: a `Request` in base units.
"""

from __future__ import annotations

import difflib
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from scms.errors import RequestError, ScmsError
from scms.recommend.request import FIELDS, Request
from scms.units import parse_bytes, parse_duration

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What people write of a size, and the field that it becomes.
_SIZES: Final = {
    "gpu_memory": "gpu_memory_bytes",
    "memory": "memory_bytes",
    "scratch": "scratch_bytes",
}

_CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})")
_LAST_HOUR: Final = 23
_LAST_MINUTE: Final = 59


def request_from(needs: Mapping[str, Any], *, now: datetime | None = None) -> Request:
    """Read a request.

    Args:
        needs: The fields of `Request`; sizes also as ``gpu_memory``, ``memory`` and ``scratch``
            in words, ``hours`` as a number of hours or in words, ``start_by`` as ``"18:00"`` or
            ``"2h"`` from now.
        now: The present, aware, in whose zone times of day are read; by default in UTC.

    Raises:
        QuantityError: A size or duration cannot be read.
        RequestError: A field is unknown or cannot be used.
    """
    fields = dict(needs)
    for words, name in _SIZES.items():
        size = fields.pop(words, None)
        if size is not None:
            fields[name] = parse_bytes(size)
    if "hours" in fields:
        fields["hours"] = parse_duration(fields["hours"], bare_unit="h") / 3600
    if isinstance(fields.get("start_by"), str):
        present = datetime.now(UTC) if now is None else now
        fields["start_by"] = _moment(fields["start_by"], present)
    unknown = [name for name in fields if name not in FIELDS]
    if unknown:
        known = [*_SIZES, *FIELDS]
        near = difflib.get_close_matches(unknown[0], known, n=1)
        raise RequestError(
            f"a request has no {unknown[0]!r}",
            expected=f"some of {', '.join(known)}",
            mend=f'did you mean "{near[0]}"?' if near else None,
        )
    return Request(**fields)


def _moment(text: str, now: datetime) -> datetime:
    """A time of day, the next such, or a duration from now."""
    found = _CLOCK.fullmatch(text.strip())
    if found is None:
        try:
            return now + timedelta(seconds=parse_duration(text))
        except ScmsError as error:
            raise RequestError(
                f"start_by is {text!r}", expected="a time such as 18:00, or a duration such as 2h"
            ) from error
    hour, minute = int(found[1]), int(found[2])
    if hour > _LAST_HOUR or minute > _LAST_MINUTE:
        raise RequestError(f"start_by is {text!r}", expected="a time of day such as 18:00")
    at = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return at if at > now else at + timedelta(days=1)
