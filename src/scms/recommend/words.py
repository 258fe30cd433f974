"""A request from what people write: sizes such as "24GiB" and durations such as "8h".

In: keywords. Out: a `Request` in base units.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, Final

from scms.errors import RequestError
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


def request_from(needs: Mapping[str, Any]) -> Request:
    """Read a request.

    Args:
        needs: The fields of `Request`; sizes also as ``gpu_memory``, ``memory`` and ``scratch``
            in words, ``hours`` as a number of hours or in words.

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
