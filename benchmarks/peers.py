"""What others do for a sample: a command for each, over connections that are kept or not.

In: the entry of an sshd and how many servers it stands for. Out: a function that takes one sample
of each.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

#: The least that anybody could read …
FACTS: Final = "cat /proc/stat /proc/meminfo /proc/loadavg /proc/diskstats /proc/net/dev"
#: … and the last line of our own program: one sample of all that it reads, in place of its loop.
LOOP: Final = re.compile(r"^run\(options, (?P<host>\w+\(.*?\)), (?P<gpus>.*)\)\n\Z", re.MULTILINE)
ONCE: Final = r"""
host, gpus = \g<host>, \g<gpus>
gpus.ask()
sample = dict(host.hello(), **host.sample(time.monotonic()))
say("", dict(sample, **gpus.answer(2.0)))
"""
#: A nonce, the interval, the phase, and when a driver hangs.
OPTIONS: Final = "once 5.0 0.0 10.0"


def peer(asked: dict[str, Any]) -> None:
    """The process of a peer: makes ready, and takes as many rounds of samples as it is told."""
    with PEERS[asked["name"]](asked) as take:
        print(json.dumps("ready"), flush=True)
        for line in sys.stdin:
            for _ in range(json.loads(line)):
                take()
            print(json.dumps("done"), flush=True)


def ssh_command(asked: dict[str, Any]) -> list[str]:
    entry = asked["entry"]
    options = ["-F", "none", "-o", "BatchMode=yes", "-i", entry["identity_file"]]
    options += ["-o", f"UserKnownHostsFile={entry['known_hosts']}", "-p", str(entry["port"])]
    return ["ssh", *options, f"{entry['user']}@{entry['address']}"]


def all_at_once(commands: Sequence[Sequence[str]]) -> None:
    running = [subprocess.Popen(c, stdout=subprocess.DEVNULL) for c in commands]
    if any([process.wait() for process in running]):  # noqa: C419  each must be waited for
        raise RuntimeError("ssh failed")


@contextmanager
def fresh_ssh(asked: dict[str, Any]) -> Iterator[Callable[[], None]]:
    commands = [[*ssh_command(asked), FACTS]] * asked["servers"]
    yield lambda: all_at_once(commands)


@contextmanager
def control_master(asked: dict[str, Any]) -> Iterator[Callable[[], None]]:
    from servers.sshd import wait_until

    bare = ssh_command(asked)
    paths = [f"{asked['folder']}/m{n}" for n in range(asked["servers"])]
    masters = [subprocess.Popen([*bare, "-MNS", path]) for path in paths]
    wait_until(lambda: all(Path(path).exists() for path in paths), 30)
    yield lambda: all_at_once([[*bare, "-S", path, FACTS] for path in paths])
    for master in masters:
        master.terminate()
        master.wait()


@contextmanager
def fabric_group(asked: dict[str, Any]) -> Iterator[Callable[[], None]]:
    def take() -> None:
        with _group(asked) as group:
            group.run(FACTS, hide=True)

    take()  # the imports are not counted
    yield take


@contextmanager
def fabric_group_of_all_facts(asked: dict[str, Any]) -> Iterator[Callable[[], None]]:
    from scms.collect.program import sections

    # What is loaded later is of GPUs, which these servers do not have.
    source, found = LOOP.subn(ONCE, sections()["first"])
    if not found:
        raise RuntimeError("the probe no longer ends with its loop")
    folder = Path(asked["folder"])
    (folder / "probe.py").write_text(source, encoding="utf-8")
    (folder / "options").write_text(f"{OPTIONS}\n", encoding="ascii")
    command = f"python3 -ISB {folder}/probe.py < {folder}/options"

    def take() -> None:
        with _group(asked) as group:
            group.run(command, hide=True)

    take()
    yield take


@contextmanager
def kept_fabric_group(asked: dict[str, Any]) -> Iterator[Callable[[], None]]:
    with _group(asked) as group:
        group.run(FACTS, hide=True)
        yield lambda: group.run(FACTS, hide=True)


def _group(asked: dict[str, Any]) -> Any:
    from fabric import Connection, ThreadingGroup

    entry = asked["entry"]
    keys = {"key_filename": entry["identity_file"], "allow_agent": False, "look_for_keys": False}
    place = {"user": entry["user"], "port": entry["port"], "connect_kwargs": keys}
    connections = [Connection(entry["address"], **place) for _ in range(asked["servers"])]
    return ThreadingGroup.from_connections(connections)


GROUP: Final = "Fabric ThreadingGroup"
GROUP_OF_ALL: Final = "the same, reading all that the probe reads"
PEERS: Final = {
    "a fresh `ssh server command`": fresh_ssh,
    "`ssh` through a ControlMaster": control_master,
    GROUP: fabric_group,
    GROUP_OF_ALL: fabric_group_of_all_facts,
    "Fabric ThreadingGroup, kept open": kept_fabric_group,
}
