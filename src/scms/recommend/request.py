"""What a job needs, checked.

In: numbers in base units (the edge reads "24GiB" and "8h"). Out: a frozen `Request`.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Final

from scms.errors import RequestError
from scms.units import format_bytes, format_duration

#: Fields that are amounts, from 0 on.
_AMOUNTS: Final = (
    "gpu_memory_bytes",
    "memory_bytes",
    "scratch_bytes",
    "cpu_cores",
    "compute_capability",
)
#: Chances are not told further ahead than this.
MAXIMUM_HOURS: Final = 14 * 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a job needs.

    Attributes:
        gpus: How many GPUs at the same time; 0 for a job on CPUs.
        gpu_memory_bytes: Memory of each GPU, at least.
        gpu_model: Part of the model's name, in any case, such as ``a100``.
        compute_capability: CUDA compute capability of each GPU, at least, such as 8.0.
        cpu_cores: Idle logical CPUs of each server that is taken, at least.
        memory_bytes: RAM available there, at least.
        scratch_bytes: Free space on one local file system there, at least.
        hours: For how long.
        start_by: Where none is free now, the job may start until then (aware).
        group: Only servers of this group.
        tags: Only servers with all of these tags.
        user: Who asks: this user's own holds are no obstacle.
        same_server: All GPUs on one server; False for a job that can take them from several, such
            as many independent runs.

    Raises:
        RequestError: A field cannot be used; the message names it.
    """

    gpus: int = 1
    gpu_memory_bytes: int | None = None
    gpu_model: str | None = None
    compute_capability: float | None = None
    cpu_cores: float | None = None
    memory_bytes: int | None = None
    scratch_bytes: int | None = None
    hours: float = 1.0
    start_by: datetime | None = None
    group: str | None = None
    tags: tuple[str, ...] = ()
    user: str | None = None
    same_server: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.gpus, bool) or not isinstance(self.gpus, int) or self.gpus < 0:
            raise _error("gpus", self.gpus, "a whole number, 0 for a job without GPUs")
        for name in _AMOUNTS:
            value = getattr(self, name)
            if value is not None and not (_is_number(value) and value >= 0):
                raise _error(name, value, "a number from 0 on, or None")
        if not _is_number(self.hours) or not 0 < self.hours <= MAXIMUM_HOURS:
            raise _error("hours", self.hours, f"above 0 and at most {MAXIMUM_HOURS} hours")
        for name in ("gpu_model", "group", "user"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, str) and value.strip()):
                raise _error(name, value, "some text, or None")
        if not isinstance(self.same_server, bool):
            raise _error("same_server", self.same_server, "True or False")
        by = self.start_by
        if by is not None and (not isinstance(by, datetime) or by.tzinfo is None):
            raise _error("start_by", by, "a time with a zone, or None")
        self._check_tags()
        self._check_together()

    def _check_tags(self) -> None:
        if isinstance(self.tags, str):
            raise _error("tags", self.tags, "a tuple of texts", mend=f'say tags=("{self.tags}",)')
        try:
            tags = tuple(self.tags)
        except TypeError:
            raise _error("tags", self.tags, "a tuple of texts") from None
        if not all(isinstance(tag, str) and tag.strip() for tag in tags):
            raise _error("tags", self.tags, "a tuple of texts")
        object.__setattr__(self, "tags", tags)

    def _check_together(self) -> None:
        for named in ("gpu_memory_bytes", "gpu_model", "compute_capability"):
            if self.gpus == 0 and getattr(self, named) is not None:
                raise RequestError(
                    f"gpus is 0 and {named} is {getattr(self, named)!r}",
                    expected=f"at least one GPU, or no {named}",
                    mend=f"leave {named} out, or ask for GPUs",
                )

    def __str__(self) -> str:
        gpus = f"{self.gpus} GPU{'s' if self.gpus != 1 else ''}" if self.gpus else "no GPU"
        parts = [gpus if self.gpu_model is None else f"{gpus} {self.gpu_model}"]
        if self.may_spread:
            parts.append("on any servers")
        if self.gpu_memory_bytes is not None:
            parts.append(f"{format_bytes(self.gpu_memory_bytes)} each")
        if self.compute_capability is not None:
            parts.append(f"compute capability {self.compute_capability:g}")
        if self.cpu_cores is not None:
            parts.append(f"{self.cpu_cores:g} CPU cores")
        if self.memory_bytes is not None:
            parts.append(f"{format_bytes(self.memory_bytes)} RAM")
        if self.scratch_bytes is not None:
            parts.append(f"{format_bytes(self.scratch_bytes)} scratch")
        if self.group is not None:
            parts.append(f"group {self.group}")
        parts.extend(f"tag {tag}" for tag in self.tags)
        by = "" if self.start_by is None else f", from {self.start_by:%H:%M} at the latest"
        return f"{', '.join(parts)}, for {format_duration(self.hours * 3600)}{by}"

    @property
    def may_spread(self) -> bool:
        """Whether several servers may take it together: one GPU is on one server anyway."""
        return not self.same_server and self.gpus > 1

    def to_dict(self) -> dict[str, Any]:
        """The fields, for JSON."""
        by = None if self.start_by is None else self.start_by.isoformat()
        return asdict(self) | {"tags": list(self.tags), "start_by": by}


#: The names of the fields, for messages about unknown ones.
FIELDS: Final = tuple(field.name for field in fields(Request))


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return math.isfinite(value)


def _error(name: str, value: object, expected: str, *, mend: str | None = None) -> RequestError:
    return RequestError(f"{name} is {value!r}", expected=expected, mend=mend)
