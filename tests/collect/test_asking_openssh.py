"""OpenSSH is asked once for all where its configuration is the same for all, else for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scms.collect.transport.openssh import ask_openssh

if TYPE_CHECKING:
    from pathlib import Path

#: Answers as ssh does, with a configuration of our own, and counts how often it is asked.
SSH = """#!/bin/sh
echo "$@" >> {folder}/asked
for last; do :; done
echo "OpenSSH_9.9p9, OpenSSL 3" >&2
[ "$2" = -v ] && echo "debug1: Reading configuration data {folder}/config" >&2
echo "user me"
echo "hostname {name}"
echo "port 22"
echo "userknownhostsfile {known}"
"""


class Machine:
    """A machine with an ``ssh`` and a configuration."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
        self.configure("Host *\n  User me\n")

    def configure(self, text: str, *, name: str = "$last", known: str = "~/known") -> None:
        (self._folder / "config").write_text(text)
        script = self._folder / "ssh"
        script.write_text(SSH.format(folder=self._folder, name=name, known=known))
        script.chmod(0o755)

    def asked(self) -> int:
        path = self._folder / "asked"
        return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_a_configuration_for_all_is_asked_for_once(machine: Machine) -> None:
    answers = [ask_openssh(f"gpu{n}", port=None, user=None) for n in range(50)]
    assert machine.asked() == 1
    assert [answer["hostname"] for answer in answers] == [[f"gpu{n}"] for n in range(50)]
    assert answers[0]["userknownhostsfile"] == ["~/known"]


def test_port_and_user_are_those_asked_for(machine: Machine) -> None:
    answer = ask_openssh("gpu1", port=2222, user="ann")
    assert (answer["port"], answer["user"]) == (["2222"], ["ann"])
    assert ask_openssh("gpu2", port=None, user=None)["port"] == ["22"]
    assert machine.asked() == 1


@pytest.mark.parametrize(
    "text", ["Host gpu*\n  User ann\n", "match exec true\n", 'HOST="gpu1"\n', "  Host * !gpu1\n"]
)
def test_a_configuration_about_hosts_is_asked_for_each(machine: Machine, text: str) -> None:
    machine.configure(f"Host *\n{text}")
    for n in range(3):
        ask_openssh(f"gpu{n}", port=None, user=None)
    assert machine.asked() == 1 + 3


@pytest.mark.parametrize(("name", "known"), [("$last.lab", "~/known"), ("$last", "~/known_$last")])
def test_an_answer_with_the_name_in_it_is_asked_for_each(
    machine: Machine, name: str, known: str
) -> None:
    machine.configure("Host *\n", name=name, known=known)
    assert ask_openssh("gpu1", port=None, user=None)["hostname"] == [name.replace("$last", "gpu1")]
    assert machine.asked() == 2


@pytest.mark.parametrize("address", ["GPU1", "fe80::1", "-oProxyCommand=x", "gpu1%eth0"])
def test_an_unusual_name_is_left_to_openssh(machine: Machine, address: str) -> None:
    assert ask_openssh(address, port=None, user=None)["hostname"] == [address]
    assert machine.asked() == 1
