"""The form of the finder: what a job needs, as controls, as keywords, and as a line to type.

In: a cluster, for the names that can be chosen. Out: controls by the name of the need they set.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any, Final

import ipywidgets as w

from scms.widgets.base.part import add_classes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scms.cluster import Cluster

_ANY: Final = "Any"
#: Needs that are asked for at once; the others are behind a button.
FIRST: Final = ("gpus", "gpu_memory", "hours", "gpu_model", "user")
#: Sizes, in GiB where no unit is named.
_SIZES: Final = ("gpu_memory", "memory", "scratch")
_NUMBERS: Final = ("cpu_cores", "compute_capability")
#: Needs and their options of ``scms watch``.
_OPTIONS: Final = {
    "gpus": "--gpus",
    "gpu_memory": "--gpu-memory",
    "gpu_model": "--gpu-model",
    "compute_capability": "--compute-capability",
    "hours": "--hours",
    "cpu_cores": "--cpus",
    "memory": "--memory",
    "scratch": "--scratch",
    "group": "--group",
    "tags": "--tag",
    "user": "--user",
}


def _names(field: Any) -> Any:
    """A field whose choices, but for the first, or whose example are names: never translated."""
    return add_classes(field, "scms-names")


def fields(lab: Cluster) -> dict[str, Any]:
    """The controls, by the name of the need that they set."""
    models = {row["device_name"] for row in lab.snapshot().devices if row["device_name"]}
    servers = lab.inventory.servers
    groups = {server.group for server in servers if server.group is not None}
    tags = {tag for server in servers for tag in server.tags}
    return {
        "gpus": w.BoundedIntText(1, min=0, max=64, description="GPUs", tooltip="at the same time"),
        "gpu_memory": w.Text(placeholder="any", description="Memory per GPU (GiB)"),
        "hours": w.Text("8", description="Hours"),
        "gpu_model": _names(w.Dropdown(options=[_ANY, *sorted(models)], description="GPU model")),
        "compute_capability": w.Text(
            placeholder="any, such as 8.0", description="CUDA compute capability"
        ),
        "cpu_cores": w.Text(placeholder="any", description="CPU cores"),
        "memory": w.Text(placeholder="any", description="RAM (GiB)"),
        "scratch": w.Text(placeholder="any", description="Scratch space (GiB)"),
        "group": _names(w.Dropdown(options=[_ANY, *sorted(groups)], description="Group")),
        "tags": _names(w.Text(placeholder=", ".join(sorted(tags)[:3]), description="Tags")),
        "same_server": w.Checkbox(value=True, description="All GPUs on one server", indent=False),
        "start_by": w.Text(placeholder="18:00 or 2h", description="May wait until"),
        "user": w.Text(placeholder="for holds", description="Your name"),
    }


def needs_of(controls: Mapping[str, Any]) -> dict[str, Any]:
    """What the form asks for: keywords of ``lab.recommend``."""
    values = {name: control.value for name, control in controls.items()}
    given = {
        name: value.strip() if isinstance(value, str) else value
        for name, value in values.items()
        if value not in {None, _ANY} and str(value).strip()
    }
    for name in _SIZES:
        if name in given:
            given[name] = _with_unit(given[name])
    for name in _NUMBERS:
        if name in given:
            given[name] = _number(given[name])
    if "tags" in given:
        given["tags"] = tuple(given["tags"].replace(",", " ").split())
    if given["same_server"]:
        del given["same_server"]  # as everybody takes for granted
    return given


def watch_line(needs: Mapping[str, Any]) -> str:
    """What to type to wait for the same in a terminal."""
    words = ["scms", "watch"]
    for name, option in _OPTIONS.items():
        value = needs.get(name)
        for one in value if isinstance(value, tuple) else () if value is None else (value,):
            text = f"{one:g}" if isinstance(one, float) else str(one)
            words += [option, text.replace(" ", "") if name in _SIZES else text]
    if not needs.get("same_server", True):
        words.append("--any-server")
    return shlex.join(words)


def _with_unit(text: str) -> str:
    return f"{text} GiB" if text.replace(".", "", 1).isdigit() else text


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text  # the request says what it expected
