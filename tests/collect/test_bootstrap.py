"""What is sent to a server, and that every shell understands it."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import zlib
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from scms.collect import bootstrap as bootstrap_module
from scms.collect.bootstrap import bootstrap
from scms.collect.program import packed, probe_source, sections
from scms.collect.reduce import reduce_module

if TYPE_CHECKING:
    from pathlib import Path

SHELLS = [name for name in ("sh", "bash", "dash", "zsh", "tcsh", "fish") if shutil.which(name)]


def test_the_payload_is_the_program_that_is_shown() -> None:
    boot = bootstrap(interval_seconds=2.0, phase_seconds=0.5)
    shown, rest = "", boot.payload
    while rest.startswith(b"\x78"):
        unpacker = zlib.decompressobj()
        shown += unpacker.decompress(rest).decode()
        rest = unpacker.unused_data
    assert shown == probe_source()
    assert f"read({len(boot.payload) - len(rest)})" in boot.command
    assert rest.decode() == f"{boot.nonce} 2.0 0.5 10.0\n"


def test_the_payload_is_small() -> None:
    assert len(bootstrap(interval_seconds=2.0).payload) < 36_000


def test_every_session_has_a_nonce_of_its_own() -> None:
    assert bootstrap(interval_seconds=1).nonce != bootstrap(interval_seconds=1).nonce


def test_the_command_has_nothing_that_shells_read_differently() -> None:
    command = bootstrap(interval_seconds=1, pythons=("/opt/it's/python",)).command
    script = command.removeprefix("exec /bin/sh -c '").removesuffix("'")
    assert not set("'!\\\n`#~{}[]*") & set(script)


@pytest.mark.parametrize("shell", SHELLS)
def test_the_login_shell_does_not_matter(shell: str) -> None:
    boot = bootstrap(interval_seconds=1, pythons=(sys.executable,))
    with subprocess.Popen(
        [shell, "-c", boot.command], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == f"{boot.nonce} READY\n".encode()
        process.stdin.write(boot.payload)
        process.stdin.flush()
        hello = process.stdout.readline()
        process.stdin.close()
    assert hello.startswith(f'{boot.nonce} {{"type":"hello"'.encode())


def test_pynvml_is_reduced_under_its_licence() -> None:
    source = sections()["pynvml"]
    assert len(source) < 40_000
    assert "Copyright" in source[:100]
    assert "REDISTRIBUTION" in source.upper()
    assert "def nvmlDeviceGetComputeRunningProcesses_v3" in source
    assert "def nvmlDeviceSetPowerManagementLimit" not in source


def test_all_that_the_probe_calls_is_in_the_reduced_pynvml() -> None:
    called = set(re.findall(r'"(nvml[A-Z]\w+)"', sections()["nvidia"]))
    namespace: dict[str, object] = {"__name__": "reduced"}
    module = type(sys)("reduced")
    sys.modules["reduced"] = module
    try:
        exec(sections()["pynvml"], module.__dict__ | namespace)
        exec(sections()["pynvml"], module.__dict__)
        assert called
        assert {name for name in called if not hasattr(module, name)} == set()
    finally:
        del sys.modules["reduced"]


def test_a_module_is_reduced_to_what_is_needed() -> None:
    source = """# licence
import os, sys
import shutil.x
from ctypes import *
from a import b as g2
A = 1
B = A + 1
C = 3
NVML_ERROR_X = 7
@staticmethod
def f():
    return B + os.sep
def g():
    return C
setup()
"""
    reduced = reduce_module(source, {"f"})
    assert reduced.splitlines() == [
        "# licence", "import os, sys", "from ctypes import *", "A = 1", "B = A + 1",
        "NVML_ERROR_X = 7", "@staticmethod", "def f():", "    return B + os.sep", "setup()",
    ]  # fmt: skip


class Started:
    """What a server's shell makes of a bootstrap, until it is asked to end."""

    def __init__(self, *pythons: str) -> None:
        self.boot = bootstrap(interval_seconds=60, pythons=pythons)
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", self.boot.command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.input, self.output = self.process.stdin, self.process.stdout

    def line(self) -> str:
        return self.output.readline().decode()

    def send(self, data: bytes) -> None:
        self.input.write(data)
        self.input.flush()

    def end(self) -> tuple[str, int]:
        """What it says at last, and its status."""
        with suppress(BrokenPipeError):
            self.input.close()
        said = self.output.read().decode()
        self.output.close()
        return said, self.process.wait(10)


def script(path: Path, *lines: str) -> str:
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    "does",
    [
        "echo noise; exit 1",  # such as one without zlib
        "kill -ABRT $$",  # what Python 3.7 does without its library
        "echo version not installed >&2; exit 127",  # pyenv
        "exit 2",  # Python 2 knows no -I
    ],
)
def test_a_python_that_cannot_run_it_is_passed_over(tmp_path: Path, does: str) -> None:
    started = Started(script(tmp_path / "python3", does), sys.executable)
    said = started.line().replace("noise\n", started.line() if "noise" in does else "")
    assert said == f"{started.boot.nonce} READY\n"
    started.send(started.boot.payload)
    assert '"type":"hello"' in started.line()
    assert started.end()[1] == 0


def test_an_old_python_is_passed_over(tmp_path: Path) -> None:
    as_if = "import sys; sys.version_info = (3, 5, 9); exec(sys.argv.pop(2))"
    old = script(tmp_path / "old", f'exec {sys.executable} -c "{as_if}" "$@"')
    started = Started(old, sys.executable)
    assert started.line() == f"{started.boot.nonce} READY\n"
    assert started.end() == ("", 0)


def test_python_is_started_once(tmp_path: Path) -> None:
    counted = script(
        tmp_path / "python3", f"echo x >>{tmp_path}/started", f'exec {sys.executable} "$@"'
    )
    started = Started(counted, sys.executable)
    started.line()
    started.send(started.boot.payload)
    started.line()
    started.end()
    assert (tmp_path / "started").read_text() == "x\n"


@pytest.mark.parametrize(
    ("ending", "status"),
    [("raise OSError('broken')", 3), ("os._exit(0)", 0), ("os.kill(os.getpid(), 14)", 142)],
)
def test_a_probe_that_ends_is_not_started_again(ending: str, status: int) -> None:
    program = {**sections(), "first": sections()["first"].partition("\nclass ")[0] + f"\n{ending}"}
    sent = packed(program)
    with mock.patch.object(bootstrap_module, "program", return_value=sent):
        started = Started(sys.executable, sys.executable)
    started.line()
    started.send(sent)
    said, found = started.end()
    assert found == status
    assert "READY" not in said
    assert ("OSError: broken" in said) == (status == 3)


def test_in_one_program_no_part_hides_a_name_of_another() -> None:
    defined: list[str] = []
    for name in ("first", "nvidia", "amd"):
        for statement in ast.parse(sections()[name]).body:
            if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
                defined.append(statement.name)
            elif isinstance(statement, ast.Assign):
                defined += [n.id for n in ast.walk(statement.targets[0]) if isinstance(n, ast.Name)]
    assert [name for name, times in Counter(defined).items() if times > 1] == []
