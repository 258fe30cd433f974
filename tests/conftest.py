"""What every test may use, and the rule for programs that are not on the machine."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

IN_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}


def require_program(name: str, package: str) -> str:
    """The path of a program; a test that needs it skips on a laptop and fails in CI."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is not None:
        return found
    reason = f"{name} is not installed (Debian package {package})"
    if IN_CI:
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def sshd_program() -> str:
    return require_program("sshd", "openssh-server")


@pytest.fixture(scope="session")
def chromium_program() -> str:
    return require_program("chromium", "chromium")


@pytest.fixture(scope="session")
def compiler() -> str:
    return require_program("cc", "gcc")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return Path(__file__).resolve().parents[1]
