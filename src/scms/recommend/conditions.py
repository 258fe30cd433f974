"""The hard conditions: why a server cannot take a job, in plain words.

In: a request and the live rows of one server. Out: its faults, none where it can, and the devices
it could give. A fault is permanent when waiting does not mend it (too few GPUs), passing otherwise
(too few free ones). Whatever is unknown is a fault: nobody is sent to a server on a guess.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from scms.recommend.facts import Facts, Fault, Row
from scms.recommend.hardware import hardware_faults, has_capability, has_memory, has_model
from scms.units import format_bytes, format_duration, format_ratio

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from scms.recommend.request import Request

_STATE_WORDS: Final = {
    "busy": "busy",
    "idle_held": "idle but held",
    "ghost": "held by no visible process",
    "faulty": "faulty",
    "unknown": "unknown",
}


def usable_devices(request: Request, facts: Facts) -> list[Row]:
    """Devices that fit the request, are free, fresh, and held by nobody else."""
    return [
        device
        for device in fitting_devices(request, facts)
        if device["state"] == "free"
        and _is_fresh(device, facts)
        and holder(device, facts, request.user) is None
    ]


def fitting_devices(request: Request, facts: Facts) -> list[Row]:
    """Devices of the wanted model and memory, in whatever state."""
    return [
        device
        for device in facts.devices
        if has_model(request, device)
        and has_memory(request, device)
        and has_capability(request, device)
    ]


def holder(device: Mapping[str, Any], facts: Facts, user: str | None) -> str | None:
    """Who else holds a device."""
    hold = facts.holds.get(device["device"])
    held_by = device.get("held_by") if hold is None else hold["user"]
    return None if held_by is None or held_by == user else str(held_by)


def faults(request: Request, facts: Facts) -> list[Fault]:
    """Everything that speaks against a server; the passing ones only where it can be seen."""
    found = [*_membership(request, facts), *hardware_faults(request, facts)]
    unseen = _state(facts)
    if unseen is not None:
        return [unseen, *found]
    if any(fault.permanent for fault in found):
        return found
    return [*found, *_free_gpus(request, facts), *_headroom(request, facts)]


def _membership(request: Request, facts: Facts) -> Iterator[Fault]:
    group = facts.server["group"]
    if request.group is not None and group != request.group:
        has = "in no group" if group is None else f"in group {group}"
        yield Fault(
            f"{has}, {request.group} wanted", f"are not in group {request.group}", permanent=True
        )
    for tag in request.tags:
        if tag not in facts.server["tags"]:
            yield Fault(f"has no tag {tag}", f"have no tag {tag}", permanent=True)


def _state(facts: Facts) -> Fault | None:
    state, reason, age = (facts.server[name] for name in ("state", "reason", "age_seconds"))
    because = "" if reason is None else f": {reason}"
    if state == "down":
        return Fault(f"down{because}", "are down")
    if state == "stale" or (age is not None and age > facts.max_age_seconds):
        return Fault(f"no fresh data for {_rough(age)}", "have no fresh data")
    if state not in {"up", "degraded"} or age is None:
        return Fault(f"state unknown{because}", "are in an unknown state")
    return None


def _free_gpus(request: Request, facts: Facts) -> Iterator[Fault]:
    fitting = fitting_devices(request, facts)
    if len(fitting) < request.gpus:
        return  # the hardware has been named already
    usable = len(usable_devices(request, facts))
    if usable >= request.gpus:
        return
    free = [device for device in fitting if device["state"] == "free"]
    if len(free) < request.gpus:
        of = f"{len(fitting)} GPUs" if len(fitting) == len(facts.devices) else (
            f"{len(fitting)} suitable GPUs"
        )  # fmt: skip
        states = Counter(str(d["state"]) for d in fitting if d["state"] != "free")
        rest = ", ".join(f"{n} {_STATE_WORDS.get(s, s)}" for s, n in sorted(states.items()))
        yield Fault(
            f"{len(free)} of {of} free, {request.gpus} wanted" + (f" ({rest})" if rest else ""),
            f"have fewer than {request.gpus} GPUs free",
        )
    held = [device for device in free if holder(device, facts, request.user) is not None]
    if held:
        yield Fault(_held_text(held, facts, request.user), "have GPUs on hold")
    elif len(free) >= request.gpus:
        yield Fault("no fresh data of its GPUs", "have no fresh data")


def _held_text(devices: Iterable[Row], facts: Facts, user: str | None) -> str:
    counts: Counter[str] = Counter()
    for device in devices:
        hold = facts.holds.get(device["device"])
        until = (
            ""
            if hold is None
            else f" until {hold['expires_at'].astimezone(facts.now.tzinfo):%H:%M}"
        )
        counts[f"held by {holder(device, facts, user)}{until}"] += 1
    return ", ".join(f"{count} {text}" for text, count in sorted(counts.items()))


def _headroom(request: Request, facts: Facts) -> Iterator[Fault]:
    server = facts.server
    if request.cpu_cores is not None:
        idle = idle_cores(server)
        wanted = f"{request.cpu_cores:g} wanted"
        if idle is None:
            yield Fault(f"CPU use is unknown, {wanted}", "have unknown CPU use")
        elif idle < request.cpu_cores:
            used = format_ratio(server["cpu_utilization_ratio"])
            text = f"{idle:.1f} of {server['cpu_count']} CPU cores idle, {wanted} (CPU {used})"
            yield Fault(text, "have too few idle CPU cores")
    for column, wanted_bytes, what in (
        ("memory_available_bytes", request.memory_bytes, "RAM"),
        ("scratch_free_bytes", request.scratch_bytes, "scratch space"),
    ):
        free = server.get(column)
        if wanted_bytes is None:
            continue
        wanted = f"{format_bytes(wanted_bytes)} wanted"
        if free is None:
            yield Fault(f"free {what} is unknown, {wanted}", f"have unknown free {what}")
        elif free < wanted_bytes:
            yield Fault(
                f"{format_bytes(free)} {what} free, {wanted}", f"have too little free {what}"
            )


def idle_cores(server: Mapping[str, Any]) -> float | None:
    """CPU cores that do nothing, or None where unknown."""
    count, used = server.get("cpu_count"), server.get("cpu_utilization_ratio")
    return None if count is None or used is None else float(count) * (1.0 - float(used))


def _is_fresh(device: Mapping[str, Any], facts: Facts) -> bool:
    age = device.get("age_seconds")
    return age is not None and age <= facts.max_age_seconds


def _rough(seconds: float | None) -> str:
    """A duration in its largest unit, as people say it."""
    if seconds is None:
        return "an unknown time"
    return " ".join(format_duration(seconds).split()[:2])
