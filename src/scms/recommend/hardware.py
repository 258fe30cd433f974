"""Conditions that waiting does not mend: GPUs by number, model, memory and capability, CPU, RAM.

In: a request and what is known of a server. Out: its faults.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from scms.recommend.capability import compute_capability
from scms.recommend.facts import Fault
from scms.units import format_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from scms.recommend.facts import Facts, Row
    from scms.recommend.request import Request

#: GPUs are named by rounded sizes ("48 GB" reads 45 GiB), and people ask for these.
NOMINAL_SLACK_RATIO: Final = 0.07


def hardware_faults(request: Request, facts: Facts) -> Iterator[Fault]:
    """What the hardware of a server lacks, which waiting does not mend."""
    server = facts.server
    if request.gpus > 0:
        yield from _gpu_hardware(request, facts)
    cores = server.get("cpu_count")
    if request.cpu_cores is not None and cores is not None and cores < request.cpu_cores:
        wanted = f"{request.cpu_cores:g}"
        yield Fault(
            f"{cores} CPU cores, {wanted} wanted",
            f"have fewer than {wanted} CPU cores",
            permanent=True,
        )
    memory = server.get("memory_total_bytes")
    if request.memory_bytes is not None and memory is not None and memory < request.memory_bytes:
        wanted = format_bytes(request.memory_bytes)
        yield Fault(
            f"{format_bytes(memory)} RAM, {wanted} wanted",
            f"have less than {wanted} RAM",
            permanent=True,
        )


def _gpu_hardware(request: Request, facts: Facts) -> Iterator[Fault]:
    total = len(facts.devices)
    problem = facts.server.get("gpu_problem")
    seen = facts.server["state"] in {"up", "degraded"} or total > 0
    if total < request.gpus:
        if problem is not None and not str(problem).startswith("no driver"):
            yield Fault(f"GPUs cannot be read: {problem}", "have GPUs that cannot be read")
        elif seen:
            has = f"{total} GPU{'s' if total != 1 else ''}" if total else "no GPUs"
            yield Fault(
                f"{has}, {request.gpus} wanted",
                f"have fewer than {request.gpus} GPUs",
                permanent=True,
            )
        return
    model = [device for device in facts.devices if has_model(request, device)]
    if len(model) < request.gpus:
        names = sorted({str(device["device_name"]) for device in facts.devices})
        has = f"{len(model)} of {total} GPUs are" if model else f"GPUs are {', '.join(names)}, not"
        yield Fault(
            f"{has} {request.gpu_model}, {request.gpus} wanted",
            f"have fewer than {request.gpus} GPUs of model {request.gpu_model}",
            permanent=True,
        )
        return
    if sum(has_memory(request, device) for device in model) < request.gpus:
        yield _too_little_memory(request, model)
    yield from _capability(request, model)


def _capability(request: Request, devices: Sequence[Row]) -> Iterator[Fault]:
    wanted = request.compute_capability
    if wanted is None:
        return
    enough = sum(has_capability(request, device) for device in devices)
    if enough >= request.gpus:
        return
    told = [capability for d in devices if (capability := compute_capability(d)) is not None]
    if len(told) < len(devices):
        yield Fault(
            f"compute capability is unknown, {wanted:g} wanted",
            "have GPUs of unknown compute capability",
        )
        return
    yield Fault(
        f"compute capability {max(told):g}, {wanted:g} wanted"
        if not enough
        else f"{enough} of {len(devices)} GPUs have compute capability {wanted:g}",
        f"have compute capability below {wanted:g}",
        permanent=True,
    )


def _too_little_memory(request: Request, devices: Sequence[Row]) -> Fault:
    wanted = format_bytes(request.gpu_memory_bytes)
    sizes = [d["memory_total_bytes"] for d in devices if d["memory_total_bytes"] is not None]
    if len(sizes) < len(devices):
        return Fault(f"GPU memory is unknown, {wanted} wanted", "have unknown GPU memory")
    enough = sum(has_memory(request, device) for device in devices)
    has = (
        f"{enough} of {len(devices)} GPUs have {wanted}, {request.gpus} wanted"
        if enough
        else f"{format_bytes(max(sizes))} per GPU, {wanted} wanted"
    )
    return Fault(has, f"have less than {wanted} per GPU", permanent=True)


def has_model(request: Request, device: Mapping[str, Any]) -> bool:
    """Whether the device is of the wanted model."""
    if request.gpu_model is None:
        return True
    name = device["device_name"]
    return name is not None and request.gpu_model.strip().lower() in str(name).lower()


def has_memory(request: Request, device: Mapping[str, Any]) -> bool:
    """Whether the device has the wanted memory, nominally."""
    if request.gpu_memory_bytes is None:
        return True
    size = device["memory_total_bytes"]
    return size is not None and size >= request.gpu_memory_bytes * (1 - NOMINAL_SLACK_RATIO)


def has_capability(request: Request, device: Mapping[str, Any]) -> bool:
    """Whether the device has the wanted compute capability; not where it is unknown."""
    if request.compute_capability is None:
        return True
    capability = compute_capability(device)
    return capability is not None and capability >= request.compute_capability


def most_gpus(request: Request, facts: Facts) -> int | None:
    """How many GPUs of a server suit a request, in whatever state; None where that is not known."""
    server = facts.server
    problem = server.get("gpu_problem")
    if problem is not None and not str(problem).startswith("no driver"):
        return None
    if not facts.devices and server["state"] not in {"up", "degraded"}:
        return None
    if any(_is_unknown(request, device) for device in facts.devices):
        return None
    return sum(
        has_model(request, device)
        and has_memory(request, device)
        and has_capability(request, device)
        for device in facts.devices
    )


def _is_unknown(request: Request, device: Row) -> bool:
    """Whether what is asked of a device is not known of it."""
    return (request.gpu_memory_bytes is not None and device["memory_total_bytes"] is None) or (
        request.compute_capability is not None and compute_capability(device) is None
    )
