"""Writes the cluster.toml of the simulated lab.

In: a directory. Out: ``<directory>/cluster.toml`` with the servers of the lab and this machine.
"""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Final

from scms.demo.lab import DEFAULT_ZONE, Lab
from scms.demo.roster import HALL_SIZE, hall_count, hall_users
from scms.errors import SettingsError
from scms.inventory import DEFAULT_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scms.demo.roster import ServerSpec

_HEAD: Final = """\
# The simulated lab: servers that do not exist, beside this machine, which does.
# Delete this directory to be rid of it.
name = "demo"
timezone = "{timezone}"
interval = 2
data = "."

[power]
price_per_kwh = 0.28
currency = "EUR"
carbon_grams_per_kwh = 380
"""


def demo_inventory(directory: str | Path, *, servers: int = HALL_SIZE) -> Path:
    """Write a cluster.toml with the simulated servers and this machine.

    Args:
        directory: Made where it is missing; the data goes there too.
        servers: How many simulated servers; the first 20 are always the same.

    Returns:
        The path of the file. One that is there already is kept as it is.

    Raises:
        SettingsError: The file cannot be written.
    """
    path = Path(directory) / DEFAULT_FILE
    lab = Lab(servers=servers)
    head = _HEAD.format(timezone=DEFAULT_ZONE)
    text = "\n".join(
        [head, _groups(servers), _this_machine({s.name for s in lab.servers}), *_servers(lab)]
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            draft = path.with_suffix(".tmp")
            draft.write_text(text, encoding="utf-8")
            draft.replace(path)
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be written: {error.strerror}", expected="a directory of one's own"
        ) from error
    return path


def _groups(servers: int) -> str:
    """Who belongs to which group, of all the halls that have servers."""
    members: dict[str, list[str]] = {}
    for hall in range(hall_count(servers)):
        for user in hall_users(hall):
            members.setdefault(user.group, []).append(user.name)
    lines = [f"{group} = {json.dumps(names)}\n" for group, names in members.items()]
    return f"[groups]\n{''.join(lines)}"


def _this_machine(taken: set[str]) -> str:
    host = re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname().split(".")[0])[:62].strip("-._")
    name = "this-machine" if not host or host in taken else host
    return f'[[servers]]\nname = {json.dumps(name)}\nlocal = true\ngroup = "shared"\n'


def _servers(lab: Lab) -> Iterator[str]:
    for spec in lab.servers:
        tags = json.dumps(_tags(spec))
        yield (
            f"[[servers]]\nname = {json.dumps(spec.name)}\nsimulated = true\n"
            f"group = {json.dumps(spec.group)}\ntags = {tags}\n"
        )


def _tags(spec: ServerSpec) -> list[str]:
    return ["gpu" if spec.gpus else "cpu", *spec.tags]
