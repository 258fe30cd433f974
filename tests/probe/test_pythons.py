"""The probe on every Python of this machine, from 3.6 on: with GPUs, through the whole of it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from probe.running import running_probe

if TYPE_CHECKING:
    from nvml.fake import FakeDriver


def pythons() -> dict[str, str]:
    """A Python of each version that is here, in the search path or under pyenv."""
    found: dict[str, str] = {}
    for minor in range(6, 15):
        name = f"python3.{minor}"
        installed = Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/{name}")
        for path in [shutil.which(name), *map(str, installed)]:
            # What pyenv puts into the search path need not be there.
            test = path and subprocess.run(
                [path, "-c", "import ctypes, zlib"], capture_output=True, check=False
            )
            if path and test and test.returncode == 0:
                found.setdefault(name, path)
    return found


FOUND = pythons()


@pytest.mark.parametrize("name", FOUND)
def test_the_probe_runs_as_it_is(name: str, driver: FakeDriver) -> None:
    with running_probe(driver.environment, python=FOUND[name]) as probe:
        hello = probe.next()
        probe.until(lambda m: "processes" in m)
        sample = probe.until(lambda m: m["devices"])  # on a busy machine they may come later
    assert f"python{hello['python']}".startswith(f"{name}.")
    assert len(sample["devices"]) == 8
    assert sample["devices"][0]["fault"] is None
    assert sample["cpu_count"] > 0


def test_a_python_was_found() -> None:
    assert FOUND
