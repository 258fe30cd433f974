"""What tests of the collector share: sshd servers, the fake driver, a collector that notes all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from nvml.fake import build
from servers.sshd import sshd_fleet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from servers.sshd import Sshd

# A property does not fail because the machine is busy.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def fake_library(tmp_path_factory: pytest.TempPathFactory, compiler: str) -> Path:
    return build(tmp_path_factory.mktemp("nvml"), compiler)


@pytest.fixture
def sshd(tmp_path: Path, sshd_program: str) -> Iterator[Sshd]:
    """One OpenSSH server of its own."""
    with sshd_fleet(tmp_path / "sshd", program=sshd_program) as servers:
        yield servers[0]
