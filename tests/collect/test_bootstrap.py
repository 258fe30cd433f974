"""What is sent to a server, and that every shell understands it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import zlib

import pytest

from scms.collect.bootstrap import bootstrap, probe_source, reduce_module, reduced_pynvml

SHELLS = [name for name in ("sh", "bash", "dash", "zsh", "tcsh", "fish") if shutil.which(name)]


def test_the_payload_is_the_program_that_is_shown() -> None:
    boot = bootstrap(interval_seconds=2.0, phase_seconds=0.5)
    unpacker = zlib.decompressobj()
    assert unpacker.decompress(boot.payload).decode() == probe_source()
    options = unpacker.unused_data
    assert f"read({len(boot.payload) - len(options)})" in boot.command
    assert json.loads(options) == {
        "nonce": boot.nonce,
        "interval_seconds": 2.0,
        "phase_seconds": 0.5,
        "hang_seconds": 10.0,
    }


def test_the_payload_is_small() -> None:
    assert len(bootstrap(interval_seconds=2.0).payload) < 28_000


def test_every_session_has_a_nonce_of_its_own() -> None:
    assert bootstrap(interval_seconds=1).nonce != bootstrap(interval_seconds=1).nonce


def test_the_command_has_nothing_that_shells_read_differently() -> None:
    command = bootstrap(interval_seconds=1, pythons=("/opt/it's/python",)).command
    script = command.removeprefix("exec /bin/sh -c '").removesuffix("'")
    assert not set("'!\\\n`#~{}[]*?") & set(script)


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
    source = reduced_pynvml()
    assert len(source) < 40_000
    assert "Copyright" in source.splitlines()[1]
    assert "REDISTRIBUTION" in source.upper()
    assert "def nvmlDeviceGetComputeRunningProcesses_v3" in source
    assert "def nvmlDeviceSetPowerManagementLimit" not in source


def test_all_that_the_probe_calls_is_in_the_reduced_pynvml() -> None:
    called = set(re.findall(r'"(nvml[A-Z]\w+)"', probe_source().partition("PYNVML = ")[0]))
    namespace: dict[str, object] = {"__name__": "reduced"}
    module = type(sys)("reduced")
    sys.modules["reduced"] = module
    try:
        exec(reduced_pynvml(), module.__dict__ | namespace)
        exec(reduced_pynvml(), module.__dict__)
        assert called
        assert {name for name in called if not hasattr(module, name)} == set()
    finally:
        del sys.modules["reduced"]


def test_a_module_is_reduced_to_what_is_needed() -> None:
    source = """# licence
import os
A = 1
B = A + 1
C = 3
NVML_ERROR_X = 7
@staticmethod
def f():
    return B
def g():
    return C
setup()
"""
    reduced = reduce_module(source, {"f"})
    assert reduced.splitlines() == [
        "# licence", "import os", "A = 1", "B = A + 1", "NVML_ERROR_X = 7", "@staticmethod",
        "def f():", "    return B", "setup()",
    ]  # fmt: skip
